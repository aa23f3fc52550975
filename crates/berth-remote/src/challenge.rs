//! The `WWW-Authenticate` header (RFC 9110 section 11.6.1): which logins a registry takes.
//! Refuses to know what is done with them.

/// Characters of a header that are read.
const LENGTH_MAX: usize = 16 << 10;
/// Challenges, and parameters of one, that are read.
const COUNT_MAX: usize = 16;

/// One way to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// In lower case: `bearer`, `basic`, or one that nobody here knows.
    pub(crate) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Every challenge in a header, in order, up to the first character that cannot be read.
    pub(crate) fn all(header: &str) -> Vec<Self> {
        let mut text = Text {
            rest: header.get(..header.len().min(LENGTH_MAX)).unwrap_or_default(),
        };
        let mut found: Vec<Self> = Vec::new();
        while found.len() < COUNT_MAX {
            text.skip(" \t,");
            let Some(scheme) = text.token() else { break };
            let mut challenge = Self {
                scheme: scheme.to_ascii_lowercase(),
                parameters: Vec::new(),
            };
            text.skip(" \t");
            let is_readable = challenge.read_parameters(&mut text);
            found.push(challenge);
            if is_readable.is_none() {
                break;
            }
        }
        found
    }

    /// The value of a parameter, by its name in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads up to the next challenge or the end; none when the text cannot be read on.
    fn read_parameters(&mut self, text: &mut Text<'_>) -> Option<()> {
        loop {
            text.skip(" \t,");
            let here = text.rest;
            let Some(name) = text.token() else {
                // The end, or the credentials of a scheme that has no parameters.
                return text.rest.is_empty().then_some(());
            };
            text.skip(" \t");
            let Some(value) = text.rest.strip_prefix('=') else {
                text.rest = here;
                return Some(());
            };
            text.rest = value;
            text.skip(" \t");
            let value = text.value()?;
            if self.parameters.len() < COUNT_MAX {
                self.parameters.push((name.to_ascii_lowercase(), value));
            }
        }
    }
}

/// What is left to read.
struct Text<'a> {
    rest: &'a str,
}

impl<'a> Text<'a> {
    fn skip(&mut self, characters: &str) {
        self.rest = self.rest.trim_start_matches(|c| characters.contains(c));
    }

    fn token(&mut self) -> Option<&'a str> {
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.rest.find(|c| !is_of_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A quoted string, or, though only a token is allowed, an address as some registries write it.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', ' ', '\t']).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(value.to_owned());
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                character => value.push(character),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(header: &str) -> Vec<String> {
        let one = |challenge: &Challenge| {
            let parameters = challenge.parameters.iter();
            let parameters: Vec<String> = parameters
                .map(|(key, value)| format!(" {key}=[{value}]"))
                .collect();
            format!("{}{}", challenge.scheme, parameters.concat())
        };
        Challenge::all(header).iter().map(one).collect()
    }

    #[test]
    fn every_registry_is_understood() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                &[
                    "bearer realm=[https://auth.docker.io/token] service=[registry.docker.io] scope=[repository:a/b:pull,push]",
                ][..],
            ),
            (
                r#"Basic realm="https://1.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
                &["basic realm=[https://1.dkr.ecr.eu-west-1.amazonaws.com/] service=[ecr.amazonaws.com]"],
            ),
            (r"BASIC realm=Registry", &["basic realm=[Registry]"]),
            ("Basic", &["basic"]),
            (
                r"Bearer realm=https://h/token,service=h",
                &["bearer realm=[https://h/token] service=[h]"],
            ),
            (
                r#"Negotiate, Basic realm="a", Bearer realm="b""#,
                &["negotiate", "basic realm=[a]", "bearer realm=[b]"],
            ),
            (
                r#"Bearer realm = "a b" , error="insufficient_scope""#,
                &["bearer realm=[a b] error=[insufficient_scope]"],
            ),
            (r#"Bearer realm="a\"b\\c""#, &[r#"bearer realm=[a"b\c]"#]),
            (
                r#"Negotiate abc==, Bearer realm="b""#,
                &["negotiate abc=[=]", "bearer realm=[b]"],
            ),
            (r#"Bearer realm="unclosed"#, &["bearer"]),
            (r#"Bearer realm="a\"#, &["bearer"]),
            ("", &[]),
            (" , ,", &[]),
            ("\"", &[]),
        ] {
            assert_eq!(told(header), expected, "{header}");
        }
    }

    #[test]
    fn the_number_of_challenges_and_parameters_is_bounded() {
        let many = "Basic, ".repeat(1000);
        assert_eq!(Challenge::all(&many).len(), COUNT_MAX);
        let long = format!("Bearer {}", "a=b,".repeat(1000));
        assert_eq!(Challenge::all(&long)[0].parameters.len(), COUNT_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_read(header in r#"[ ,="\\a-cé]{0,40}|.{0,60}"#) {
            for challenge in Challenge::all(&header) {
                prop_assert!(!challenge.scheme.is_empty());
            }
        }

        #[test]
        fn what_is_written_is_read(realm in r"[ -~é]{0,30}", service in r"[ -~]{0,30}") {
            let quoted = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
            let header = format!(r#"Bearer realm="{}",service="{}""#, quoted(&realm), quoted(&service));
            let found = Challenge::all(&header);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].parameter("realm"), Some(realm.as_str()));
            prop_assert_eq!(found[0].parameter("service"), Some(service.as_str()));
        }
    }
}
