//! The paths that code writes: what it imports, and what it names in full.
//!
//! Works on tokens, so paths inside macro calls are found too. Refuses to know which modules exist.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::source::{group, is_punct, is_word};

/// A path as written, in the module `inside` (below the file's own, for inline modules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Inline modules around it.
    pub(crate) inside: Vec<String>,
    /// Its segments, beginning with `crate`, `self` or `super`, or in an import with anything.
    pub(crate) path: Vec<String>,
    /// The name that an import gives it; none for a path in the middle of code.
    pub(crate) imported_as: Option<String>,
    /// Where it stands, from 1.
    pub(crate) line: usize,
}

/// Every reference in some tokens.
pub(crate) fn references(tokens: &TokenStream) -> Vec<Reference> {
    let mut found = Vec::new();
    scan(tokens, &[], &mut found);
    found
}

fn scan(tokens: &TokenStream, inside: &[String], found: &mut Vec<Reference>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let line = tokens[at].span().start().line;
        if is_word(tokens.get(at), "use") && !is_punct(tokens.get(at + 1), '<') {
            let end = tokens[at..].iter().position(|token| is_punct(Some(token), ';'));
            let end = end.map_or(tokens.len(), |length| at + length);
            import(&tokens[at + 1..end], &[], inside, found);
            at = end;
        } else if let Some((name, body)) = inline_module(&tokens[at..]) {
            scan(&body, &[inside, &[name]].concat(), found);
            at += 3;
        } else if ["crate", "self", "super"]
            .iter()
            .any(|word| is_word(tokens.get(at), word))
        {
            let path = path_at(&tokens, at);
            at += 1 + (path.len() - 1) * 3;
            if path.len() > 1 {
                found.push(Reference {
                    inside: inside.to_vec(),
                    path,
                    imported_as: None,
                    line,
                });
            }
        } else {
            if let TokenTree::Group(group) = &tokens[at] {
                scan(&group.stream(), inside, found);
            }
            at += 1;
        }
    }
}

fn inline_module(tokens: &[TokenTree]) -> Option<(String, TokenStream)> {
    match tokens.get(1) {
        Some(TokenTree::Ident(name)) if is_word(tokens.first(), "mod") => {
            Some((name.to_string(), group(tokens.get(2), Delimiter::Brace)?))
        }
        _ => None,
    }
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// `a::b::c` from `at` on.
fn path_at(tokens: &[TokenTree], at: usize) -> Vec<String> {
    let mut path = vec![tokens[at].to_string()];
    let mut at = at + 1;
    while let (true, Some(TokenTree::Ident(name))) = (is_separator(tokens, at), tokens.get(at + 2)) {
        path.push(name.to_string());
        at += 3;
    }
    path
}

/// One tree of an import: `a::b`, `a::b as c`, `a::*`, `a::{b, c::d}`.
fn import(tokens: &[TokenTree], prefix: &[String], inside: &[String], found: &mut Vec<Reference>) {
    let Some(TokenTree::Ident(_)) = tokens.first() else {
        if let Some(list) = group(tokens.first(), Delimiter::Brace) {
            let list: Vec<TokenTree> = list.into_iter().collect();
            for tree in list.split(|token| is_punct(Some(token), ',')) {
                import(tree, prefix, inside, found);
            }
        } else if let Some(star) = tokens.first().filter(|token| is_punct(Some(token), '*')) {
            let (line, imported_as) = (star.span().start().line, Some("*".to_owned()));
            found.push(Reference {
                inside: inside.to_vec(),
                path: prefix.to_vec(),
                imported_as,
                line,
            });
        }
        return;
    };
    let line = tokens[0].span().start().line;
    let written = path_at(tokens, 0);
    let behind = 1 + (written.len() - 1) * 3;
    let mut path = [prefix, &written].concat();
    if is_separator(tokens, behind) {
        import(&tokens[behind + 2..], &path, inside, found);
        return;
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let renamed = tokens
        .get(behind + 1)
        .filter(|_| is_word(tokens.get(behind), "as"));
    let name = renamed.map(ToString::to_string).or_else(|| path.last().cloned());
    found.push(Reference {
        inside: inside.to_vec(),
        path,
        imported_as: name,
        line,
    });
}

#[cfg(test)]
mod tests {
    use super::references;

    fn paths(text: &str) -> Vec<String> {
        let found = references(&text.parse().unwrap());
        found
            .iter()
            .map(|reference| {
                let name = reference
                    .imported_as
                    .as_ref()
                    .map_or(String::new(), |name| format!(" as {name}"));
                let inside = reference.inside.join("/");
                let path = reference.path.join("::");
                if inside.is_empty() {
                    format!("{path}{name}")
                } else {
                    format!("{inside}/{path}{name}")
                }
            })
            .collect()
    }

    #[test]
    fn imports_are_flattened() {
        assert_eq!(paths("use crate::a;"), ["crate::a as a"]);
        assert_eq!(
            paths("pub use a::{self, b as c, d::{e, *}};"),
            ["a as a", "a::b as c", "a::d::e as e", "a::d as *"]
        );
        assert_eq!(paths("use {super::a, std::b};"), ["super::a as a", "std::b as b"]);
    }

    #[test]
    fn full_paths_are_found_everywhere() {
        assert_eq!(
            paths("fn a(b: crate::c::D) -> super::E { f!(crate::g) }"),
            ["crate::c::D", "super::E", "crate::g"]
        );
        assert_eq!(paths("mod a { use super::b; }"), ["a/super::b as b"]);
        assert_eq!(paths("pub(crate) fn a(&self) -> impl B + use<'a> {}"), [""; 0]);
    }
}
