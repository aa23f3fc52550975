//! crane, the client of go-containerregistry: push, copy, append, validate, lists, delete.

use e2e::client::{Client, crane, log_in};
use e2e::home::Home;
use e2e::image::random_tar;
use e2e::sample;
use e2e::server::Server;

#[test]
fn every_compression_is_pushed_and_copied_unaltered() {
    let (server, client) = start();
    let layout = sample::debian_image();
    let image = server.image("team/debian:12");
    let copy = server.image("team/copies/debian:12");
    client.ok(&["push", &layout.path().to_string_lossy(), &image]);
    client.ok(&["copy", &image, &copy]);
    assert_eq!(client.ok(&["digest", &image]), layout.digest(sample::TAG));
    assert_eq!(client.ok(&["digest", &copy]), layout.digest(sample::TAG));
    let manifest = client.ok(&["manifest", &image]);
    assert_eq!(client.ok(&["manifest", &copy]), manifest);
}

#[test]
fn a_debian_image_is_extended_and_validated() {
    let (server, client) = start();
    // crane's validation knows gzip only.
    let layout = sample::gzip_debian_image();
    let image = server.image("team/debian:12");
    client.ok(&["push", &layout.path().to_string_lossy(), &image]);
    client.ok(&["validate", "--remote", &image]);

    let home = Home::new("layer");
    let layer = random_tar(&home, "extra.tar", 1 << 20, 11);
    let layer = layer.to_string_lossy();
    let extended = server.image("team/debian:extended");
    client.ok(&[
        "append",
        "--base",
        &image,
        "--new_layer",
        &layer,
        "--new_tag",
        &extended,
    ]);
    client.ok(&["validate", "--remote", &extended]);
    let digest = client.ok(&["digest", &extended]);
    assert_ne!(digest, layout.digest(sample::TAG));
}

#[test]
fn an_index_is_pushed_listed_and_deleted() {
    let (server, client) = start();
    let layout = sample::multi_architecture_index();
    let image = server.image("team/multi:1");
    client.ok(&["push", "--index", &layout.path().to_string_lossy(), &image]);
    client.ok(&["validate", "--remote", &image]);
    client.ok(&["tag", &image, "2"]);
    assert_eq!(client.ok(&["ls", &server.image("team/multi")]), "1\n2");
    let catalog = client.ok(&["catalog", &server.address()]);
    assert_eq!(catalog, "team/multi");
    let pulled = client.home().join("pulled");
    client.ok(&["pull", "--format=oci", &image, &pulled.to_string_lossy()]);
    let by_digest = format!(
        "{}@{}",
        server.image("team/multi"),
        client.ok(&["digest", &image])
    );
    client.ok(&["delete", &by_digest]);
    assert_eq!(client.ok(&["ls", &server.image("team/multi")]), "");
}

fn start() -> (Server, Client) {
    let server = Server::start();
    server.create_organization("team");
    let client = crane();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    (server, client)
}
