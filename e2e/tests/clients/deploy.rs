//! What is in `deploy/`: the charts render to the manifests that lie there, a real API server takes them, the server takes
//! the settings in them, and the image is built and runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::client::{curl, podman};
use e2e::daemon::Daemon;
use e2e::debian::debian;
use e2e::home::Home;
use e2e::kubernetes::Kubernetes;
use e2e::server::{binary, free_port};
use serde_json::Value;

/// Chart, release, a file with values besides, and the manifests that come of it.
const RENDERED: [(&str, &str, Option<&str>, &str); 3] = [
    ("berth", "berth", None, "berth.yaml"),
    (
        "berth",
        "berth",
        Some("berth/values-shared.yaml"),
        "berth-shared.yaml",
    ),
    ("berth-agent", "berth-agent", None, "berth-agent.yaml"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn rendered(chart: &str, release: &str, values: &[&Path]) -> String {
    said(
        Command::new(root().join("scripts/render-chart"))
            .args([chart, release])
            .args(values),
    )
}

fn objects(manifests: &str) -> Vec<Value> {
    let home = Home::new("manifests");
    let file = home.write("manifests.yaml", manifests);
    let program = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let json = said(Command::new("python3").args(["-c", program]).arg(file));
    serde_json::from_str(&json).unwrap()
}

#[test]
fn the_charts_are_the_manifests_and_a_cluster_takes_them() {
    let cluster = Kubernetes::start();
    for (chart, release, values, file) in RENDERED {
        let values = values.map(|values| root().join("deploy/helm").join(values));
        let values: Vec<&Path> = values.iter().map(PathBuf::as_path).collect();
        let manifests = rendered(chart, release, &values);
        let kept = std::fs::read_to_string(root().join("deploy/manifests").join(file)).unwrap();
        assert!(
            manifests == kept,
            "deploy/manifests/{file} is not what scripts/render-chart prints"
        );
        for object in objects(&manifests) {
            cluster.would_take(&object);
        }
    }
    // With everything that is off by default.
    let home = Home::new("values");
    let server = home.write(
        "server.yaml",
        "{imagePullSecrets: [{name: pull}], masterKeySecret: key, tlsSecret: tls, volume: {enabled: false}, replicas: 2, \
         ingress: {enabled: true, className: nginx, annotations: {a: b}}, nodeSelector: {disk: ssd}}",
    );
    let agent = home.write(
        "agent.yaml",
        "{imagePullSecrets: [{name: pull}], registryAuthorityConfigMap: authority, loginSecret: login}",
    );
    for (chart, values) in [("berth", server), ("berth-agent", agent)] {
        for object in objects(&rendered(chart, "other", &[&values])) {
            cluster.would_take(&object);
        }
    }
}

#[test]
fn the_server_takes_the_settings_of_the_manifests() {
    for (chart, _, _, file) in RENDERED {
        let manifests = std::fs::read_to_string(root().join("deploy/manifests").join(file)).unwrap();
        let mut variables = BTreeMap::new();
        for object in objects(&manifests) {
            if let Some(data) = object["data"].as_object() {
                variables.extend(data.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        if chart == "berth-agent" {
            assert!(variables.is_empty());
            continue;
        }
        assert!(variables.contains_key("BERTH_S3_CACHE"), "{variables:?}");
        let home = Home::new("settings");
        let mut command = Command::new(binary());
        command
            .args(["config", "check"])
            .current_dir(home.path())
            .env_clear();
        for (name, value) in &variables {
            command.env(name, value.as_str().unwrap());
        }
        said(&mut command);
    }
}

/// With a Debian of this machine's package mirror as its base.
#[test]
fn the_image_is_built_and_serves_as_nobody_in_particular() {
    let podman = podman();
    let base = debian().root.display().to_string();
    podman.ok(&[
        "import",
        "--change",
        "CMD=bash",
        &base,
        "docker.io/library/debian:bookworm-slim",
    ]);
    let context = podman.home().folder("context");
    std::fs::copy(binary(), context.join("berth")).unwrap();
    let (file, context) = (root().join("deploy/Dockerfile"), context.display().to_string());
    let file = file.display().to_string();
    let build = ["build", "--isolation=chroot", "--pull=never", "--quiet"];
    podman.ok(&[&build[..], &["--file", &file, "--tag", "berth", &context]].concat());
    let user = podman.ok(&["image", "inspect", "--format={{.Config.User}}", "berth"]);
    assert_eq!(user, "10001:10001");

    let port = free_port();
    let listen = format!("--env=BERTH_LISTEN=127.0.0.1:{port}");
    let mut command = podman.command(&[
        "run",
        "--name=berth",
        "--network=host",
        &listen,
        "localhost/berth",
    ]);
    let mut server = Daemon::spawn("berth", &mut command, &podman.home().join("log"));
    let ready = format!("http://127.0.0.1:{port}/readyz");
    server.wait_until(|| curl().run(&["--fail", &ready]).success);
    podman.ok(&["stop", "--time=60", "berth"]);
    assert!(server.wait().success(), "{}", server.log());
}
