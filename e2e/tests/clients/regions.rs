//! Regions: what docker pushes to one registry, every client pulls from the other; Debian's docker-registry as the other;
//! and either of two killed in the middle of a layer.

use std::thread;
use std::time::{Duration, Instant};

use e2e::client::{Client, crane, log_in, oras, skopeo};
use e2e::docker::Docker;
use e2e::docker_registry::DockerRegistry;
use e2e::image::{Layout, random_tar};
use e2e::login::{Login, Request};
use e2e::sample;
use e2e::server::Server;
use e2e::wire::{Cable, Wire};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const MIB: u64 = 1 << 20;
/// What a copy may take on a busy machine; one whose process was killed is free after a minute.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn what_docker_pushes_here_is_pulled_there() {
    let (here, there) = (team(), team());
    register(&here, &there.address(), &there.long_term_login());
    let docker = Docker::start();
    log_in(&docker, &here.address(), &here.long_term_login()).ok();
    log_in(&docker, &there.address(), &there.long_term_login()).ok();
    let image = here.image("team/app:v1");
    make(&docker, &sample::small_image(), &image);
    let digest = docker.push(&image);
    send_pushes(&here, "app");
    ask(&here, "POST", "repos/app/sync_images", &all_tags());
    assert_eq!(ended(&here, "app", 1), ["success"]);
    let copy = there.image("team/app:v1");
    assert_eq!(docker.pull(&copy), digest);
    let (observer, inspector) = (client_of(crane(), &there), client_of(skopeo(), &there));
    observer.ok(&["validate", "--remote", &copy]);
    assert_eq!(observer.ok(&["digest", &copy]), digest);
    let inspected = inspector.ok(&["inspect", "--tls-verify=false", &format!("docker://{copy}")]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Digest"], digest);

    // Several architectures, and a signature by tag that is pushed later.
    let pusher = client_of(crane(), &here);
    let multi = sample::multi_architecture_index();
    let name = here.image("team/app:multi");
    pusher.ok(&["push", "--index", &multi.path().to_string_lossy(), &name]);
    assert_eq!(ended(&here, "app", 2)[0], "success");
    let copy = there.image("team/app:multi");
    assert_eq!(observer.ok(&["digest", &copy]), pusher.ok(&["digest", &name]));
    observer.ok(&["validate", "--remote", &copy]);
    let signature = format!("{}.sig", digest.replacen(':', "-", 1));
    pusher.ok(&["copy", &image, &here.image(&format!("team/app:{signature}"))]);
    assert_eq!(ended(&here, "app", 3)[0], "success");
    assert_eq!(
        observer.ok(&["digest", &there.image(&format!("team/app:{signature}"))]),
        digest
    );

    // What is attached to an image by its digest alone.
    let artifacts = client_of(oras(), &here);
    std::fs::write(artifacts.home().join("sbom.json"), "{}").unwrap();
    let attach = [
        "attach",
        "--plain-http",
        "--disable-path-validation",
        "--artifact-type",
        "application/spdx+json",
        &image,
    ];
    let file = artifacts.home().join("sbom.json");
    artifacts.ok(&[&attach[..], &[&*file.to_string_lossy()]].concat());
    ended(&here, "app", 4);
    let discoverer = client_of(oras(), &there);
    let found = discoverer.ok(&["discover", "--plain-http", &there.image("team/app:v1")]);
    assert!(found.contains("application/spdx+json"), "{found}");
}

#[test]
fn a_region_may_be_debians_registry() {
    let (here, there) = (team(), DockerRegistry::start());
    let address = format!("127.0.0.1:{}", there.port());
    register(&here, &address, &there.login());
    let pusher = client_of(crane(), &here);
    let image = here.image("team/app:v1");
    let multi = sample::multi_architecture_index();
    pusher.ok(&["push", "--index", &multi.path().to_string_lossy(), &image]);
    let artifacts = client_of(oras(), &here);
    let file = artifacts.home().join("sbom.json");
    std::fs::write(&file, "{}").unwrap();
    let attach = [
        "attach",
        "--plain-http",
        "--disable-path-validation",
        "--artifact-type",
        "application/spdx+json",
        &image,
        &*file.to_string_lossy(),
    ];
    artifacts.ok(&attach);
    ask(&here, "POST", "repos/app/sync_images", &all_tags());
    assert_eq!(ended(&here, "app", 1), ["success"]);
    let observer = crane();
    log_in(&observer, &address, &there.login()).ok();
    let copy = format!("{address}/team/app:v1");
    observer.ok(&["validate", "--remote", &copy]);
    assert_eq!(observer.ok(&["digest", &copy]), pusher.ok(&["digest", &image]));
    // It lists no referrers, so clients look under a tag.
    let discoverer = oras();
    log_in(&discoverer, &address, &there.login()).ok();
    let found = discoverer.ok(&["discover", "--plain-http", &copy]);
    assert!(found.contains("application/spdx+json"), "{found}");
    ask(&here, "POST", "repos/app/sync_images", &all_tags());
    let again = copies(&here, "app");
    assert_eq!(ended(&here, "app", 2)[0], "existed", "{again:?}");
}

#[test]
fn a_source_that_is_killed_in_mid_sync_ends_it_after_its_start() {
    check(|here, _| here.kill_and_restart());
}

#[test]
fn a_destination_that_is_killed_in_mid_sync_gets_the_rest() {
    check(|_, there| there.kill_and_restart());
}

/// Copies a large layer, kills somebody in the middle, and sees that little was sent twice.
fn check(kill: impl FnOnce(&mut Server, &mut Server)) {
    let (mut here, mut there) = (team(), team());
    let runtime = Runtime::new().unwrap();
    let wire = runtime.block_on(Wire::to(there.port()));
    // A copy takes seconds however fast the machine is.
    wire.set(Cable::Slow(1));
    let address = format!("localhost:{}", wire.port());
    register(&here, &address, &there.long_term_login());
    let docker = Docker::start();
    log_in(&docker, &here.address(), &here.long_term_login()).ok();
    let image = here.image("team/app:v1");
    let tar = random_tar(docker.home(), "heavy.tar", 400 * MIB, 3);
    docker.ok(&["import", &tar.to_string_lossy(), &image]);
    let digest = docker.push(&image);
    ask(&here, "POST", "repos/app/sync_images", &all_tags());
    let end = Instant::now() + PATIENCE;
    while copies(&here, "app")[0]["progress"]["bytesDone"].as_u64().unwrap() < 40 * MIB {
        assert!(Instant::now() < end, "{:?}", copies(&here, "app"));
        thread::sleep(Duration::from_millis(20));
    }
    let before = copies(&here, "app");
    assert_eq!(before[0]["status"], "running", "{before:?}");
    kill(&mut here, &mut there);
    assert_eq!(ended(&here, "app", 1), ["success"]);
    let progress = copies(&here, "app")[0]["progress"].clone();
    let (sent, total) = (&progress["bytesSent"], &progress["bytesTotal"]);
    let (sent, total) = (sent.as_u64().unwrap(), total.as_u64().unwrap());
    // A chunk of 64 MiB may be lost, and what was under way.
    assert!(sent < total * 3 / 2, "{progress}");
    let observer = client_of(crane(), &there);
    assert_eq!(observer.ok(&["digest", &there.image("team/app:v1")]), digest);
    observer.ok(&["validate", "--remote", &there.image("team/app:v1")]);
}

/// A registry with an organization.
fn team() -> Server {
    let server = Server::start();
    server.create_organization("team");
    server
}

fn client_of(client: Client, server: &Server) -> Client {
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    client
}

/// Gives docker an image of that name.
fn make(docker: &Docker, layout: &Layout, image: &str) {
    let archive = docker.home().join("image.tar");
    let archive = archive.to_string_lossy();
    let from = format!("oci:{}", layout.name(sample::TAG));
    skopeo().ok(&["copy", &from, &format!("docker-archive:{archive}:{image}")]);
    docker.ok(&["load", "--input", &archive]);
}

/// Registers a registry as the region `there`.
fn register(here: &Server, address: &str, login: &Login) {
    let region = json!({
        "regionID": "there", "registryURL": format!("http://{address}"), "username": login.user,
        "password": login.password,
    });
    send(here, "POST", "/v2/manage/regions", &region);
}

fn send_pushes(here: &Server, image: &str) {
    let rule = json!({
        "remoteRegionId": "there", "remoteNamespace": "team", "syncAuto": true, "override": true,
    });
    ask(here, "POST", &format!("repos/{image}/sync_repo"), &rule);
}

fn all_tags() -> Value {
    json!({ "imageTag": [], "allTags": true, "remoteRegionId": "there", "remoteNamespace": "team", "override": true })
}

/// The copies of an image, the newest first.
fn copies(here: &Server, image: &str) -> Vec<Value> {
    let found = ask(here, "GET", &format!("repos/{image}/sync_copies"), &Value::Null);
    found.as_array().unwrap().clone()
}

/// The statuses of an image's copies once so many have ended, the newest first.
fn ended(here: &Server, image: &str, count: usize) -> Vec<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let copies = copies(here, image);
        let ended = copies.iter().filter(|copy| !copy["endedAt"].is_null()).count();
        if ended >= count {
            let statuses = copies
                .iter()
                .map(|copy| copy["status"].as_str().unwrap().to_owned());
            return statuses.collect();
        }
        assert!(Instant::now() < end, "{copies:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Asks about the team.
fn ask(server: &Server, method: &str, rest: &str, body: &Value) -> Value {
    send(
        server,
        method,
        &format!("/v2/manage/namespaces/team/{rest}"),
        body,
    )
}

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request {
        method,
        path,
        body: &body,
        ..Request::default()
    };
    let answer = server.manage(&server.administrator_key(), &request);
    let (_, document) = answer.split_once("\r\n\r\n").unwrap_or_default();
    serde_json::from_str(document).unwrap_or_default()
}
