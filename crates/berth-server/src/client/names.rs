//! Names as people write them, `ORG/IMAGE:TAG`, and as the API wants them, a segment of the path each.

use std::fmt;
use std::str::FromStr;

use berth_oci::{OrganizationName, RepositoryName, Tag};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is sent as it is; signatures escape the same.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Escapes a text for a path or a query.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A path of these segments. A text that would climb out of its place ends as a name that nothing has.
pub(super) fn path(segments: &[&str]) -> String {
    let segment = |text: &&str| match *text {
        // Every URL library takes these for steps through folders, escaped or not.
        "." | ".." | "" => "/-".to_owned(),
        text => format!("/{}", escaped(text)),
    };
    segments.iter().map(segment).collect()
}

/// A path with a query of these pairs.
pub(super) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{}={}", escaped(key), escaped(value)))
        .collect();
    if pairs.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

/// An image, `ORG/IMAGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(super) organization: String,
    pub(super) name: String,
}

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found: RepositoryName = text
            .parse()
            .map_err(|error| format!("an image is written ORG/IMAGE: {error}"))?;
        Ok(Self {
            organization: found.organization().as_str().to_owned(),
            name: found.image().as_str().to_owned(),
        })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.organization, self.name)
    }
}

impl Image {
    /// A path below the image's own.
    pub(super) fn path(&self, below: &[&str]) -> String {
        self.path_of("v2", "repos", below)
    }

    /// A path below the image's organization.
    pub(super) fn organization_path(&self, below: &[&str]) -> String {
        organization_path(&self.organization, below)
    }

    /// A path below the image's own in another version, or in the part for sharing.
    pub(super) fn path_of(&self, version: &str, kind: &str, below: &[&str]) -> String {
        // A slash within a segment is written `$`.
        let name = self.name.replace('/', "$");
        let mut segments = vec![version, "manage", "namespaces", &self.organization, kind, &name];
        segments.extend(below);
        path(&segments)
    }
}

/// An image's tag, `ORG/IMAGE:TAG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(super) image: Image,
    pub(super) tag: String,
}

impl FromStr for Tagged {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((image, tag)) = text.split_once(':') else {
            return Err("a tag is written ORG/IMAGE:TAG".to_owned());
        };
        let tag: Tag = tag
            .parse()
            .map_err(|error: berth_oci::NameError| error.to_string())?;
        Ok(Self {
            image: image.parse()?,
            tag: tag.as_str().to_owned(),
        })
    }
}

impl fmt::Display for Tagged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.image, self.tag)
    }
}

impl Tagged {
    /// A path below the tag's own.
    pub(super) fn path(&self, below: &[&str]) -> String {
        let below = [&["tags", &self.tag], below].concat();
        self.image.path(&below)
    }
}

/// A tag alone.
pub(super) fn tag(text: &str) -> Result<String, String> {
    let tag: Tag = text
        .parse()
        .map_err(|error: berth_oci::NameError| error.to_string())?;
    Ok(tag.as_str().to_owned())
}

/// Where a right holds: `ORG` or `ORG/IMAGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Organization(String),
    Image(Image),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            text.parse().map(Self::Image)
        } else {
            organization(text).map(Self::Organization)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(name) => formatter.write_str(name),
            Self::Image(image) => image.fmt(formatter),
        }
    }
}

impl Place {
    /// A path below the place's own.
    pub(super) fn path(&self, below: &[&str]) -> String {
        match self {
            Self::Organization(name) => organization_path(name, below),
            Self::Image(image) => image.path(below),
        }
    }
}

/// An organization's name.
pub(super) fn organization(text: &str) -> Result<String, String> {
    let name: OrganizationName = text
        .parse()
        .map_err(|error: berth_oci::NameError| error.to_string())?;
    Ok(name.as_str().to_owned())
}

/// The path of an organization and what is below it.
pub(super) fn organization_path(name: &str, below: &[&str]) -> String {
    let mut segments = vec!["v2", "manage", "namespaces", name];
    segments.extend(below);
    path(&segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_segments() {
        let image: Image = "team/a/b".parse().unwrap();
        assert_eq!(
            image.path(&["tags", "v1"]),
            "/v2/manage/namespaces/team/repos/a%24b/tags/v1"
        );
        let place: Place = "team".parse().unwrap();
        assert_eq!(place, Place::Organization("team".to_owned()));
        let tagged: Tagged = "team/app:v1.0".parse().unwrap();
        assert_eq!(
            (tagged.to_string().as_str(), tagged.tag.as_str()),
            ("team/app:v1.0", "v1.0")
        );
        assert_eq!(path(&["v3", "users", "../x?"]), "/v3/users/..%2Fx%3F");
        assert_eq!(path(&["v3", "users", ".."]), "/v3/users/-");
        assert_eq!(
            with_query("/v3", &[("a", "b c"), ("d", ""), ("e", "&")]),
            "/v3?a=b%20c&e=%26"
        );
    }

    #[test]
    fn what_no_name_can_be_is_refused() {
        for bad in [
            "",
            "team",
            "Team/app",
            "team/",
            "/app",
            "team/../app",
            "team/a?b",
            "team/a%2fb",
            "-x/y",
        ] {
            assert!(bad.parse::<Image>().is_err(), "{bad}");
        }
        for bad in [
            "team/app",
            "team/app:",
            "team/app:a b",
            "team/app:v1:v2",
            "team:v1",
        ] {
            assert!(bad.parse::<Tagged>().is_err(), "{bad}");
        }
        for bad in ["", "../x", "Team", "a b"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
