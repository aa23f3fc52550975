//! The requests of Dragonfly's dfdaemon (1.5.10) for a client behind it: what it relays as it is, and those that it makes of one GET of
//! a blob. docs/how-to/dragonfly.md rests on these; `bench/dragonfly/run` holds them against a real one.

use futures_util::future::join_all;

use crate::client::Client;
use crate::content::{bytes, digest};
use crate::world::World;

/// The length of its pieces, but for the last of a blob.
const PIECE: usize = 4 << 20;

/// A blob as dfdaemon asks for it: with all headers of its client, containerd's `ns=`, and a range of its own.
async fn ask(world: &World, client: &Client, blob: &str, range: Option<&str>) -> crate::client::Answer {
    let line = format!("GET /v2/team/app/blobs/{blob}?ns={}", world.address());
    let asked = client
        .ask(line)
        .header("accept", "application/vnd.oci.image.layer.v1.tar+gzip, */*")
        .header("accept-encoding", "gzip")
        .header("user-agent", "containerd/1.6.20")
        .header("x-dragonfly-registry", format!("http://{}", world.address()));
    match range {
        Some(range) => asked.header("range", range).await,
        None => asked.await,
    }
}

#[tokio::test]
async fn a_blob_is_given_as_dfdaemon_asks_for_it() {
    let world = World::start().await;
    let content = bytes(3, 2 * PIECE + 12_345);
    let blob = world.admin.push_blob("team/app", &content).await;
    let client = world.token(&world.admin, "repository:team/app:pull").await;
    // How long it is: of a whole in one answer it would believe nothing but Content-Range.
    let told = ask(&world, &client, &blob, Some("bytes=0-0")).await.is(206);
    told.holds(&content[..1])
        .has("content-range", &format!("bytes 0-0/{}", content.len()))
        .has("content-length", "1")
        .lacks("transfer-encoding")
        .lacks("content-encoding");
    // Then its pieces, side by side, each to its last byte.
    let pieces = (0..content.len()).step_by(PIECE).map(async |start| {
        let end = (start + PIECE).min(content.len());
        let range = format!("bytes={start}-{}", end - 1);
        let answer = ask(&world, &client, &blob, Some(&range)).await.is(206);
        answer
            .holds(&content[start..end])
            .has(
                "content-range",
                &format!("bytes {start}-{}/{}", end - 1, content.len()),
            )
            .lacks("content-encoding");
    });
    join_all(pieces).await;
}

#[tokio::test]
async fn an_empty_blob_has_no_first_byte_and_is_given_whole() {
    let world = World::start().await;
    let blob = world.admin.push_blob("team/app", b"").await;
    ask(&world, &world.admin, &blob, Some("bytes=0-0")).await.is(416);
    let whole = ask(&world, &world.admin, &blob, None).await.is(200);
    whole.holds(b"").has("content-length", "0");
}

#[tokio::test]
async fn the_challenge_comes_through_with_the_address_that_dfdaemon_asked() {
    let world = World::start().await;
    let blob = world.admin.push_blob("team/app", b"content").await;
    let challenge = format!("Bearer realm=\"http://{}/token\"", world.address());
    let nobody = world.admin.anonymous();
    let refused = ask(&world, &nobody, &blob, Some("bytes=0-0")).await.is(401);
    assert!(refused.header("www-authenticate").starts_with(&challenge));
    // Relayed as they are.
    let ping = nobody.ask("GET /v2/").await.is(401);
    assert!(ping.header("www-authenticate").starts_with(&challenge));
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    let ns = world.address();
    for (method, reference) in [("HEAD", "v1".to_owned()), ("GET", digest(&manifest))] {
        let line = format!("{method} /v2/team/app/manifests/{reference}?ns={ns}");
        nobody.ask(&line).await.is(401);
        world
            .admin
            .ask(&line)
            .await
            .is(200)
            .has("docker-content-digest", &digest(&manifest));
    }
}
