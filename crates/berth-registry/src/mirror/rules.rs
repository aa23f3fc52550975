//! What administrators want of a mirror: who may pull, how often tags are looked at, how much it holds, what stays and what
//! is fetched ahead. Checks it, and says what a pattern of images means.

use berth_metadata::MirrorRules;
use berth_oci::{ImageName, Tag};
use globset::GlobMatcher;

use crate::Error;
use crate::remote::checked_authority;
use crate::tag_pattern::TagPattern;

/// Patterns of one kind in one mirror.
const PATTERNS_MAX: usize = 100;
/// A pattern has a name and a pattern of tags.
const PATTERN_CHARS_MAX: usize = 400;
/// A day: longer, and nobody would know what a tag means.
const RECHECK_SECONDS_MAX: i64 = 86_400;
/// The smallest bound that holds a few images.
const BYTES_MIN: i64 = 1 << 20;

/// What is to be different; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct MirrorRulesChange {
    /// Whether everybody may pull from it, and have it fetch.
    pub public: Option<bool>,
    /// Seconds for which a tag is taken to name what it named; zero for what the installation says.
    pub recheck_seconds: Option<i64>,
    /// Bytes that its images may take; zero for no bound.
    pub bytes_max: Option<i64>,
    /// Images that are never evicted, as `image:tag` with globs in both.
    pub keep: Option<Vec<String>>,
    /// Images that are fetched before somebody pulls them, as `image:tag` with a glob for the tag.
    pub prefetch: Option<Vec<String>>,
    /// PEM; empty for what the machine trusts.
    pub certificate_authority: Option<String>,
}

impl MirrorRulesChange {
    /// The rules after the change; `Invalid` with what is wrong.
    pub(super) fn onto(self, before: MirrorRules) -> Result<MirrorRules, Error> {
        let bounded = |what: &str, wanted: Option<i64>, kept, (least, most)| match wanted {
            None => Ok(kept),
            Some(0) => Ok(None),
            Some(wanted) if (least..=most).contains(&wanted) => Ok(Some(wanted)),
            Some(wanted) => Err(Error::Invalid(format!(
                "{what} is {least} to {most}, or 0 for none of its own, and not {wanted}"
            ))),
        };
        let recheck = (1, RECHECK_SECONDS_MAX);
        Ok(MirrorRules {
            public: self.public.unwrap_or(before.public),
            recheck_seconds: bounded(
                "recheck_seconds",
                self.recheck_seconds,
                before.recheck_seconds,
                recheck,
            )?,
            bytes_max: bounded(
                "bytes_max",
                self.bytes_max,
                before.bytes_max,
                (BYTES_MIN, i64::MAX),
            )?,
            keep: patterns("keep", self.keep, before.keep, |pattern| {
                ImagePattern::of(pattern).map(drop)
            })?,
            prefetch: patterns("prefetch", self.prefetch, before.prefetch, |pattern| {
                Prefetched::of(pattern).map(drop)
            })?,
            certificate_authority: match self.certificate_authority {
                Some(pem) => checked_authority(pem)?,
                None => before.certificate_authority,
            },
        })
    }
}

fn patterns(
    what: &str,
    wanted: Option<Vec<String>>,
    kept: Vec<String>,
    check: impl Fn(&str) -> Result<(), Error>,
) -> Result<Vec<String>, Error> {
    let Some(wanted) = wanted else { return Ok(kept) };
    if wanted.len() > PATTERNS_MAX {
        return Err(Error::Invalid(format!(
            "{what} has at most {PATTERNS_MAX} patterns"
        )));
    }
    for pattern in &wanted {
        if pattern.len() > PATTERN_CHARS_MAX || pattern.contains(['\n', '\r']) {
            return Err(Error::Invalid(format!(
                "a pattern of {what} has one line of at most {PATTERN_CHARS_MAX} characters"
            )));
        }
        check(pattern)?;
    }
    Ok(wanted)
}

/// Images with some of their tags: `library/*:3.*`.
pub(crate) struct ImagePattern {
    image: GlobMatcher,
    tag: TagPattern,
}

impl ImagePattern {
    pub(crate) fn of(text: &str) -> Result<Self, Error> {
        let (image, tag) = split(text)?;
        Ok(Self {
            image: crate::tag_pattern::glob(image)?,
            tag: TagPattern::small_glob_or_expression(tag)?,
        })
    }

    /// Whether it means this tag of this image.
    pub(crate) fn matches(&self, image: &str, tag: &Tag) -> bool {
        self.image.is_match(image) && self.tag.matches(tag)
    }
}

/// An image of which some tags are fetched ahead: `library/alpine:3.*`.
pub(crate) struct Prefetched {
    pub(crate) image: ImageName,
    pub(crate) tags: TagPattern,
    /// The tag itself, where the pattern is one.
    pub(crate) tag: Option<Tag>,
}

impl Prefetched {
    pub(crate) fn of(text: &str) -> Result<Self, Error> {
        let (image, tag) = split(text)?;
        Ok(Self {
            image: image.parse()?,
            tags: TagPattern::small_glob_or_expression(tag)?,
            tag: tag.parse().ok(),
        })
    }
}

fn split(text: &str) -> Result<(&str, &str), Error> {
    text.split_once(':')
        .filter(|(image, tag)| !image.is_empty() && !tag.is_empty())
        .ok_or_else(|| {
            Error::Invalid(format!(
                "'{}' is no image and a pattern of tags, such as library/alpine:3.*",
                text.escape_debug()
            ))
        })
}
