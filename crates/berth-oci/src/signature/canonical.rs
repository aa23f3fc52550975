//! The canonical form of a request: the bytes that a signature is made over.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};

use super::{SignatureError, SignedRequest};

/// Everything but RFC 3986 "unreserved" is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Which text of the path was signed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PathForm {
    /// The decoded path, as the signing rules say.
    Decoded,
    /// The path as sent, so that `%` is escaped again.
    Raw,
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The six parts, joined by line feeds. Bytes, because header values may be any.
pub(super) fn request(
    request: &SignedRequest<'_>,
    form: PathForm,
    signed_headers: &[String],
    body_hash: &str,
) -> Result<Vec<u8>, SignatureError> {
    let mut canonical = Vec::with_capacity(512);
    let mut line = |text: &str| {
        canonical.extend_from_slice(text.as_bytes());
        canonical.push(b'\n');
    };
    line(request.method.as_str());
    line(&uri(request.raw_path, form));
    line(&query(request.query.unwrap_or_default()));
    for name in signed_headers {
        header(request, name, &mut canonical)?;
    }
    canonical.push(b'\n');
    canonical.extend_from_slice(signed_headers.join(";").as_bytes());
    canonical.push(b'\n');
    canonical.extend_from_slice(body_hash.as_bytes());
    Ok(canonical)
}

fn header(request: &SignedRequest<'_>, name: &str, canonical: &mut Vec<u8>) -> Result<(), SignatureError> {
    let mut write = |value: &[u8]| {
        canonical.extend_from_slice(name.as_bytes());
        canonical.push(b':');
        canonical.extend_from_slice(value.trim_ascii());
        canonical.push(b'\n');
    };
    let mut values = request.headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        let authority = request.authority.filter(|_| name == "host");
        write(
            authority
                .ok_or_else(|| SignatureError::MissingHeader(name.to_owned()))?
                .as_bytes(),
        );
    }
    for value in values {
        write(value.as_bytes());
    }
    Ok(())
}

pub(super) fn uri(raw_path: &str, form: PathForm) -> String {
    let path: Vec<u8> = match form {
        PathForm::Decoded => percent_decode_str(raw_path).collect(),
        PathForm::Raw => raw_path.as_bytes().to_vec(),
    };
    let segments: Vec<String> = path.split(|b| *b == b'/').map(escape).collect();
    let mut uri = segments.join("/");
    if !uri.ends_with('/') {
        uri.push('/');
    }
    uri
}

pub(super) fn query(raw: &str) -> String {
    if raw.is_empty() {
        return String::new();
    }
    let form_decode = |text: &str| -> Vec<u8> { percent_decode_str(&text.replace('+', " ")).collect() };
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = raw
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (form_decode(name), form_decode(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

fn escape(bytes: &[u8]) -> String {
    percent_encode(bytes, ESCAPED).to_string()
}
