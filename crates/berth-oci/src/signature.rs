//! Requests signed with an access key: `SDK-HMAC-SHA256`, as the cloud SDKs sign.
//!
//! Pure arithmetic over a request: parses the `Authorization` header, builds the canonical forms, checks a signature.
//! Refuses to know where secret keys are kept and what time it is: the caller passes both.

mod canonical;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use sha2::Sha256;
use time::PrimitiveDateTime;
use time::macros::format_description;

use canonical::PathForm;

/// The only algorithm accepted.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// How far `X-Sdk-Date` may be from the server's clock, in milliseconds: 15 minutes.
pub const SKEW_MAX_MS: u64 = 15 * 60 * 1000;
/// The header that holds the time of signing.
pub const DATE_HEADER: &str = "x-sdk-date";
/// The header that replaces the body's hash.
pub const CONTENT_HEADER: &str = "x-sdk-content-sha256";
/// Its value when the body is not covered by the signature.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const SIGNED_HEADERS_MAX: usize = 64;

/// Why a signed request is refused. All but the last two can be told to the caller without giving anything away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Another scheme or algorithm.
    #[error("requests are signed with the algorithm SDK-HMAC-SHA256; this one uses another")]
    UnknownAlgorithm,
    /// The header does not hold what it must.
    #[error(
        "the Authorization header must read SDK-HMAC-SHA256 Access=<access key>, SignedHeaders=<a;b;c>, Signature=<64 hexadecimal digits>"
    )]
    Malformed,
    /// A header that was signed did not arrive.
    #[error("the header {0} is signed but missing")]
    MissingHeader(String),
    /// The time of signing is missing or not covered.
    #[error("the header X-Sdk-Date must be among the signed headers")]
    DateNotSigned,
    /// The time of signing is no time.
    #[error("the header X-Sdk-Date must look like 20260102T030405Z")]
    BadDate,
    /// Signed too long ago, or in the future.
    #[error("the request was signed more than 15 minutes before or after the server's time: check the clock")]
    Skewed,
    /// The body is left out of the signature where it must be in.
    #[error("the body must be covered by the signature")]
    UnsignedPayload,
    /// The body is not the one that was signed.
    #[error("the body is not the one that was signed")]
    BodyMismatch,
    /// Everything else is in order, but the signature is wrong.
    #[error("the signature does not match the request and the secret key")]
    Mismatch,
}

/// The `Authorization` header of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    access_key_id: String,
    signed_headers: Vec<String>,
    signature: [u8; 32],
}

impl Authorization {
    /// Whose secret key signed the request.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The lower-case names of the headers that the signature covers, in its order.
    pub fn signed_headers(&self) -> &[String] {
        &self.signed_headers
    }

    fn covers(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|name| name == header)
    }
}

impl FromStr for Authorization {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let text = text.trim();
        let (algorithm, fields) = text.split_once(' ').unwrap_or((text, ""));
        if algorithm != ALGORITHM {
            return Err(SignatureError::UnknownAlgorithm);
        }
        let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
        let [access, headers, signature] = fields.as_slice() else {
            return Err(SignatureError::Malformed);
        };
        let value = |field: &'_ str, key: &str| field.strip_prefix(key).map(str::to_owned);
        let access_key_id = value(access, "Access=").filter(|id| is_access_key_id(id));
        let headers = value(headers, "SignedHeaders=").ok_or(SignatureError::Malformed)?;
        let signed_headers: Vec<String> = headers.split(';').map(str::to_owned).collect();
        if signed_headers.len() > SIGNED_HEADERS_MAX
            || !signed_headers.iter().all(|name| is_header_name(name))
        {
            return Err(SignatureError::Malformed);
        }
        let hex = value(signature, "Signature=").filter(|hex| !hex.bytes().any(|b| b.is_ascii_uppercase()));
        let mut signature = [0; 32];
        hex::decode_to_slice(hex.ok_or(SignatureError::Malformed)?, &mut signature)
            .map_err(|_| SignatureError::Malformed)?;
        let access_key_id = access_key_id.ok_or(SignatureError::Malformed)?;
        Ok(Self {
            access_key_id,
            signed_headers,
            signature,
        })
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (headers, signature) = (self.signed_headers.join(";"), hex::encode(self.signature));
        write!(
            f,
            "{ALGORITHM} Access={}, SignedHeaders={headers}, Signature={signature}",
            self.access_key_id
        )
    }
}

fn is_access_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

fn is_header_name(text: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token)
}

/// The parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it came, still escaped.
    pub raw_path: &'a str,
    /// The query as it came, still escaped.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// What stands for a missing `Host` header (HTTP/2 has none).
    pub authority: Option<&'a str>,
    /// The body.
    pub body: SignedBody<'a>,
}

/// What is known of the body when the signature is checked.
#[derive(Debug, Clone, Copy)]
pub enum SignedBody<'a> {
    /// All of it.
    Received(&'a [u8]),
    /// It is read later; only a request that leaves its body unsigned can be checked so.
    Unread,
}

impl SignedRequest<'_> {
    /// Checks the signature with the secret key of [`Authorization::access_key_id`]. `now` is in milliseconds since
    /// the epoch. The comparison takes the same time for every wrong signature.
    pub fn verify(
        &self,
        authorization: &Authorization,
        secret: &str,
        now: i64,
    ) -> Result<(), SignatureError> {
        let signed_at = self.signed_at(authorization)?;
        if signed_at.abs_diff(now) > SKEW_MAX_MS {
            return Err(SignatureError::Skewed);
        }
        let body_hash = self.body_hash(authorization)?;
        let matches = |form: PathForm| -> Result<bool, SignatureError> {
            let mac = self.mac(form, &authorization.signed_headers, &body_hash, secret)?;
            Ok(mac.verify_slice(&authorization.signature).is_ok())
        };
        // Some clients escape the path once more when they sign than when they send.
        if matches(PathForm::Decoded)? || (self.raw_path.contains('%') && matches(PathForm::Raw)?) {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    /// Signs the request; the headers named, among them `x-sdk-date`, must be in it already.
    pub fn sign(
        &self,
        access_key_id: &str,
        secret: &str,
        signed_headers: &[&str],
    ) -> Result<Authorization, SignatureError> {
        let mut signed_headers: Vec<String> = signed_headers.iter().map(|name| (*name).to_owned()).collect();
        signed_headers.sort_unstable();
        let mut authorization = Authorization {
            access_key_id: access_key_id.to_owned(),
            signed_headers,
            signature: [0; 32],
        };
        self.signed_at(&authorization)?;
        let body_hash = self.body_hash(&authorization)?;
        let mac = self.mac(
            PathForm::Decoded,
            &authorization.signed_headers,
            &body_hash,
            secret,
        )?;
        authorization.signature = mac.finalize().into_bytes().into();
        Ok(authorization)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(|value| value.as_bytes().trim_ascii())
    }

    fn date(&self) -> Result<&str, SignatureError> {
        let date = self.header(DATE_HEADER).ok_or(SignatureError::DateNotSigned)?;
        std::str::from_utf8(date).map_err(|_| SignatureError::BadDate)
    }

    fn signed_at(&self, authorization: &Authorization) -> Result<i64, SignatureError> {
        if !authorization.covers(DATE_HEADER) {
            return Err(SignatureError::DateNotSigned);
        }
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = PrimitiveDateTime::parse(self.date()?, &format).map_err(|_| SignatureError::BadDate)?;
        Ok(date.assume_utc().unix_timestamp().saturating_mul(1000))
    }

    /// The last line of the canonical request. The content header counts only when it is signed itself; otherwise a
    /// captured signature could be sent again with another body.
    fn body_hash(&self, authorization: &Authorization) -> Result<String, SignatureError> {
        let declared = self
            .header(CONTENT_HEADER)
            .filter(|_| authorization.covers(CONTENT_HEADER));
        let is_unsigned = declared == Some(UNSIGNED_PAYLOAD.as_bytes());
        match self.body {
            SignedBody::Unread if is_unsigned => Ok(UNSIGNED_PAYLOAD.to_owned()),
            SignedBody::Unread => Err(SignatureError::UnsignedPayload),
            SignedBody::Received(body) if is_unsigned && !body.is_empty() => {
                Err(SignatureError::UnsignedPayload)
            }
            SignedBody::Received(body) => {
                let hash = canonical::sha256_hex(body);
                match declared {
                    Some(declared) if !is_unsigned && declared != hash.as_bytes() => {
                        Err(SignatureError::BodyMismatch)
                    }
                    _ => Ok(hash),
                }
            }
        }
    }

    fn mac(
        &self,
        form: PathForm,
        signed_headers: &[String],
        body_hash: &str,
        secret: &str,
    ) -> Result<Hmac<Sha256>, SignatureError> {
        let canonical = canonical::request(self, form, signed_headers, body_hash)?;
        let text = format!(
            "{ALGORITHM}\n{}\n{}",
            self.date()?,
            canonical::sha256_hex(&canonical)
        );
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        Ok(mac)
    }
}
