//! What a request to another registry comes to, told so that a caller can act on it.
//!
//! What the other side wrote is shortened and escaped before it stands in a message; no address with a query, no login
//! and no token ever does.

use std::fmt::Write;
use std::io;
use std::time::Duration;

/// Characters of a stranger's text that a message repeats.
const SHOWN_MAX: usize = 300;

/// Why another registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It wants a login, or does not take the one it was given: nothing helps but another login.
    #[error("{0}")]
    Unauthorized(String),
    /// The login may not do this.
    #[error("{0}")]
    Denied(String),
    /// The repository, manifest, blob or upload is not there, or not for this login.
    #[error("{0}")]
    NotFound(String),
    /// It asks for fewer requests; the same may succeed after the time it named.
    #[error("{reason}")]
    RateLimited {
        /// A sentence.
        reason: String,
        /// How long to wait, when it said so.
        after: Option<Duration>,
    },
    /// It is not reached, breaks off, stalls, or says that it does not do its work now; the same may succeed later.
    #[error("{reason}")]
    Unavailable {
        /// A sentence.
        reason: String,
        /// How long to wait, when it said so.
        after: Option<Duration>,
    },
    /// Its certificate is not one that is trusted here.
    #[error("{0}")]
    Untrusted(String),
    /// The address, or one that it leads to, may not be reached.
    #[error("{0}")]
    Blocked(String),
    /// It understood and does not do it: the same request fails again.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of its error, such as `MANIFEST_INVALID`.
        code: Option<String>,
        /// A sentence that holds its own message.
        message: String,
    },
    /// What `If-Match` or `If-None-Match` asked for does not hold: somebody else was faster.
    #[error("{0}")]
    Changed(String),
    /// Content is not what its digest or size promises.
    #[error("{0}")]
    Mismatch(String),
    /// It does not speak the protocol, or answers beyond all bounds.
    #[error("{0}")]
    Malformed(String),
    /// The caller asked for something that no registry can have.
    #[error("{0}")]
    Invalid(String),
    /// The bytes to send could not be read here.
    #[error("the bytes to send could not be read")]
    Source(#[source] io::Error),
}

impl Error {
    /// True when the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// How long the other side asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::Unavailable { after, .. } => *after,
            _ => None,
        }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            after: None,
        }
    }

    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}

/// A stranger's text as part of a sentence: one line, nothing that steers a terminal, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN_MAX {
            out.push('…');
            break;
        }
        if character.is_control() || is_invisible(character) {
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Characters that change the direction of text or show as nothing.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_one_harmless_line() {
        for (text, expected) in [
            ("no such tag", "no such tag"),
            ("a\nb\u{1b}[31m", "a\\u{a}b\\u{1b}[31m"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
            ("größe", "größe"),
        ] {
            assert_eq!(shown(text), expected);
        }
        let long = shown(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), SHOWN_MAX + 1);
    }
}
