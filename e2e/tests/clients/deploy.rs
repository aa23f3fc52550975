//! What is in `deploy/`: the charts render to the manifests that lie there, a real API server takes them, and the server takes
//! the settings in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::home::Home;
use e2e::kubernetes::Kubernetes;
use e2e::server::binary;
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
         autoscaling: {enabled: true, replicasMax: 5, cpuPercent: 60}, \
         networkPolicy: {enabled: true, from: [{namespaceSelector: {}}], to: [{ipBlock: {cidr: 10.0.0.0/8}}]}, \
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
fn agents_get_a_registry_that_they_can_use() {
    let home = Home::new("registries");
    for (registry, is_taken) in [
        ("https://registry.example:5000", true),
        ("https://registry.example:5000/", true),
        ("https://registry.example/berth", false),
        ("registry.example", false),
    ] {
        let values = home.write("values.yaml", format!("{{registry: \"{registry}\"}}"));
        let mut render = Command::new(root().join("scripts/render-chart"));
        let output = render
            .args(["berth-agent", "agent"])
            .arg(values)
            .output()
            .unwrap();
        assert_eq!(output.status.success(), is_taken, "{registry}");
        let manifests = String::from_utf8(output.stdout).unwrap();
        let named = manifests.matches("--registry=https://registry.example:5000\"");
        // By what writes the configuration, and by the agent.
        assert_eq!(
            named.count(),
            if is_taken { 2 } else { 0 },
            "{registry}: {manifests}"
        );
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
