//! References to images as workloads write them.

/// An image reference in its parts: `host/path:tag@digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageName<'a> {
    /// Host and path, without tag and digest.
    pub(crate) repository: &'a str,
    /// The tag; empty when there is none.
    pub(crate) tag: &'a str,
    /// The digest; empty when there is none.
    pub(crate) digest: &'a str,
}

impl<'a> ImageName<'a> {
    /// Takes a reference apart. What is no reference has parts that name nothing.
    pub(crate) fn parse(image: &'a str) -> Self {
        let (name, digest) = image.split_once('@').unwrap_or((image, ""));
        let path_at = name.rfind('/').map_or(0, |slash| slash + 1);
        match name[path_at..].find(':') {
            Some(colon) => Self {
                repository: &name[..path_at + colon],
                tag: &name[path_at + colon + 1..],
                digest,
            },
            None => Self {
                repository: name,
                tag: "",
                digest,
            },
        }
    }

    /// The path of the repository when the reference begins with one of these hosts.
    pub(crate) fn path_below(&self, hosts: &[String]) -> Option<&'a str> {
        let (host, path) = self.repository.split_once('/')?;
        hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host))
            .then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::ImageName;

    #[test]
    fn a_reference_falls_into_its_parts() {
        for (image, repository, tag, digest) in [
            ("reg:5000/a/b:v1", "reg:5000/a/b", "v1", ""),
            ("reg:5000/a/b", "reg:5000/a/b", "", ""),
            ("reg/a/b@sha256:1", "reg/a/b", "", "sha256:1"),
            ("reg/a/b:v1@sha256:1", "reg/a/b", "v1", "sha256:1"),
            ("nginx:1", "nginx", "1", ""),
            ("", "", "", ""),
        ] {
            let expected = ImageName {
                repository,
                tag,
                digest,
            };
            assert_eq!(ImageName::parse(image), expected, "{image}");
        }
        let hosts = ["reg.example:5000".to_owned()];
        for (image, path) in [
            ("reg.example:5000/a/b:v1", Some("a/b")),
            ("REG.example:5000/a/b", Some("a/b")),
            ("reg.example/a/b", None),
            ("a/b", None),
            ("b", None),
        ] {
            assert_eq!(ImageName::parse(image).path_below(&hosts), path, "{image}");
        }
    }
}
