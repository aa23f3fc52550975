//! Answers of `berth admin`: named columns, printed as a table or as JSON.

use serde_json::{Map, Value};

/// Rows under named columns; the same for people and for programs.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
    is_list: bool,
}

impl Table {
    /// One thing: a JSON object, or a line for each of its properties.
    pub(super) fn one<const N: usize>(columns: &'static [&'static str; N], row: [Value; N]) -> Self {
        Self {
            columns,
            rows: vec![row.into()],
            is_list: false,
        }
    }

    /// Any number of things: a JSON array, or a table.
    pub(super) fn list<const N: usize>(
        columns: &'static [&'static str; N],
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> Self {
        Self {
            columns,
            rows: rows.into_iter().map(Into::into).collect(),
            is_list: true,
        }
    }

    pub(super) fn json(&self) -> String {
        let object = |row: &Vec<Value>| {
            let pairs = self
                .columns
                .iter()
                .map(|column| (*column).to_owned())
                .zip(row.iter().cloned());
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        let value = match self.rows.as_slice() {
            [row] if !self.is_list => object(row),
            rows => Value::Array(rows.iter().map(object).collect()),
        };
        format!("{value:#}\n")
    }

    pub(super) fn text(&self) -> String {
        if let ([row], false) = (self.rows.as_slice(), self.is_list) {
            let width = self.columns.iter().map(|column| column.len()).max().unwrap_or(0);
            let line =
                |(column, value): (&&str, &Value)| format!("{:width$}  {}\n", title(column), shown(value));
            return self.columns.iter().zip(row).map(line).collect();
        }
        let mut lines = vec![
            self.columns
                .iter()
                .map(|column| title(column).to_uppercase())
                .collect::<Vec<_>>(),
        ];
        lines.extend(self.rows.iter().map(|row| row.iter().map(shown).collect()));
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
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

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
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
}
