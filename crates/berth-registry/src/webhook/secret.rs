//! Secrets of webhooks and what is signed with them, as the Standard Webhooks specification has it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;

const PREFIX: &str = "whsec_";
/// What the specification asks for, in bytes.
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;
/// Bytes of a secret that is made here.
const BYTES: usize = 32;

/// What a webhook signs with.
pub(super) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A secret that nobody else knows.
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(rand::random::<[u8; BYTES]>().to_vec()))
    }

    /// A secret in the form that people exchange; `Invalid` with the rule when it breaks it.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let bytes = text.strip_prefix(PREFIX).and_then(|encoded| {
            let encoded = encoded.trim_end_matches('=');
            STANDARD_NO_PAD.decode(encoded).ok()
        });
        match bytes {
            Some(bytes) if (BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) => Ok(Self(Zeroizing::new(bytes))),
            _ => Err(Error::Invalid(format!(
                "webhook_secret is {PREFIX} and then {BYTES_MIN} to {BYTES_MAX} random bytes in Base64; without one, a \
                 secret is made and shown once"
            ))),
        }
    }

    /// A secret as it was before it was sealed.
    pub(super) fn of_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form that people exchange.
    pub(super) fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&*self.0))
    }

    /// One entry of the header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_signature_is_the_one_of_the_specifications_libraries() {
        // The vector that the libraries of the specification are tested with.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            secret.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_has_the_form_and_length_of_the_specification() {
        let made = Secret::new();
        assert_eq!(Secret::parse(&made.text()).unwrap().bytes(), made.bytes());
        assert_ne!(Secret::new().bytes(), made.bytes());
        let of = |bytes: usize| format!("whsec_{}", "A".repeat(bytes.div_ceil(3) * 4));
        for (text, good) in [
            (of(24).as_str(), true),
            (&of(63), true),
            (&of(21), false),
            (&of(66), false),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA==", true),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA", true),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false),
            ("whsec_not base64 at all, but quite long", false),
            ("whsec_", false),
            ("", false),
        ] {
            assert_eq!(Secret::parse(text).is_ok(), good, "{text}");
        }
    }
}
