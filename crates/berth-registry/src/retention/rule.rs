//! A rule as it is judged by: an image's own, or one of its organization's.

use berth_metadata::{RetentionRow, RetentionRuleRow};
use berth_oci::Tag;
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value, json};

use super::{Checked, TagSelector, described};
use crate::Error;
use crate::tag_pattern::TagPattern;

/// As long as the text of a rule in the log is; one with longer selectors is told without them.
const TEXT_BYTES_MAX: usize = 1024;
/// No name of an image is longer than 128 characters.
const IMAGES_CHARS_MAX: usize = 256;

/// How much a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Tags that were pushed within so many days.
    Days(i64),
    /// So many tags, the newest ones.
    Newest(i64),
}

/// Whose a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSource {
    /// The image's own, by id; none before it is saved.
    Image(Option<i64>),
    /// The organization's, by id; none before it is saved.
    Organization(Option<i64>),
}

/// A rule that is for an image.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) source: RuleSource,
    pub(crate) keeps: Keeps,
    /// Which tags it is for; none: all.
    tags: Option<TagPattern>,
    /// Which tags never go, with what people are told.
    exempt: Vec<(TagPattern, String)>,
    /// As the log tells it.
    pub(crate) text: String,
}

impl Rule {
    /// An image's own.
    pub(super) fn of_image(id: Option<i64>, row: &Checked) -> Result<Self, Error> {
        Self::new(RuleSource::Image(id), row, "", &json!({}))
    }

    /// The same of what is stored.
    pub(crate) fn stored(row: &RetentionRow) -> Result<Self, Error> {
        Self::of_image(
            Some(row.id),
            &Checked::stored(&row.kind, row.amount, &row.exempt)?,
        )
    }

    /// An organization's, which may be for certain tags.
    pub(super) fn of_organization(
        id: Option<i64>,
        row: &Checked,
        (images, tags): (&str, &str),
    ) -> Result<Self, Error> {
        let more = json!({ "images": images, "tags": tags });
        Self::new(RuleSource::Organization(id), row, tags, &more)
    }

    /// The same of what is stored.
    pub(crate) fn stored_of_organization(row: &RetentionRuleRow) -> Result<Self, Error> {
        let checked = Checked::stored(&row.kind, row.amount, &row.exempt)?;
        Self::of_organization(Some(row.id), &checked, (&row.images, &row.tags))
    }

    fn new(source: RuleSource, row: &Checked, tags: &str, more: &Value) -> Result<Self, Error> {
        let (template, parameter, _) = described(row.template)?;
        let selectors = &row.exempt;
        let exempt = selectors.iter().map(|selector| {
            let told = format!("{} {}", selector.kind, selector.pattern);
            Ok((selector.pattern()?, told))
        });
        let exempt = exempt.collect::<Result<Vec<_>, Error>>()?;
        let text = |selectors: Value| {
            let mut text = json!({
                "template": template,
                "params": { parameter: row.amount.to_string() },
                "tag_selectors": selectors,
            });
            if let (Value::Object(text), Value::Object(more)) = (&mut text, more.clone()) {
                text.extend(more.into_iter().filter(|(_, value)| *value != json!("")));
            }
            text.to_string()
        };
        let mut told = text(json!(selectors));
        if told.len() > TEXT_BYTES_MAX {
            told = text(json!([]));
        }
        Ok(Self {
            source,
            keeps: match parameter {
                "days" => Keeps::Days(row.amount),
                _ => Keeps::Newest(row.amount),
            },
            tags: (!tags.is_empty())
                .then(|| TagPattern::glob_or_expression(tags))
                .transpose()?,
            exempt,
            text: told,
        })
    }

    /// What it is called in reasons.
    pub(crate) fn name(&self) -> String {
        match self.source {
            RuleSource::Image(_) => "the image's retention".to_owned(),
            RuleSource::Organization(Some(id)) => format!("rule {id} of the organization"),
            RuleSource::Organization(None) => "rule of the organization".to_owned(),
        }
    }

    /// Whether it is for a tag.
    pub(crate) fn is_for(&self, tag: &str) -> bool {
        let Some(pattern) = &self.tags else { return true };
        tag.parse::<Tag>().is_ok_and(|tag| pattern.matches(&tag))
    }

    /// By what a tag is exempt, if it is.
    pub(crate) fn exempts(&self, tag: &str) -> Option<&str> {
        if self.exempt.is_empty() {
            return None;
        }
        let tag: Tag = tag.parse().ok()?;
        let found = self.exempt.iter().find(|(pattern, _)| pattern.matches(&tag));
        found.map(|(_, told)| told.as_str())
    }
}

impl Checked {
    /// What is stored.
    fn stored(kind: &str, amount: i64, exempt: &str) -> Result<Self, Error> {
        let (template, ..) = described(kind)?;
        let exempt: Result<Vec<TagSelector>, _> = serde_json::from_str(exempt);
        Ok(Self {
            template,
            amount,
            exempt: exempt.map_err(|error| Error::internal("reading a retention", error))?,
        })
    }
}

/// A glob over the names of images; `*` does not go beyond a slash, `**` does.
pub(super) fn images(pattern: &str) -> Result<GlobMatcher, Error> {
    if pattern.chars().count() > IMAGES_CHARS_MAX {
        return Err(Error::Invalid(format!(
            "images has at most {IMAGES_CHARS_MAX} characters"
        )));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| {
        Error::Invalid(format!(
            "images '{}' is no glob: {}",
            pattern.escape_debug(),
            error.kind()
        ))
    })?;
    Ok(glob.compile_matcher())
}

/// Whether a pattern of images, empty for all, is for one.
pub(super) fn is_for_image(pattern: &str, image: &str) -> Result<bool, Error> {
    Ok(pattern.is_empty() || images(pattern)?.is_match(image))
}
