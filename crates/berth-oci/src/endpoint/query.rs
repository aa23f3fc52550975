//! The query string of a distribution request.
//!
//! `+` stays `+`: no value of this API holds a space, and clients write media types such as `a/b+json` unescaped.

use percent_encoding::percent_decode_str;

use super::{EndpointError, Page, TAGS_MAX};
use crate::digest::Digest;
use crate::excerpt::shown;
use crate::name::Tag;

pub(super) struct Query<'q> {
    raw: &'q str,
}

impl<'q> Query<'q> {
    pub(super) fn new(raw: Option<&'q str>) -> Self {
        Self {
            raw: raw.unwrap_or_default(),
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        let pairs = self
            .raw
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(move |(key, _)| decoded(key) == name)
            .map(|(_, value)| decoded(value))
    }

    pub(super) fn first(&self, name: &str) -> Option<String> {
        self.values(name).next()
    }

    pub(super) fn digest(&self, name: &str) -> Result<Option<Digest>, EndpointError> {
        Ok(self.first(name).map(|text| text.parse()).transpose()?)
    }

    pub(super) fn page(&self) -> Result<Page, EndpointError> {
        let n = match self.first("n").filter(|n| !n.is_empty()) {
            // `u64::from_str` takes a leading plus sign, which is no number here.
            Some(text) if text.starts_with('+') => return Err(EndpointError::BadPage(shown(&text))),
            Some(text) => Some(text.parse().map_err(|_| EndpointError::BadPage(shown(&text)))?),
            None => None,
        };
        Ok(Page {
            n,
            last: self.first("last").filter(|last| !last.is_empty()),
        })
    }

    pub(super) fn tags(&self) -> Result<Vec<Tag>, EndpointError> {
        let mut tags: Vec<Tag> = Vec::new();
        for text in self.values("tag") {
            let tag = text.parse().map_err(EndpointError::Tag)?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            if tags.len() > TAGS_MAX {
                return Err(EndpointError::TooManyTags);
            }
        }
        Ok(tags)
    }
}

/// A zero byte is read like bytes that are no text: nothing that is stored holds one, and not every database takes it.
fn decoded(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8_lossy()
        .replace('\0', "\u{fffd}")
}
