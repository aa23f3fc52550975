//! A statement put together from constants, with a marker for each value. No value ever becomes a part of the text.

use super::{Statement, made};

/// How a text is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// It is this one.
    Exact(String),
    /// It holds this one somewhere; the stored texts have no upper-case letters, and those of this one count as lower-case.
    Holding(String),
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Number(i64),
}

/// The text so far and its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Composed {
    text: String,
    values: Vec<Value>,
}

impl Composed {
    /// Adds a constant.
    pub(crate) fn push(&mut self, constant: &'static str) {
        self.text.push_str(constant);
    }

    /// Adds a marker for a text.
    pub(crate) fn text(&mut self, value: &str) {
        self.value(Value::Text(value.to_owned()));
    }

    /// Adds a marker for a number.
    pub(crate) fn number(&mut self, value: i64) {
        self.value(Value::Number(value));
    }

    /// Adds the condition that a column matches.
    pub(crate) fn matching(&mut self, column: &'static str, wanted: &TextMatch) {
        match wanted {
            // No database has a zero byte in a text, and not every one takes it.
            TextMatch::Exact(text) | TextMatch::Holding(text) if text.contains('\0') => self.push("1 = 0"),
            TextMatch::Exact(text) => {
                self.push(column);
                self.push(" = ");
                self.text(text);
            }
            TextMatch::Holding(text) => {
                self.push(column);
                self.push(" LIKE ");
                self.text(&holding(text));
                self.push(" ESCAPE '\\'");
            }
        }
    }

    fn value(&mut self, value: Value) {
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
    }

    /// The statement with its values.
    pub(crate) fn statement(self) -> Statement {
        self.values
            .into_iter()
            .fold(made(self.text), |statement, value| match value {
                Value::Text(text) => statement.bind(text),
                Value::Number(number) => statement.bind(number),
            })
    }

    /// The statement as text with its values in it, to look at its plan.
    #[cfg(test)]
    pub(crate) fn explained(&self) -> String {
        let values = self.values.iter().enumerate().rev();
        values.fold(self.text.clone(), |text, (n, value)| {
            let value = match value {
                Value::Text(text) => format!("'{text}'"),
                Value::Number(number) => number.to_string(),
            };
            text.replace(&format!("${}", n + 1), &value)
        })
    }
}

/// The `LIKE` pattern of what holds `text`. Lower-case on both sides, because one database tells cases apart in
/// patterns and the other does not.
pub(crate) fn holding(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
