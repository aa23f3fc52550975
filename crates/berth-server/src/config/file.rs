//! Reads berth.toml into written values with their places. Knows no setting by name.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, TableLike, Value};

use super::{Given, Place, Problem};

/// Every value in the text, in its order; problems for what no setting could take.
pub(super) fn read(path: &Path, text: &str) -> (Vec<Given>, Vec<Problem>) {
    let mut reader = Reader {
        path,
        text,
        given: Vec::new(),
        problems: Vec::new(),
    };
    match Document::parse(text) {
        Ok(document) => reader.table("", document.as_table()),
        Err(error) => {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            reader.problem(error.span(), format!("this is not TOML: {message}"));
        }
    }
    (reader.given, reader.problems)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    given: Vec<Given>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let key = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}.{name}")
            };
            let key_span = table.key(name).and_then(toml_edit::Key::span);
            match item {
                Item::Table(inner) => self.section(&key, key_span, inner),
                Item::Value(Value::InlineTable(inner)) => self.section(&key, key_span, inner),
                Item::Value(value) => self.value(key, key_span, value),
                Item::None => {}
                Item::ArrayOfTables(_) => {
                    self.problem(
                        key_span,
                        format!("`{key}` is written as a list of sections; write [{key}]"),
                    );
                }
            }
        }
    }

    fn section(&mut self, key: &str, span: Option<Range<usize>>, table: &dyn TableLike) {
        let prefix = format!("{key}.");
        if super::table::SETTINGS
            .iter()
            .any(|setting| setting.key.starts_with(&prefix))
        {
            self.table(key, table);
        } else if super::table::find(key).is_some() {
            self.problem(span, format!("`{key}` is a setting, not a section"));
        } else {
            let hint = super::nearest_section(key);
            self.problem(span, format!("unknown section [{key}]{hint}"));
        }
    }

    fn value(&mut self, key: String, key_span: Option<Range<usize>>, value: &Value) {
        let span = value.span().or_else(|| key_span.clone());
        let text = match value {
            Value::String(text) => Some(text.value().clone()),
            Value::Integer(number) => Some(number.value().to_string()),
            Value::Boolean(switch) => Some(switch.value().to_string()),
            Value::Array(list) => list
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .map(|l| l.join(",")),
            Value::Float(_) | Value::Datetime(_) | Value::InlineTable(_) => None,
        };
        match text {
            Some(text) => {
                let key_place = self.place(key_span);
                let value_place = self.place(span);
                self.given.push(Given {
                    key,
                    text,
                    key_place,
                    value_place,
                });
            }
            None => self.problem(
                span,
                format!("`{key}` is written as a {}; use a string", value.type_name()),
            ),
        }
    }

    fn problem(&mut self, span: Option<Range<usize>>, message: String) {
        let place = self.place(span);
        self.problems.push(Problem { place, message });
    }

    /// Line and column, both from 1, of where the span starts.
    fn place(&self, span: Option<Range<usize>>) -> Place {
        let start = span.map_or(0, |span| span.start).min(self.text.len());
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::File {
            path: self.path.to_owned(),
            line,
            column,
        }
    }
}
