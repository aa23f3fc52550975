//! What a webhook may be: its address and its secret, checked when it is set up.

use std::time::Duration;

use reqwest::Url;

use super::secret::Secret;
use crate::outbound::OutboundClass;
use crate::{Error, Registry};

/// The longest address; some carry tokens of hundreds of characters.
const URL_LENGTH_MAX: usize = 2048;
/// How long it may take to find out where a name leads.
const RESOLVED_WITHIN: Duration = Duration::from_secs(5);

impl Registry {
    /// The address of a webhook, if it may be reached as far as can be known now.
    pub(super) async fn checked_webhook_url(&self, text: &str) -> Result<Url, Error> {
        let url = parsed(text)?;
        let (outbound, class) = (self.outbound(), OutboundClass::Public);
        outbound.check_url(class, &url)?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        // A name that leads nowhere yet may lead somewhere later: every connection is judged anew.
        if let Ok(Err(refusal)) =
            tokio::time::timeout(RESOLVED_WITHIN, outbound.resolve(class, host, port)).await
            && !refusal.is_unresolved()
        {
            return Err(refusal.into());
        }
        Ok(url)
    }
}

fn parsed(text: &str) -> Result<Url, Error> {
    let refused = |why: &str| {
        Err(Error::Invalid(format!(
            "webhook_url is an address such as https://host/path: {why}"
        )))
    };
    if text.len() > URL_LENGTH_MAX {
        return refused("it is too long");
    }
    let Ok(url) = Url::parse(text) else {
        return refused("it cannot be read");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refused("it begins with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("it has no login, requests are signed instead");
    }
    if url.fragment().is_some() {
        return refused("it has no '#'");
    }
    Ok(url)
}

/// The secret that is wanted, or a fresh one.
pub(super) fn secret(wanted: Option<&str>) -> Result<Secret, Error> {
    wanted
        .filter(|text| !text.is_empty())
        .map_or_else(|| Ok(Secret::new()), Secret::parse)
}

/// The host and port of an address that was checked.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}

/// What everybody may see of an address: a path or query may hold what is to be kept secret.
pub(super) fn without_path(text: &str) -> String {
    Url::parse(text).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::{parsed, place, without_path};

    #[test]
    fn an_address_has_a_host_and_no_login() {
        for (text, expected) in [
            (
                "https://hooks.example/services/T0/B0?x=1",
                Some("hooks.example:443"),
            ),
            ("http://hooks.example:8080", Some("hooks.example:8080")),
            ("https://[2606:4700::1111]/", Some("[2606:4700::1111]:443")),
            ("HTTPS://Hooks.Example/", Some("hooks.example:443")),
            ("ftp://hooks.example/", None),
            ("hooks.example/path", None),
            ("https://", None),
            ("https://user@hooks.example/", None),
            ("https://:secret@hooks.example/", None),
            ("https://hooks.example/#x", None),
            ("", None),
        ] {
            let found = parsed(text).ok().map(|url| place(&url));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        assert!(parsed(&format!("https://hooks.example/{}", "a".repeat(2048))).is_err());
    }

    #[test]
    fn a_path_is_kept_back() {
        for (text, shown) in [
            (
                "https://hooks.example/services/secret?token=1",
                "https://hooks.example",
            ),
            ("http://hooks.example:8080/secret", "http://hooks.example:8080"),
        ] {
            assert_eq!(without_path(text), shown);
        }
    }
}
