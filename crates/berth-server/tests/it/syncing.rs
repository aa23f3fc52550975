//! Synchronisation for real: two or three servers, a wire between them that is cut, held and counted.

mod breaks;
mod desk;
mod loops;
mod proxy;

use berth_oci::media_type;
use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::{CONFIG, bytes, descriptor, digest, image, index, written};
use crate::world::World;
use desk::{APP, FLAGS, await_copies, copies, copy_now, does, ended, region, register, send_pushes, told};
use proxy::Proxy;

const SIZE: usize = 3 << 20;

/// Two registries; pushes of `team/app` go from the first to the second, where `there` is its name.
pub(super) struct Pair {
    pub(super) here: World,
    pub(super) there: World,
    pub(super) wire: Proxy,
}

impl Pair {
    pub(super) async fn start() -> Self {
        // Two worlds are large.
        let here = Box::pin(World::start_with_clock(FLAGS)).await;
        let there = Box::pin(World::start_with(FLAGS)).await;
        let wire = Proxy::to(there.address()).await;
        register(&here, "there", wire.address).await;
        Self { here, there, wire }
    }

    /// The same with a rule for an image that is there already.
    pub(super) async fn sending(overwrite: bool) -> Self {
        let pair = Box::pin(Self::start()).await;
        pair.here.admin.push_image("team/app", "before", b"before").await;
        send_pushes(&pair.here, APP, "there", overwrite).await;
        pair
    }
}

/// What a tag names in the second registry; empty when it is not there.
pub(super) async fn named(world: &World, reference: &str) -> String {
    let line = format!("HEAD /v2/team/app/manifests/{reference}");
    let answer = world.admin.ask(line).await;
    let found = (answer.status == 200).then(|| answer.header("docker-content-digest").to_owned());
    found.unwrap_or_default()
}

/// An index of two images that share a layer, a list of its contents, a signature of that, and one by tag.
struct Signed {
    layers: [Vec<u8>; 3],
    index: Value,
    root: String,
    sbom: String,
    nested: String,
    cosign: String,
}

/// Pushes everything but the tag of the index, by digest.
async fn push_signed(admin: &Client) -> Signed {
    let layers = [1, 2, 3].map(|seed| bytes(seed, SIZE));
    let [base, amd, arm] = &layers;
    for blob in [CONFIG, base, amd, arm, b"list", b"signature"] {
        admin.push_blob("team/app", blob).await;
    }
    let mut images = Vec::new();
    for layers in [[&base[..], &amd[..]], [&base[..], &arm[..]]] {
        let manifest = image(&layers);
        let reference = digest(written(&manifest));
        images.push(admin.push_manifest("team/app", &reference, &manifest).await);
    }
    let index = index(&[&images[0], &images[1]]);
    let about = |subject: &Value, blob: &[u8]| {
        let mut artifact = image(&[blob]);
        artifact["subject"] = descriptor(media_type::OCI_INDEX, &written(subject));
        artifact["artifactType"] = json!("application/spdx+json");
        artifact
    };
    let sbom = about(&index, b"list");
    let nested = about(&sbom, b"signature");
    let root = digest(written(&index));
    let cosign = format!("{}.sig", root.replacen(':', "-", 1));
    for artifact in [&sbom, &nested] {
        admin
            .push_manifest("team/app", &digest(written(artifact)), artifact)
            .await;
    }
    admin
        .push_manifest("team/app", &cosign, &image(&[b"signature"]))
        .await;
    Signed {
        layers,
        index,
        root,
        sbom: digest(written(&sbom)),
        nested: digest(written(&nested)),
        cosign,
    }
}

#[tokio::test]
async fn everything_that_belongs_to_a_tag_travels() {
    let pair = Pair::sending(false).await;
    let (admin, there) = (&pair.here.admin, &pair.there.admin);
    let signed = push_signed(admin).await;
    ended(&pair.here, APP, 1).await;
    admin.push_manifest("team/app", "v1", &signed.index).await;
    let copies = ended(&pair.here, APP, 2).await;
    let cosign = &signed.cosign;
    assert_eq!(
        told(&copies),
        [format!("{cosign} success"), "v1 success".to_owned()]
    );
    for reference in ["v1", &signed.root, cosign, &signed.sbom, &signed.nested] {
        let line = format!("GET /v2/team/app/manifests/{reference}");
        let sent = admin.ask(&line).await.is(200);
        there.ask(&line).await.is(200).holds(&sent.body);
    }
    for blob in &signed.layers {
        let line = format!("GET /v2/team/app/blobs/{}", digest(blob));
        there.ask(line).await.is(200).holds(blob);
    }
    for (subject, referrer) in [(&signed.root, &signed.sbom), (&signed.sbom, &signed.nested)] {
        let line = format!("GET /v2/team/app/referrers/{subject}");
        let listed = there.ask(line).await.json();
        assert_eq!(listed["manifests"][0]["digest"], **referrer, "{listed}");
    }
    let progress = &copies[0]["progress"];
    assert_eq!(progress["bytesDone"], progress["bytesTotal"], "{progress}");
    assert!(
        progress["bytesSent"].as_u64().unwrap() >= 3 * SIZE as u64,
        "{progress}"
    );
    assert_eq!(
        (&progress["blobsDone"], &copies[0]["digest"]),
        (&json!(6), &json!(signed.root))
    );
}

#[tokio::test]
async fn a_signature_that_names_itself_travels_once() {
    let pair = Pair::sending(false).await;
    let admin = &pair.here.admin;
    let own = digest(admin.push_image("team/app", "v1", b"layer").await);
    ended(&pair.here, APP, 1).await;
    let tag = format!("{}.sig", own.replacen(':', "-", 1));
    admin.push_image("team/app", &tag, b"layer").await;
    ended(&pair.here, APP, 2).await;
    copy_now(&pair.here, APP, &["v1"], false).await;
    let copies = ended(&pair.here, APP, 3).await;
    assert_eq!(
        told(&copies),
        [
            "v1 success".to_owned(),
            format!("{tag} success"),
            "v1 existed".to_owned()
        ]
    );
    assert_eq!(named(&pair.there, &tag).await, own);
}

#[tokio::test]
async fn a_region_is_nowhere_that_the_operator_did_not_allow() {
    let (here, there) = (World::start().await, World::start().await);
    let asked = region("there", there.address());
    let refused = does(&here, Method::POST, "/v2/manage/regions", &asked, 400).await;
    let said = refused["errorMessage"].as_str().unwrap();
    assert!(said.contains("outbound"), "{refused}");
    // Kept all the same, it is still not reached.
    let mut unchecked = asked.clone();
    unchecked["unchecked"] = json!(true);
    does(&here, Method::POST, "/v2/manage/regions", &unchecked, 201).await;
    here.admin.push_image("team/app", "v1", b"layer").await;
    copy_now(&here, APP, &["v1"], false).await;
    let waits = |copy: &Value| copy["nextAttemptAt"].is_string();
    let waiting = await_copies(&here, APP, 1, waits).await;
    let detail = waiting[0]["detail"].as_str().unwrap();
    assert!(detail.contains("outbound"), "{}", waiting[0]);
    assert_eq!(named(&there, "v1").await, "");
}

#[tokio::test]
async fn what_is_there_does_not_travel_again() {
    let pair = Pair::sending(false).await;
    let admin = &pair.here.admin;
    let layer = bytes(4, SIZE);
    admin.push_image("team/app", "v1", &layer).await;
    let first = ended(&pair.here, APP, 1).await;
    let sent = first[0]["progress"]["bytesSent"].as_u64().unwrap();
    assert!(sent >= SIZE as u64, "{sent}");

    // The same under another tag, and its layer in another image.
    let before = pair.wire.bytes_up();
    admin.push_image("team/app", "v2", &layer).await;
    let again = ended(&pair.here, APP, 2).await;
    assert_eq!(told(&again)[1], "v2 success");
    assert_eq!(again[0]["progress"]["bytesSent"], 0, "{}", again[0]);
    let other = "/v2/manage/namespaces/team/repos/other";
    admin.push_image("team/other", "v1", &layer).await;
    copy_now(&pair.here, other, &["v1"], false).await;
    let mounted = ended(&pair.here, other, 1).await;
    assert_eq!(told(&mounted), ["v1 success"]);
    let progress = &mounted[0]["progress"];
    assert_eq!(progress["bytesSent"], 0, "{progress}");
    assert_eq!(progress["bytesMounted"], SIZE + CONFIG.len(), "{progress}");
    let travelled = pair.wire.bytes_up() - before;
    assert!(travelled < SIZE as u64 / 10, "{travelled}");
    let line = format!("GET /v2/team/other/blobs/{}", digest(&layer));
    pair.there.admin.ask(line).await.is(200).holds(&layer);
}

#[tokio::test]
async fn what_is_signed_later_follows() {
    let pair = Pair::sending(false).await;
    let admin = &pair.here.admin;
    let manifest = admin.push_image("team/app", "v1", b"layer").await;
    ended(&pair.here, APP, 1).await;
    let mut signature = image(&[b"layer"]);
    signature["subject"] = descriptor(media_type::OCI_MANIFEST, &manifest);
    let signature_digest = digest(written(&signature));
    admin
        .push_manifest("team/app", &signature_digest, &signature)
        .await;
    let copies = ended(&pair.here, APP, 2).await;
    assert_eq!(
        told(&copies)[1],
        "v1 success the image was there; what belongs to it was sent"
    );
    assert_eq!(named(&pair.there, &signature_digest).await, signature_digest);
    copy_now(&pair.here, APP, &["v1"], false).await;
    let copies = ended(&pair.here, APP, 3).await;
    assert_eq!(told(&copies)[2], "v1 existed");
}

#[tokio::test]
async fn a_tag_is_replaced_there_only_when_that_is_asked_for() {
    let pair = Box::pin(Pair::start()).await;
    let theirs = pair.there.admin.push_image("team/app", "v1", b"theirs").await;
    let ours = pair.here.admin.push_image("team/app", "v1", b"ours").await;
    copy_now(&pair.here, APP, &["v1"], false).await;
    let kept = ended(&pair.here, APP, 1).await;
    let detail = format!(
        "v1 existed the tag names {} there and is not replaced: the copy is not to overwrite",
        digest(&theirs)
    );
    assert_eq!(told(&kept), [detail]);
    assert_eq!(named(&pair.there, "v1").await, digest(&theirs));
    copy_now(&pair.here, APP, &["v1"], true).await;
    ended(&pair.here, APP, 2).await;
    assert_eq!(named(&pair.there, "v1").await, digest(&ours));
}

#[tokio::test]
async fn what_is_there_already_is_sent_when_it_is_asked_for() {
    let pair = Box::pin(Pair::start()).await;
    for tag in ["v1", "v2"] {
        pair.here.admin.push_image("team/app", tag, tag.as_bytes()).await;
    }
    let rule = json!({
        "remoteRegionId": "there", "remoteNamespace": "team", "syncAuto": true, "syncExisting": true,
    });
    does(&pair.here, Method::POST, &format!("{APP}/sync_repo"), &rule, 200).await;
    let sent = ended(&pair.here, APP, 2).await;
    assert_eq!(told(&sent), ["v1 success", "v2 success"]);
    let all = json!({
        "remoteRegionId": "there", "remoteNamespace": "team", "imageTag": [], "allTags": true,
    });
    does(&pair.here, Method::POST, &format!("{APP}/sync_images"), &all, 200).await;
    let sent = ended(&pair.here, APP, 4).await;
    assert_eq!(told(&sent)[2..], ["v1 existed", "v2 existed"]);
    let status = does(
        &pair.here,
        Method::GET,
        &format!("{APP}/sync_status"),
        &Value::Null,
        200,
    )
    .await;
    let arrived = status[0]["lastArrivalAt"].clone();
    assert!(arrived.is_string(), "{status}");
    assert_eq!(
        status,
        json!([{
            "remoteRegionId": "there", "remoteNamespace": "team", "syncAuto": true, "waiting": 0, "running": 0,
            "failed": 0, "behindSeconds": null, "lastArrivalAt": arrived, "pausedUntil": null, "pausedBecause": "",
        }])
    );
}

#[tokio::test]
async fn a_region_is_looked_at_before_it_is_kept() {
    let pair = Box::pin(Pair::start()).await;
    let regions = "/v2/manage/regions";
    let known = does(
        &pair.here,
        Method::GET,
        &format!("{regions}/there"),
        &Value::Null,
        200,
    )
    .await;
    assert_eq!(known["usable"], true);
    let id = known["registry_id"].as_str().unwrap();
    let finding = format!("the Berth registry {id}, which takes the login");
    assert_eq!(known["finding"], finding);
    let here = region("here", pair.here.address());
    let mut wrong = region("wrong", pair.there.address());
    wrong["password"] = json!("not the key");
    let nowhere = region("nowhere", "127.0.0.1:1");
    for (asked, expected) in [
        (here, "the address leads back to this very registry"),
        (wrong.clone(), "login"),
        (nowhere, "127.0.0.1:1"),
    ] {
        let refused = does(&pair.here, Method::POST, regions, &asked, 400).await;
        let said = refused["errorMessage"].as_str().unwrap();
        assert!(said.contains(expected), "{refused}");
        assert!(said.contains("unchecked"), "{refused}");
        assert!(!said.contains("not the key"), "{refused}");
    }
    // Kept all the same, and put right later.
    wrong["unchecked"] = json!(true);
    let kept = does(&pair.here, Method::POST, regions, &wrong, 201).await;
    assert_eq!(kept["usable"], Value::Null);
    let one = format!("{regions}/wrong");
    let checked = does(
        &pair.here,
        Method::POST,
        &format!("{one}/check"),
        &Value::Null,
        200,
    )
    .await;
    assert_eq!(checked["usable"], false);
    let login = region("wrong", pair.there.address());
    let right = json!({ "username": login["username"], "password": login["password"] });
    let changed = does(&pair.here, Method::PATCH, &one, &right, 200).await;
    assert_eq!(changed["usable"], true);
    assert!(copies_of_nothing(&pair.here).await.is_empty());
}

async fn copies_of_nothing(world: &World) -> Vec<Value> {
    world.admin.push_image("team/app", "v1", b"layer").await;
    copies(world, APP).await
}
