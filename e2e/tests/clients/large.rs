//! A layer of 2 GiB, through every client that can be given one in reasonable time.

use std::process::Stdio;

use e2e::client::{crane, log_in, podman, skopeo};
use e2e::containerd::Containerd;
use e2e::docker::Docker;
use e2e::image::sha256_of;
use e2e::sample;
use e2e::server::Server;

#[test]
fn a_layer_of_two_gib_arrives_whole_everywhere() {
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let layout = sample::large_image(2048);
    let image = server.image("team/large:1");
    let digest = layout.digest(sample::TAG).to_owned();

    let client = skopeo();
    log_in(&client, &server.address(), &login).ok();
    let from = format!("oci:{}", layout.name(sample::TAG));
    let to = format!("docker://{image}");
    client.ok(&[
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        &from,
        &to,
    ]);

    // Its 2 GiB are not needed any more.
    drop(layout);

    let client = crane();
    log_in(&client, &server.address(), &login).ok();
    let manifest: serde_json::Value = serde_json::from_str(&client.ok(&["manifest", &image])).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let blob = format!("{}@{layer}", server.image("team/large"));
    let mut read = client
        .command(&["blob", &blob])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(sha256_of(read.stdout.as_mut().unwrap()), layer);
    assert!(read.wait().unwrap().success());

    {
        let containerd = Containerd::start();
        containerd.pull(Some(&login), &image).ok();
        assert_eq!(containerd.digest(&image), digest);
    }
    {
        let client = podman();
        log_in(&client, &server.address(), &login).ok();
        client.ok(&["pull", "--tls-verify=false", &image]);
        assert_eq!(
            client.ok(&["image", "inspect", "--format={{.Digest}}", &image]),
            digest
        );
    }
    let docker = Docker::start();
    log_in(&docker, &server.address(), &login).ok();
    assert_eq!(docker.pull(&image), digest);
}
