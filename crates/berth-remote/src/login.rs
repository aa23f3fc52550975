//! What Berth is known by at another registry, and how it is kept out of every text.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// What a registry, or its token service, knows a user by. Shown as nothing by `Debug`.
#[derive(Clone)]
pub enum Login {
    /// A name and a password or an access token.
    Password {
        /// The name; never with a `:`.
        username: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A refresh token of the registry's token service, which docker calls an identity token.
    RefreshToken(Zeroizing<String>),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

impl Login {
    /// A name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password {
            username: username.into(),
            password: Zeroizing::new(password.into()),
        }
    }

    /// A refresh token.
    pub fn refresh_token(token: impl Into<String>) -> Self {
        Self::RefreshToken(Zeroizing::new(token.into()))
    }

    /// The header of RFC 7617. A refresh token is none that a registry takes itself; `<token>` is the name that docker
    /// keeps it under, and what some registries understand.
    pub(crate) fn basic(&self) -> HeaderValue {
        let pair = Zeroizing::new(match self {
            Self::Password { username, password } => format!("{username}:{}", password.as_str()),
            Self::RefreshToken(token) => format!("<token>:{}", token.as_str()),
        });
        let encoded = STANDARD.encode(pair.as_bytes());
        let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).expect("base64 is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// The secret part.
    pub(crate) fn secret(&self) -> &str {
        match self {
            Self::Password { password, .. } => password,
            Self::RefreshToken(token) => token,
        }
    }
}
