//! Digests and the hasher that makes them (image-spec, "Digests").
//!
//! A [`Digest`] is valid by construction. SHA-256 and SHA-512 are equals here; which one is used is the client's choice.
//! Refuses to know where the hashed bytes come from.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha512};

/// A digest algorithm that the registry stores content under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, the one every client knows.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The registered name: `sha256` or `sha512`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the encoded part of a digest, in characters.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ if is_algorithm(text) => Err(DigestError::UnknownAlgorithm(crate::excerpt::shown(text))),
            _ => Err(DigestError::Malformed),
        }
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not of the form `algorithm:encoded`, or the encoded part does not fit its algorithm.
    #[error(
        "a digest is written sha256:<64 lower-case hexadecimal digits> or sha512:<128 lower-case hexadecimal digits>"
    )]
    Malformed,
    /// Well formed, but of an algorithm that the registry does not compute.
    #[error("the digest algorithm {0:?} is not supported: use sha256 or sha512")]
    UnknownAlgorithm(String),
}

/// The content address of some bytes, such as `sha256:e3b0...`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    text: String,
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The algorithm that made it.
    pub fn algorithm(&self) -> Algorithm {
        if self.text.starts_with("sha256:") {
            Algorithm::Sha256
        } else {
            Algorithm::Sha512
        }
    }

    /// The encoded part: lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.text[self.algorithm().as_str().len() + 1..]
    }

    /// The whole digest, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn encode(algorithm: Algorithm, hash: &[u8]) -> Self {
        Self {
            text: format!("{algorithm}:{}", hex::encode(hash)),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for Digest {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::Malformed)?;
        if encoded.is_empty()
            || !encoded
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'))
        {
            return Err(DigestError::Malformed);
        }
        let algorithm: Algorithm = algorithm.parse()?;
        let is_hex = encoded.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if encoded.len() != algorithm.hex_len() || !is_hex {
            return Err(DigestError::Malformed);
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// `algorithm ::= component (separator component)*` of the image specification, bounded to 64 characters.
fn is_algorithm(text: &str) -> bool {
    text.len() <= 64
        && text.split(['+', '.', '_', '-']).all(|component| {
            !component.is_empty()
                && component
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// A saved hasher state that cannot be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the saved hash state does not belong to this algorithm or is damaged")]
pub struct HasherStateError;

/// A running hash that can be put aside and continued later, also by another process.
#[derive(Debug, Clone)]
pub struct Hasher {
    running: Running,
}

#[derive(Debug, Clone)]
enum Running {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher that has seen no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        let running = match algorithm {
            Algorithm::Sha256 => Running::Sha256(Sha256::new()),
            Algorithm::Sha512 => Running::Sha512(Sha512::new()),
        };
        Self { running }
    }

    /// Continues from a [`Hasher::state`]; refuses a state of another algorithm or a damaged one.
    pub fn resume(algorithm: Algorithm, state: &[u8]) -> Result<Self, HasherStateError> {
        let running = match algorithm {
            Algorithm::Sha256 => Running::Sha256(deserialize(state, 32..40)?),
            Algorithm::Sha512 => Running::Sha512(deserialize(state, 64..80)?),
        };
        Ok(Self { running })
    }

    /// The algorithm it computes.
    pub fn algorithm(&self) -> Algorithm {
        match self.running {
            Running::Sha256(_) => Algorithm::Sha256,
            Running::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Sha256(hash) => hash.update(bytes),
            Running::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of everything so far; hashing may go on afterwards.
    pub fn finish(&self) -> Digest {
        match &self.running {
            Running::Sha256(hash) => Digest::encode(Algorithm::Sha256, &hash.clone().finalize()),
            Running::Sha512(hash) => Digest::encode(Algorithm::Sha512, &hash.clone().finalize()),
        }
    }

    /// The state to save, for [`Hasher::resume`]. It reveals the last unfinished block of the content.
    pub fn state(&self) -> Vec<u8> {
        match &self.running {
            Running::Sha256(hash) => hash.serialize().to_vec(),
            Running::Sha512(hash) => hash.serialize().to_vec(),
        }
    }
}

/// `counter` is where the state holds the number of blocks hashed, little-endian. A number beyond 2^48 (2^54 bytes)
/// belongs to no content, and would overflow in the middle of a later update.
fn deserialize<H: SerializableState>(state: &[u8], counter: Range<usize>) -> Result<H, HasherStateError> {
    let count = state.get(counter).ok_or(HasherStateError)?;
    if count[6..].iter().any(|byte| *byte != 0) {
        return Err(HasherStateError);
    }
    let state = state.try_into().map_err(|_| HasherStateError)?;
    H::deserialize(state).map_err(|_| HasherStateError)
}
