//! Answers of commands: named columns, printed as a table for people or as JSON for programs. Text from elsewhere is shown
//! without the control characters that could speak to a terminal.

use clap::ValueEnum;
use serde_json::{Map, Value};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// How people are shown a column; programs get its values as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// A number of bytes, in a unit that suits it.
    Bytes,
    /// Not at all: the column is for programs.
    Hidden,
}

/// Rows under named columns; the same for people and for programs.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Form)>,
    rows: Vec<Vec<Value>>,
    is_list: bool,
    said: Option<String>,
}

impl Table {
    /// One thing: a JSON object, or a line for each of its properties.
    pub(crate) fn one<const N: usize>(columns: &[&'static str; N], row: [Value; N]) -> Self {
        Self {
            columns: columns.map(|name| (name, Form::Plain)).into(),
            rows: vec![row.into()],
            is_list: false,
            said: None,
        }
    }

    /// Any number of things: a JSON array, or a table.
    pub(crate) fn list<const N: usize>(
        columns: &[&'static str; N],
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> Self {
        Self {
            columns: columns.map(|name| (name, Form::Plain)).into(),
            rows: rows.into_iter().map(Into::into).collect(),
            is_list: true,
            said: None,
        }
    }

    /// One thing, its columns in these forms.
    pub(crate) fn one_of(columns: Vec<(&'static str, Form)>, row: Vec<Value>) -> Self {
        Self {
            columns,
            rows: vec![row],
            is_list: false,
            said: None,
        }
    }

    /// Any number of things, their columns in these forms.
    pub(crate) fn list_of(columns: Vec<(&'static str, Form)>, rows: Vec<Vec<Value>>) -> Self {
        Self {
            columns,
            rows,
            is_list: true,
            said: None,
        }
    }

    /// Nothing more than what was printed already.
    pub(crate) fn nothing() -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
            is_list: true,
            said: None,
        }
    }

    /// The same, with a text in its place for people: a command to paste, a document to save.
    pub(crate) fn said(self, text: String) -> Self {
        Self {
            said: Some(text),
            ..self
        }
    }

    /// What is printed.
    pub(crate) fn print(&self, output: Output) -> String {
        if self.columns.is_empty() {
            return String::new();
        }
        match output {
            Output::Table => match &self.said {
                Some(text) => format!("{}\n", text.trim_end()),
                None => self.text(),
            },
            Output::Json => self.json(),
        }
    }

    fn json(&self) -> String {
        let object = |row: &Vec<Value>| {
            let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
            Value::Object(names.zip(row.iter().cloned()).collect::<Map<_, _>>())
        };
        let value = match self.rows.as_slice() {
            [row] if !self.is_list => object(row),
            rows => Value::Array(rows.iter().map(object).collect()),
        };
        format!("{value:#}\n")
    }

    fn text(&self) -> String {
        let is_shown = |(_, form): &(&str, Form)| *form != Form::Hidden;
        let titles = self.columns.iter().filter(|column| is_shown(column));
        let titles: Vec<String> = titles.map(|(name, _)| title(name)).collect();
        let cells = |row: &Vec<Value>| -> Vec<String> {
            let cells = self
                .columns
                .iter()
                .zip(row)
                .filter(|(column, _)| is_shown(column));
            cells.map(|((_, form), value)| shown(*form, value)).collect()
        };
        if let ([row], false) = (self.rows.as_slice(), self.is_list) {
            let width = titles.iter().map(String::len).max().unwrap_or(0);
            let line = |(title, value): (&String, String)| format!("{title:width$}  {value}\n");
            return titles.iter().zip(cells(row)).map(line).collect();
        }
        let mut lines = vec![
            titles
                .iter()
                .map(|title| title.to_uppercase())
                .collect::<Vec<_>>(),
        ];
        lines.extend(self.rows.iter().map(cells));
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
        };
        lines.iter().map(line).collect()
    }
}

fn title(column: &str) -> String {
    column.replace('_', " ")
}

fn shown(form: Form, value: &Value) -> String {
    match value {
        Value::Number(number) if form == Form::Bytes => {
            number.as_u64().map_or_else(|| number.to_string(), in_units)
        }
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => harmless(text),
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => {
            let shown: Vec<String> = values.iter().map(|value| shown(form, value)).collect();
            shown.join(", ")
        }
        Value::Object(fields) if fields.is_empty() => "-".to_owned(),
        Value::Object(fields) => {
            let pair =
                |(name, value): (&String, &Value)| format!("{}={}", harmless(name), shown(form, value));
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) => number.to_string(),
    }
}

/// Text without what a terminal would obey: whoever wrote it may not be a friend of who reads it.
pub(crate) fn harmless(text: &str) -> String {
    let escaped = |character: char| {
        let is_trick = character.is_control()
            || ('\u{202a}'..='\u{202e}').contains(&character)
            || ('\u{2066}'..='\u{2069}').contains(&character);
        if is_trick {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    text.chars().map(escaped).collect()
}

/// Bytes in the largest unit that they fill, with one digit after the point.
pub(crate) fn in_units(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["TiB", "GiB", "MiB", "KiB"];
    for (unit, power) in UNITS.iter().zip((1_u32..=4).rev()) {
        let one = 1_u64 << (10 * power);
        if bytes >= one {
            let tenths = u128::from(bytes) * 10 / u128::from(one);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_thing_is_an_object_or_lines() {
        let table = Table::one(&["name", "is_enabled"], [json!("mary"), json!(true)]);
        assert_eq!(table.text(), "name        mary\nis enabled  yes\n");
        let found: Value = serde_json::from_str(&table.json()).unwrap();
        assert_eq!(found, json!({ "name": "mary", "is_enabled": true }));
    }

    #[test]
    fn many_things_are_an_array_or_a_table() {
        let table = Table::list(
            &["name", "age"],
            [[json!("mary"), json!(7)], [json!("o"), json!(null)]],
        );
        assert_eq!(table.text(), "NAME  AGE\nmary  7\no     -\n");
        let found: Value = serde_json::from_str(&table.json()).unwrap();
        assert_eq!(
            found,
            json!([{ "name": "mary", "age": 7 }, { "name": "o", "age": null }])
        );
    }

    #[test]
    fn no_thing_is_an_empty_array_or_the_titles_alone() {
        let table = Table::list(&["name"], []);
        assert_eq!(table.text(), "NAME\n");
        assert_eq!(table.json(), "[]\n");
    }

    #[test]
    fn bytes_have_units_and_hidden_columns_are_for_programs() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5_u64 << 40, "5.0 TiB"),
        ] {
            let columns = vec![("size", Form::Bytes), ("id", Form::Hidden)];
            let table = Table::one_of(columns, vec![json!(bytes), json!(1)]);
            assert_eq!(table.text(), format!("size  {expected}\n"));
            let found: Value = serde_json::from_str(&table.json()).unwrap();
            assert_eq!(found, json!({ "size": bytes, "id": 1 }));
        }
    }

    #[test]
    fn text_cannot_speak_to_a_terminal() {
        let table = Table::list(&["name"], [[json!("\u{1b}[2J\u{202e}x\n")]]);
        assert_eq!(table.text(), "NAME\n\\u{1b}[2J\\u{202e}x\\n\n");
    }
}
