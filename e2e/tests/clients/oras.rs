//! oras: artifacts, and what refers to them through the referrers API.

use e2e::client::{Client, log_in, oras};
use e2e::server::Server;
use serde_json::Value;

const API: &str = "--distribution-spec=v1.1-referrers-api";

#[test]
fn attached_artifacts_are_found_through_the_api_and_copied_along() {
    let server = Server::start();
    server.create_organization("team");
    let client = oras();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    let artifact = server.image("team/charts/demo:1");
    client.home().write("chart.txt", "a chart");
    client.home().write("sbom.json", "{\"bill\": \"of materials\"}");
    client.home().write("signature.txt", "signed");

    client.ok(&[
        "push",
        "--plain-http",
        "--artifact-type=application/vnd.example.chart",
        &artifact,
        "chart.txt:text/plain",
    ]);
    attach(&client, &artifact, "application/vnd.example.sbom", "sbom.json");
    attach(
        &client,
        &artifact,
        "application/vnd.example.signature",
        "signature.txt",
    );

    let found = discover(&client, &artifact, &[]);
    assert_eq!(
        artifact_types(&found),
        [
            "application/vnd.example.sbom",
            "application/vnd.example.signature"
        ]
    );
    let filter = "--artifact-type=application/vnd.example.sbom";
    let found = discover(&client, &artifact, &[filter]);
    assert_eq!(artifact_types(&found), ["application/vnd.example.sbom"]);
    // No fallback tag `sha256-…` was needed.
    let repository = server.image("team/charts/demo");
    assert_eq!(client.ok(&["repo", "tags", "--plain-http", &repository]), "1");

    let sbom = format!("{repository}@{}", found[0]["digest"].as_str().unwrap());
    let out = client.home().folder("pulled");
    client.ok(&["pull", "--plain-http", "-o", &out.to_string_lossy(), &sbom]);
    let pulled = std::fs::read_to_string(out.join("sbom.json")).unwrap();
    assert_eq!(pulled, "{\"bill\": \"of materials\"}");

    let copy = server.image("team/mirror/demo:1");
    client.ok(&[
        "copy",
        "-r",
        "--from-plain-http",
        "--to-plain-http",
        &artifact,
        &copy,
    ]);
    let copied = discover(&client, &copy, &[]);
    assert_eq!(artifact_types(&copied).len(), 2);
}

fn attach(client: &Client, to: &str, artifact_type: &str, file: &str) {
    let artifact_type = format!("--artifact-type={artifact_type}");
    client.ok(&["attach", "--plain-http", API, &artifact_type, to, file]);
}

fn discover(client: &Client, artifact: &str, more: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["discover", "--plain-http", API, "--format=json"];
    arguments.extend(more);
    arguments.push(artifact);
    let answer: Value = serde_json::from_str(&client.ok(&arguments)).unwrap();
    answer["manifests"].as_array().unwrap().clone()
}

fn artifact_types(found: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = found
        .iter()
        .map(|referrer| referrer["artifactType"].as_str().unwrap())
        .collect();
    types.sort_unstable();
    types
}
