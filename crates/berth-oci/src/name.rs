//! The names of the registry: organizations, images, repositories, tags and references.
//!
//! Every type is valid by construction. `manage` is reserved as an organization, because the management API answers
//! below `/v2/manage/`. Refuses to know which names exist.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, DigestError};
use crate::excerpt::shown;

/// Longest organization name, in characters.
pub const ORGANIZATION_LENGTH_MAX: usize = 64;
/// Longest image name, in characters.
pub const IMAGE_LENGTH_MAX: usize = 128;
/// Longest tag, in characters.
pub const TAG_LENGTH_MAX: usize = 128;
/// The organization name that no tenant can have.
pub const RESERVED_ORGANIZATION: &str = "manage";

/// Why a text is no name; each text tells the rule, and holds a shortened copy of what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an organization name.
    #[error(
        "organisation names have 1 to 64 characters: lower-case letters and digits, beginning with a letter, with '.', '_', '__' or hyphens only between them; {0:?} is not one"
    )]
    Organization(String),
    /// Not an image name.
    #[error(
        "image names have 1 to 128 characters: lower-case letters and digits, with '.', '_', '__', '/' or hyphens only between them; {0:?} is not one"
    )]
    Image(String),
    /// A repository name without an organization in front.
    #[error("a repository is named organisation/image, and {0:?} has no '/' in it")]
    MissingOrganization(String),
    /// An organization name that the registry keeps for itself.
    #[error("the organisation name {0:?} is reserved for the management API")]
    Reserved(String),
    /// Not a tag.
    #[error(
        "tags have 1 to 128 characters: letters, digits, '_', '.' and '-', not beginning with '.' or '-'; {0:?} is not one"
    )]
    Tag(String),
}

/// Why a text is neither tag nor digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It has no `:`, so it was read as a tag.
    #[error(transparent)]
    Tag(#[from] NameError),
    /// It has a `:`, so it was read as a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// `[a-z0-9]+` runs joined by one of `singles`, by `__`, or by any number of hyphens.
fn is_separated(text: &str, singles: &[u8]) -> bool {
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|b| is_word(b)).count();
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        let separator = match rest {
            [] => return true,
            [b'_', b'_', ..] => 2,
            [b'-', ..] => rest.iter().take_while(|b| **b == b'-').count(),
            [b, ..] if singles.contains(b) => 1,
            _ => return false,
        };
        rest = &rest[separator..];
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        text_traits!($name, NameError);
    };
}

macro_rules! text_traits {
    ($name:ident, $error:ty) => {
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(|error: $error| D::Error::custom(error))
            }
        }
    };
}

/// The name of a tenant's organization: the first component of a repository name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationName {
    text: String,
}

text_type!(OrganizationName);

impl FromStr for OrganizationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let begins_with_letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if text.len() > ORGANIZATION_LENGTH_MAX || !begins_with_letter || !is_separated(text, b"._") {
            return Err(NameError::Organization(shown(text)));
        }
        if text == RESERVED_ORGANIZATION {
            return Err(NameError::Reserved(text.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }
}

/// The name of an image inside its organization; it may hold `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    text: String,
}

text_type!(ImageName);

impl FromStr for ImageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > IMAGE_LENGTH_MAX || !is_separated(text, b"._/") {
            return Err(NameError::Image(shown(text)));
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }
}

/// The full name of a repository, `organization/image`: what the distribution specification calls `<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName {
    text: String,
    organization: OrganizationName,
    image: ImageName,
}

text_type!(RepositoryName);

impl RepositoryName {
    /// Joins its two parts.
    pub fn new(organization: OrganizationName, image: ImageName) -> Self {
        Self {
            text: format!("{organization}/{image}"),
            organization,
            image,
        }
    }

    /// The first component.
    pub fn organization(&self) -> &OrganizationName {
        &self.organization
    }

    /// Everything after the first `/`.
    pub fn image(&self) -> &ImageName {
        &self.image
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (organization, image) = text
            .split_once('/')
            .ok_or_else(|| NameError::MissingOrganization(shown(text)))?;
        Ok(Self {
            organization: organization.parse()?,
            image: image.parse()?,
            text: text.to_owned(),
        })
    }
}

/// A tag: a name that a repository's owner moves from manifest to manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    text: String,
}

text_type!(Tag);

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_tag = match text.as_bytes() {
            [first, rest @ ..] => {
                rest.len() < TAG_LENGTH_MAX
                    && (first.is_ascii_alphanumeric() || *first == b'_')
                    && rest
                        .iter()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            }
            [] => false,
        };
        if is_tag {
            Ok(Self {
                text: text.to_owned(),
            })
        } else {
            Err(NameError::Tag(shown(text)))
        }
    }
}

/// How a client points at a manifest: by tag or by digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By a tag, which may move.
    Tag(Tag),
    /// By content.
    Digest(Digest),
}

impl Reference {
    /// The reference as it stands in a path.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(tag) => tag.as_str(),
            Self::Digest(digest) => digest.as_str(),
        }
    }
}

text_traits!(Reference, ReferenceError);

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}
