//! One Rust source file as the checks see it: lines, tokens, and which part of them is only for tests.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A parsed source file.
pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    /// As read.
    pub(crate) text: String,
    /// Everything.
    pub(crate) tokens: TokenStream,
    /// Without the items that exist only for tests.
    pub(crate) production: TokenStream,
    /// Modules in files of their own that exist only for tests.
    pub(crate) test_modules: Vec<String>,
    test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    /// Reads the text of a file.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, String> {
        let tokens: TokenStream = text
            .parse()
            .map_err(|error: proc_macro2::LexError| format!("{path}: {error}"))?;
        let mut source = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens: tokens.clone(),
            production: TokenStream::new(),
            test_modules: Vec::new(),
            test_lines: Vec::new(),
        };
        source.production = source.without_tests(tokens);
        Ok(source)
    }

    /// True for a file that is not shipped: tests, benchmarks, fuzz targets, and the crates that only test or measure.
    pub(crate) fn is_test(&self) -> bool {
        let development = ["e2e/", "bench/", "fuzz/"]
            .iter()
            .any(|folder| self.path.starts_with(folder));
        development || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Number of lines that are not inside an item for tests.
    pub(crate) fn production_lines(&self) -> usize {
        let is_production = |number: &usize| !self.test_lines.iter().any(|lines| lines.contains(number));
        (1..=self.text.lines().count()).filter(is_production).count()
    }

    fn without_tests(&mut self, tokens: TokenStream) -> TokenStream {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut kept = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if is_test_attribute(&tokens[at..]) {
                let end = end_of_item(&tokens, at + 2);
                let (first, last) = (tokens[at].span().start().line, tokens[end - 1].span().end().line);
                self.test_lines.push(first..=last);
                self.test_modules.extend(declared_module(&tokens[at + 2..end]));
                at = end;
                continue;
            }
            kept.push(match &tokens[at] {
                TokenTree::Group(group) => {
                    let inner = self.without_tests(group.stream());
                    let mut inner = proc_macro2::Group::new(group.delimiter(), inner);
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                token => token.clone(),
            });
            at += 1;
        }
        kept.into_iter().collect()
    }
}

pub(crate) fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

pub(crate) fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// The content of a group with these delimiters.
pub(crate) fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<TokenStream> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group.stream()),
        _ => None,
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, ...))]`, `#[test]`.
fn is_test_attribute(tokens: &[TokenTree]) -> bool {
    let attribute = group(tokens.get(1), Delimiter::Bracket).filter(|_| is_punct(tokens.first(), '#'));
    let Some(attribute) = attribute else { return false };
    let words: String = attribute
        .to_string()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    words == "test" || words == "cfg(test)" || words.starts_with("cfg(all(test,")
}

/// The index behind the item that begins at `at`: behind its `;`, or behind the braces that end it.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let head = tokens[at..]
        .iter()
        .take_while(|token| !is_punct(Some(token), ';') && group(Some(token), Delimiter::Brace).is_none());
    let ends_with_semicolon = head.clone().any(|token| {
        ["use", "const", "static"]
            .iter()
            .any(|word| is_word(Some(token), word))
    }) && !head.clone().any(|token| is_word(Some(token), "fn"));
    let is_end = |token: &TokenTree| {
        is_punct(Some(token), ';') || (!ends_with_semicolon && group(Some(token), Delimiter::Brace).is_some())
    };
    tokens[at..]
        .iter()
        .position(is_end)
        .map_or(tokens.len(), |length| at + length + 1)
}

/// The name in `mod name;`.
fn declared_module(item: &[TokenTree]) -> Option<String> {
    let at = item.iter().position(|token| is_word(Some(token), "mod"))?;
    match (item.get(at + 1), item.get(at + 2)) {
        (Some(TokenTree::Ident(name)), end) if is_punct(end, ';') => Some(name.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn lines(text: &str) -> usize {
        Source::parse("x.rs", text).unwrap().production_lines()
    }

    #[test]
    fn lines_of_tests_do_not_count() {
        assert_eq!(lines("fn a() {}\n\nfn b() {}\n"), 3);
        assert_eq!(
            lines("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n"),
            1
        );
        assert_eq!(lines("#[cfg(test)]\nuse a::{b, c};\nfn a() {}\n"), 1);
        assert_eq!(lines("#[cfg(test)]\nconst A: [u8; 2] = [1, 2];\nfn a() {}\n"), 1);
        assert_eq!(lines("#[cfg(test)]\nconst fn a() {}\nfn b() {}\n"), 1);
        assert_eq!(
            lines("impl A {\n    #[cfg(test)]\n    fn b() {\n    }\n    fn c() {}\n}\n"),
            3
        );
        assert_eq!(lines("#[cfg(not(test))]\nfn a() {\n}\n"), 3);
    }

    #[test]
    fn modules_of_tests_are_known_by_name() {
        let source = Source::parse(
            "x.rs",
            "#[cfg(test)]\nmod faults;\nmod real;\n#[cfg(test)]\nmod inline {}\n",
        );
        assert_eq!(source.unwrap().test_modules, ["faults"]);
    }

    #[test]
    fn a_file_that_is_no_rust_is_refused() {
        assert!(Source::parse("x.rs", "fn a( {").is_err());
    }
}
