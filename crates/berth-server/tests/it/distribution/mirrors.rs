//! Pulls through a mirror, with the other registry played by a test: what clients are told when it fails, disks that are
//! full and processes that are killed in the middle of a fetch, what is fetched ahead.

mod upstream;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use berth_oci::media_type;
use berth_registry::{Caller, Chunk, PushedManifest};
use futures_util::StreamExt as _;
use http::Method;
use serde_json::{Value, json};

use crate::content::{CONFIG, bytes as random, descriptor, digest as digest_of, image, written};
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY};
use crate::world::World;
use upstream::Upstream;

const THERE: &str = "library/app";
const HERE: &str = "hub/library/app";
const FLAGS: &[&str] = &[
    "--outbound-allow",
    "127.0.0.0/8",
    "--mirror-bare-names",
    "hub",
    "--mirror-registries",
    "docker.io=hub",
];

/// What a tag names is asked for at every pull.
const ALWAYS: &[&str] = &["--mirror-recheck", "1ms"];

/// A server whose organization `hub` mirrors the other registry for everybody.
async fn started(flags: &[&str]) -> (World, Upstream) {
    let upstream = Upstream::start().await;
    let world = World::start_with(&[FLAGS, flags].concat()).await;
    world.organization("hub").await;
    let mirror = json!({
        "name": "hub", "namespace": "hub", "registry": "docker.io", "url": upstream.url, "public": true,
        "prefetch": [format!("{THERE}:v1")],
    });
    manage(&world, (Method::POST, "/v2/manage/mirrors"), &mirror, 201).await;
    (world, upstream)
}

async fn manage(world: &World, (method, path): (Method, &str), body: &Value, status: u16) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let keys = (ACCESS_KEY_ID, SECRET_KEY);
    let answer = world.signed(keys, method, (path, &body)).await;
    assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    serde_json::from_str(&answer.text).unwrap_or_default()
}

/// Lets the clock, which has milliseconds, go on.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Puts an image of one layer there.
fn fill(upstream: &Upstream, layer: &[u8]) -> (String, String) {
    upstream.has_blob(THERE, CONFIG);
    (
        upstream.has_manifest(THERE, "v1", &image(&[layer])),
        upstream.has_blob(THERE, layer),
    )
}

/// The four ways to name the image: as a mirror's client, and as it is named here.
const AS_A_MIRROR: [&str; 3] = [
    "/v2/library/app/manifests/TAG?ns=docker.io",
    "/v2/library/app/manifests/TAG",
    "/v2/hub/library/app/manifests/TAG?ns=docker.io",
];

#[tokio::test]
async fn a_limit_there_sends_mirror_clients_on_and_is_told_by_name() {
    let (world, upstream) = started(&[]).await;
    let (digest, layer) = fill(&upstream, b"layer");
    upstream.refuses(429, ("retry-after", "1000"));
    let anonymous = world.admin.anonymous();
    for method in ["GET", "HEAD"] {
        for reference in ["v1", &digest] {
            for path in AS_A_MIRROR {
                let line = format!("{method} {}", path.replace("TAG", reference));
                anonymous.ask(line).await.is(404).lacks("retry-after");
            }
            let line = format!("{method} /v2/{HERE}/manifests/{reference}");
            let told = anonymous.ask(line).await.is(429);
            let seconds: u64 = told.header("retry-after").parse().unwrap();
            assert!((900..=1000).contains(&seconds), "{seconds}");
        }
    }
    let line = format!("GET /v2/{HERE}/manifests/v1");
    anonymous.ask(line).await.refused(429, "TOOMANYREQUESTS");
    // It said when to come back, and was left alone since.
    assert_eq!(upstream.asked().len(), 1);
    for path in [
        format!("library/app/blobs/{layer}?ns=docker.io"),
        format!("library/app/blobs/{layer}"),
        format!("{HERE}/blobs/{layer}?ns=docker.io"),
    ] {
        let refused = anonymous.ask(format!("GET /v2/{path}")).await;
        refused.is(404).lacks("retry-after");
    }
    let told = anonymous.ask(format!("GET /v2/{HERE}/blobs/{layer}")).await;
    told.refused(429, "TOOMANYREQUESTS").header("retry-after");
}

#[tokio::test]
async fn a_stale_tag_says_so() {
    let (world, upstream) = started(ALWAYS).await;
    let (digest, _) = fill(&upstream, b"layer");
    let anonymous = world.admin.anonymous();
    let all = |reference: &str| {
        let own = format!("/v2/{HERE}/manifests/{reference}");
        let others = AS_A_MIRROR.map(|path| path.replace("TAG", reference));
        others.into_iter().chain([own]).collect::<Vec<_>>()
    };
    for path in all("v1") {
        anonymous
            .ask(format!("GET {path}"))
            .await
            .is(200)
            .lacks("warning");
    }
    upstream.refuses(503, ("x", "y"));
    tick().await;
    for method in ["GET", "HEAD"] {
        for path in all("v1") {
            let stale = anonymous.ask(format!("{method} {path}")).await.is(200);
            stale
                .has("warning", "110 berth \"Response is Stale\"")
                .has("docker-content-digest", &digest);
        }
        for path in all(&digest) {
            anonymous
                .ask(format!("{method} {path}"))
                .await
                .is(200)
                .lacks("warning");
        }
    }
}

#[tokio::test]
async fn what_a_rule_names_is_fetched_when_it_is_asked_for() {
    let (world, upstream) = started(&[]).await;
    let layer = random(1, 300_000);
    let (_, blob) = fill(&upstream, &layer);
    let prefetch = "/v2/manage/mirrors/hub/prefetch";
    manage(&world, (Method::POST, prefetch), &Value::Null, 202).await;
    let figures = "/v2/manage/mirrors/hub/figures";
    let round = loop {
        let shown = manage(&world, (Method::GET, figures), &Value::Null, 200).await;
        if !shown["prefetch"]["ended_at"].is_null() {
            break shown["prefetch"].clone();
        }
    };
    assert_eq!(
        (&round["images"], &round["failed"]),
        (&json!(1), &json!(0)),
        "{round}"
    );
    assert_eq!(
        (&round["running"], &round["failures"]),
        (&json!(false), &json!([]))
    );
    let absent = prefetch.replace("hub", "absent");
    manage(&world, (Method::POST, &absent), &Value::Null, 404).await;
    upstream.asked();
    let pulled = world.admin.anonymous();
    pulled
        .ask(format!("GET /v2/{HERE}/blobs/{blob}"))
        .await
        .is(200)
        .holds(&layer);
    assert!(upstream.asked().is_empty());
}

/// A file system in memory that is full soon; unmounted when it is dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(megabytes: u32) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(home.path())
            .status();
        assert!(mounted.unwrap().success(), "mounting needs root");
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Whether a process has a file open there, which need not have a name.
    fn is_open_in(&self, process: u32) -> bool {
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        let mut files = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        files.any(|file| file.starts_with(self.path()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: files may be open for a moment longer.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_during_a_fetch_ends_it_and_leaves_nothing() {
    let disk = Small::mount(8);
    let spool = disk.path().to_str().unwrap();
    let (world, upstream) = started(&["--mirror-spool", spool]).await;
    let layer = random(2, 4 << 20);
    let (_, blob) = fill(&upstream, &layer);
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 6 << 20]).unwrap();
    let anonymous = world.admin.anonymous();
    let url = format!("{}/v2/{HERE}/blobs/{blob}", anonymous.url);
    for _ in 0..2 {
        let cut = anonymous.http.get(&url).send().await.unwrap();
        assert_eq!(cut.status(), 200, "it began while there was room");
        assert!(cut.bytes().await.is_err(), "the connection is cut");
    }
    std::fs::remove_file(&ballast).unwrap();
    while disk.is_open_in(world.process_id()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
    assert!(world.metadata.blob_keys(None, 10).await.unwrap().is_empty());
    anonymous
        .ask(format!("GET /v2/{HERE}/blobs/{blob}"))
        .await
        .is(200)
        .holds(&layer);
}

#[tokio::test]
async fn a_server_that_is_killed_during_a_fetch_has_nothing_half() {
    let (mut world, upstream) = started(&[]).await;
    let layer = random(3, 4 << 20);
    let (_, blob) = fill(&upstream, &layer);
    upstream.stops_after(3 << 20);
    let anonymous = world.admin.anonymous();
    let url = format!("{}/v2/{HERE}/blobs/{blob}", anonymous.url);
    let mut cut = anonymous.http.get(&url).send().await.unwrap().bytes_stream();
    let mut came = 0;
    while came < 2 << 20 {
        came += cut.next().await.unwrap().unwrap().len();
    }
    world.kill();
    while let Some(Ok(piece)) = cut.next().await {
        came += piece.len();
    }
    assert!(came <= 3 << 20, "the last byte is shown when all are right");
    assert!(world.metadata.blob_keys(None, 10).await.unwrap().is_empty());
    upstream.goes_on();
    upstream.asked();
    let anonymous = world.admin.anonymous();
    let line = format!("GET /v2/{HERE}/blobs/{blob}");
    anonymous.ask(&line).await.is(200).holds(&layer);
    let asked = upstream.asked();
    assert_eq!(asked, [format!("GET /v2/{THERE}/blobs/{blob}")], "all of it");
}

const STALE: &str = "110 berth \"Response is Stale\"";
const TAGS: &str = "/v2/library/app/tags/list";

/// Has a list of tags in two pages, in an order and with a way to the next page of its own.
fn list_tags(upstream: &Upstream) {
    let next = format!("<{TAGS}?cursor=2>; rel=\"next\"");
    let first = br#"{"name":"library/app","tags":["v2","a","v1"]}"#;
    upstream.has(&format!("{TAGS}?n=1000"), &[("link", &next)], first);
    let second = br#"{"tags":["V","no tag!","b"]}"#;
    upstream.has(&format!("{TAGS}?cursor=2"), &[], second);
}

#[tokio::test]
async fn the_tags_of_a_mirrored_image_are_those_there() {
    let (world, upstream) = started(&[]).await;
    list_tags(&upstream);
    let anonymous = world.admin.anonymous();
    let mut line = format!("GET /v2/{HERE}/tags/list?n=2");
    for (tags, more) in [
        (["V", "a"].as_slice(), true),
        (&["b", "v1"], true),
        (&["v2"], false),
    ] {
        let page = anonymous.ask(&line).await.is(200).lacks("warning");
        let expected = json!({ "name": HERE, "tags": tags });
        assert_eq!(page.json(), expected);
        assert_eq!(page.find("link").is_some(), more);
        if let Some(link) = page.find("link") {
            let next = link.trim_start_matches('<').split_once('>').unwrap().0;
            line = format!("GET {next}");
        }
    }
    let asked = upstream.asked();
    assert_eq!(
        asked,
        [format!("GET {TAGS}?n=1000"), format!("GET {TAGS}?cursor=2")]
    );
    // Nothing was made here by looking, and what is not there is not there.
    assert!(world.metadata.repository(HERE).await.unwrap().is_none());
    let absent = anonymous.ask("GET /v2/hub/library/absent/tags/list").await;
    absent.refused(404, "NAME_UNKNOWN");
    // Who may not pull may not have anything asked.
    upstream.asked();
    let closed = json!({ "public": false });
    manage(&world, (Method::PATCH, "/v2/manage/mirrors/hub"), &closed, 200).await;
    anonymous.ask(line).await.refused(401, "UNAUTHORIZED");
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn lists_are_told_as_they_were_while_nobody_answers_there() {
    let (mut world, upstream) = started(ALWAYS).await;
    let (digest, _) = fill(&upstream, b"layer");
    list_tags(&upstream);
    let line = format!("GET /v2/{HERE}/tags/list");
    let referrers = format!("GET /v2/{HERE}/referrers/{digest}");
    let anonymous = world.admin.anonymous();
    let pull = format!("GET /v2/{HERE}/manifests/v1");
    anonymous.ask(pull).await.is(200);
    let all = anonymous.ask(&line).await.is(200).lacks("warning").json();
    anonymous.ask(&referrers).await.is(200).lacks("warning");
    upstream.refuses(503, ("x", "y"));
    tick().await;
    let stale = anonymous.ask(&line).await.is(200).has("warning", STALE);
    assert_eq!(stale.json(), all);
    anonymous.ask(&referrers).await.is(200).has("warning", STALE);
    // Of what is not here nothing is known.
    let absent = anonymous.ask("GET /v2/hub/library/other/tags/list").await;
    absent.refused(503, "UNKNOWN");
    // A process that has just started knows what is here.
    world.kill();
    let anonymous = world.admin.anonymous();
    let stale = anonymous.ask(&line).await.is(200).has("warning", STALE);
    assert_eq!(stale.json()["tags"], json!(["v1"]));
    anonymous.ask(&referrers).await.is(200).has("warning", STALE);
}

/// An artifact of this type that refers to the image.
fn signature(kind: &str, subject: &[u8]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(media_type::OCI_CONFIG, CONFIG),
        "layers": [descriptor("application/x-signature", kind.as_bytes())],
        "subject": descriptor(media_type::OCI_MANIFEST, subject),
    })
}

/// Has a signature there, and answers what an index says of it.
fn sign(upstream: &Upstream, kind: &str, subject: &[u8]) -> Value {
    let manifest = signature(kind, subject);
    upstream.has_manifest(THERE, &format!("signature-{}", kind.len()), &manifest);
    upstream.has_blob(THERE, kind.as_bytes());
    let mut listed = descriptor(media_type::OCI_MANIFEST, &written(&manifest));
    listed["artifactType"] = json!(kind);
    listed
}

fn index_of(entries: &[&Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries })
}

#[tokio::test]
async fn what_refers_to_a_mirrored_image_is_what_does_there() {
    let (world, upstream) = started(&[]).await;
    let (digest, _) = fill(&upstream, b"layer");
    let subject = written(&image(&[b"layer"]));
    let (one, two) = (
        sign(&upstream, "a/one", &subject),
        sign(&upstream, "a/other", &subject),
    );
    let there = written(&index_of(&[&one, &two]));
    upstream.has(&format!("/v2/{THERE}/referrers/{digest}"), &[], &there);
    // What is made here for the image is listed beside it.
    let anonymous = world.admin.anonymous();
    anonymous
        .ask(format!("GET /v2/{HERE}/manifests/v1"))
        .await
        .is(200);
    let own = written(&signature("a/own", &subject));
    let pushed = PushedManifest {
        reference: &digest_of(&own).parse().unwrap(),
        tags: &[],
        content_type: Some(media_type::OCI_MANIFEST),
        body: Box::pin(futures_util::stream::iter([Ok(own.clone().into())])),
        condition: None,
        origin: None,
    };
    for blob in [CONFIG, b"a/own"] {
        let body = Box::pin(futures_util::stream::iter([Ok(bytes::Bytes::copy_from_slice(
            blob,
        ))]));
        let chunk = Chunk {
            range: None,
            length: Some(blob.len() as u64),
            body,
        };
        let name = HERE.parse().unwrap();
        let digest = digest_of(blob).parse().unwrap();
        world
            .registry
            .push_blob(&Caller::System, &name, &digest, chunk)
            .await
            .unwrap();
    }
    let name = HERE.parse().unwrap();
    world
        .registry
        .put_manifest(&Caller::System, &name, pushed)
        .await
        .unwrap();
    let mut all = [digest_of(&own), text(&one["digest"]), text(&two["digest"])];
    all.sort();
    let line = format!("GET /v2/{HERE}/referrers/{digest}");
    let listed = anonymous.ask(&line).await.is(200).json();
    assert_eq!(digests(&listed), all);
    // Pages and filters.
    let rest = anonymous
        .ask(format!("{line}?last={}", all[0]))
        .await
        .is(200)
        .json();
    assert_eq!(digests(&rest), all[1..]);
    let filtered = anonymous.ask(format!("{line}?artifactType=a/one")).await.is(200);
    assert_eq!(filtered.json()["manifests"], json!([one]));
    // Who verifies pulls it.
    let manifest = written(&signature("a/one", &subject));
    let by_digest = format!("GET /v2/{HERE}/manifests/{}", text(&one["digest"]));
    anonymous.ask(by_digest).await.is(200).holds(&manifest);
    let blob = format!("GET /v2/{HERE}/blobs/{}", digest_of("a/one"));
    anonymous.ask(blob).await.is(200).holds(b"a/one");
    let asked = upstream.asked();
    let of_lists = asked.iter().filter(|line| line.contains("referrers"));
    assert_eq!(of_lists.count(), 1, "{asked:?}");
}

#[tokio::test]
async fn a_registry_without_a_list_of_referrers_has_a_tag_for_it() {
    let (world, upstream) = started(&[]).await;
    let subject = written(&image(&[b"layer"]));
    let one = sign(&upstream, "a/one", &subject);
    let digest = digest_of(&subject);
    upstream.has_manifest(THERE, &digest.replace(':', "-"), &index_of(&[&one]));
    let line = format!("GET /v2/{HERE}/referrers/{digest}");
    let listed = world.admin.anonymous().ask(&line).await.is(200).json();
    assert_eq!(listed["manifests"], json!([one]));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn digests(index: &Value) -> Vec<String> {
    let entries = index["manifests"].as_array().unwrap().iter();
    entries.map(|entry| text(&entry["digest"])).collect()
}
