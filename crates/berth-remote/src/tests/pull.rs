//! Reading: what is checked, what is bounded, what is tried again, and where the login does not go.

use std::time::Duration;

use berth_oci::{Algorithm, Descriptor, Digest, Reference, media_type};
use bytes::Bytes;
use futures_util::TryStreamExt;
use reqwest::header::HeaderMap;

use super::server::{Reply, Server, limits, reply};
use crate::{Error, Limits, Login, Repository, fallback_tag};

const BODY: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;

fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

fn repository(server: &Server) -> Repository {
    server.remote(None).repository("a/b").unwrap()
}

fn tag(text: &str) -> Reference {
    text.parse().unwrap()
}

fn transient(error: &Error) -> bool {
    error.is_transient()
}

#[tokio::test]
async fn a_registry_says_which_berth_it_is() {
    for (header, expected) in [("abc-1", Some("abc-1")), ("a,b", None), ("", None)] {
        let server = Server::scripted(vec![reply(200).header("berth-registry-id", header)]).await;
        let ping = server.remote(None).ping().await.unwrap();
        assert_eq!(ping.registry_id.as_deref().filter(|id| !id.is_empty()), expected);
        assert_eq!(server.lines(), ["GET /v2/"]);
        assert!(server.asked()[0].header("user-agent").starts_with("berth/"));
    }
}

#[tokio::test]
async fn a_manifest_is_what_its_digest_says() {
    let index = || {
        reply(200)
            .header("content-type", media_type::OCI_INDEX)
            .body(BODY)
    };
    let told = |bytes: &[u8]| digest(bytes).to_string();
    for (what, answer, reference, expected) in [
        ("a tag", index(), tag("v1"), Ok(())),
        ("a digest", index(), Reference::Digest(digest(BODY)), Ok(())),
        (
            "another digest",
            index(),
            Reference::Digest(digest(b"other")),
            Err("not what its digest says"),
        ),
        (
            "a true header",
            index().header("docker-content-digest", &told(BODY)),
            tag("v1"),
            Ok(()),
        ),
        (
            "a false header",
            index().header("docker-content-digest", &told(b"x")),
            tag("v1"),
            Err("not what its digest says"),
        ),
        (
            "no digest",
            index().header("docker-content-digest", "md5:1"),
            tag("v1"),
            Ok(()),
        ),
        ("no type", reply(200).body(BODY), tag("v1"), Ok(())),
        (
            "nothing known",
            reply(200).body("{}"),
            tag("v1"),
            Err("what kind of manifest"),
        ),
        (
            "too much",
            reply(200).body(vec![b' '; 10_001]),
            tag("v1"),
            Err("more than 10000 bytes"),
        ),
        (
            "too much told",
            reply(200).header("content-length", "99999"),
            tag("v1"),
            Err("more than 10000 bytes"),
        ),
        (
            "no such",
            reply(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
            tag("v1"),
            Err("MANIFEST_UNKNOWN"),
        ),
    ] {
        check_manifest(what, answer, &reference, expected).await;
    }
}

async fn check_manifest(what: &str, answer: Reply, reference: &Reference, expected: Result<(), &str>) {
    let server = Server::scripted(vec![answer]).await;
    let found = repository(&server).manifest(reference).await;
    match (&found, expected) {
        (Ok(manifest), Ok(())) => {
            assert_eq!(
                (&manifest.digest, &manifest.bytes[..]),
                (&digest(BODY), BODY),
                "{what}"
            );
            assert_eq!(manifest.media_type, media_type::OCI_INDEX, "{what}");
        }
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{what}: {error}"),
        _ => panic!("{what}: {found:?}"),
    }
}

#[tokio::test]
async fn every_kind_of_manifest_is_welcome() {
    let server = Server::scripted(vec![reply(404)]).await;
    repository(&server).manifest(&tag("v1")).await.unwrap_err();
    let accepted = server.asked()[0].header("accept").to_owned();
    for kind in [
        media_type::OCI_INDEX,
        media_type::OCI_MANIFEST,
        media_type::DOCKER_LIST,
        media_type::DOCKER_MANIFEST,
    ] {
        assert!(accepted.contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn the_head_of_a_manifest_is_asked_for_otherwise_where_it_says_nothing() {
    let full = || {
        reply(200)
            .header("content-type", media_type::OCI_INDEX)
            .body(BODY)
    };
    let told = digest(BODY).to_string();
    for (what, replies, expected, lines) in [
        (
            "a digest",
            vec![reply(200).header("docker-content-digest", &told)],
            Some(digest(BODY)),
            1,
        ),
        ("no digest", vec![reply(200), full()], Some(digest(BODY)), 2),
        ("no HEAD", vec![reply(405), full()], Some(digest(BODY)), 2),
        ("not there", vec![reply(404)], None, 1),
    ] {
        let server = Server::scripted(replies).await;
        let head = repository(&server).head_manifest(&tag("v1")).await.unwrap();
        assert_eq!(head.map(|head| head.digest), expected, "{what}");
        assert_eq!(server.lines().len(), lines, "{what}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_nothing_else() {
    type Check = fn(&Error) -> bool;
    let cases: [(&str, Reply, usize, Check); 14] = [
        ("500", reply(500), 3, transient),
        ("503", reply(503), 3, transient),
        ("502", reply(502).body("<html>bad gateway"), 3, transient),
        ("504", reply(504), 3, transient),
        ("429", reply(429), 3, |error| {
            matches!(error, Error::RateLimited { after: None, .. })
        }),
        ("no answer", Reply::closed(), 3, transient),
        ("half an answer", reply(200).body("{}").cut(1), 3, transient),
        ("403", reply(403), 1, |error| matches!(error, Error::Denied(_))),
        ("404", reply(404), 1, |error| matches!(error, Error::NotFound(_))),
        ("400", reply(400), 1, |error| {
            matches!(error, Error::Refused { status: 400, .. })
        }),
        ("501", reply(501), 1, |error| {
            matches!(error, Error::Refused { status: 501, .. })
        }),
        ("418", reply(418), 1, |error| {
            matches!(error, Error::Refused { status: 418, .. })
        }),
        (
            "a long pause",
            reply(503).header("retry-after", "3600"),
            1,
            |error| error.retry_after() == Some(Duration::from_hours(1)),
        ),
        (
            "a long limit",
            reply(429).header("retry-after", "77"),
            1,
            |error| {
                matches!(error, Error::RateLimited { .. })
                    && error.retry_after() == Some(Duration::from_secs(77))
            },
        ),
    ];
    for (what, answer, lines, check) in cases {
        let server = Server::answering(move |_| answer.clone()).await;
        let error = repository(&server).tags().await.unwrap_err();
        assert!(check(&error), "{what}: {error:?}");
        // A body that breaks off is an answer that came: the caller asks again.
        let lines = if what == "half an answer" { 1 } else { lines };
        assert_eq!(server.lines().len(), lines, "{what}");
    }
}

#[tokio::test]
async fn a_fault_that_passes_is_not_noticed() {
    let server = Server::scripted(vec![
        reply(503).header("retry-after", "0"),
        Reply::closed(),
        reply(200).body(r#"{"tags":["v1"]}"#),
    ])
    .await;
    assert_eq!(repository(&server).tags().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_registry_that_stalls_is_not_waited_for() {
    for answer in [Reply::silent(), reply(200).body("x".repeat(100)).stalled(10)] {
        let server = Server::answering(move |_| answer.clone()).await;
        let limits = Limits {
            stall: Duration::from_millis(100),
            attempts: 1,
            ..limits()
        };
        let repository = server.limited(None, limits).repository("a/b").unwrap();
        let error = repository.tags().await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
    }
}

#[tokio::test]
async fn a_registry_that_answers_a_byte_now_and_then_is_not_waited_for() {
    let server = Server::answering(|_| reply(200).body("x".repeat(100)).dripping()).await;
    let limits = Limits {
        attempts: 1,
        answer: Duration::from_millis(300),
        ..limits()
    };
    let repository = server.limited(None, limits).repository("a/b").unwrap();
    let error = repository.tags().await.unwrap_err();
    assert!(error.to_string().contains("takes too long"), "{error:?}");
}

#[tokio::test]
async fn an_error_is_repeated_short_and_harmless() {
    let long = "x".repeat(5000);
    for (body, expected) in [
        (
            r#"{"errors":[{"code":"DENIED","message":"not you\n\u001b[31m"}]}"#,
            r"DENIED, not you\u{a}\u{1b}[31m",
        ),
        (
            r#"{"errors":[{"code":"bad code\n","message":"m"}]}"#,
            "answers 400: m",
        ),
        (r#"{"errors":null}"#, "answers 400"),
        (r#"{"errors":[{"code":1}]}"#, "answers 400"),
        ("<html>", "answers 400"),
        (&format!(r#"{{"message":"{long}"}}"#), "xxx…"),
        (&"[".repeat(60_000), "answers 400"),
    ] {
        let server = Server::scripted(vec![reply(400).body(body)]).await;
        let error = repository(&server).tags().await.unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
        assert!(error.len() < 500);
    }
}

#[tokio::test]
async fn tags_are_listed_page_by_page() {
    let server = Server::scripted(vec![
        reply(200)
            .header("link", r#"</v2/a/b/tags/list?n=2&last=b>; rel="next""#)
            .body(r#"{"name":"a/b","tags":["b","a"]}"#),
        reply(200)
            .header("link", r#"<{base}/v2/a/b/tags/list?n=2&last=c>; rel="next""#)
            .body(r#"{"tags":["c","not a tag"]}"#),
        reply(200).body(r#"{"tags":null}"#),
    ])
    .await;
    let tags = repository(&server).tags().await.unwrap();
    let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
    assert_eq!(tags, ["a", "b", "c"]);
    assert_eq!(
        server.lines(),
        [
            "GET /v2/a/b/tags/list?n=1000",
            "GET /v2/a/b/tags/list?n=2&last=b",
            "GET /v2/a/b/tags/list?n=2&last=c"
        ]
    );
}

#[tokio::test]
async fn a_list_without_an_end_is_not_read_for_ever() {
    let many: Vec<String> = (0..51).map(|number| format!(r#""v{number}""#)).collect();
    let many = format!(r#"{{"tags":[{}]}}"#, many.join(","));
    let next = |target: &str| {
        reply(200)
            .header("link", &format!("<{target}>; rel=next"))
            .body(r#"{"tags":["a"]}"#)
    };
    for (what, answer, expected) in [
        ("itself", next("/v2/a/b/tags/list?n=1000"), "leads to itself"),
        ("another host", next("http://localhost:1/v2/"), "elsewhere"),
        ("another scheme", next("file:///etc/passwd"), "none"),
        ("many entries", reply(200).body(many), "more than 50 tags"),
        ("no list", reply(200).body("[]"), "no list of tags"),
        (
            "depth",
            reply(200).body(format!(r#"{{"tags":{}"#, "[".repeat(9000))),
            "no list of tags",
        ),
    ] {
        let server = Server::answering(move |_| answer.clone()).await;
        let error = repository(&server).tags().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{what}: {error}");
        assert_eq!(server.lines().len(), 1, "{what}");
    }
    let long = "x".repeat(9000);
    let server = Server::answering(move |asked| {
        let next = reply(200).header("link", &format!("<{}1>; rel=next", asked.target));
        next.body(format!(r#"{{"tags":["a"],"x":"{long}"}}"#))
    })
    .await;
    let error = repository(&server).tags().await.unwrap_err();
    assert!(error.to_string().contains("bytes"), "{error}");
    assert!(
        server.lines().len() < limits().pages_max,
        "all pages together are bounded"
    );
    let server = Server::answering(move |asked| next(&format!("{}1", asked.target))).await;
    let error = repository(&server).tags().await.unwrap_err();
    assert!(error.to_string().contains("no end"), "{error}");
    assert_eq!(server.lines().len(), limits().pages_max);
}

#[tokio::test]
async fn redirects_are_followed_without_the_login() {
    let bytes = b"layer".repeat(10);
    let digest = digest(&bytes);
    let store = Server::scripted(vec![reply(200).body(&bytes)]).await;
    let target = format!("{}/bucket/key?signature=1", store.base());
    let server = Server::answering(move |asked| match asked.header("authorization") {
        "" => reply(401).header("www-authenticate", "Basic realm=x"),
        _ => reply(307).header("location", &target),
    })
    .await;
    let login = Some(Login::password("mary", "secret-word"));
    let repository = server.remote(login).repository("a/b").unwrap();
    let blob = repository.blob(&digest, 0).await.unwrap();
    assert_eq!(read(blob).await.unwrap(), bytes);
    let asked = &store.asked()[0];
    assert_eq!(asked.line(), "GET /bucket/key?signature=1");
    assert_eq!(
        (asked.header("authorization"), asked.header("accept-encoding")),
        ("", "identity")
    );
}

#[tokio::test]
async fn redirects_end() {
    for (what, answer, expected) in [
        (
            "circles",
            reply(307).header("location", "{base}/again"),
            "leads in circles",
        ),
        ("nowhere", reply(307), "does not say where"),
        (
            "a file",
            reply(302).header("location", "file:///etc/passwd"),
            "address that is none",
        ),
        (
            "a login",
            reply(302).header("location", "http://u:p@127.0.0.1/"),
            "address that is none",
        ),
        ("not text", reply(302).header("location", "\u{1}"), ""),
    ] {
        let server = Server::answering(move |_| answer.clone()).await;
        let error = repository(&server).blob(&digest(b"x"), 0).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
}

async fn read(blob: crate::Blob) -> Result<Vec<u8>, Error> {
    let pieces: Vec<Bytes> = blob.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn a_blob_goes_on_where_it_broke_off() {
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let part = |start: usize| {
        reply(206)
            .header("content-range", &format!("bytes {start}-4999/5000"))
            .body(&bytes[start..])
    };
    let whole = || reply(200).body(&bytes);
    for (what, replies, ranges) in [
        ("unbroken", vec![whole()], vec![""]),
        (
            "cut twice",
            vec![whole().cut(1000), part(1000).cut(500), part(1500)],
            vec!["", "bytes=1000-", "bytes=1500-"],
        ),
        (
            "stalled",
            vec![whole().stalled(1000), part(1000)],
            vec!["", "bytes=1000-"],
        ),
        (
            "no ranges",
            vec![whole().cut(1000), whole().cut(2000), whole()],
            vec!["", "bytes=1000-", "bytes=2000-"],
        ),
        (
            "away for a while",
            vec![whole().cut(1000), Reply::closed(), part(1000)],
            vec!["", "bytes=1000-", "bytes=1000-"],
        ),
        ("a late start", vec![reply(503), whole()], vec!["", ""]),
    ] {
        let server = Server::scripted(replies).await;
        let blob = repository(&server).blob(&digest(&bytes), 0).await.unwrap();
        assert_eq!(blob.size(), Some(5000), "{what}");
        assert!(read(blob).await.unwrap() == bytes, "{what}");
        let asked: Vec<String> = server
            .asked()
            .iter()
            .map(|asked| asked.header("range").to_owned())
            .collect();
        assert_eq!(asked, ranges, "{what}");
    }
}

#[tokio::test]
async fn a_blob_is_read_from_the_middle() {
    for (what, answer) in [
        (
            "a part",
            reply(206).header("content-range", "bytes 3-8/9").body("456789"),
        ),
        ("the whole", reply(200).body("123456789")),
    ] {
        let server = Server::scripted(vec![answer]).await;
        let blob = repository(&server).blob(&digest(b"whatever"), 3).await.unwrap();
        assert_eq!(blob.size(), Some(9), "{what}");
        assert_eq!(read(blob).await.unwrap(), b"456789", "{what}");
    }
}

#[tokio::test]
async fn a_part_of_a_blob_is_one_request() {
    let part = |range: &str, body: &str| reply(206).header("content-range", range).body(body);
    for (what, answer, expected) in [
        ("the part", part("bytes 3-5/9", "456"), Some("456")),
        ("the whole", reply(200).body("123456789"), None),
        ("the rest", part("bytes 3-8/9", "456789"), Some("another part")),
        ("less", part("bytes 3-5/9", "456").cut(2), Some("broke off")),
        ("nothing", reply(503), Some("answers 503")),
    ] {
        let server = Server::scripted(vec![answer]).await;
        let opened = repository(&server).blob_part(&digest(b"whatever"), 3..6).await;
        let read = match opened {
            Ok(None) => None,
            Ok(Some(part)) => Some(part.try_collect::<Vec<Bytes>>().await.map(|parts| parts.concat())),
            Err(error) => Some(Err(error)),
        };
        let told = read.map(|read| match read {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => error.to_string(),
        });
        match (told, expected) {
            (None, None) => {}
            (Some(told), Some(expected)) => assert!(told.contains(expected), "{what}: {told}"),
            (told, expected) => panic!("{what}: {told:?}, {expected:?}"),
        }
        let asked = server.asked();
        assert_eq!(asked.len(), 1, "{what}");
        assert_eq!(asked[0].header("range"), "bytes=3-5", "{what}");
    }
}

#[tokio::test]
async fn the_size_of_a_blob_is_asked_for() {
    let there = reply(200).header("content-length", "12345");
    let server = Server::scripted(vec![there, reply(404)]).await;
    let (repository, blob) = (repository(&server), digest(b"whatever"));
    assert_eq!(repository.blob_size(&blob).await.unwrap(), Some(12_345));
    let absent = repository.blob_size(&blob).await;
    assert!(matches!(absent, Err(Error::NotFound(_))), "{absent:?}");
    assert_eq!(server.lines(), vec![format!("HEAD /v2/a/b/blobs/{blob}"); 2]);
}

#[tokio::test]
async fn what_is_left_of_a_budget_is_remembered() {
    let told = |left: &str| {
        reply(200)
            .header("content-type", media_type::OCI_INDEX)
            .header("ratelimit-limit", "100;w=21600")
            .header("ratelimit-remaining", left)
            .body(BODY)
    };
    let silent = reply(200)
        .header("content-type", media_type::OCI_INDEX)
        .body(BODY);
    let limited = reply(429)
        .header("retry-after", "600")
        .header("ratelimit-remaining", "0;w=21600");
    let server = Server::scripted(vec![told("76;w=21600"), silent, limited]).await;
    let repository = repository(&server);
    let left = || repository.remote().budget().map(|budget| budget.remaining);
    assert_eq!(left(), None);
    for (succeeds, expected) in [(true, 76), (true, 76), (false, 0)] {
        assert_eq!(repository.manifest(&tag("v1")).await.is_ok(), succeeds);
        assert_eq!(left(), Some(expected));
    }
}

#[tokio::test]
async fn a_blob_that_is_another_is_noticed() {
    let right = digest(b"0123456789");
    let part = |range: &str, body: &str| reply(206).header("content-range", range).body(body);
    for (what, replies, expected) in [
        (
            "other bytes",
            vec![reply(200).body("012345678x")],
            "not what its digest says",
        ),
        (
            "fewer bytes",
            vec![reply(200).body("01234")],
            "not what its digest says",
        ),
        (
            "packed",
            vec![reply(200).header("content-encoding", "gzip").body("x")],
            "packed otherwise",
        ),
        (
            "a part unasked",
            vec![part("bytes 2-9/10", "23456789")],
            "another part",
        ),
        (
            "a part of what",
            vec![reply(206).body("0123456789")],
            "another part",
        ),
        (
            "another part",
            vec![
                reply(200).body("0123456789").cut(4),
                part("bytes 5-9/10", "56789"),
            ],
            "another part",
        ),
        (
            "another size",
            vec![reply(200).body("0123456789").cut(4), part("bytes 4-8/9", "45678")],
            "changed its size",
        ),
        (
            "gone",
            vec![reply(200).body("0123456789").cut(4), reply(404)],
            "404",
        ),
    ] {
        let server = Server::scripted(replies).await;
        let error = match repository(&server).blob(&right, 0).await {
            Ok(blob) => read(blob).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_blob_without_a_size_is_bounded() {
    let server = Server::answering(|_| {
        let endless = reply(200)
            .header("transfer-encoding", "chunked")
            .header("content-length", "0");
        endless.body("ffff\r\n".to_owned() + &"x".repeat(0xffff) + "\r\n")
    })
    .await;
    let limits = Limits {
        blob_bytes_max: 1000,
        ..limits()
    };
    let repository = server.limited(None, limits).repository("a/b").unwrap();
    let outcome = match repository.blob(&digest(b"x"), 0).await {
        Ok(blob) => read(blob).await,
        Err(error) => Err(error),
    };
    assert!(outcome.is_err(), "{:?}", outcome.map(|bytes| bytes.len()));
}

#[tokio::test]
async fn referrers_come_from_the_list_or_from_the_tag() {
    let subject = digest(b"subject");
    let entry = |bytes: &[u8]| Descriptor::new(media_type::OCI_MANIFEST, digest(bytes), 7);
    let index = |entries: &[Descriptor]| {
        let manifests = serde_json::to_value(entries).unwrap();
        let body = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests});
        reply(200)
            .header("content-type", media_type::OCI_INDEX)
            .body(body.to_string())
    };
    let (one, two) = (entry(b"1"), entry(b"2"));
    let next = r#"</v2/a/b/referrers/x?last=1>; rel="next""#;
    for (what, replies, expected) in [
        (
            "the list in two pages",
            vec![
                index(std::slice::from_ref(&one)).header("link", next),
                index(std::slice::from_ref(&two)),
            ],
            Ok((vec![one.clone(), two.clone()], true)),
        ),
        ("an empty list", vec![index(&[])], Ok((vec![], true))),
        (
            "the tag",
            vec![reply(404), index(std::slice::from_ref(&one))],
            Ok((vec![one.clone()], false)),
        ),
        ("no tag", vec![reply(404), reply(404)], Ok((vec![], false))),
        (
            "not implemented",
            vec![reply(501), reply(404)],
            Ok((vec![], false)),
        ),
        (
            "no list",
            vec![reply(200).body("[]")],
            Err("no list of referrers"),
        ),
        (
            "no index under the tag",
            vec![
                reply(404),
                reply(200)
                    .header("content-type", media_type::OCI_MANIFEST)
                    .body("{}"),
            ],
            Err("no index"),
        ),
        ("denied", vec![reply(403)], Err("403")),
    ] {
        let server = Server::scripted(replies).await;
        let found = repository(&server).referrers(&subject).await;
        match (found, expected) {
            (Ok(found), Ok((descriptors, has_api))) => {
                assert_eq!(
                    (found.descriptors, found.has_api),
                    (descriptors, has_api),
                    "{what}"
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{what}: {error}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
    let hex = subject.hex();
    assert_eq!(fallback_tag(&subject).as_str(), format!("sha256-{hex}"));
    let long = Digest::of(Algorithm::Sha512, b"subject");
    assert_eq!(
        fallback_tag(&long).as_str(),
        format!("sha512-{}", &long.hex()[..64])
    );
}

#[tokio::test]
async fn a_manifest_is_put_with_what_the_caller_wants_along() {
    let subject = digest(b"subject");
    let mut headers = HeaderMap::new();
    headers.insert("berth-sync-path", "one,two".parse().unwrap());
    for (what, answer, expected) in [
        (
            "with referrers",
            reply(201).header("oci-subject", subject.as_str()),
            Ok(Some(subject.clone())),
        ),
        ("without", reply(201), Ok(None)),
        (
            "another",
            reply(201).header("docker-content-digest", subject.as_str()),
            Err("another manifest"),
        ),
        ("accepted oddly", reply(206), Err("206")),
        ("too late", reply(412), Err("412")),
    ] {
        let server = Server::scripted(vec![answer]).await;
        let put = repository(&server)
            .put_manifest(
                &tag("v1"),
                media_type::OCI_INDEX,
                Bytes::from_static(BODY),
                headers.clone(),
            )
            .await;
        match (put, expected) {
            (Ok(put), Ok(subject)) => {
                assert_eq!((put.digest, put.subject), (digest(BODY), subject), "{what}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{what}: {error}"),
            (put, _) => panic!("{what}: {put:?}"),
        }
        let asked = &server.asked()[0];
        assert_eq!(
            (asked.line().as_str(), &asked.body[..]),
            ("PUT /v2/a/b/manifests/v1", BODY)
        );
        assert_eq!(asked.header("berth-sync-path"), "one,two");
        assert_eq!(asked.header("content-type"), media_type::OCI_INDEX);
    }
    let server = Server::scripted(Vec::new()).await;
    let other = Reference::Digest(subject);
    let repository = repository(&server);
    let put = repository.put_manifest(
        &other,
        media_type::OCI_INDEX,
        Bytes::from_static(BODY),
        HeaderMap::new(),
    );
    assert!(
        matches!(put.await, Err(Error::Mismatch(_))),
        "nothing is sent under another digest"
    );
}

#[tokio::test]
async fn a_condition_that_its_own_lost_answer_broke_holds() {
    let mut headers = HeaderMap::new();
    headers.insert("if-none-match", "*".parse().unwrap());
    let told = digest(BODY).to_string();
    let named = |digest: &str| reply(200).header("docker-content-digest", digest);
    for (what, replies, is_put) in [
        (
            "lost answer",
            vec![Reply::broken(BODY.len()), reply(412), named(&told)],
            true,
        ),
        (
            "somebody else",
            vec![Reply::broken(3), reply(412), named(digest(b"x").as_str())],
            false,
        ),
        ("at once", vec![reply(412)], false),
    ] {
        let server = Server::scripted(replies).await;
        let put = repository(&server)
            .put_manifest(
                &tag("v1"),
                media_type::OCI_INDEX,
                Bytes::from_static(BODY),
                headers.clone(),
            )
            .await;
        match put {
            Ok(_) => assert!(is_put, "{what}"),
            Err(error) => assert!(!is_put && matches!(error, Error::Changed(_)), "{what}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_deleted_twice_was_not_there() {
    let server = Server::scripted(vec![reply(202), reply(404), reply(405)]).await;
    let repository = repository(&server);
    assert!(repository.delete_manifest(&tag("v1")).await.unwrap());
    assert!(!repository.delete_manifest(&tag("v1")).await.unwrap());
    assert!(matches!(
        repository.delete_manifest(&tag("v1")).await,
        Err(Error::Refused { status: 405, .. })
    ));
}

#[test]
fn a_repository_has_a_name() {
    let remote = super::server::remote("http://registry.example", None, limits());
    let long = "a".repeat(256);
    for (name, is_name) in [
        ("nginx", true),
        ("library/nginx", true),
        ("a/b__c/d-e--f.g1", true),
        ("", false),
        ("/a", false),
        ("a/", false),
        ("a//b", false),
        ("a/../b", false),
        ("a..b", false),
        ("A/b", false),
        ("a/b?x=1", false),
        ("a/b#x", false),
        ("a/-b", false),
        ("a%2fb", false),
        (long.as_str(), false),
    ] {
        assert_eq!(remote.repository(name).is_ok(), is_name, "{name}");
    }
}
