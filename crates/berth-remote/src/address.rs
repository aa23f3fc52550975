//! Addresses: what a registry's own may be, and what is made of those that it names in its answers.
//! Refuses to know whether an address may be reached; the guard is asked about that.

use reqwest::Url;

use crate::error::{Error, shown};

/// Signed addresses of object stores carry tokens of a few thousand characters.
const LENGTH_MAX: usize = 16 << 10;

/// The address of a registry, with a `/` at the end so that `join` goes on below it.
pub(crate) fn base(text: &str) -> Result<Url, Error> {
    let refused = || Error::Invalid(format!("{} is not the address of a registry", shown(text)));
    let with_slash = format!("{}/", text.trim_end_matches('/'));
    let url = Url::parse(&with_slash).map_err(|_| refused())?;
    let is_plain = url.query().is_none() && url.fragment().is_none();
    if is_plain && is_usable(&url) {
        Ok(url)
    } else {
        Err(refused())
    }
}

/// The address that `text`, in an answer from `from`, means. An address without TLS is refused where the registry has
/// TLS, for what is sent there would be readable on the way; when it is the registry itself behind a proxy that does
/// not tell it of TLS, its own address is meant.
pub(crate) fn named(base: &Url, from: &Url, text: &str) -> Result<Url, Error> {
    if text.len() > LENGTH_MAX {
        return Err(Error::malformed(
            "the registry names an address beyond all bounds",
        ));
    }
    let mut url = from
        .join(text)
        .ok()
        .filter(is_usable)
        .ok_or_else(|| Error::malformed("the registry names an address that is none"))?;
    url.set_fragment(None);
    if base.scheme() == "https" && url.scheme() == "http" {
        let is_its_own =
            same_host(base, &url) && (url.port().is_none() || url.port() == base.port_or_known_default());
        if !is_its_own {
            return Err(Error::malformed(format!(
                "the registry has TLS and leads to {}, which has not",
                place(&url)
            )));
        }
        let port = base.port();
        let changed = url.set_scheme("https").and_then(|()| url.set_port(port));
        changed.map_err(|()| Error::malformed("the registry names an address that is none"))?;
    }
    Ok(url)
}

/// Whether a request to `url` goes to the same server as the registry, which is who the login is for.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Whether two addresses name one host, on whatever port.
pub(crate) fn same_host(a: &Url, b: &Url) -> bool {
    a.host() == b.host()
}

/// The part of an address that may stand in a message: no path and no query, for signatures stand there.
pub(crate) fn place(url: &Url) -> String {
    shown(&url.origin().ascii_serialization())
}

fn is_usable(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_has_a_scheme_and_a_host() {
        for (text, expected) in [
            ("https://registry.example", Some("https://registry.example/")),
            ("http://127.0.0.1:5000/", Some("http://127.0.0.1:5000/")),
            ("https://[::1]:5000/hub", Some("https://[::1]:5000/hub/")),
            ("registry.example", None),
            ("ftp://registry.example", None),
            ("https://user:password@registry.example", None),
            ("https://registry.example?x", None),
            ("", None),
        ] {
            let found = base(text).ok();
            assert_eq!(found.as_ref().map(Url::as_str), expected, "{text}");
        }
    }

    #[test]
    fn an_address_in_an_answer_is_checked() {
        let check = |base: &str, text: &str, expected: Option<&str>| {
            let base = Url::parse(base).unwrap();
            let from = base.join("v2/a/blobs/uploads/").unwrap();
            let found = named(&base, &from, text).ok();
            assert_eq!(found.as_ref().map(Url::as_str), expected, "{base} {text}");
        };
        let tls = "https://registry.example:5443/";
        check(
            tls,
            "/v2/a/1?x=%2F",
            Some("https://registry.example:5443/v2/a/1?x=%2F"),
        );
        check(
            tls,
            "next",
            Some("https://registry.example:5443/v2/a/blobs/uploads/next"),
        );
        check(tls, "https://store.example/1#x", Some("https://store.example/1"));
        check(
            tls,
            "http://registry.example/1",
            Some("https://registry.example:5443/1"),
        );
        check(
            tls,
            "http://registry.example:5443/1",
            Some("https://registry.example:5443/1"),
        );
        check(
            tls,
            "http://registry.example:80/1",
            Some("https://registry.example:5443/1"),
        );
        check(tls, "http://registry.example:5000/1", None);
        check(tls, "http://store.example/1", None);
        check(tls, "https://user:password@store.example/1", None);
        check(tls, "file:///etc/passwd", None);
        check(tls, "javascript:1", None);
        check(tls, "https://", None);
        check(tls, &format!("/{}", "a".repeat(LENGTH_MAX)), None);
        check(
            "http://127.0.0.1:5000/",
            "http://127.0.0.1:5001/1",
            Some("http://127.0.0.1:5001/1"),
        );
        check(
            "http://127.0.0.1:5000/",
            "//127.0.0.1:5001/1",
            Some("http://127.0.0.1:5001/1"),
        );
    }

    #[test]
    fn a_message_tells_no_signature() {
        let url = Url::parse("https://store.example:9000/bucket/key?X-Amz-Signature=secret").unwrap();
        assert_eq!(place(&url), "https://store.example:9000");
    }
}
