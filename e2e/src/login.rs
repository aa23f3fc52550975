//! The names and passwords that clients log in with, made as a person's shell would make them: nothing
//! here is shared with the server.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

/// What is typed at a login: a user name and a password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name, in any of the forms that the registry accepts.
    pub user: String,
    /// The password, or the key that stands for it.
    pub password: String,
}

/// An access key: the id is public, the secret signs.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The access key id (AK).
    pub id: String,
    /// The secret access key (SK).
    pub secret: String,
}

impl AccessKey {
    /// The long-term login in a project: `<project>@<AK>` with the HMAC of the AK under the SK.
    pub fn long_term_login(&self, project: &str) -> Login {
        Login {
            user: format!("{project}@{}", self.id),
            password: hex::encode(hmac_sha256(self.secret.as_bytes(), &self.id)),
        }
    }

    /// The headers that sign a request (algorithm `SDK-HMAC-SHA256`) made now.
    pub fn sign(&self, host: &str, request: &Request) -> [String; 2] {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = OffsetDateTime::now_utc()
            .format(format)
            .expect("the time can be printed");
        let body = hex::encode(Sha256::digest(request.body));
        let Request {
            method, path, query, ..
        } = request;
        // The canonical path is encoded; `$`, which stands for the `/` of an image's name, is the one character here
        // that this changes.
        let path = path.replace('$', "%24");
        let canonical =
            format!("{method}\n{path}/\n{query}\nhost:{host}\nx-sdk-date:{date}\n\nhost;x-sdk-date\n{body}");
        let canonical = hex::encode(Sha256::digest(canonical));
        let text = format!("SDK-HMAC-SHA256\n{date}\n{canonical}");
        let signature = hex::encode(hmac_sha256(self.secret.as_bytes(), &text));
        let id = &self.id;
        [
            format!("X-Sdk-Date: {date}"),
            format!(
                "Authorization: SDK-HMAC-SHA256 Access={id}, SignedHeaders=host;x-sdk-date, Signature={signature}"
            ),
        ]
    }
}

/// A request to the management API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as sent, without a trailing slash.
    pub path: &'a str,
    /// The query, its parameters sorted and encoded.
    pub query: &'a str,
    /// The JSON body, or nothing.
    pub body: &'a str,
}

/// The HMAC of a message.
pub(crate) fn hmac_sha256(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_term_password_is_what_openssl_computes() {
        let key = AccessKey {
            id: "AKEXAMPLE0001".to_owned(),
            secret: "SKexampleSecret0001".to_owned(),
        };
        let login = key.long_term_login("local");
        assert_eq!(login.user, "local@AKEXAMPLE0001");
        assert_eq!(
            login.password,
            "50e8d05e959cb9a7cc1cc5ebc12406f96673b34b23750610eb19493668007d3e"
        );
    }
}
