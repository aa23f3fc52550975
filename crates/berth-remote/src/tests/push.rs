//! Pushing blobs into a registry that keeps what it is sent, and has one habit or fault at a time.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use berth_oci::{Algorithm, Descriptor, Digest, Reference, media_type};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use super::server::{Asked, Reply, Server, limits, reply};
use crate::{BlobPush, ByteStream, Error, Limits, Login, Mount, Repository, UploadSession, fallback_tag};

/// What the registry does beside what it should.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    None,
    /// It wants chunks of so many bytes.
    ChunkMin(u64),
    /// It takes no chunks, and says so with this status.
    NoChunks(u16),
    /// It forgets every session when a connection breaks.
    Forgets,
    /// It keeps nothing of a request that broke off.
    Drops,
    /// It says nothing of the offset, or that it has so much less or more than it should.
    Silent,
    TakesLess(u64),
    TakesMore,
    /// It takes ten bytes of each request.
    TakesFew,
    /// It never finds the digest that it should.
    Misreads,
    /// Addresses with a host and a query.
    Absolute,
    /// The offset is out of step once, or in the first session always.
    OutOfStep,
    NeverInStep,
}

/// Breaks, each at the n-th request with a body: so many bytes get through. None: all do, and the answer does not.
type Breaks = Vec<(usize, Option<usize>)>;

#[derive(Default)]
struct Kept {
    uploads: HashMap<String, Vec<u8>>,
    blobs: HashMap<String, Vec<u8>>,
    bodies: usize,
    begun: usize,
    was_out_of_step: bool,
}

struct Registry {
    server: Server,
    kept: Arc<Mutex<Kept>>,
}

impl Registry {
    async fn start(habit: Habit, breaks: Breaks) -> Self {
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let (early, late) = (Arc::clone(&kept), Arc::clone(&kept));
        let server = Server::keeping(
            move |asked| {
                let length: usize = asked.header("content-length").parse().unwrap_or(0);
                let mut kept = early.lock().unwrap();
                kept.bodies += usize::from(length > 0);
                let at = breaks.iter().find(|(at, _)| *at == kept.bodies && length > 0);
                at.map(|(_, after)| {
                    if habit == Habit::Forgets {
                        kept.uploads.clear();
                    }
                    Reply::broken(after.unwrap_or(length))
                })
            },
            move |asked| late.lock().unwrap().answer(asked, habit),
        )
        .await;
        Self { server, kept }
    }

    fn repository(&self) -> Repository {
        self.server.remote(None).repository("a/b").unwrap()
    }

    /// `PATCH 0-999`, in order.
    fn steps(&self) -> Vec<String> {
        let step = |asked: &Asked| match asked.header("content-range") {
            "" if asked.body.is_empty() => asked.method.clone(),
            "" => format!("{} +{}", asked.method, asked.body.len()),
            range => format!("{} {range}", asked.method),
        };
        self.server.asked().iter().map(step).collect()
    }
}

impl Kept {
    fn answer(&mut self, asked: &Asked, habit: Habit) -> Reply {
        let path = asked.target.split('?').next().unwrap();
        let id = path.rsplit('/').next().unwrap().to_owned();
        match asked.method.as_str() {
            "POST" => {
                self.begun += 1;
                let id = format!("u{}", self.begun);
                self.uploads.insert(id.clone(), Vec::new());
                let begun = self.standing(202, &id, habit);
                match habit {
                    Habit::ChunkMin(bytes) => begun.header("oci-chunk-min-length", &bytes.to_string()),
                    _ => begun,
                }
            }
            "HEAD" if self.blobs.contains_key(&id) => reply(200),
            "HEAD" => reply(404),
            "GET" if self.uploads.contains_key(&id) => self.standing(204, &id, habit),
            "PATCH" | "PUT" if self.uploads.contains_key(&id) => self.take(asked, &id, habit),
            _ => reply(404).body(r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#),
        }
    }

    fn take(&mut self, asked: &Asked, id: &str, habit: Habit) -> Reply {
        let length: usize = asked.header("content-length").parse().unwrap();
        let is_broken = asked.body.len() < length;
        let has = self.uploads[id].len();
        if let ("PATCH", Habit::NoChunks(status)) = (asked.method.as_str(), habit) {
            return reply(status);
        }
        if habit == Habit::OutOfStep && !self.was_out_of_step && has > 0 {
            self.was_out_of_step = true;
            return reply(416);
        }
        if habit == Habit::NeverInStep && id == "u1" && has > 0 {
            return reply(416);
        }
        let start: Option<usize> = asked
            .header("content-range")
            .split_once('-')
            .map(|(start, _)| start.parse().unwrap());
        if start.is_some_and(|start| start != has) {
            return reply(416);
        }
        let upload = self.uploads.get_mut(id).unwrap();
        match habit {
            Habit::TakesFew => upload.extend(&asked.body[..asked.body.len().min(10)]),
            Habit::Drops if is_broken => {}
            Habit::TakesLess(bytes) if start == Some(0) => {
                upload.extend(&asked.body[..asked.body.len() - usize::try_from(bytes).unwrap()]);
            }
            _ => upload.extend(&asked.body),
        }
        if asked.method == "PATCH" {
            return self.standing(202, id, habit);
        }
        let digest = Digest::of(Algorithm::Sha256, upload).to_string();
        if !asked.target.ends_with(&digest.replace(':', "%3A")) || habit == Habit::Misreads {
            return reply(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"it is not"}]}"#);
        }
        let bytes = self.uploads.remove(id).unwrap();
        self.blobs.insert(digest, bytes);
        reply(201)
    }

    fn standing(&self, status: u16, id: &str, habit: Habit) -> Reply {
        let has = self.uploads[id].len();
        let at = match habit {
            Habit::Absolute => format!("{{base}}/v2/a/b/blobs/uploads/{id}?_state=a%2Fb%3D"),
            _ => format!("/v2/a/b/blobs/uploads/{id}"),
        };
        let answer = reply(status).header("location", &at);
        match habit {
            Habit::Silent if status == 202 => answer,
            Habit::TakesMore => answer.header("range", "0-99999"),
            _ => answer.header("range", &format!("0-{}", has.saturating_sub(1))),
        }
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// Bytes in pieces of 64.
fn pieces(bytes: Vec<u8>) -> ByteStream {
    let bytes = Bytes::from(bytes);
    let starts = (0..bytes.len()).step_by(64);
    let pieces: Vec<io::Result<Bytes>> = starts
        .map(|start| Ok(bytes.slice(start..bytes.len().min(start + 64))))
        .collect();
    stream::iter(pieces).boxed()
}

/// Pushes, and tells the bytes that left and the sessions that were told of.
async fn push(
    repository: &Repository,
    bytes: &[u8],
    session: Option<UploadSession>,
) -> Result<(u64, Vec<UploadSession>), Error> {
    let told = Mutex::new(Vec::new());
    let source = |offset: u64| {
        let rest = bytes[usize::try_from(offset).unwrap()..].to_vec();
        async { Ok(pieces(rest)) }.boxed()
    };
    let push = BlobPush {
        digest: &digest(bytes),
        size: bytes.len() as u64,
        source: &source,
        session,
        notice: &|session| told.lock().unwrap().push(session.clone()),
    };
    let pushed = repository.push_blob(&push).await?;
    Ok((pushed.bytes_sent, told.into_inner().unwrap()))
}

async fn check(habit: Habit, size: usize, breaks: Breaks, steps: &[&str], bytes_sent: u64) {
    let what = format!("{habit:?} {breaks:?}");
    let registry = Registry::start(habit, breaks).await;
    let bytes = content(size);
    let pushed = push(&registry.repository(), &bytes, None).await;
    let (sent, _) = pushed.unwrap_or_else(|error| panic!("{what}: {error:?} {:?}", registry.steps()));
    assert_eq!(registry.steps(), steps, "{what}");
    assert_eq!(sent, bytes_sent, "{what}");
    let kept = registry.kept.lock().unwrap();
    assert!(kept.blobs[digest(&bytes).as_str()] == bytes, "{what}");
}

#[tokio::test]
async fn a_blob_travels_as_the_registry_wants_it() {
    check(Habit::None, 0, vec![], &["POST", "PUT"], 0).await;
    check(Habit::None, 1, vec![], &["POST", "PUT +1"], 1).await;
    check(Habit::None, 1000, vec![], &["POST", "PUT +1000"], 1000).await;
    let chunks = ["POST", "PATCH 0-999", "PATCH 1000-1999", "PATCH 2000-2499", "PUT"];
    for habit in [Habit::None, Habit::Silent, Habit::Absolute] {
        check(habit, 2500, vec![], &chunks, 2500).await;
    }
    let chunks = ["POST", "PATCH 0-1999", "PATCH 2000-2499", "PUT"];
    check(Habit::ChunkMin(2000), 2500, vec![], &chunks, 2500).await;
    let chunks = ["POST", "PATCH 0-2499", "PUT"];
    check(Habit::ChunkMin(u64::MAX), 2500, vec![], &chunks, 2500).await;
    let chunks = ["POST", "PATCH 0-999", "PATCH 700-1699", "PATCH 1700-2499", "PUT"];
    check(Habit::TakesLess(300), 2500, vec![], &chunks, 2800).await;
    for status in [400, 404, 405, 501] {
        let whole = ["POST", "PATCH 0-999", "HEAD", "POST", "PUT +2500"];
        check(Habit::NoChunks(status), 2500, vec![], &whole, 3500).await;
    }
    check(
        Habit::TakesMore,
        2500,
        vec![],
        &["POST", "PATCH 0-999", "HEAD", "POST", "PUT +2500"],
        3500,
    )
    .await;
    let asked = [
        "POST",
        "PATCH 0-999",
        "PATCH 1000-1999",
        "GET",
        "PATCH 1000-1999",
        "PATCH 2000-2499",
        "PUT",
    ];
    check(Habit::OutOfStep, 2500, vec![], &asked, 3500).await;
    let asked = [
        "POST",
        "PATCH 0-999",
        "PATCH 1000-1499",
        "GET",
        "PATCH 1000-1499",
        "GET",
        "PATCH 1000-1499",
        "HEAD",
        "POST",
        "PATCH 0-999",
        "PATCH 1000-1499",
        "PUT",
    ];
    check(Habit::NeverInStep, 1500, vec![], &asked, 4000).await;
}

#[tokio::test]
async fn a_push_goes_on_where_it_broke_off() {
    check(
        Habit::None,
        2500,
        vec![(2, Some(300)), (3, Some(100))],
        &[
            "POST",
            "PATCH 0-999",
            "PATCH 1000-1999",
            "GET",
            "PATCH 1300-2299",
            "GET",
            "PATCH 1400-2399",
            "PATCH 2400-2499",
            "PUT",
        ],
        4100,
    )
    .await;
    check(
        Habit::Drops,
        2500,
        vec![(2, Some(300))],
        &[
            "POST",
            "PATCH 0-999",
            "PATCH 1000-1999",
            "GET",
            "PATCH 1000-1999",
            "PATCH 2000-2499",
            "PUT",
        ],
        3500,
    )
    .await;
    check(
        Habit::Forgets,
        1500,
        vec![(2, Some(300))],
        &[
            "POST",
            "PATCH 0-999",
            "PATCH 1000-1499",
            "GET",
            "HEAD",
            "POST",
            "PATCH 0-999",
            "PATCH 1000-1499",
            "PUT",
        ],
        3000,
    )
    .await;
    // A small blob that broke off goes on as a large one does.
    let steps = ["POST", "PUT +300", "GET", "PATCH 300-899", "PUT"];
    check(Habit::None, 900, vec![(1, Some(300))], &steps, 1500).await;
    // The answer to the last request is lost: the blob is there.
    check(
        Habit::None,
        900,
        vec![(1, None)],
        &["POST", "PUT +900", "GET", "HEAD"],
        900,
    )
    .await;
}

#[tokio::test]
async fn another_process_goes_on() {
    let registry = Registry::start(
        Habit::None,
        vec![(2, Some(300)), (3, Some(0)), (4, Some(0)), (5, Some(0))],
    )
    .await;
    let bytes = content(2500);
    let limits = Limits {
        attempts: 1,
        ..limits()
    };
    let repository = registry.server.limited(None, limits).repository("a/b").unwrap();
    let kept = Mutex::new(None);
    let source = |offset: u64| {
        let rest = bytes[usize::try_from(offset).unwrap()..].to_vec();
        async { Ok(pieces(rest)) }.boxed()
    };
    let first = BlobPush {
        digest: &digest(&bytes),
        size: 2500,
        source: &source,
        session: None,
        notice: &|session| *kept.lock().unwrap() = Some(serde_json::to_string(session).unwrap()),
    };
    let error = repository.push_blob(&first).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let kept = kept.into_inner().unwrap().unwrap();
    let session: UploadSession = serde_json::from_str(&kept).unwrap();
    assert_eq!(session.offset(), 1000);

    let registry_bodies = &registry.kept;
    registry_bodies.lock().unwrap().bodies = 100;
    let before = registry.steps().len();
    let (sent, told) = push(&registry.repository(), &bytes, Some(session)).await.unwrap();
    assert_eq!(
        registry.steps()[before..],
        ["GET", "PATCH 1300-2299", "PATCH 2300-2499", "PUT"]
    );
    assert_eq!((sent, told.last().unwrap().offset()), (1200, 2500));
}

#[tokio::test]
async fn a_session_that_is_of_no_use_does_no_harm() {
    let bytes = content(900);
    let session = |json: serde_json::Value| serde_json::from_value::<UploadSession>(json).unwrap();
    let kept = |digest: &Digest, location: &str, offset: u64| {
        session(serde_json::json!({
            "digest": digest, "location": location, "offset": offset, "chunk_bytes_min": 0
        }))
    };
    let own = digest(&bytes);
    for (what, session, steps) in [
        (
            "another blob",
            kept(&digest(b"x"), "/v2/a/b/blobs/uploads/u1", 5),
            &["POST", "PUT +900"][..],
        ),
        (
            "beyond the end",
            kept(&own, "/v2/a/b/blobs/uploads/u1", 901),
            &["POST", "PUT +900"],
        ),
        (
            "a file",
            kept(&own, "file:///etc/passwd", 5),
            &["POST", "PUT +900"],
        ),
        (
            "gone",
            kept(&own, "/v2/a/b/blobs/uploads/u9", 5),
            &["GET", "POST", "PUT +900"],
        ),
        (
            "gone at once",
            kept(&own, "/v2/a/b/blobs/uploads/u9", 0),
            &["GET", "POST", "PUT +900"],
        ),
    ] {
        let registry = Registry::start(Habit::None, vec![]).await;
        push(&registry.repository(), &bytes, Some(session)).await.unwrap();
        assert_eq!(registry.steps(), steps, "{what}");
    }
}

#[tokio::test]
async fn a_session_that_may_not_be_asked_about_is_begun_anew() {
    let bytes = content(900);
    let elsewhere = Server::scripted(Vec::new()).await;
    for location in [
        format!("{}/bucket/key", elsewhere.base()),
        "/v2/a/b/blobs/uploads/others".to_owned(),
    ] {
        let session = serde_json::from_value(serde_json::json!({
            "digest": digest(&bytes), "location": location, "offset": 5, "chunk_bytes_min": 0
        }));
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let server = Server::keeping(
            |asked| asked.target.ends_with("others").then(|| reply(403)),
            move |asked| kept.lock().unwrap().answer(asked, Habit::None),
        )
        .await;
        let repository = server.remote(None).repository("a/b").unwrap();
        push(&repository, &bytes, Some(session.unwrap())).await.unwrap();
        assert_eq!(server.asked().last().unwrap().method, "PUT", "{location}");
    }
}

#[tokio::test]
async fn a_registry_that_never_has_it_is_given_up() {
    for (habit, expected) in [
        (Habit::Misreads, "are not sha256:"),
        (Habit::TakesFew, "loses what it is sent"),
    ] {
        let registry = Registry::start(habit, vec![]).await;
        let bytes = content(2500);
        let error = push(&registry.repository(), &bytes, None).await.unwrap_err();
        let asked = registry.steps().len();
        assert!(error.to_string().contains(expected), "{habit:?}: {error}");
        assert!(asked < 20, "{habit:?}: {asked} requests");
    }
}

#[tokio::test]
async fn a_source_that_fails_is_not_the_registrys_fault() {
    let bytes = content(2500);
    let digest = digest(&bytes);
    let broken = |_: u64| {
        let pieces = [
            Ok(Bytes::from_static(b"abc")),
            Err(io::Error::other("the disk is gone")),
        ];
        async { Ok(stream::iter(pieces).boxed() as ByteStream) }.boxed()
    };
    let short = |_: u64| async { Ok(pieces(vec![0; 10])) }.boxed();
    let closed = |_: u64| async { Err(io::Error::other("no such file")) }.boxed();
    for (what, source) in [
        ("broken", &broken as crate::Source<'_>),
        ("short", &short),
        ("closed", &closed),
    ] {
        let registry = Registry::start(Habit::None, vec![]).await;
        let push = BlobPush {
            digest: &digest,
            size: 2500,
            source,
            session: None,
            notice: &|_| (),
        };
        let error = registry.repository().push_blob(&push).await.unwrap_err();
        assert!(matches!(error, Error::Source(_)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_store_elsewhere_gets_the_bytes_without_the_login() {
    let store = Server::keeping(|_| None, |_| reply(201)).await;
    let location = format!("{}/bucket/key?signature=1", store.base());
    let server = Server::answering(move |asked| match asked.header("authorization") {
        "" => reply(401).header("www-authenticate", "Basic realm=x"),
        _ => reply(202).header("location", &location),
    })
    .await;
    let repository = server
        .remote(Some(Login::password("mary", "secret-word")))
        .repository("a/b")
        .unwrap();
    push(&repository, &content(900), None).await.unwrap();
    let asked = store.asked();
    assert_eq!(
        (asked.len(), asked[0].method.as_str(), asked[0].body.len()),
        (1, "PUT", 900)
    );
    assert!(
        asked[0]
            .target
            .starts_with("/bucket/key?signature=1&digest=sha256%3A")
    );
    assert_eq!(asked[0].header("authorization"), "");
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_is_renewed() {
    let kept: Arc<Mutex<Kept>> = Arc::default();
    let grants = Mutex::new(0);
    let uses = Mutex::new(0);
    let server = Server::keeping(
        move |asked| {
            if asked.target.starts_with("/token") {
                let mut grants = grants.lock().unwrap();
                *grants += 1;
                return Some(reply(200).body(format!(r#"{{"token":"t{grants}"}}"#)));
            }
            let mut uses = uses.lock().unwrap();
            *uses += 1;
            let valid = if *uses <= 3 { "Bearer t1" } else { "Bearer t2" };
            let challenge = r#"Bearer realm="{base}/token""#;
            (asked.header("authorization") != valid).then(|| reply(401).header("www-authenticate", challenge))
        },
        move |asked| match asked.target.starts_with("/token") {
            true => reply(200),
            false if asked.header("authorization").is_empty() => reply(401),
            false => kept.lock().unwrap().answer(asked, Habit::None),
        },
    )
    .await;
    let repository = server.remote(None).repository("a/b").unwrap();
    push(&repository, &content(2500), None).await.unwrap();
    let tokens = server
        .lines()
        .iter()
        .filter(|line| line.contains("/token"))
        .count();
    assert_eq!(tokens, 2);
}

#[tokio::test]
async fn a_mount_comes_to_something_or_to_an_upload() {
    let wanted = digest(b"x");
    let begun = || reply(202).header("location", "/v2/a/b/blobs/uploads/u1");
    for (what, replies, is_mounted, lines) in [
        ("mounted", vec![reply(201)], true, 1),
        ("not mounted", vec![begun()], false, 1),
        ("not allowed there", vec![reply(403), begun()], false, 2),
        ("not known there", vec![reply(404), begun()], false, 2),
        ("not known at all", vec![reply(400), begun()], false, 2),
    ] {
        let server = Server::scripted(replies).await;
        let repository = server.remote(None).repository("a/b").unwrap();
        let mount = repository.mount(&wanted, "c/d").await.unwrap();
        assert_eq!(mount == Mount::Mounted, is_mounted, "{what}");
        assert_eq!(server.lines().len(), lines, "{what}");
        let first = server.lines()[0].clone();
        let query = wanted.as_str().replace(':', "%3A");
        assert_eq!(
            first,
            format!("POST /v2/a/b/blobs/uploads/?mount={query}&from=c%2Fd"),
            "{what}"
        );
    }
    for (what, replies, expected) in [
        (
            "another blob",
            vec![reply(201).header("docker-content-digest", digest(b"y").as_str())],
            "another blob",
        ),
        ("nowhere", vec![reply(202)], "where to send"),
        (
            "a file",
            vec![reply(202).header("location", "file:///x")],
            "address that is none",
        ),
        ("denied here too", vec![reply(403), reply(403)], "403"),
    ] {
        let server = Server::scripted(replies).await;
        let repository = server.remote(None).repository("a/b").unwrap();
        let error = repository.mount(&wanted, "c/d").await.unwrap_err();
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
}

/// A registry without a list of referrers, which keeps one manifest under a tag.
async fn with_tag(honours_conditions: bool, loses_first: bool) -> (Server, Arc<Mutex<Option<Vec<u8>>>>) {
    let kept: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let index = Arc::clone(&kept);
    let losses = Mutex::new(usize::from(loses_first));
    let server = Server::keeping(
        |_| None,
        move |asked| {
            let mut index = index.lock().unwrap();
            let tag = index.as_ref().map(|bytes| format!("\"{}\"", digest(bytes)));
            match (asked.method.as_str(), &*index) {
                ("GET", None) => reply(404),
                ("GET", Some(bytes)) => {
                    let answer = reply(200)
                        .header("content-type", media_type::OCI_INDEX)
                        .body(bytes);
                    answer.header("etag", &tag.unwrap())
                }
                _ => {
                    let wanted = match (asked.header("if-match"), asked.header("if-none-match")) {
                        ("", "*") => tag.is_none(),
                        (wanted, "") => tag.as_deref() == Some(wanted),
                        other => panic!("{other:?}"),
                    };
                    let mut losses = losses.lock().unwrap();
                    if honours_conditions && !wanted {
                        return reply(412);
                    }
                    if *losses > 0 {
                        // Somebody who does not look writes over it.
                        *losses -= 1;
                        return reply(201);
                    }
                    *index = Some(asked.body.clone());
                    reply(201)
                }
            }
        },
    )
    .await;
    (server, kept)
}

#[tokio::test]
async fn an_index_of_referrers_loses_no_entry() {
    let subject = digest(b"subject");
    for (honours, loses) in [(true, false), (false, false), (false, true)] {
        let (server, kept) = with_tag(honours, loses).await;
        let repository = server.remote(None).repository("a/b").unwrap();
        let entry = |name: &str| Descriptor::new(media_type::OCI_MANIFEST, digest(name.as_bytes()), 7);
        for name in ["one", "two", "one"] {
            repository
                .put_referrer_fallback(&subject, &entry(name))
                .await
                .unwrap();
        }
        let found = repository.referrers(&subject).await;
        drop(found);
        let tag = Reference::Tag(fallback_tag(&subject));
        let index = repository.manifest(&tag).await.unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index.bytes).unwrap();
        assert_eq!(index["mediaType"], media_type::OCI_INDEX);
        let listed: Vec<&str> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["digest"].as_str().unwrap())
            .collect();
        assert_eq!(
            listed,
            [digest(b"one").as_str(), digest(b"two").as_str()],
            "{honours} {loses}"
        );
        assert!(kept.lock().unwrap().is_some());
    }
}

#[tokio::test]
async fn many_who_add_referrers_at_once_lose_none() {
    let (server, _) = with_tag(true, false).await;
    let subject = digest(b"subject");
    let repository = server.remote(None).repository("a/b").unwrap();
    let entries: Vec<Descriptor> = (0..4)
        .map(|number| Descriptor::new(media_type::OCI_MANIFEST, digest(&[number]), 7))
        .collect();
    let puts = entries
        .iter()
        .map(|entry| repository.put_referrer_fallback(&subject, entry));
    for put in futures_util::future::join_all(puts).await {
        put.unwrap();
    }
    let tag = Reference::Tag(fallback_tag(&subject));
    let index = repository.manifest(&tag).await.unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index.bytes).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), entries.len());
}

#[tokio::test]
async fn what_is_under_the_tag_besides_stays() {
    let (server, kept) = with_tag(true, false).await;
    let before = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","annotations":{{"k":"v"}},"manifests":[{{"mediaType":"x/y","digest":"{}","size":1,"odd":true}}]}}"#,
        media_type::OCI_INDEX,
        digest(b"before")
    );
    *kept.lock().unwrap() = Some(before.into_bytes());
    let repository = server.remote(None).repository("a/b").unwrap();
    let entry = Descriptor::new(media_type::OCI_MANIFEST, digest(b"one"), 7);
    repository
        .put_referrer_fallback(&digest(b"subject"), &entry)
        .await
        .unwrap();
    let index = kept.lock().unwrap().clone().unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["annotations"]["k"], "v");
    assert_eq!(index["manifests"][0]["odd"], true);
    assert_eq!(index["manifests"][1]["digest"], digest(b"one").as_str());
}
