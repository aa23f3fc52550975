//! podman: push, pull elsewhere, run.

use std::fs;
use std::path::PathBuf;

use e2e::client::{log_in, podman, podman_with_partial_pulls};
use e2e::home::Home;
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

/// Of how many small files every second one differs between two versions.
const FILES: usize = 1800;

/// The tar file of a version: text that compresses to about three quarters, the small files of this version among large
/// ones that all have.
fn version(home: &Home, version: u64) -> PathBuf {
    let path = home.join(format!("{version}.tar"));
    let mut archive = tar::Builder::new(fs::File::create(&path).unwrap());
    // podman's threads race for a folder that no entry makes; the one that loses gives up on the partial pull.
    let mut folder = tar::Header::new_ustar();
    folder.set_entry_type(tar::EntryType::Directory);
    folder.set_size(0);
    folder.set_mode(0o755);
    archive
        .append_data(&mut folder, "data/", std::io::empty())
        .unwrap();
    for number in 0..FILES {
        let (seed, length) = if number % 2 == 0 { (0, 6000) } else { (version, 60) };
        let mut state = (seed << 32) + number as u64 + 1;
        let letters = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[(state >> 58) as usize]
        });
        let content: Vec<u8> = letters.take(length).collect();
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = format!("data/{number:04}");
        archive
            .append_data(&mut header, name, content.as_slice())
            .unwrap();
    }
    archive.into_inner().unwrap();
    path
}

/// How many bytes a line of the access log says that were sent.
fn sent(line: &str) -> u64 {
    let (_, rest) = line.split_once(" sent=").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_next_version_of_an_image_costs_what_is_new_in_it() {
    let server = Server::start();
    server.create_organization("team");
    let (here, there) = (podman(), podman_with_partial_pulls());
    for client in [&here, &there] {
        log_in(client, &server.address(), &server.administrator()).ok();
    }
    let home = Home::new("versions");
    let images: Vec<_> = (1..=2)
        .map(|number| server.image(&format!("team/app:{number}")))
        .collect();
    for (number, image) in (1..).zip(&images) {
        let tar = version(&home, number);
        let id = here.ok(&["import", "--quiet", &tar.to_string_lossy()]);
        here.ok(&[
            "push",
            "--tls-verify=false",
            "--compression-format=zstd:chunked",
            &id,
            image,
        ]);
    }
    let bytes = || -> Vec<u64> {
        let lines = server.logged("/v2/team/app/blobs/sha256:");
        lines
            .iter()
            .filter(|line| line.contains("method=GET"))
            .map(|line| sent(line))
            .collect()
    };
    let mut seen = 0;
    let mut costs = Vec::new();
    for image in &images {
        there.ok(&["pull", "--tls-verify=false", image]);
        let sent = bytes();
        costs.push(sent[seen..].iter().sum::<u64>());
        seen = sent.len();
    }
    assert!(
        costs[1] * 5 < costs[0],
        "the second version took {} of {} bytes",
        costs[1],
        costs[0]
    );

    // What was put together of old and new files is the image that was pushed.
    let mounted = there.ok(&["image", "mount", &images[1]]);
    let tar = fs::File::open(home.join("2.tar")).unwrap();
    let mut count = 0;
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        let found = fs::read(PathBuf::from(&mounted).join(entry.path().unwrap())).unwrap();
        assert!(found == content, "{:?}", entry.path());
        count += 1;
    }
    assert_eq!(count, FILES);
    there.ok(&["image", "unmount", &images[1]]);
}
