//! The API's document against the server: schemathesis sends every operation what its schemas allow and what they do
//! not, and insists that each answer is one that the document names.

use e2e::client::{crane, curl, log_in};
use e2e::login::Request;
use e2e::python::python;
use e2e::sample;
use e2e::server::Server;
use serde_json::json;

/// What must hold for each answer. Left out are the checks that compare refusals with the schemas alone (a name can be of
/// the right form and taken, and an unknown parameter is not looked at), and the one that spoils one of two credentials
/// and expects a refusal: the server's own tests send every operation nothing but a spoilt one.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance";

/// Places that exist, so that half of the run gets past the names.
const PLACES: &str = r#"
[parameters]
namespace = "group"
repository = "app"
tag = "v1"
cluster_id = "c1"
region_id = "east"
trigger = "roll-out"
"#;

fn token(server: &Server) -> String {
    let admin = server.administrator();
    let (account, user) = admin.user.split_once('/').unwrap_or(("berth", &admin.user));
    let body = json!({ "auth": { "identity": { "methods": ["password"], "password": { "user": {
        "name": user, "password": admin.password, "domain": { "name": account } } } },
        "scope": { "domain": { "name": account } } } });
    let url = format!("http://{}/v3/auth/tokens", server.address());
    let answer = curl().ok(&[
        "--fail-with-body",
        "-i",
        "-H",
        "Content-Type: application/json",
        "--data",
        &body.to_string(),
        &url,
    ]);
    let header = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("x-subject-token")
            .then(|| value.trim().to_owned())
    });
    header.unwrap_or_else(|| panic!("no token in {answer}"))
}

fn furnish(server: &Server) {
    let key = server.administrator_key();
    let post_with = |path: &str, query: &str, body: serde_json::Value| {
        let body = body.to_string();
        let request = Request {
            method: "POST",
            path,
            query,
            body: &body,
        };
        server.manage(&key, &request);
    };
    let post = |path: &str, body| post_with(path, "", body);
    post("/v2/manage/namespaces", json!({ "namespace": "group" }));
    post(
        "/v2/manage/regions",
        // Nothing answers there.
        json!({ "regionID": "east", "registryURL": "https://east.example", "unchecked": true }),
    );
    let cluster = json!({ "cluster_id": "c1", "cluster_name": "west", "server": "https://c1.example:6443", "token": "abc" });
    post_with("/v2/manage/clusters", "unchecked=true", cluster);
    let client = crane();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    let layout = sample::small_image();
    client.ok(&[
        "push",
        &layout.path().to_string_lossy(),
        &server.image("group/app:v1"),
    ]);
    let trigger = json!({ "name": "roll-out", "trigger_type": "all", "condition": ".*", "action": "update", "enable": "true",
        "app_type": "deployments", "application": "app", "cluster_ns": "default", "cluster_id": "c1" });
    post("/v2/manage/namespaces/group/repos/app/triggers", trigger);
}

#[test]
fn every_answer_is_one_that_the_document_names() {
    let server = Server::start();
    furnish(&server);
    let python = python();
    let document = format!("http://{}/openapi.json", server.address());
    let header = format!("X-Auth-Token: {}", token(&server));
    let home = python.home().path().to_path_buf();
    for (name, config) in [("anywhere.toml", ""), ("places.toml", PLACES)] {
        let config_file = home.join(name);
        std::fs::write(&config_file, config).unwrap();
        python.ok(&[
            "-m",
            "schemathesis.cli",
            "--config-file",
            &config_file.to_string_lossy(),
            "run",
            &document,
            "--header",
            &header,
            // Its answer has no end; crates/berth-server/tests/it hears it.
            "--exclude-operation-id",
            "listen_to_events",
            // With a directory that nothing answers for, a name that nobody has is 503 at the sign-in, as the document
            // has it: no failure of the server's. e2e/tests/sign_in makes directories that do answer.
            "--exclude-operation-id",
            "create_sign_in_provider",
            "--checks",
            CHECKS,
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "12",
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-color",
            "--warnings",
            "off",
        ]);
    }
}
