//! Addresses that a registry names and that may not be reached: they are not, whatever names them.

use berth_oci::{Algorithm, Digest};
use bytes::Bytes;

use super::server::{Reply, Server, limits, reply};
use crate::{BlobPush, ByteStream, Error, Guard, Login, Remote, Repository, configure};

const BLOB: &[u8] = b"layer";
const SENTENCE: &str = "the operator does not allow it";

/// What a test asks of a registry.
#[derive(Clone, Copy)]
enum Deed {
    Tags,
    Read,
    Push,
    Ping,
}

async fn done(repository: &Repository, deed: Deed) -> Result<(), Error> {
    let digest = Digest::of(Algorithm::Sha256, BLOB);
    match deed {
        Deed::Ping => repository.remote().ping().await.map(drop),
        Deed::Tags => repository.tags().await.map(drop),
        Deed::Read => repository.blob(&digest, 0).await.map(drop),
        Deed::Push => {
            let source = |_| -> futures_util::future::BoxFuture<'static, std::io::Result<ByteStream>> {
                let bytes = futures_util::stream::iter([Ok(Bytes::from_static(BLOB))]);
                Box::pin(async { Ok(Box::pin(bytes) as ByteStream) })
            };
            let push = BlobPush {
                digest: &digest,
                size: BLOB.len() as u64,
                source: &source,
                session: None,
                notice: &|_| {},
            };
            repository.push_blob(&push).await.map(drop)
        }
    }
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_whatever_names_it() {
    let named = |status: u16, header: &'static str, value: &'static str| {
        move |inside: &str| reply(status).header(header, &value.replace("{inside}", inside))
    };
    let realm = named(401, "www-authenticate", "Bearer realm=\"{inside}/token\"");
    let redirect = named(307, "location", "{inside}/key");
    let upload = named(202, "location", "{inside}/upload");
    let next = |inside: &str| {
        let body = br#"{"name":"a/b","tags":["v1"]}"#;
        let link = format!("<{inside}/v2/a/b/tags/list?last=v1>; rel=\"next\"");
        reply(200).header("link", &link).body(body)
    };
    blocked("realm", Deed::Ping, &realm).await;
    blocked("redirect", Deed::Read, &redirect).await;
    blocked("upload", Deed::Push, &upload).await;
    // The next page is elsewhere, where the login does not go whatever the guard says.
    let error = check("next page", Deed::Tags, &next).await;
    assert!(matches!(error, Error::Malformed(_)), "{error:?}");
}

async fn blocked(what: &str, deed: Deed, answer: &dyn Fn(&str) -> Reply) {
    let error = check(what, deed, answer).await;
    let is_blocked = matches!(&error, Error::Blocked(said) if said == SENTENCE);
    assert!(is_blocked, "{what}: {error:?}");
}

/// What becomes of a deed when a registry names an address that may not be reached; it is not.
async fn check(what: &str, deed: Deed, answer: &dyn Fn(&str) -> Reply) -> Error {
    let inside = Server::answering(|_| reply(200)).await;
    let answer = answer(&inside.base());
    let outside = Server::answering(move |_| answer.clone()).await;
    let forbidden = inside.base();
    let guard = Guard::new(
        move |url| {
            if url.as_str().starts_with(&forbidden) {
                return Err(SENTENCE.to_owned());
            }
            Ok(())
        },
        |_| None,
    );
    let client = configure(reqwest::Client::builder()).build().unwrap();
    let login = Some(Login::password("mary", "secret-word"));
    let remote = Remote::new(&outside.base(), login, client, guard, limits()).unwrap();
    let error = done(&remote.repository("a/b").unwrap(), deed).await.unwrap_err();
    assert!(!outside.asked().is_empty(), "{what}");
    assert_eq!(inside.lines(), [""; 0], "{what}");
    error
}
