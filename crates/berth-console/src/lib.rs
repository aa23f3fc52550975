//! The web console as files: what `ui/` was built to, embedded in the binary (a debug build reads `ui/dist` instead, so
//! that a new build of the pages needs none of the program). Knows no HTTP server and nothing of the registry.

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Dist;

/// A file of the console as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The bytes, encoded as `encoding` says.
    pub bytes: Cow<'static, [u8]>,
    /// The media type, with its charset.
    pub media_type: &'static str,
    /// `br` or `gzip`, where the client takes that and the build made it.
    pub encoding: Option<&'static str>,
    /// A strong entity tag, quotes included.
    pub etag: String,
    /// Whether the name changes with the content, so that it may be cached for ever.
    pub immutable: bool,
}

/// The media types of the files that a build makes, by the ends of their names; nothing else is answered.
const MEDIA_TYPES: [(&str, &str); 6] = [
    (".js", "text/javascript; charset=utf-8"),
    (".css", "text/css; charset=utf-8"),
    (".svg", "image/svg+xml"),
    (".woff2", "font/woff2"),
    (".png", "image/png"),
    (".txt", "text/plain; charset=utf-8"),
];

/// The folder of the files whose names carry a hash of their content.
const HASHED: &str = "assets/";

/// The file at a path without its first slash, in the best encoding that an `Accept-Encoding` header takes; `None` for
/// what the console does not have, and for its page, which [`page`] fills.
pub fn asset(path: &str, accept_encoding: &str) -> Option<Asset> {
    let (_, media_type) = MEDIA_TYPES.iter().find(|(end, _)| path.ends_with(end))?;
    let encoded = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(name, _)| takes(accept_encoding, name))
        .find_map(|(name, end)| Some((Some(name), Dist::get(&format!("{path}{end}"))?)));
    let (encoding, file) = encoded.or_else(|| Some((None, Dist::get(path)?)))?;
    let hash = file.metadata.sha256_hash();
    let mut etag = String::from("\"");
    for byte in &hash[..16] {
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    Some(Asset {
        bytes: file.data,
        media_type,
        encoding,
        etag,
        immutable: path.starts_with(HASHED),
    })
}

/// The console's page for a server whose console lies under `base` (empty, or such as `/berth`), with the nonce that its
/// style elements carry. `None` when the console was not built into this program.
pub fn page(base: &str, nonce: &str) -> Option<String> {
    let page = Dist::get("index.html")?;
    let page = std::str::from_utf8(&page.data).ok()?;
    let rooted = page.replace("=\"./", &format!("=\"{base}/"));
    Some(rooted.replace("{base}", base).replace("{nonce}", nonce))
}

/// Whether an `Accept-Encoding` header takes an encoding (RFC 9110, 12.5.3). One that is only implied by `*` is not used.
fn takes(accept_encoding: &str, encoding: &str) -> bool {
    accept_encoding.split(',').any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case(encoding)
            && weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_used_only_when_it_is_named_and_not_refused() {
        for (header, br, gzip) in [
            ("gzip, deflate, br, zstd", true, true),
            ("gzip", false, true),
            ("BR;q=0.5", true, false),
            ("br;q=0, gzip;q=0.1", false, true),
            ("*", false, false),
            ("", false, false),
            ("br;q=x", false, false),
        ] {
            assert_eq!(
                (takes(header, "br"), takes(header, "gzip")),
                (br, gzip),
                "{header}"
            );
        }
    }

    #[test]
    fn what_is_not_of_the_console_is_not_answered() {
        for path in [
            "",
            "index.html",
            "../Cargo.toml",
            "../src/lib.rs",
            "assets/../../package.json",
            "assets/none.js",
            "/etc/x.txt",
        ] {
            assert_eq!(asset(path, ""), None, "{path}");
        }
    }
}
