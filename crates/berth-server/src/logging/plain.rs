//! Fields of a log line as the library writes them, `name=value` after the message, without its search for styles: that costs
//! more than the rest of the line, and there are none where no person looks.

use std::error::Error;
use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{MakeVisitor, VisitFmt, VisitOutput};
use tracing_subscriber::fmt::format::Writer;

/// Makes [`Fields`].
pub(super) struct Plain;

/// The fields of one line, as they come.
pub(super) struct Fields<'a> {
    writer: Writer<'a>,
    is_first: bool,
    written: fmt::Result,
}

impl<'a> MakeVisitor<Writer<'a>> for Plain {
    type Visitor = Fields<'a>;

    fn make_visitor(&self, writer: Writer<'a>) -> Fields<'a> {
        Fields {
            writer,
            is_first: true,
            written: Ok(()),
        }
    }
}

impl Fields<'_> {
    fn write(&mut self, field: &Field, value: &dyn Debug) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        if field.name() != "message" {
            self.writer.write_str(field.name())?;
            self.writer.write_char('=')?;
        }
        write!(self.writer, "{value:?}")
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.written = self.written.and_then(|()| self.write(field, value));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{error}"));
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        if !causes.is_empty() {
            let written = write!(self.writer, " {field}.sources=[{}]", causes.join(", "));
            self.written = self.written.and(written);
        }
    }
}

impl VisitOutput<fmt::Result> for Fields<'_> {
    fn finish(self) -> fmt::Result {
        self.written
    }
}

impl VisitFmt for Fields<'_> {
    fn writer(&mut self) -> &mut dyn fmt::Write {
        &mut self.writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::lines::Lines;

    /// What both write of the same events.
    #[test]
    fn lines_are_those_of_the_library() {
        let written = |plain: bool| {
            let lines = Lines::default();
            let writer = lines.clone();
            let build = tracing_subscriber::fmt()
                .without_time()
                .with_ansi(false)
                .with_writer(move || writer.clone());
            let log = || {
                let span = tracing::error_span!("request", id = "a \"b\"");
                let _inside = span.enter();
                let inner = std::io::Error::other("the disk");
                let error = std::io::Error::other(inner);
                tracing::warn!(client = %"c", micros = 7, gone = Option::<u16>::None, text = "x y", "a message {}", 1);
                tracing::error!(error = &error as &dyn Error, "failed");
                tracing::info!(only = true);
            };
            if plain {
                tracing::subscriber::with_default(build.fmt_fields(Plain).finish(), log);
            } else {
                tracing::subscriber::with_default(build.finish(), log);
            }
            lines.left()
        };
        let expected = written(false);
        assert!(expected.contains("failed error="), "{expected}");
        assert_eq!(written(true), expected);
    }
}
