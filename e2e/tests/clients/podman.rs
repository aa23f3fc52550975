//! podman: push, pull elsewhere, run.

use std::fs;

use e2e::client::{log_in, podman};
use e2e::sample;
use e2e::server::Server;

#[test]
fn a_debian_image_comes_back_and_runs() {
    let server = Server::start();
    server.create_organization("team");
    let image = server.image("team/debian:12");
    let login = server.long_term_login();

    let here = podman();
    log_in(&here, &server.address(), &login).ok();
    let layout = sample::debian_image();
    let id = here.ok(&["pull", "--quiet", &format!("oci:{}", layout.name(sample::TAG))]);
    here.ok(&["tag", &id, &image]);
    let file = here.home().join("digest");
    let file_flag = format!("--digestfile={}", file.display());
    here.ok(&["push", "--tls-verify=false", &file_flag, &image]);
    let pushed = fs::read_to_string(file).unwrap();

    let there = podman();
    log_in(&there, &server.address(), &login).ok();
    there.ok(&["pull", "--tls-verify=false", &image]);
    assert_eq!(
        there.ok(&["image", "inspect", "--format={{.Digest}}", &image]),
        pushed
    );
    let version = there.ok(&[
        "run",
        "--rm",
        "--network=none",
        &image,
        "cat",
        "/etc/debian_version",
    ]);
    assert!(!version.is_empty());

    there.ok(&["logout", &server.address()]);
    there.ok(&["rmi", "--force", &image]);
    let refusal = there.run(&["pull", "--tls-verify=false", &image]);
    assert!(!refusal.success, "pulled after the logout");
}

#[test]
fn both_manifest_formats_are_taken() {
    let server = Server::start();
    server.create_organization("team");
    let client = podman();
    log_in(&client, &server.address(), &server.administrator()).ok();
    let layout = sample::small_image();
    let id = client.ok(&["pull", "--quiet", &format!("oci:{}", layout.name(sample::TAG))]);
    for (format, media_type) in [
        ("oci", "application/vnd.oci.image.manifest.v1+json"),
        ("v2s2", "application/vnd.docker.distribution.manifest.v2+json"),
    ] {
        let image = server.image(&format!("team/small:{format}"));
        client.ok(&["push", "--tls-verify=false", "--format", format, &id, &image]);
        let there = podman();
        log_in(&there, &server.address(), &server.administrator()).ok();
        there.ok(&["pull", "--tls-verify=false", &image]);
        let shown = there.ok(&["image", "inspect", "--format={{.ManifestType}}", &image]);
        assert_eq!(shown, media_type);
    }
}
