//! Logins kept between commands: a file for each profile in the user's configuration folder, for their eyes only, and the
//! name of the one in use. Knows no server.

use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::failure::Failure;

/// The profile of who names none.
pub(super) const DEFAULT: &str = "default";
const NAME_LENGTH_MAX: usize = 64;

/// Text that is shown to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret, for the wire alone.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// What proves who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Credential {
    /// An access key, with which each request is signed.
    Key {
        access_key_id: String,
        secret_access_key: Secret,
    },
    /// A token of IAM, good until its end.
    Token {
        token: Secret,
        /// RFC 3339.
        token_expires_at: String,
    },
}

impl Credential {
    /// Whether it is known to have ended by then.
    pub(super) fn has_ended(&self, now: OffsetDateTime) -> bool {
        match self {
            Self::Key { .. } => false,
            Self::Token { token_expires_at, .. } => {
                OffsetDateTime::parse(token_expires_at, &Rfc3339).is_ok_and(|end| end <= now)
            }
        }
    }
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// The server's address, without a slash at its end.
    pub(super) url: String,
    /// Whose certificate authority is believed besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca_certificate: Option<PathBuf>,
    /// The account, for people.
    #[serde(default)]
    pub(super) account: String,
    /// The user, for people.
    #[serde(default)]
    pub(super) user: String,
    /// What proves who calls.
    #[serde(flatten)]
    pub(super) credential: Credential,
}

/// The folder of all profiles.
#[derive(Debug)]
pub(super) struct Profiles {
    folder: PathBuf,
}

/// A profile's name becomes a file's name.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins_well && text.len() <= NAME_LENGTH_MAX && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a profile's name has 1 to {NAME_LENGTH_MAX} letters, digits, `-`, `_` and `.`, and begins with a letter or digit"
        ))
    }
}

impl Profiles {
    /// The folder as the environment has it: `$XDG_CONFIG_HOME/berth`, else `~/.config/berth`.
    pub(super) fn of_this_user() -> Result<Self, Failure> {
        let absolute = |variable: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
        let Some(base) = base else {
            return Err(Failure::Here(
                "there is no place for profiles: neither XDG_CONFIG_HOME nor HOME is set".to_owned(),
            ));
        };
        Ok(Self {
            folder: base.join("berth"),
        })
    }

    /// The name of the profile in use.
    pub(super) fn current(&self) -> Result<String, Failure> {
        let found = read(&self.folder.join("current"))?.unwrap_or_default();
        let first = found.lines().next().unwrap_or_default();
        Ok(name(first).unwrap_or_else(|_| DEFAULT.to_owned()))
    }

    /// Makes a profile the one in use.
    pub(super) fn choose(&self, profile: &str) -> Result<(), Failure> {
        write(&self.folder.join("current"), &format!("{profile}\n"))
    }

    /// The profile of that name.
    pub(super) fn find(&self, profile: &str) -> Result<Option<Profile>, Failure> {
        let path = self.path(profile);
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        let parsed = toml_edit::de::from_str(&text);
        // The parser's message quotes the file, which holds a secret.
        let broken = |_| {
            Failure::Here(format!(
                "{} is not a profile any more: log in again",
                path.display()
            ))
        };
        parsed.map(Some).map_err(broken)
    }

    /// All names, in their order.
    pub(super) fn names(&self) -> Result<Vec<String>, Failure> {
        let folder = self.folder.join("profiles");
        let unreadable = |error| Failure::Here(format!("{} cannot be read: {error}", folder.display()));
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(unreadable)?.file_name();
            let stem = file.to_str().and_then(|file| file.strip_suffix(".toml"));
            names.extend(stem.and_then(|stem| name(stem).ok()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Keeps a profile; whoever reads meanwhile finds the old one or the new one.
    pub(super) fn save(&self, name: &str, profile: &Profile) -> Result<(), Failure> {
        let text = toml_edit::ser::to_string_pretty(profile).expect("a profile is a table of texts");
        write(&self.path(name), &text)
    }

    /// Forgets a profile; whether it was there.
    pub(super) fn remove(&self, name: &str) -> Result<bool, Failure> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::Here(format!(
                "{} cannot be removed: {error}",
                path.display()
            ))),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join("profiles").join(format!("{name}.toml"))
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().expect("every file is in the folder of profiles");
    let written = || -> std::io::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mode = std::fs::Permissions::from_mode(0o600);
        let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|error| Failure::Here(format!("{} cannot be written: {error}", path.display())))
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Here(format!(
            "{} cannot be read: {error}",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Profile {
        Profile {
            url: "https://hub.test".to_owned(),
            ca_certificate: Some(PathBuf::from("/etc/ca.crt")),
            account: "team".to_owned(),
            user: "mary".to_owned(),
            credential: Credential::Key {
                access_key_id: "AK".to_owned(),
                secret_access_key: Secret::new("hush".to_owned()),
            },
        }
    }

    #[test]
    fn profiles_are_kept_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = Profiles {
            folder: folder.path().join("berth"),
        };
        assert_eq!(profiles.names().unwrap(), Vec::<String>::new());
        assert_eq!(profiles.current().unwrap(), DEFAULT);
        let token = Profile {
            ca_certificate: None,
            credential: Credential::Token {
                token: Secret::new("hush".to_owned()),
                token_expires_at: "2026-01-02T03:04:05Z".to_owned(),
            },
            ..key()
        };
        for (name, profile) in [("one", key()), ("two", token), ("one", key())] {
            profiles.save(name, &profile).unwrap();
            assert_eq!(profiles.find(name).unwrap(), Some(profile));
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&profiles.path(name)), 0o600);
            assert_eq!(mode(profiles.path(name).parent().unwrap()), 0o700);
        }
        assert_eq!(profiles.names().unwrap(), ["one", "two"]);
        profiles.choose("two").unwrap();
        assert_eq!(profiles.current().unwrap(), "two");
        assert!(profiles.remove("two").unwrap());
        assert!(!profiles.remove("two").unwrap());
        assert_eq!(profiles.find("two").unwrap(), None);
    }

    #[test]
    fn a_broken_profile_is_told_without_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = Profiles {
            folder: folder.path().to_owned(),
        };
        profiles.save("one", &key()).unwrap();
        std::fs::write(profiles.path("one"), "secret_access_key = hush").unwrap();
        let told = profiles.find("one").unwrap_err().to_string();
        assert!(told.contains("one.toml") && !told.contains("hush"), "{told}");
        assert!(!format!("{:?}", key()).contains("hush"));
    }

    #[test]
    fn names_are_fit_for_files() {
        for good in ["default", "a.b-c_d", "7"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", ".", "..", "a/b", "-x", "a b", "a\0", "é", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
