//! `berth login-command`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::Value;

use super::Desk;
use crate::installation::{Installation, basic};

#[tokio::test]
async fn each_client_gets_a_command_that_logs_it_in() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    let host = installation.server.address.to_string();
    for (client, before, between, after) in [
        ("docker", "docker login -u ", " -p ", format!(" {host}")),
        (
            "podman",
            "podman login --tls-verify=false -u ",
            " -p ",
            format!(" {host}"),
        ),
        (
            "skopeo",
            "skopeo login --tls-verify=false -u ",
            " -p ",
            format!(" {host}"),
        ),
        (
            "containerd",
            "ctr image pull --plain-http --user ",
            ":",
            format!(" {host}/ORG/IMAGE:TAG"),
        ),
        (
            "crictl",
            "crictl pull --creds ",
            ":",
            format!(" {host}/ORG/IMAGE:TAG"),
        ),
    ] {
        let command = desk.says(&["login-command", "--hours", "1", "--client", client]);
        let login = command.trim_end().strip_prefix(before).unwrap();
        let (user, password) = login.strip_suffix(&after).unwrap().split_once(between).unwrap();
        let answer = installation.get("/v2/", &basic(user, password)).await;
        assert_eq!(answer.status, StatusCode::OK, "{client}");
    }
    let made = desk.json(&["login-command"]);
    let login = basic(made["user"].as_str().unwrap(), made["password"].as_str().unwrap());
    assert_eq!(installation.get("/v2/", &login).await.status, StatusCode::OK);
    assert_eq!(made["registry"], host);
    for wrong in ["0", "25", "x"] {
        desk.misuses(&["login-command", "--hours", wrong]);
    }
}

#[tokio::test]
async fn a_pull_secret_is_what_kubernetes_reads() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    let secret = desk.says(&["login-command", "--client", "kubernetes", "--name", "hub"]);
    let (head, config) = secret.split_once("data:\n  .dockerconfigjson: ").unwrap();
    assert_eq!(
        head,
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: hub\ntype: kubernetes.io/dockerconfigjson\n"
    );
    let config: Value = serde_json::from_slice(&STANDARD.decode(config.trim_end()).unwrap()).unwrap();
    let host = installation.server.address.to_string();
    let login = config["auths"][&host]["auth"].as_str().unwrap();
    let answer = installation.get("/v2/", &format!("Basic {login}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    desk.misuses(&[
        "login-command",
        "--client",
        "kubernetes",
        "--name",
        "x\nkind: Pod",
    ]);
}
