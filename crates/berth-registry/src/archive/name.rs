//! Names in archives: which image and which tag a reference means when the image goes to an organization of the uploader's
//! choice. As in SWR, the host and the organization in it do not count.

use berth_oci::{ImageName, Tag};

use crate::error::Error;

/// The tag of a reference that has none.
const LATEST: &str = "latest";

/// What an archive calls an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) image: Option<&'a str>,
    pub(super) tag: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// The parts of a reference like `host:5000/organization/image:tag`; of one that is only a tag, that. A digest at its end
    /// does not count, and `<none>` is no name.
    pub(super) fn of(reference: &'a str) -> Self {
        let name = reference.split_once('@').map_or(reference, |(name, _)| name);
        if name.contains("<none>") || name.is_empty() {
            return Self::default();
        }
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (name, None),
        };
        Self {
            image: Some(below_organization(path)),
            tag,
        }
    }

    /// A reference that may be a tag alone, as in an OCI layout.
    pub(super) fn of_annotation(reference: &'a str) -> Self {
        if reference.contains(['/', ':', '@']) {
            return Self::of(reference);
        }
        Self {
            image: None,
            tag: Some(reference).filter(|tag| !tag.is_empty()),
        }
    }

    /// What it becomes with what the uploader said, which goes before; none without a name.
    pub(super) fn target(
        &self,
        (image, tag): (Option<&str>, Option<&str>),
    ) -> Result<Option<(ImageName, Tag)>, Error> {
        let Some(image) = image.or(self.image) else {
            return Ok(None);
        };
        Ok(Some((
            image.parse()?,
            tag.or(self.tag).unwrap_or(LATEST).parse()?,
        )))
    }
}

fn below_organization(path: &str) -> &str {
    let rest = match path.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => path,
    };
    rest.split_once('/').map_or(rest, |(_, image)| image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reference: &str, image: Option<&str>, tag: Option<&str>) {
        assert_eq!(
            Named::of_annotation(reference),
            Named { image, tag },
            "{reference}"
        );
    }

    #[test]
    fn host_and_organization_of_a_reference_do_not_count() {
        check("alpine:3.20", Some("alpine"), Some("3.20"));
        check("library/alpine:3.20", Some("alpine"), Some("3.20"));
        check("docker.io/library/alpine:3.20", Some("alpine"), Some("3.20"));
        check("localhost/alpine:3.20", Some("alpine"), Some("3.20"));
        check("host:5000/alpine:3.20", Some("alpine"), Some("3.20"));
        check("host:5000/team/alpine", Some("alpine"), None);
        check("registry.example.com/team/a/b/c:v1", Some("a/b/c"), Some("v1"));
        check("team/a/b:v1@sha256:00", Some("a/b"), Some("v1"));
        check("<none>:<none>", None, None);
        check("v1", None, Some("v1"));
        check("", None, None);
    }

    #[test]
    fn what_the_uploader_says_goes_before_what_the_archive_says() {
        let target = |reference, said| {
            let found = Named::of_annotation(reference).target(said);
            found.map(|found| found.map(|(image, tag)| format!("{image}:{tag}")))
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(target("team/app:v1", (None, None)).unwrap(), told("app:v1"));
        assert_eq!(target("team/app", (None, None)).unwrap(), told("app:latest"));
        assert_eq!(
            target("team/app:v1", (Some("web"), None)).unwrap(),
            told("web:v1")
        );
        assert_eq!(target("team/app:v1", (None, Some("v2"))).unwrap(), told("app:v2"));
        assert_eq!(target("v1", (None, None)).unwrap(), None);
        assert_eq!(target("v1", (Some("web"), None)).unwrap(), told("web:v1"));
        assert!(target("team/App:v1", (None, None)).is_err());
        assert!(target("team/app:-", (None, None)).is_err());
    }
}
