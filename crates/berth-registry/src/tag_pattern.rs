//! What tags a rule means: a tag itself, a glob or a regular expression. Every pattern is checked when it is set, and
//! none can take long: both kinds are matched in time linear in the tag.

use berth_oci::Tag;
use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use crate::Error;

/// No tag is longer than 128 characters.
const PATTERN_CHARS_MAX: usize = 256;
/// Bytes that a compiled expression may take; counted repetitions of counted repetitions take more.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// The same where many are held at a time.
const SMALL_BYTES_MAX: usize = 1 << 18;
/// No tag has these, and a glob gives them no meaning.
const ONLY_IN_EXPRESSIONS: [char; 9] = ['^', '$', '(', ')', '|', '+', '\\', '[', ']'];

/// A checked pattern.
#[derive(Clone, Debug)]
pub(crate) enum TagPattern {
    /// This tag.
    Exact(Tag),
    /// A glob over the whole tag.
    Glob(GlobMatcher),
    /// An expression that a part of the tag matches, unless it is anchored.
    Expression(Regex),
}

impl TagPattern {
    /// One tag, as it is.
    pub(crate) fn exact(tag: &str) -> Result<Self, Error> {
        Ok(Self::Exact(tag.parse()?))
    }

    /// A glob as SWR's console explains it (`*` and `**` any characters, `?` one, `{a,b}` either), or a regular
    /// expression where the pattern can only be one: it holds a character that is in no tag and in no glob, or it begins
    /// with a dot, as no tag does.
    pub(crate) fn glob_or_expression(pattern: &str) -> Result<Self, Error> {
        if is_expression(pattern) {
            return Self::expression(pattern);
        }
        Ok(Self::Glob(glob(pattern)?))
    }

    /// The same as one of many.
    pub(crate) fn small_glob_or_expression(pattern: &str) -> Result<Self, Error> {
        if is_expression(pattern) {
            return Self::small_expression(pattern);
        }
        Ok(Self::Glob(glob(pattern)?))
    }

    /// A regular expression.
    pub(crate) fn expression(pattern: &str) -> Result<Self, Error> {
        Self::within(pattern, COMPILED_BYTES_MAX)
    }

    /// A regular expression that is one of many.
    pub(crate) fn small_expression(pattern: &str) -> Result<Self, Error> {
        Self::within(pattern, SMALL_BYTES_MAX)
    }

    fn within(pattern: &str, bytes_max: usize) -> Result<Self, Error> {
        check_length(pattern)?;
        let compiled = RegexBuilder::new(pattern).size_limit(bytes_max).build();
        compiled.map(Self::Expression).map_err(|error| {
            let why = match error {
                regex::Error::CompiledTooBig(_) => "it is too large; use smaller counts".to_owned(),
                other => other.to_string(),
            };
            Error::Invalid(format!(
                "the pattern '{}' is no regular expression: {why}",
                pattern.escape_debug()
            ))
        })
    }

    /// Whether it means this tag.
    pub(crate) fn matches(&self, tag: &Tag) -> bool {
        match self {
            Self::Exact(exact) => exact == tag,
            Self::Glob(glob) => glob.is_match(tag.as_str()),
            Self::Expression(expression) => expression.is_match(tag.as_str()),
        }
    }
}

/// Whether a pattern can only be a regular expression.
fn is_expression(pattern: &str) -> bool {
    pattern.starts_with('.') || pattern.contains(ONLY_IN_EXPRESSIONS)
}

/// A glob: of tags, or of names of images, where `*` and `?` mean no `/`.
pub(crate) fn glob(pattern: &str) -> Result<GlobMatcher, Error> {
    check_length(pattern)?;
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| {
        Error::Invalid(format!(
            "the pattern '{}' is no glob: {}",
            pattern.escape_debug(),
            error.kind()
        ))
    })?;
    Ok(glob.compile_matcher())
}

fn check_length(pattern: &str) -> Result<(), Error> {
    if (1..=PATTERN_CHARS_MAX).contains(&pattern.chars().count()) && !pattern.contains('\0') {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a pattern has 1 to {PATTERN_CHARS_MAX} characters"
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tags of a few that the pattern means, or what it is refused for.
    fn meant(pattern: Result<TagPattern, Error>) -> String {
        let pattern = match pattern {
            Ok(pattern) => pattern,
            Err(error) => return error.to_string(),
        };
        let tags = ["v1", "v1.2", "v2", "v23", "latest", "a-v2", "v2.x"];
        let tags = tags
            .into_iter()
            .filter(|tag| pattern.matches(&tag.parse().unwrap()));
        tags.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_pattern_is_a_glob_unless_it_can_only_be_an_expression() {
        for (pattern, expected) in [
            ("*", "v1 v1.2 v2 v23 latest a-v2 v2.x"),
            ("**", "v1 v1.2 v2 v23 latest a-v2 v2.x"),
            ("v*", "v1 v1.2 v2 v23 v2.x"),
            ("v?", "v1 v2"),
            ("v2", "v2"),
            ("v2.*", "v2.x"),
            ("{latest,v?}", "v1 v2 latest"),
            ("{v1,v2}*", "v1 v1.2 v2 v23 v2.x"),
            (".*", "v1 v1.2 v2 v23 latest a-v2 v2.x"),
            ("^v2.*", "v2 v23 v2.x"),
            ("v2$", "v2 a-v2"),
            ("v[0-9]+$", "v1 v2 v23 a-v2"),
            ("(latest|v1)", "v1 v1.2 latest"),
            ("^v\\d{2}$", "v23"),
            (
                "{a",
                "the pattern '{a' is no glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
            ),
        ] {
            assert_eq!(
                meant(TagPattern::glob_or_expression(pattern)),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn an_expression_of_many_is_small_but_not_too_small() {
        for (pattern, is_small) in [
            (r"^v\d+\.\d+\.\d+$", true),
            (r"^\w+-\d{8}-[0-9a-f]{7,40}$", true),
            (r"^\w+\.\w+-\w+$", true),
            (r"^release-.*-(rc|beta)\.\d+$", true),
            (r"(a{100}){10}{10}", false),
        ] {
            let small = TagPattern::small_expression(pattern);
            assert_eq!(small.is_ok(), is_small, "{pattern}: {small:?}");
        }
    }

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        for pattern in ["", "(", "^(a{100}){100}{100}$", &"(a*)*b".repeat(50), "a\0b("] {
            let refused = TagPattern::glob_or_expression(pattern);
            assert!(
                matches!(refused, Err(Error::Invalid(_))),
                "{pattern}: {refused:?}"
            );
        }
        // What hangs a matcher that goes back and tries again.
        let tag = format!("{}!", "a".repeat(127)).replace('!', "_").parse().unwrap();
        assert!(
            !TagPattern::expression("^(a|a)*(a|a)*(a|aa)+$")
                .unwrap()
                .matches(&tag)
        );
    }

    proptest! {
        #[test]
        fn any_pattern_is_accepted_or_refused(
            pattern in r"([a-z0-9*?{},.^$()|+\\\[\]!-]|\PC){0,40}",
            tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        ) {
            let tag = tag.parse().unwrap();
            for read in [TagPattern::exact, TagPattern::glob_or_expression, TagPattern::expression] {
                if let Ok(pattern) = read(&pattern) {
                    pattern.matches(&tag);
                }
            }
            prop_assert!(TagPattern::exact(tag.as_str()).unwrap().matches(&tag));
        }
    }
}
