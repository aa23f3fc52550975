//! The path under which a proxy serves the console.

use super::Value;

/// A path such as `/berth`, without a slash at its end; empty for the root of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BasePath(pub(crate) String);

impl BasePath {
    /// A path of plain characters: it goes into pages and cookies. `/` is the root.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |part: &str| {
            !part.is_empty()
                && !part.bytes().all(|byte| byte == b'.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        };
        let good = path.is_empty() && text == "/"
            || path
                .strip_prefix('/')
                .is_some_and(|rest| rest.split('/').all(plain));
        (good && path.len() <= 255).then(|| Self(path.to_owned()))
    }
}

impl Value for BasePath {
    fn kind(&self) -> &'static str {
        "path"
    }

    fn allowed(&self) -> String {
        "a path that begins with / and is made of letters, digits, -, _, . and ~, such as /berth".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = Self::parse(text).ok_or("it is no such path")?;
        Ok(())
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_plain_and_has_no_slash_at_its_end() {
        for (text, expected) in [
            ("/berth", Some("/berth")),
            ("/tools/berth/", Some("/tools/berth")),
            ("/", Some("")),
            ("", None),
            ("berth", None),
            ("//evil.example", None),
            ("/a//b", None),
            ("/..", None),
            ("/a/../b", None),
            ("/a b", None),
            ("/a\"b", None),
            ("/a;b", None),
        ] {
            let parsed = BasePath::parse(text).map(|path| path.0);
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }
}
