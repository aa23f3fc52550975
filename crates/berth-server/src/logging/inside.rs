//! The request that is answered while a line is logged: the line carries its id, as lines inside of a span do. The span is
//! made with the line. Most requests log none, and a span for each costs as much as looking up its rows.

use std::fmt;

use tracing::{Event, Span, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::naming::RequestName;

tokio::task_local! {
    static NAME: RequestName;
}

/// Runs the answer to the request of this name.
pub(crate) fn inside<F: Future>(name: RequestName, answer: F) -> impl Future<Output = F::Output> {
    NAME.scope(name, answer)
}

/// Formats lines, inside of the request where there is one.
pub(super) struct Inside<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Inside<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let span =
            NAME.try_with(|name| tracing::error_span!("request", id = name.id(), trace = name.trace()));
        let span = span.unwrap_or_else(|_outside| Span::none());
        let _inside = span.enter();
        self.0.format_event(context, to, event)
    }
}
