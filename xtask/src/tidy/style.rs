//! How a source file looks: its size, its header, its notes to come back, its attributes, its log messages.

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};

use super::source::{Source, group, is_punct, is_word};

/// Most production lines of a file.
const LINES_MAX: usize = 400;
/// Most lines of a module's header that say something.
const HEADER_LINES_MAX: usize = 6;
const LOG_MACROS: [&str; 7] = ["trace", "debug", "info", "warn", "error", "event", "span"];

/// Every violation in one file.
pub(crate) fn check(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if !source.is_test() && source.production_lines() > LINES_MAX {
        let lines = source.production_lines();
        found.push(format!(
            "{}: {lines} lines, at most {LINES_MAX}: divide it by what it knows",
            source.path
        ));
    }
    found.extend(header(source));
    found.extend(notes(source));
    visit(&source.tokens, &mut |tokens, at| {
        if is_allow(tokens, at) {
            let line = tokens[at].span().start().line;
            found.push(format!(
                "{}:{line}: write #[expect(lint, reason = \"...\")] instead of allow",
                source.path
            ));
        }
        if let Some((line, why)) = log_violation(tokens, at) {
            found.push(format!("{}:{line}: a log message {why}", source.path));
        }
    });
    found
}

/// Calls `look` for every token of every group, with its neighbours.
fn visit(tokens: &TokenStream, look: &mut impl FnMut(&[TokenTree], usize)) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        look(&tokens, at);
        if let TokenTree::Group(group) = token {
            visit(&group.stream(), look);
        }
    }
}

fn header(source: &Source) -> Option<String> {
    let lines = source.text.lines().take_while(|line| line.starts_with("//!"));
    let said = lines.filter(|line| line.trim() != "//!").count();
    match said {
        0 => Some(format!(
            "{}: open the module with //! lines: what it owns, what it refuses to know",
            source.path
        )),
        1..=HEADER_LINES_MAX => None,
        _ => Some(format!(
            "{}: {said} header lines, at most {HEADER_LINES_MAX}",
            source.path
        )),
    }
}

/// Notes to come back name an issue, or are not there.
fn notes(source: &Source) -> Vec<String> {
    let comments = source
        .text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| line.find("//").map(|start| (index + 1, &line[start..])));
    comments
        .filter(|(_, comment)| {
            let words = comment.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.clone().any(|word| matches!(word, "FIXME" | "XXX"))
                || (words.clone().any(|word| word == "TODO") && !has_issue(comment))
        })
        .map(|(line, _)| {
            format!(
                "{}:{line}: a note to come back reads TODO(#issue): what is missing",
                source.path
            )
        })
        .collect()
}

fn has_issue(comment: &str) -> bool {
    let number = comment
        .split_once("TODO(#")
        .and_then(|(_, rest)| rest.split_once("): "));
    number.is_some_and(|(digits, _)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn is_allow(tokens: &[TokenTree], at: usize) -> bool {
    let inner = usize::from(is_punct(tokens.get(at + 1), '!'));
    let attribute = group(tokens.get(at + 1 + inner), Delimiter::Bracket);
    let Some(attribute) = attribute.filter(|_| is_punct(tokens.get(at), '#')) else {
        return false;
    };
    let attribute: Vec<TokenTree> = attribute.into_iter().collect();
    let conditional = group(attribute.get(1), Delimiter::Parenthesis)
        .filter(|_| is_word(attribute.first(), "cfg_attr"))
        .is_some_and(|inner| inner.into_iter().any(|token| is_word(Some(&token), "allow")));
    is_word(attribute.first(), "allow") || conditional
}

/// Messages of `tracing` macros begin in lower case (a name may keep its capitals) and end without a full stop.
fn log_violation(tokens: &[TokenTree], at: usize) -> Option<(usize, &'static str)> {
    let is_log = LOG_MACROS.iter().any(|name| is_word(tokens.get(at), name));
    let arguments = match tokens.get(at + 2) {
        Some(TokenTree::Group(group)) if is_log && is_punct(tokens.get(at + 1), '!') => group.stream(),
        _ => return None,
    };
    let arguments: Vec<TokenTree> = arguments.into_iter().collect();
    let literal = arguments
        .iter()
        .enumerate()
        .find_map(|(index, token)| match token {
            TokenTree::Literal(literal) => {
                let before = index.checked_sub(1).and_then(|before| arguments.get(before));
                let is_value = ["=", ":", "%", "?"]
                    .iter()
                    .any(|sign| before.is_some_and(|b| b.to_string() == *sign));
                text_of(literal)
                    .filter(|_| !is_value)
                    .map(|text| (literal.span().start().line, text))
            }
            _ => None,
        });
    let (line, text) = literal?;
    let mut first_word = text.split_whitespace().next().unwrap_or_default().chars();
    let capital = first_word.next().is_some_and(char::is_uppercase);
    if capital && !first_word.any(char::is_uppercase) {
        return Some((line, "begins in lower case"));
    }
    if text.ends_with('.') && !text.ends_with("...") {
        Some((line, "ends without a full stop"))
    } else {
        None
    }
}

fn text_of(literal: &Literal) -> Option<String> {
    let text = literal.to_string();
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    fn refuses(text: &str, part: &str) {
        let found = check(&Source::parse("crates/x/src/y.rs", text).unwrap());
        assert!(found.len() == 1 && found[0].contains(part), "{text}: {found:?}");
    }

    fn accepts(text: &str) {
        assert_eq!(
            check(&Source::parse("crates/x/src/y.rs", text).unwrap()),
            [""; 0],
            "{text}"
        );
    }

    #[test]
    fn large_files() {
        let long = |count: usize| format!("//! Doc.\n{}", "\n".repeat(count));
        accepts(&long(398));
        refuses(&long(400), "401 lines");
        accepts(&format!(
            "//! Doc.\n#[cfg(test)]\nmod tests {{ {} }}",
            "\n".repeat(500)
        ));
    }

    #[test]
    fn headers() {
        accepts("//! Doc.\n");
        accepts("//! One.\n//!\n//! Two.\nfn a() {}\n");
        refuses("fn a() {}\n", "open the module");
        refuses("/// Doc.\nfn a() {}\n", "open the module");
        refuses(&"//! Line.\n".repeat(7), "7 header lines");
    }

    #[test]
    fn notes_to_come_back() {
        // Put together here, so that these lines are no notes themselves.
        let note = |note: &str| format!("//! Doc.\nfn a() {{}} {}{note}\n", "/".repeat(2));
        accepts(&note(" TODO(#12): more"));
        accepts(&note(" Doc.\nconst A: &str = \"TODO\";"));
        refuses(&note(" TODO: more"), "y.rs:2: a note");
        refuses(&note(" TODO(me): more"), "a note");
        refuses(&note(" TODO(#): more"), "a note");
        refuses(&note("/ FIXME"), "a note");
    }

    #[test]
    fn allowed_lints() {
        accepts("//! Doc.\n#[expect(dead_code, reason = \"why\")]\nfn allow() {}\n");
        refuses(
            "//! Doc.\n#[allow(dead_code)]\nfn a() {}\n",
            "y.rs:2: write #[expect",
        );
        refuses("//! Doc.\n#![allow(dead_code)]\n", "write #[expect");
        refuses(
            "//! Doc.\nmod a { #[allow(dead_code)] fn b() {} }\n",
            "write #[expect",
        );
        refuses(
            "//! Doc.\n#[cfg_attr(x, allow(dead_code))]\nfn a() {}\n",
            "write #[expect",
        );
    }

    #[test]
    fn log_messages() {
        let log = |call: &str| format!("//! Doc.\nfn a() {{\n    {call};\n}}\n");
        accepts(&log("tracing::info!(port = 1, \"listening\")"));
        accepts(&log("info!(target: \"Some.\", name = \"Value.\", \"TLS is on\")"));
        accepts(&log("warn!(%error, \"PostgreSQL is gone: {error}\")"));
        accepts(&log("println!(\"Hello.\")"));
        refuses(
            &log("tracing::info!(port = 1, \"Listening\")"),
            "y.rs:3: a log message begins",
        );
        refuses(&log("error!(\"cannot listen.\")"), "ends without a full stop");
    }
}
