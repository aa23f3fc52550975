//! Blobs in a bucket: clients that are sent to the store for them, and clients that are served from what is kept before it.

use std::process::Command;

use e2e::bucket::Bucket;
use e2e::client::{crane, curl, log_in, podman, skopeo};
use e2e::containerd::Containerd;
use e2e::docker::Docker;
use e2e::home::Home;
use e2e::replica::Replica;
use e2e::sample;
use e2e::server::{ACCOUNT, REGION, administrator_key, binary};

/// Starts it and waits until it is ready.
fn start(replica: &mut Replica) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(replica.start());
}

/// The statuses of answers to GET of blobs, since `seen` lines of the log.
fn statuses(replica: &Replica, seen: usize) -> Vec<String> {
    let log = replica.log();
    let lines = log
        .lines()
        .skip(seen)
        .filter(|line| line.contains("method=GET") && line.contains("/blobs/sha256:"));
    let status = |line: &str| {
        line.split_once(" status=")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    lines.map(status).collect()
}

/// A registry in a bucket that sends everybody there, with an image, and the folder that has its data folder.
fn registry() -> (Replica, Home) {
    let (home, bucket) = (Home::new("redirects"), Bucket::new("redirects"));
    let mut variables = bucket.variables(bucket.port());
    variables.push(("BERTH_S3_REDIRECT", "127.0.0.0/8".to_owned()));
    let mut replica = Replica::new("berth", &home.folder("berth"), &variables);
    start(&mut replica);
    let made = Command::new(binary())
        .args(["admin", "org", "create", "team", "--account", ACCOUNT])
        .current_dir(home.join("berth"))
        .env("BERTH_DATA_DIR", home.join("berth/data"))
        .envs(variables)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let address = address(&replica);
    let login = administrator_key().long_term_login(REGION);
    let layout = sample::small_image();
    let crane = crane();
    log_in(&crane, &address, &login).ok();
    let image = format!("{address}/team/app:1");
    crane.ok(&["push", &layout.path().to_string_lossy(), &image]);
    (replica, home)
}

fn address(replica: &Replica) -> String {
    format!("127.0.0.1:{}", replica.port())
}

#[test]
fn clients_follow_to_the_store() {
    let (mut replica, _home) = registry();
    let address = address(&replica);
    let image = format!("{address}/team/app:1");
    let login = administrator_key().long_term_login(REGION);

    let (docker, containerd, podman) = (Docker::start(), Containerd::start(), podman());
    for client in [&*docker, &podman] {
        log_in(client, &address, &login).ok();
    }
    let pulls: [(&str, &dyn Fn()); 3] = [
        ("docker", &|| drop(docker.pull(&image))),
        ("containerd", &|| drop(containerd.pull(Some(&login), &image).ok())),
        ("podman", &|| {
            drop(podman.ok(&["pull", "--tls-verify=false", &image]));
        }),
    ];
    for (name, pull) in pulls {
        let seen = replica.log().lines().count();
        pull();
        let answered = statuses(&replica, seen);
        assert!(!answered.is_empty(), "{name} asked for blobs");
        assert!(
            answered.iter().all(|status| status == "307"),
            "{name} was sent away: {answered:?}"
        );
    }

    // Stores answer one range in a request, so several come from the registry.
    let log = replica.log();
    let blob = log
        .split_whitespace()
        .find(|word| word.contains("/blobs/sha256:"))
        .unwrap();
    let blob = blob.trim_start_matches("path=").trim_matches('"').to_owned();
    let user = format!("{}:{}", login.user, login.password);
    let url = format!("http://{address}{blob}");
    for (range, status) in [("0-0", "307"), ("0-0,2-2", "206")] {
        let asked = curl().ok(&[
            "-u",
            &user,
            "-r",
            range,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &url,
        ]);
        assert_eq!(asked, status, "{range}");
    }

    replica.stop();
}

#[test]
fn what_is_kept_before_the_store_is_served() {
    let (mut replica, home) = registry();
    let address = address(&replica);
    let login = administrator_key().long_term_login(REGION);
    replica.stop();
    replica.set("BERTH_S3_REDIRECT", "never");
    replica.set("BERTH_S3_CACHE", "1GiB");
    start(&mut replica);
    let skopeo = skopeo();
    log_in(&skopeo, &address, &login).ok();
    for round in 0..2 {
        let seen = replica.log().lines().count();
        let to = format!("dir:{}", home.folder(format!("copy{round}")).display());
        skopeo.ok(&[
            "copy",
            "--src-tls-verify=false",
            &format!("docker://{address}/team/app:1"),
            &to,
        ]);
        let answered = statuses(&replica, seen);
        assert!(answered.iter().all(|status| status == "200"), "{answered:?}");
    }
    replica.stop();
    let kept = std::fs::read_dir(home.join("berth/data/cache")).unwrap();
    let chunks = kept.flatten().filter(|entry| entry.path().is_dir()).count();
    assert!(chunks > 0, "blobs are kept on the disk");
}
