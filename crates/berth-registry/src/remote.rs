//! Places outside that Berth is to reach: their addresses, and logins that are kept sealed and never told again.

use berth_metadata::Conflict;
use berth_remote::{Guard, Limits, Remote};
use http::Uri;
use http::uri::Authority;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::outbound::{Outbound, OutboundClass, certificates};
use crate::seal::MasterKey;
use crate::{Error, Registry};

const URL_LENGTH_MAX: usize = 1024;
const USER_LENGTH_MAX: usize = 256;
/// Some companies trust a few dozen authorities.
const AUTHORITY_BYTES_MAX: usize = 128 * 1024;
/// Some registries' passwords are tokens of thousands of characters.
const PASSWORD_LENGTH_MAX: usize = 16 * 1024;

/// What Berth logs in with at a place outside.
#[derive(Clone, Serialize, Deserialize)]
pub struct RemoteLogin {
    /// The user's name there.
    username: String,
    /// Their password or token.
    password: String,
}

/// What becomes of the login that is kept for a place outside.
#[derive(Clone)]
pub enum LoginChange {
    /// It stays as it is.
    Keep,
    /// There is none from now on.
    Remove,
    /// This one is kept from now on.
    Replace(RemoteLogin),
}

impl LoginChange {
    /// Reads the two fields of a request: both absent keep the login, both empty remove it, both filled replace it.
    /// `Invalid` for one without the other and for what no HTTP header can carry.
    pub fn of(username: Option<String>, password: Option<String>) -> Result<Self, Error> {
        let (username, password) = match (username, password) {
            (None, None) => return Ok(Self::Keep),
            (Some(username), Some(password)) if username.is_empty() && password.is_empty() => {
                return Ok(Self::Remove);
            }
            (Some(username), Some(password)) if !username.is_empty() && !password.is_empty() => {
                (username, password)
            }
            _ => {
                return Err(Error::Invalid(
                    "username and password come together: both filled, or both empty for no login".to_owned(),
                ));
            }
        };
        let plain = |text: &str, max| text.len() <= max && !text.contains(char::is_control);
        if !plain(&username, USER_LENGTH_MAX) || username.contains(':') {
            return Err(Error::Invalid(format!(
                "a username has at most {USER_LENGTH_MAX} characters, no ':' and no control characters"
            )));
        }
        if !plain(&password, PASSWORD_LENGTH_MAX) {
            return Err(Error::Invalid(format!(
                "a password has at most {PASSWORD_LENGTH_MAX} characters and no control characters"
            )));
        }
        Ok(Self::Replace(RemoteLogin { username, password }))
    }

    /// The sealed login after the change, given the one before it.
    pub(crate) fn apply(
        &self,
        key: &MasterKey,
        context: &str,
        before: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Keep => Ok(before),
            Self::Remove => Ok(None),
            Self::Replace(login) => {
                let text = Zeroizing::new(
                    serde_json::to_vec(login).map_err(|error| Error::internal("writing a login", error))?,
                );
                key.seal(context, &text).map(Some)
            }
        }
    }
}

/// A kept login, to be used.
fn opened_login(key: &MasterKey, context: &str, sealed: &[u8]) -> Result<berth_remote::Login, Error> {
    let text = key.open(context, sealed)?;
    let login: RemoteLogin =
        serde_json::from_slice(&text).map_err(|error| Error::internal("reading a login", error))?;
    Ok(berth_remote::Login::password(login.username, login.password))
}

/// An address that requests are sent to, without the `/` at its end: `http` or `https`, a host, perhaps a path.
pub(crate) fn checked_url(what: &str, text: &str) -> Result<String, Error> {
    let refused = |why: &str| {
        Err(Error::Invalid(format!(
            "{what} is an address such as https://host:port: {why}"
        )))
    };
    if text.len() > URL_LENGTH_MAX {
        return refused("it is too long");
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return refused("it cannot be read");
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return refused("it begins with http:// or https://");
    }
    if uri
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'))
    {
        return refused("a login in it would be seen by everybody, it has fields of its own");
    }
    if uri.host().is_none_or(str::is_empty) || text.contains(['?', '#']) {
        return refused("it has a host, and neither '?' nor '#'");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A registry as image references name it: a host, perhaps with a port.
pub(crate) fn checked_host(text: &str) -> Result<String, Error> {
    let is_host = |authority: &Authority| {
        !authority.host().is_empty() && !text.contains('@') && text.len() <= URL_LENGTH_MAX
    };
    match text.parse::<Authority>() {
        Ok(authority) if is_host(&authority) => Ok(text.to_ascii_lowercase()),
        _ => Err(Error::Invalid(
            "registry is a host as image references begin with it, such as docker.io or host:5000".to_owned(),
        )),
    }
}

/// Refuses to send a kept secret to another place than the one it was given for: whoever may change an address must
/// not learn the secret by it.
pub(crate) fn same_place_or_new_secret(before: &str, after: &str, keeps_secret: bool) -> Result<(), Error> {
    let place = |url: &str| {
        let uri: Option<Uri> = url.parse().ok();
        uri.and_then(|uri| Some((uri.scheme_str()?.to_owned(), uri.authority()?.to_string())))
    };
    if keeps_secret && place(before) != place(after) {
        return Err(Error::Invalid(
            "the address leads to another server: give the login for it in the same request, the one that is kept is \
             not sent there"
                .to_owned(),
        ));
    }
    Ok(())
}

/// What a conflict over something that an account registered means; `what` names it.
pub(crate) fn conflict(error: berth_metadata::Error, what: &str, most: i64) -> Error {
    let berth_metadata::Error::Conflict(conflict) = error else {
        return error.into();
    };
    match conflict {
        Conflict::Taken => Error::Exists(what.to_owned()),
        Conflict::TooMany => Error::Invalid(format!(
            "{what} would be one more than the {most} that are allowed"
        )),
        Conflict::InUse => Error::InUse(what.to_owned()),
        Conflict::Changed => Error::Unavailable,
        Conflict::AccountGone => crate::identity::not_recognised(),
        other => berth_metadata::Error::Conflict(other).into(),
    }
}

/// A registry outside, as it is kept.
pub(crate) struct Place<'a> {
    pub(crate) url: &'a str,
    /// PEM of the authorities that are trusted for it beside those of the machine, or nothing.
    pub(crate) certificate_authority: &'a str,
    pub(crate) login_encrypted: Option<&'a [u8]>,
    /// What its login was sealed for.
    pub(crate) context: &'a str,
}

impl Registry {
    /// A client of a registry outside, which reaches only what the guard of outside addresses permits; asks it for
    /// nothing yet. `refused` tells errors that are the guard's last word.
    pub(crate) fn connect_place(
        &self,
        place: &Place<'_>,
        limits: Limits,
        refused: fn(&reqwest::Error) -> Option<String>,
    ) -> Result<Remote, Error> {
        let mut builder = self.outbound().builder(OutboundClass::Registered);
        for certificate in certificates(place.certificate_authority)? {
            builder = builder.add_root_certificate(certificate);
        }
        let client = berth_remote::configure(builder).build();
        let client = client.map_err(|error| Error::internal("preparing to connect to a registry", error))?;
        let login = match place.login_encrypted {
            None => None,
            Some(sealed) => Some(opened_login(self.master_key(), place.context, sealed)?),
        };
        let outbound = Outbound::new(self.limits.outbound.clone());
        let guard = Guard::new(
            move |url| {
                let checked = outbound.check_url(OutboundClass::Registered, url);
                checked.map_err(|refusal| refusal.to_string())
            },
            refused,
        );
        Remote::new(place.url, login, client, guard, limits)
            .map_err(|error| Error::Invalid(error.to_string()))
    }

    /// The key that secrets of places outside are sealed under.
    pub(crate) fn master_key(&self) -> &MasterKey {
        &self.identity.master_key
    }
}

/// Certificates as they are kept: PEM, or nothing.
pub(crate) fn checked_authority(pem: String) -> Result<String, Error> {
    if pem.len() > AUTHORITY_BYTES_MAX {
        return Err(Error::Invalid(format!(
            "the certificate authority has more than {AUTHORITY_BYTES_MAX} bytes"
        )));
    }
    if !pem.trim().is_empty() && certificates(&pem)?.is_empty() {
        return Err(Error::Invalid(
            "the certificate authority holds no certificate: it is text that begins with \
             -----BEGIN CERTIFICATE-----"
                .to_owned(),
        ));
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_login() {
        for (text, expected) in [
            ("https://registry.example", Some("https://registry.example")),
            ("http://127.0.0.1:5000/", Some("http://127.0.0.1:5000")),
            ("https://[::1]:5000/hub/", Some("https://[::1]:5000/hub")),
            ("registry.example", None),
            ("ftp://registry.example", None),
            ("https://", None),
            ("https:///path", None),
            ("https://user:password@registry.example", None),
            ("https://registry.example?x=1", None),
            ("https://registry.example#x", None),
            ("https://registry example", None),
            ("", None),
        ] {
            assert_eq!(checked_url("url", text).ok().as_deref(), expected, "{text}");
        }
        assert!(checked_url("url", &format!("https://{}", "a".repeat(URL_LENGTH_MAX))).is_err());
    }

    #[test]
    fn a_registry_is_a_host() {
        for (text, expected) in [
            ("docker.io", Some("docker.io")),
            ("Registry.Example:5000", Some("registry.example:5000")),
            ("https://docker.io", None),
            ("docker.io/library", None),
            ("user@docker.io", None),
            ("", None),
        ] {
            assert_eq!(checked_host(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_login_is_whole_or_nothing() {
        let long = "x".repeat(PASSWORD_LENGTH_MAX + 1);
        for (username, password, expected) in [
            (None, None, "keep"),
            (Some(""), Some(""), "remove"),
            (Some("mary"), Some("secret"), "replace"),
            (Some("mary"), None, "refused"),
            (None, Some("secret"), "refused"),
            (Some("mary"), Some(""), "refused"),
            (Some(""), Some("secret"), "refused"),
            (Some("ma:ry"), Some("secret"), "refused"),
            (Some("ma\0ry"), Some("secret"), "refused"),
            (Some("mary"), Some("sec\nret"), "refused"),
            (Some("mary"), Some(long.as_str()), "refused"),
        ] {
            let found = LoginChange::of(username.map(str::to_owned), password.map(str::to_owned));
            let found = match found {
                Ok(LoginChange::Keep) => "keep",
                Ok(LoginChange::Remove) => "remove",
                Ok(LoginChange::Replace(_)) => "replace",
                Err(_) => "refused",
            };
            assert_eq!(found, expected, "{username:?} {password:?}");
        }
    }

    #[test]
    fn a_login_is_sealed_for_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::create(&folder.path().join("master.key")).unwrap();
        let change = LoginChange::of(Some("mary".to_owned()), Some("secret".to_owned())).unwrap();
        let sealed = change.apply(&key, "region east", None).unwrap().unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let opened = key.open("region east", &sealed).unwrap();
        assert_eq!(
            std::str::from_utf8(&opened).unwrap(),
            r#"{"username":"mary","password":"secret"}"#
        );
        assert!(key.open("region west", &sealed).is_err());
        let kept = LoginChange::Keep
            .apply(&key, "region east", Some(sealed.clone()))
            .unwrap();
        assert_eq!(kept, Some(sealed.clone()));
        assert_eq!(
            LoginChange::Remove
                .apply(&key, "region east", Some(sealed))
                .unwrap(),
            None
        );
    }

    #[test]
    fn a_kept_secret_stays_with_its_server() {
        let east = "https://east.example";
        for (after, keeps, allowed) in [
            ("https://east.example/hub", true, true),
            ("https://west.example", true, false),
            ("http://east.example", true, false),
            ("https://east.example:444", true, false),
            ("https://west.example", false, true),
        ] {
            assert_eq!(
                same_place_or_new_secret(east, after, keeps).is_ok(),
                allowed,
                "{after} {keeps}"
            );
        }
    }
}
