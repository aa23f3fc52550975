//! What is in an image.

use berth_oci::media_type;
use http::Method;
use serde_json::{Value, json};

use super::{APP, docker, start};
use crate::client::Client;
use crate::content::{CONFIG, LAYER_TYPE, descriptor, digest, image, index};
use crate::manage::team::{NO_IMAGE, Team};

const TAGS: &str = "/v2/manage/namespaces/group/repos/back$end/tags";

const BUILT: &str = r#"{"architecture":"arm64","os":"linux","variant":"v8","created":"2026-01-02T03:04:05Z","author":"me",
    "config":{"User":"app","WorkingDir":"/srv","Entrypoint":["/run"],"Cmd":["-v"],"Env":["A=1"],
        "ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},"Labels":{"a":"b"},"StopSignal":"SIGTERM"},
    "history":[{"created":"2026-01-01T00:00:00Z","created_by":"ADD one","comment":"base"},
        {"created_by":"ENV A=1","empty_layer":true},{"created_by":"COPY two","author":"me"}]}"#;

/// Pushes an image with a configuration of this type and text.
async fn push(docker: &Client, tag: &str, config_type: &str, config: &[u8]) -> Vec<u8> {
    docker.push_blob(APP, config).await;
    for layer in [b"one".as_slice(), b"two and more"] {
        docker.push_blob(APP, layer).await;
    }
    let mut manifest = image(&[b"one", b"two and more"]);
    manifest["config"] = descriptor(config_type, config);
    manifest["annotations"] = json!({ "made": "here" });
    docker.push_manifest(APP, tag, &manifest).await
}

async fn detail(team: &Team, tag: &str) -> Value {
    team.does(Method::GET, &format!("{TAGS}/{tag}/detail"), &Value::Null, 200)
        .await
}

#[tokio::test]
async fn an_image_tells_its_layers_its_configuration_and_its_build() {
    let team = start().await;
    let pushed = push(&docker(&team), "v1", media_type::OCI_CONFIG, BUILT.as_bytes()).await;
    let (one, two) = (digest(b"one"), digest(b"two and more"));
    let shown = detail(&team, "v1").await;
    let content = json!({
        "digest": digest(&pushed),
        "media_type": media_type::OCI_MANIFEST,
        "artifact_type": null,
        "config_digest": digest(BUILT),
        "config_media_type": media_type::OCI_CONFIG,
        "size": BUILT.len() + 15,
        "annotations": { "made": "here" },
        "layers": [
            { "digest": one, "media_type": LAYER_TYPE, "size": 3, "annotations": {}, "urls": [], "present": true,
                "other_manifests": 0, "other_images": 0 },
            { "digest": two, "media_type": LAYER_TYPE, "size": 12, "annotations": {}, "urls": [], "present": true,
                "other_manifests": 0, "other_images": 0 },
        ],
        "config": {
            "os": "linux", "architecture": "arm64", "variant": "v8", "created": "2026-01-02T03:04:05Z", "author": "me",
            "user": "app", "working_dir": "/srv", "entrypoint": ["/run"], "cmd": ["-v"], "env": ["A=1"],
            "exposed_ports": ["80/tcp"], "volumes": ["/data"], "stop_signal": "SIGTERM", "labels": { "a": "b" },
        },
        "history": [
            { "created": "2026-01-01T00:00:00Z", "created_by": "ADD one", "author": null, "comment": "base",
                "empty_layer": false, "layer": 0, "digest": one, "size": 3 },
            { "created": null, "created_by": "ENV A=1", "author": null, "comment": null,
                "empty_layer": true, "layer": null, "digest": null, "size": 0 },
            { "created": null, "created_by": "COPY two", "author": "me", "comment": null,
                "empty_layer": false, "layer": 1, "digest": two, "size": 12 },
        ],
    });
    let path = format!("{}/{APP}:v1", team.installation.server.address);
    let expected = json!({
        "id": shown["id"],
        "repo_id": team.image,
        "tag": "v1",
        "digest": digest(&pushed),
        "image_id": digest(BUILT).strip_prefix("sha256:"),
        "media_type": media_type::OCI_MANIFEST,
        "size": BUILT.len() + 15,
        "tag_type": 0,
        "path": path,
        "created": shown["created"],
        "updated": shown["updated"],
        "domain_id": shown["domain_id"],
        "annotations": { "made": "here" },
        "images": [{
            "digest": digest(&pushed), "media_type": media_type::OCI_MANIFEST, "present": true, "size": BUILT.len() + 15,
            "manifest_size": pushed.len(), "platform": "linux/arm64/v8", "os": "linux", "os_version": null,
            "architecture": "arm64", "variant": "v8", "annotations": {},
        }],
        "image": content,
        "remarks": [],
        "pull_commands": shown["pull_commands"],
    });
    assert_eq!(shown, expected);
    let commands = &shown["pull_commands"];
    assert_eq!(commands["docker"], format!("docker pull {path}"));
    assert_eq!(
        commands["ctr"],
        format!("ctr images pull --plain-http --user '<user>:<password>' {path}")
    );
    let target = format!("{TAGS}/v1/detail?platform=linux/arm64");
    assert_eq!(team.does(Method::GET, &target, &Value::Null, 200).await, expected);
}

#[tokio::test]
async fn an_index_tells_its_platforms_and_what_is_missing() {
    let team = start().await;
    let docker = docker(&team);
    let arm = push(&docker, "arm", media_type::OCI_CONFIG, BUILT.as_bytes()).await;
    let amd = push(&docker, "amd", media_type::OCI_CONFIG, CONFIG).await;
    let gone = docker.push_image(APP, "gone", b"gone").await;
    let mut both = index(&[&arm, &amd, &gone]);
    both["manifests"][0]["platform"] = json!({ "os": "linux", "architecture": "arm64", "variant": "v8" });
    both["manifests"][1]["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    both["manifests"][2]["platform"] =
        json!({ "os": "windows", "architecture": "amd64", "os.version": "10.0.1" });
    both["annotations"] = json!({ "all": "of them" });
    docker.push_manifest(APP, "both", &both).await;
    docker
        .ask(format!("DELETE /v2/{APP}/manifests/{}", digest(&gone)))
        .await
        .is(202);

    let shown = detail(&team, "both").await;
    let images = shown["images"].as_array().unwrap();
    let rows: Vec<_> = images
        .iter()
        .map(|image| {
            json!([
                image["platform"],
                image["present"],
                image["size"],
                image["os_version"]
            ])
        })
        .collect();
    let expected = [
        json!(["linux/arm64/v8", true, BUILT.len() + 15, null]),
        json!(["linux/amd64", true, CONFIG.len() + 15, null]),
        json!(["windows/amd64", false, null, "10.0.1"]),
    ];
    assert_eq!(rows, expected);
    assert_eq!(shown["size"], BUILT.len() + CONFIG.len() + 30);
    assert_eq!(
        (&shown["annotations"], &shown["tag_type"]),
        (&json!({ "all": "of them" }), &json!(1))
    );
    assert_eq!(shown["image"]["digest"], digest(&amd), "the usual platform");
    let remark = shown["remarks"][0].as_str().unwrap();
    assert!(remark.contains(&digest(&gone)), "{remark}");

    for (platform, expected) in [
        ("linux/arm64", json!(digest(&arm))),
        ("linux/arm64/v8", json!(digest(&arm))),
        ("linux%2Famd64", json!(digest(&amd))),
        ("windows/amd64", Value::Null),
    ] {
        let target = format!("{TAGS}/both/detail?platform={platform}");
        let shown = team.does(Method::GET, &target, &Value::Null, 200).await;
        assert_eq!(shown["image"]["digest"], expected, "{platform}");
    }
    for (platform, expected) in [
        ("linux/arm64/v7", (404, "4040115")),
        ("plan9/mips", (404, "4040115")),
        ("linux", (400, "4000014")),
        ("a/b/c/d", (400, "4000014")),
    ] {
        let target = format!("{TAGS}/both/detail?platform={platform}");
        team.refuses(Method::GET, &target, &Value::Null, expected).await;
    }
    let target = format!("{TAGS}/amd/detail?platform=linux/arm64");
    team.refuses(Method::GET, &target, &Value::Null, (404, "4040115"))
        .await;
}

#[tokio::test]
async fn what_cannot_be_told_is_said() {
    let team = start().await;
    let docker = docker(&team);
    let many = BUILT.replace("\"empty_layer\":true", "\"empty_layer\":false");
    let broken = "is not written as an image's is";
    for (config_type, config, has_config, remark) in [
        (media_type::OCI_CONFIG, b"no json".as_slice(), false, broken),
        (media_type::DOCKER_CONFIG, br#"{"config":[]}"#, false, broken),
        (media_type::OCI_CONFIG, &[0xff, 0x00], false, broken),
        (
            "application/vnd.cncf.helm.config.v1+json",
            b"{}",
            false,
            "describes no container",
        ),
        (
            media_type::OCI_CONFIG,
            many.as_bytes(),
            true,
            "tells of 3 layers and the image has 2",
        ),
    ] {
        push(&docker, "v1", config_type, config).await;
        let shown = detail(&team, "v1").await;
        let remarks = shown["remarks"].to_string();
        assert!(remarks.contains(remark), "{remarks}");
        assert_eq!(shown["image"]["config"].is_object(), has_config, "{shown}");
        assert_eq!(shown["image"]["layers"].as_array().unwrap().len(), 2);
    }
    let large = format!("{{\"author\":\"{}\"}}", "a".repeat(5 << 20));
    push(&docker, "v1", media_type::OCI_CONFIG, large.as_bytes()).await;
    let remarks = detail(&team, "v1").await["remarks"].to_string();
    assert!(remarks.contains("are not read"), "{remarks}");
    docker
        .ask(format!("PUT /v2/{APP}/manifests/other"))
        .header("content-type", "application/vnd.example+json")
        .body("{}")
        .await
        .is(201);
    let shown = detail(&team, "other").await;
    assert_eq!((&shown["image"], &shown["images"]), (&Value::Null, &json!([])));
    assert!(
        shown["remarks"]
            .to_string()
            .contains("application/vnd.example+json")
    );
    docker.push_manifest(APP, "empty", &index(&[])).await;
    let shown = detail(&team, "empty").await;
    assert_eq!((&shown["image"], &shown["size"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn details_are_refused_where_they_must_be() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"one").await;
    team.answers_people(
        Method::GET,
        &format!("{TAGS}/v1/detail"),
        &Value::Null,
        [200, 200, 200, 404, 404],
    )
    .await;
    for (target, expected) in [
        (format!("{TAGS}/v9/detail"), (404, "4040115")),
        (format!("{NO_IMAGE}/tags/v1/detail"), (404, "4040010")),
        (format!("{TAGS}/-bad/detail"), (400, "4009021")),
    ] {
        team.refuses(Method::GET, &target, &Value::Null, expected).await;
    }
}
