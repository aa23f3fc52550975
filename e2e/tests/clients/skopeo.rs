//! skopeo: copies between layouts and repositories, lists, deletes, syncs.

use std::fs;

use e2e::client::{Client, log_in, skopeo};
use e2e::image::sha256_of;
use e2e::sample;
use e2e::server::Server;
use serde_json::Value;

const PLAIN_SOURCE: &str = "--src-tls-verify=false";
const PLAIN_TARGET: &str = "--dest-tls-verify=false";

#[test]
fn an_index_is_copied_listed_synced_and_deleted() {
    let (server, client) = start();
    let layout = sample::multi_architecture_index();
    let from = format!("oci:{}", layout.name(sample::TAG));
    let first = format!("docker://{}", server.image("team/one:1"));
    let second = format!("docker://{}", server.image("team/two/deep:1"));

    client.ok(&["copy", "--all", "--preserve-digests", PLAIN_TARGET, &from, &first]);
    assert_eq!(digest(&client, &first), layout.digest(sample::TAG));
    client.ok(&["copy", "--all", PLAIN_SOURCE, PLAIN_TARGET, &first, &second]);
    assert_eq!(digest(&client, &second), layout.digest(sample::TAG));

    let inspected = client.ok(&["inspect", "--tls-verify=false", &first]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["RepoTags"], serde_json::json!(["1"]));
    assert_eq!(inspected["Layers"].as_array().unwrap().len(), 3);

    let repository = server.image("team/one");
    let folder = client.home().folder("synced");
    client.ok(&[
        "sync",
        "--all",
        "--src=docker",
        "--dest=dir",
        PLAIN_SOURCE,
        &repository,
        &folder.to_string_lossy(),
    ]);
    let mut manifest = fs::File::open(folder.join("one:1/manifest.json")).unwrap();
    assert_eq!(sha256_of(&mut manifest), layout.digest(sample::TAG));

    client.ok(&["delete", "--tls-verify=false", &first]);
    client.refused("manifest unknown", &["inspect", "--tls-verify=false", &first]);
    let tags = client.ok(&[
        "list-tags",
        "--tls-verify=false",
        &format!("docker://{repository}"),
    ]);
    let tags: Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(tags["Tags"], serde_json::json!([]));
    assert_eq!(digest(&client, &second), layout.digest(sample::TAG));
}

#[test]
fn every_compression_and_both_formats_arrive_unaltered() {
    let (server, client) = start();
    let layout = sample::debian_image();
    let from = format!("oci:{}", layout.name(sample::TAG));
    let kept = format!("docker://{}", server.image("team/debian:oci"));
    client.ok(&["copy", "--preserve-digests", PLAIN_TARGET, &from, &kept]);
    assert_eq!(digest(&client, &kept), layout.digest(sample::TAG));

    let gzip = sample::gzip_debian_image();
    let from = format!("oci:{}", gzip.name(sample::TAG));
    let converted = format!("docker://{}", server.image("team/debian:v2s2"));
    client.ok(&["copy", "--format=v2s2", PLAIN_TARGET, &from, &converted]);
    let back = client.home().join("back");
    let to = format!("dir:{}", back.display());
    client.ok(&["copy", PLAIN_SOURCE, &converted, &to]);
    let mut manifest = fs::File::open(back.join("manifest.json")).unwrap();
    assert_eq!(sha256_of(&mut manifest), digest(&client, &converted));
}

fn start() -> (Server, Client) {
    let server = Server::start();
    server.create_organization("team");
    let client = skopeo();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    (server, client)
}

fn digest(client: &Client, image: &str) -> String {
    let raw = client.run(&["inspect", "--tls-verify=false", "--raw", image]);
    assert!(raw.success, "{}", raw.stderr);
    sha256_of(&mut raw.stdout.as_bytes())
}
