//! buildah: images made from scratch, and manifest lists of both kinds.

use std::fs;

use e2e::client::{Client, buildah, log_in};
use e2e::home::Home;
use e2e::sample::busybox_tar;
use e2e::server::Server;

#[test]
fn an_oci_index_is_pushed_with_all_its_images() {
    check("oci", "application/vnd.oci.image.index.v1+json");
}

#[test]
fn a_docker_list_is_pushed_with_all_its_images() {
    check(
        "v2s2",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    );
}

fn check(format: &str, media_type: &str) {
    let server = Server::start();
    server.create_organization("team");
    let client = buildah();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    let image = server.image("team/tools/list:1");

    client.ok(&["manifest", "create", "list"]);
    let architectures = ["amd64", "arm64"];
    for architecture in architectures {
        let id = build(&client, architecture);
        client.ok(&["manifest", "add", "list", &id]);
    }
    let file = client.home().join("digest");
    let to = format!("docker://{image}");
    client.ok(&[
        "manifest",
        "push",
        "--all",
        "--tls-verify=false",
        "--format",
        format,
        "--digestfile",
        &file.to_string_lossy(),
        "list",
        &to,
    ]);
    let pushed = fs::read_to_string(file).unwrap();

    let raw = e2e::client::skopeo();
    log_in(&raw, &server.address(), &server.long_term_login()).ok();
    let index = raw.run(&["inspect", "--tls-verify=false", "--raw", &to]);
    assert!(index.success, "{}", index.stderr);
    assert_eq!(e2e::image::sha256_of(&mut index.stdout.as_bytes()), pushed);
    let index: serde_json::Value = serde_json::from_str(&index.stdout).unwrap();
    assert_eq!(index["mediaType"], media_type);

    for architecture in architectures {
        let there = buildah();
        log_in(&there, &server.address(), &server.long_term_login()).ok();
        let arch = format!("--arch={architecture}");
        let by_digest = format!("{}@{pushed}", server.image("team/tools/list"));
        there.ok(&["pull", "--tls-verify=false", &arch, &by_digest]);
        let container = there.ok(&["from", "--pull-never", &arch, &by_digest]);
        let shown = there.ok(&["inspect", "--format", "{{.OCIv1.Architecture}}", &container]);
        assert_eq!(shown, architecture);
    }
}

fn build(client: &Client, architecture: &str) -> String {
    let home = Home::new("buildah-root");
    let tar = busybox_tar(&home);
    let container = client.ok(&["from", "scratch"]);
    client.ok(&["add", &container, &tar.to_string_lossy(), "/"]);
    client.ok(&["config", "--arch", architecture, "--os", "linux", &container]);
    client.ok(&["commit", "--quiet", "--rm", &container])
}
