//! Files that docker, podman and skopeo saved, sent with `berth upload`: what is pulled is what was saved.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::client::{Client, crane, log_in, podman, skopeo};
use e2e::docker::Docker;
use e2e::home::Home;
use e2e::image::random_tar;
use e2e::sample;
use e2e::server::{Server, binary};
use serde_json::Value;

const MIB: u64 = 1 << 20;

fn start() -> Server {
    let server = Server::start();
    server.create_organization("team");
    server
}

/// Pulls all of an image with crane, which checks every digest. Its `validate` wants gzipped layers, and saved ones are plain.
fn pull_whole(observer: &Client, image: &str) {
    let home = Home::new("crane-pull");
    let folder = home.join("layout");
    observer.ok(&["pull", "--format=oci", image, &folder.display().to_string()]);
}

/// The command line of Berth, logged in as the administrator.
fn berth(server: &Server) -> Client {
    let key = server.administrator_key();
    Client::new(&binary().to_string_lossy())
        .variable("BERTH_URL", format!("http://{}", server.address()))
        .variable("BERTH_ACCESS_KEY_ID", key.id)
        .variable("BERTH_SECRET_ACCESS_KEY", key.secret)
}

fn upload(server: &Server, file: &Path, more: &[&str]) -> Value {
    let file = file.to_string_lossy();
    let arguments = ["upload", &file, "--organization", "team", "--output", "json"];
    let told = berth(server).ok(&[&arguments[..], more].concat());
    serde_json::from_str(&told).unwrap()
}

fn gzipped(file: &Path) -> std::path::PathBuf {
    let status = Command::new("gzip").arg("--keep").arg(file).status().unwrap();
    assert!(status.success());
    let mut packed = file.as_os_str().to_owned();
    packed.push(".gz");
    packed.into()
}

#[test]
fn what_docker_saved_is_pulled_as_the_same_image() {
    let server = start();
    let here = Docker::start();
    let tar = random_tar(here.home(), "content.tar", 12 * MIB, 3);
    here.ok(&[
        "import",
        &tar.to_string_lossy(),
        "registry.example.com/web/app:v1",
    ]);
    here.ok(&["tag", "registry.example.com/web/app:v1", "web/app:v2"]);
    let id = here.ok(&["image", "inspect", "--format", "{{.Id}}", "web/app:v2"]);
    let saved = here.home().join("saved.tar");
    here.ok(&[
        "save",
        "--output",
        &saved.to_string_lossy(),
        "registry.example.com/web/app:v1",
        "web/app:v2",
    ]);
    for (file, more) in [(saved.clone(), &[][..]), (gzipped(&saved), &["--overwrite"][..])] {
        let stored = upload(&server, &file, more);
        assert_eq!(stored.as_array().unwrap().len(), 2, "{stored}");
        let there = Docker::start();
        log_in(&there, &server.address(), &server.long_term_login()).ok();
        for tag in ["v1", "v2"] {
            let image = server.image(&format!("team/app:{tag}"));
            there.pull(&image);
            assert_eq!(there.ok(&["image", "inspect", "--format", "{{.Id}}", &image]), id);
        }
    }
}

#[test]
fn what_podman_saved_is_pulled_as_the_same_image() {
    let server = start();
    let client = podman();
    let tar = random_tar(client.home(), "content.tar", 3 * MIB, 5);
    client.ok(&["import", &tar.to_string_lossy(), "localhost/app:v1"]);
    let id = client.ok(&["image", "inspect", "--format", "{{.Id}}", "localhost/app:v1"]);
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    for format in ["docker-archive", "oci-archive"] {
        let saved = client.home().join(format!("{format}.tar"));
        client.ok(&[
            "save",
            "--format",
            format,
            "--output",
            &saved.to_string_lossy(),
            "localhost/app:v1",
        ]);
        let stored = upload(&server, &saved, &["--tag", format]);
        let image = server.image(&format!("team/app:{format}"));
        assert_eq!(stored[0]["image"], format!("team/app:{format}"), "{stored}");
        client.ok(&["pull", "--tls-verify=false", &image]);
        if format == "docker-archive" {
            assert_eq!(
                client.ok(&["image", "inspect", "--format", "{{.Id}}", &image]),
                id
            );
        }
    }
}

#[test]
fn what_skopeo_wrote_keeps_its_digest_with_all_platforms() {
    let server = start();
    let client = skopeo();
    let layout = sample::multi_architecture_index();
    let saved = client.home().join("saved.tar");
    let from = format!("oci:{}", layout.name(sample::TAG));
    let to = format!("oci-archive:{}:web/app:multi", saved.display());
    client.ok(&["copy", "--all", "--preserve-digests", &from, &to]);
    let stored = upload(&server, &saved, &[]);
    assert_eq!(stored[0]["image"], "team/app:multi");
    assert_eq!(stored[0]["digest"], layout.digest(sample::TAG));

    let one = client.home().join("one.tar");
    let to = format!("docker-archive:{}:web/app:one", one.display());
    client.ok(&["copy", &from, &to]);
    upload(&server, &one, &[]);
    let observer = crane();
    log_in(&observer, &server.address(), &server.long_term_login()).ok();
    for tag in ["multi", "one"] {
        pull_whole(&observer, &server.image(&format!("team/app:{tag}")));
    }
}

#[test]
fn a_refusal_is_told_and_a_question_is_asked() {
    let server = start();
    let home = Home::new("refused");
    let text = home.write("text.tar", "hello ".repeat(1000));
    let path = text.to_string_lossy();
    berth(&server).refused(
        "invalid image format",
        &["upload", &path, "--organization", "team"],
    );
    berth(&server).refused("organization", &["upload", &path, "--organization", "nowhere"]);
    let listed = berth(&server).ok(&["upload", "--list", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["state"], "failed", "{listed}");

    let client = skopeo();
    let layout = sample::small_image();
    let from = format!("oci:{}", layout.name(sample::TAG));
    let saved = client.home().join("saved.tar");
    client.ok(&["copy", &from, &format!("oci-archive:{}", saved.display())]);
    let path = saved.to_string_lossy();
    berth(&server).refused("--name", &["upload", &path, "--organization", "team"]);
    upload(&server, &saved, &["--name", "app", "--tag", "v1"]);
    let other = client.home().join("other.tar");
    let tar = random_tar(client.home(), "content.tar", MIB, 7);
    let docker = Docker::start();
    docker.ok(&["import", &tar.to_string_lossy(), "app:v1"]);
    docker.ok(&["save", "--output", &other.to_string_lossy(), "app:v1"]);
    let path = other.to_string_lossy();
    berth(&server).refused("--overwrite", &["upload", &path, "--organization", "team"]);
    upload(&server, &other, &["--overwrite"]);
}

/// A file of so many bytes whose image is `team/heavy:1`.
fn heavy(client: &Client, size: u64) -> std::path::PathBuf {
    let tar = random_tar(client.home(), "heavy-layer.tar", size, 9);
    let docker = Docker::start();
    docker.ok(&["import", &tar.to_string_lossy(), "heavy:1"]);
    let saved = client.home().join("heavy.tar");
    docker.ok(&["save", "--output", &saved.to_string_lossy(), "heavy:1"]);
    saved
}

#[test]
fn an_upload_ends_well_when_the_server_is_killed_in_its_middle() {
    let mut server = start();
    let client = berth(&server);
    let saved = heavy(&client, 400 * MIB);
    let mut sending = client
        .command(&["upload", &saved.to_string_lossy(), "--organization", "team"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(&client, &mut sending, |upload| {
        upload["offset"].as_u64() > Some(20 * MIB)
    });
    server.kill_and_restart();
    wait_until(&client, &mut sending, |upload| upload["state"] == "processing");
    server.kill_and_restart();
    assert!(sending.wait().unwrap().success());
    let observer = crane();
    log_in(&observer, &server.address(), &server.long_term_login()).ok();
    pull_whole(&observer, &server.image("team/heavy:1"));
    let left = server.data().join("storage/documents/archives");
    let chunks = walk(&left);
    assert!(chunks.is_empty(), "{chunks:?}");
}

#[test]
fn two_files_at_once_become_their_images() {
    let server = start();
    let client = berth(&server);
    let saved = heavy(&client, 60 * MIB);
    let docker = Docker::start();
    docker.ok(&[
        "import",
        &random_tar(docker.home(), "other.tar", 50 * MIB, 11).to_string_lossy(),
        "other:1",
    ]);
    let other = docker.home().join("other-saved.tar");
    docker.ok(&["save", "--output", &other.to_string_lossy(), "other:1"]);
    let sending: Vec<_> = [&saved, &other]
        .iter()
        .map(|file| {
            let file = file.to_string_lossy();
            client
                .command(&["upload", &file, "--organization", "team"])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut one in sending {
        assert!(one.wait().unwrap().success());
    }
    let observer = crane();
    log_in(&observer, &server.address(), &server.long_term_login()).ok();
    for image in ["team/heavy:1", "team/other:1"] {
        pull_whole(&observer, &server.image(image));
    }
}

fn wait_until(client: &Client, sending: &mut Child, wanted: impl Fn(&Value) -> bool) {
    let begun = Instant::now();
    loop {
        let listed = client.run(&["upload", "--list", "--output", "json"]);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
        if wanted(&listed[0]) {
            return;
        }
        assert!(
            sending.try_wait().unwrap().is_none(),
            "it ended too early: {listed}"
        );
        assert!(begun.elapsed() < Duration::from_mins(2), "{listed}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}
