//! Which pushed tags a trigger waits for, read from SWR's pair of `trigger_type` and `condition`.

use berth_oci::Tag;

use super::one_of;
use crate::Error;
use crate::tag_pattern::TagPattern;

/// Tags of one condition.
const TAGS_MAX: usize = 100;
/// SWR knows the first three.
const TYPES: [&str; 4] = ["all", "tag", "regular", "regexp"];
/// The condition of a trigger for all tags.
const EVERY_TAG: &str = ".*";

/// The tags that a trigger waits for; empty for all of them.
#[derive(Clone, Debug)]
pub struct TriggerCondition {
    patterns: Vec<TagPattern>,
}

impl TriggerCondition {
    /// Reads a condition: `.*` for `all`, tags joined by `;` for `tag`, one pattern for `regular` (a glob, or a regular
    /// expression when it can only be one), a regular expression for `regexp`. `Invalid` with the rule that is broken.
    pub fn parse(trigger_type: &str, condition: &str) -> Result<Self, Error> {
        one_of("trigger_type", trigger_type, &TYPES)?;
        let patterns = match trigger_type {
            "all" if condition == EVERY_TAG => Vec::new(),
            "all" => {
                return Err(Error::Invalid(format!(
                    "the condition of trigger_type all is {EVERY_TAG}"
                )));
            }
            "tag" if condition.split(';').count() > TAGS_MAX => {
                return Err(Error::Invalid(format!(
                    "a condition names at most {TAGS_MAX} tags"
                )));
            }
            "tag" => condition
                .split(';')
                .map(TagPattern::exact)
                .collect::<Result<_, _>>()
                .map_err(|error| {
                    Error::Invalid(format!(
                        "the condition of trigger_type tag is tags joined by ';': {error}"
                    ))
                })?,
            "regexp" => vec![TagPattern::small_expression(condition)?],
            _ => vec![TagPattern::small_glob_or_expression(condition)?],
        };
        Ok(Self { patterns })
    }

    /// Whether a push of this tag is waited for.
    pub fn matches(&self, tag: &Tag) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_means_tags() {
        let many = vec!["v1"; TAGS_MAX + 1].join(";");
        for (kind, condition, expected) in [
            ("all", ".*", Some("v1 v2 latest")),
            ("all", "", None),
            ("all", "v1", None),
            ("tag", "v1", Some("v1")),
            ("tag", "v1;latest", Some("v1 latest")),
            ("tag", "", None),
            ("tag", "v1;", None),
            ("tag", "v1 ; v2", None),
            ("tag", many.as_str(), None),
            ("regular", "v*", Some("v1 v2")),
            ("regular", "^v2.*", Some("v2")),
            ("regular", "", None),
            ("regular", "(", None),
            ("regexp", "v", Some("v1 v2")),
            ("regexp", "v?", Some("v1 v2 latest")),
            ("regexp", "^v.*1$", Some("v1")),
            ("regexp", "", None),
            ("regexp", "*", None),
            ("every", ".*", None),
            ("", ".*", None),
        ] {
            let found = TriggerCondition::parse(kind, condition).map(|condition| {
                let tags = ["v1", "v2", "latest"].into_iter();
                let tags = tags.filter(|tag| condition.matches(&tag.parse().unwrap()));
                tags.collect::<Vec<_>>().join(" ")
            });
            match &found {
                Ok(tags) => assert_eq!(Some(tags.as_str()), expected, "{kind} {condition}"),
                Err(error) => assert!(
                    expected.is_none() && matches!(error, Error::Invalid(_)),
                    "{kind} {condition}: {error:?}"
                ),
            }
        }
    }
}
