//! Clusters, regions and mirrors on the wire: what an account's administrators register.

use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, Team, is_time};

const CLUSTERS: &str = "/v2/manage/clusters";
/// Registers a cluster that nobody can reach.
const UNCHECKED: &str = "/v2/manage/clusters?unchecked=true";
const REGIONS: &str = "/v2/manage/regions";
const MIRRORS: &str = "/v2/manage/mirrors";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

fn cluster(id: &str, name: &str) -> Value {
    json!({
        "cluster_id": id, "cluster_name": name, "server": "https://c1:6443/", "certificate_authority": PEM,
        "token": "very.secret.token",
    })
}

fn region(id: &str) -> Value {
    json!({
        "regionID": id, "registryURL": "https://east.example", "username": "mary", "password": "very-secret",
        "unchecked": true,
    })
}

fn mirror(name: &str) -> Value {
    json!({
        "name": name, "namespace": "group", "registry": "docker.io", "url": "https://registry-1.docker.io",
        "username": "mary", "password": "very-secret",
    })
}

/// `shown` with the times of another answer, which are times.
fn with_times_of(mut shown: Value, answer: &Value) -> Value {
    for field in ["created_at", "updated_at"] {
        assert!(is_time(&answer[field]), "{answer}");
        shown[field] = answer[field].clone();
    }
    shown
}

#[tokio::test]
async fn a_cluster_is_registered_changed_and_forgotten() {
    let team = Team::start().await;
    let created = team
        .does(Method::POST, UNCHECKED, &cluster("c1", "west"), 201)
        .await;
    let shown = json!({
        "cluster_id": "c1", "cluster_name": "west", "server": "https://c1:6443", "certificate_authority": PEM,
        "login": "token", "namespaces": [], "version": "", "checked_at": null, "problem": "", "looked_at": null,
        "look_problem": "",
    });
    assert_eq!(created, with_times_of(shown, &created));
    let one = format!("{CLUSTERS}/c1");
    assert_eq!(team.does(Method::GET, &one, &Value::Null, 200).await, created);
    assert_eq!(
        team.does(Method::GET, CLUSTERS, &Value::Null, 200).await,
        json!([created])
    );
    let change = json!({ "cluster_name": "east", "certificate_authority": "" });
    let unchecked = format!("{one}?unchecked=true");
    let changed = team.does(Method::PATCH, &unchecked, &change, 200).await;
    assert_eq!(
        (&changed["cluster_name"], &changed["certificate_authority"]),
        (&json!("east"), &json!(""))
    );
    assert_eq!(team.does(Method::GET, &one, &Value::Null, 200).await, changed);
    let moved = json!({ "server": "https://c2:6443", "token": "another.secret" });
    assert_eq!(
        team.does(Method::PATCH, &unchecked, &moved, 200).await["server"],
        "https://c2:6443"
    );
    let trigger = json!({
        "name": "roll", "trigger_type": "all", "condition": ".*", "action": "update", "enable": "true",
        "app_type": "deployments", "application": "web", "cluster_ns": "default", "cluster_id": "c1",
    });
    let triggers = format!("{IMAGE}/triggers");
    team.does(Method::POST, &triggers, &trigger, 201).await;
    team.refuses(Method::DELETE, &one, &Value::Null, (406, "4060053"))
        .await;
    team.does(Method::DELETE, &format!("{triggers}/roll"), &Value::Null, 204)
        .await;
    team.does(Method::DELETE, &one, &Value::Null, 204).await;
    for method in [Method::GET, Method::DELETE] {
        team.refuses(method, &one, &Value::Null, (404, "4040083")).await;
    }
    // Nobody has to make an id up.
    let fresh = json!({ "cluster_name": "new", "server": "https://c3:6443", "token": "abc" });
    let fresh = team.does(Method::POST, UNCHECKED, &fresh, 201).await;
    assert_eq!(fresh["cluster_id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_region_is_registered_changed_and_forgotten() {
    let team = Team::start().await;
    let created = team.does(Method::POST, REGIONS, &region("east"), 201).await;
    let shown = json!({
        "regionID": "east", "registryURL": "https://east.example", "has_login": true, "certificate_authority": "",
        "usable": null, "finding": null, "checked_at": null, "registry_id": "",
    });
    assert_eq!(created, with_times_of(shown, &created));
    let one = format!("{REGIONS}/east");
    let mut found = team.does(Method::GET, &one, &Value::Null, 200).await;
    let nothing_sent = json!({
        "waiting": 0, "running": 0, "failed": 0, "behindSeconds": null, "lastArrivalAt": null, "pausedUntil": null,
        "pausedBecause": "",
    });
    assert_eq!(found["sync"].take(), nothing_sent);
    found.as_object_mut().unwrap().remove("sync");
    assert_eq!(found, created);
    let no_login = json!({ "username": "", "password": "", "unchecked": true });
    let changed = team.does(Method::PATCH, &one, &no_login, 200).await;
    assert_eq!(
        (&changed["has_login"], &changed["registryURL"]),
        (&json!(false), &json!("https://east.example"))
    );
    let moved = json!({ "registryURL": "https://other.example", "unchecked": true });
    team.does(Method::PATCH, &one, &moved, 200).await;
    let sync_repo = format!("{IMAGE}/sync_repo");
    let rule = json!({ "remoteRegionId": "east", "remoteNamespace": "there" });
    team.does(Method::POST, &sync_repo, &rule, 200).await;
    team.refuses(Method::DELETE, &one, &Value::Null, (406, "4060053"))
        .await;
    team.does(Method::DELETE, &sync_repo, &rule, 200).await;
    team.does(Method::DELETE, &one, &Value::Null, 204).await;
    for method in [Method::GET, Method::DELETE] {
        team.refuses(method, &one, &Value::Null, (404, "4040083")).await;
    }
}

#[tokio::test]
async fn a_mirror_is_set_up_changed_and_ended() {
    let team = Team::start().await;
    let created = team.does(Method::POST, MIRRORS, &mirror("hub"), 201).await;
    let shown = json!({
        "name": "hub", "namespace": "group", "registry": "docker.io", "url": "https://registry-1.docker.io",
        "has_login": true, "enabled": true, "public": false, "recheck_seconds": 0, "bytes_max": 0, "keep": [],
        "prefetch": [], "certificate_authority": "",
    });
    assert_eq!(created, with_times_of(shown, &created));
    let one = format!("{MIRRORS}/hub");
    assert_eq!(team.does(Method::GET, &one, &Value::Null, 200).await, created);
    assert_eq!(
        team.does(Method::GET, MIRRORS, &Value::Null, 200).await,
        json!([created])
    );
    let change = json!({ "enabled": false, "registry": "Quay.io", "url": "https://quay.io", "username": "", "password": "" });
    let changed = team.does(Method::PATCH, &one, &change, 200).await;
    assert_eq!(
        [
            &changed["enabled"],
            &changed["registry"],
            &changed["url"],
            &changed["has_login"]
        ],
        [
            &json!(false),
            &json!("quay.io"),
            &json!("https://quay.io"),
            &json!(false)
        ]
    );
    let rules = json!({
        "public": true, "recheck_seconds": 30, "bytes_max": 1 << 30, "keep": ["library/*:latest"],
        "prefetch": ["library/alpine:3.*"], "certificate_authority": "",
    });
    let changed = team.does(Method::PATCH, &one, &rules, 200).await;
    for (field, value) in rules.as_object().unwrap() {
        assert_eq!(changed[field], *value, "{field}");
    }
    let wrong = json!({ "keep": ["library"] });
    team.refuses(Method::PATCH, &one, &wrong, (400, "4000014")).await;
    let figures = team
        .does(Method::GET, &format!("{one}/figures"), &Value::Null, 200)
        .await;
    assert_eq!(
        (&figures["hits"], &figures["hit_ratio"]),
        (&json!(0), &Value::Null)
    );
    team.does(Method::DELETE, &one, &Value::Null, 204).await;
    for method in [Method::GET, Method::DELETE] {
        team.refuses(method, &one, &Value::Null, (404, "4040083")).await;
    }
    let plain = json!({ "name": "hub", "namespace": "group", "registry": "ghcr.io", "enabled": false });
    let plain = team.does(Method::POST, MIRRORS, &plain, 201).await;
    assert_eq!(
        [&plain["url"], &plain["has_login"], &plain["enabled"]],
        [&json!("https://ghcr.io"), &json!(false), &json!(false)]
    );
}

#[tokio::test]
async fn no_secret_comes_back_or_lies_in_the_data() {
    let team = Team::start().await;
    team.does(Method::POST, UNCHECKED, &cluster("c1", "west"), 201)
        .await;
    team.does(Method::POST, REGIONS, &region("east"), 201).await;
    team.does(Method::POST, MIRRORS, &mirror("hub"), 201).await;
    for target in [
        CLUSTERS,
        REGIONS,
        MIRRORS,
        "/v2/manage/clusters/c1",
        "/v2/manage/regions/east",
        "/v2/manage/mirrors/hub",
    ] {
        let text = team
            .does(Method::GET, target, &Value::Null, 200)
            .await
            .to_string();
        assert!(!text.contains("very") && !text.contains("mary"), "{text}");
    }
    let data = team.installation.place.0.path().join("data");
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in ["very.secret.token", "very-secret"] {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} lies in {}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn a_kept_secret_is_sent_to_no_other_server() {
    let team = Team::start().await;
    team.does(Method::POST, UNCHECKED, &cluster("c1", "west"), 201)
        .await;
    team.does(Method::POST, REGIONS, &region("east"), 201).await;
    team.does(Method::POST, MIRRORS, &mirror("hub"), 201).await;
    for (target, field) in [
        ("/v2/manage/clusters/c1", "server"),
        ("/v2/manage/regions/east", "registryURL"),
        ("/v2/manage/mirrors/hub", "url"),
    ] {
        let before = team.does(Method::GET, target, &Value::Null, 200).await;
        let moved = json!({ field: "https://evil.example" });
        team.refuses(Method::PATCH, target, &moved, (400, "4000014"))
            .await;
        assert_eq!(team.does(Method::GET, target, &Value::Null, 200).await, before);
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "the table reads best in one piece")]
async fn every_mistake_in_a_registration_is_told() {
    let team = Team::start().await;
    team.does(Method::POST, UNCHECKED, &cluster("c1", "west"), 201)
        .await;
    team.does(Method::POST, UNCHECKED, &cluster("c2", "east"), 201)
        .await;
    team.does(Method::POST, REGIONS, &region("east"), 201).await;
    team.does(Method::POST, MIRRORS, &mirror("hub"), 201).await;
    let invalid = (400, "4000014");
    let malformed = (400, "4001018");
    let taken = (409, "4090006");
    let table = [
        (CLUSTERS, cluster("c3", "new"), "cluster_id", json!("c1"), taken),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "cluster_name",
            json!("west"),
            taken,
        ),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "cluster_id",
            json!("a b"),
            invalid,
        ),
        (CLUSTERS, cluster("c3", "new"), "cluster_name", json!(""), invalid),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "server",
            json!("c1:6443"),
            invalid,
        ),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "server",
            json!("https://u:p@c1"),
            invalid,
        ),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "certificate_authority",
            json!("x"),
            invalid,
        ),
        (CLUSTERS, cluster("c3", "new"), "token", json!(""), invalid),
        (CLUSTERS, cluster("c3", "new"), "token", json!("a b"), invalid),
        (CLUSTERS, cluster("c3", "new"), "token", Value::Null, invalid),
        (CLUSTERS, cluster("c3", "new"), "kubeconfig", json!("x"), invalid),
        (CLUSTERS, cluster("c3", "new"), "context", json!("x"), invalid),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "cluster_id",
            json!("manifest"),
            invalid,
        ),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "server",
            json!("http://c1"),
            invalid,
        ),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "namespaces",
            json!(["a,b"]),
            invalid,
        ),
        (
            CLUSTERS,
            cluster("c3", "new"),
            "namespaces",
            json!("a"),
            malformed,
        ),
        (CLUSTERS, cluster("c3", "new"), "password", json!("x"), malformed),
        (REGIONS, region("new"), "regionID", json!("east"), taken),
        (REGIONS, region("new"), "regionID", json!("local"), taken),
        (REGIONS, region("new"), "regionID", json!("-"), invalid),
        (REGIONS, region("new"), "registryURL", json!("ftp://x"), invalid),
        (REGIONS, region("new"), "registryURL", Value::Null, malformed),
        (REGIONS, region("new"), "password", json!(""), invalid),
        (MIRRORS, mirror("new"), "name", json!("hub"), taken),
        (MIRRORS, mirror("new"), "name", json!("new"), taken),
        (MIRRORS, mirror("new"), "name", json!("a/b"), invalid),
        (
            MIRRORS,
            mirror("new"),
            "namespace",
            json!("missing"),
            (404, "4040058"),
        ),
        (
            MIRRORS,
            mirror("new"),
            "namespace",
            json!("Bad"),
            (400, "4001008"),
        ),
        (
            MIRRORS,
            mirror("new"),
            "registry",
            json!("docker.io/library"),
            invalid,
        ),
        (MIRRORS, mirror("new"), "url", json!("docker.io"), invalid),
        (MIRRORS, mirror("new"), "username", json!("a:b"), invalid),
        (MIRRORS, mirror("new"), "enabled", json!("true"), malformed),
    ];
    for (target, mut body, field, value, expected) in table {
        body[field] = value;
        team.refuses(Method::POST, target, &body, expected).await;
    }
    for (target, change, expected) in [
        ("clusters/c1", json!({ "cluster_name": "east" }), taken),
        ("clusters/c1", json!({ "cluster_name": "a b" }), invalid),
        ("clusters/c1", json!({ "server": "x" }), invalid),
        ("clusters/c1", json!({ "certificate_authority": "x" }), invalid),
        ("clusters/c1", json!({ "token": "" }), invalid),
        ("clusters/c1", json!({ "cluster_id": "c9" }), malformed),
        ("clusters/c9", json!({ "cluster_name": "new" }), (404, "4040083")),
        (
            "clusters/a%00b",
            json!({ "cluster_name": "new" }),
            (404, "4040083"),
        ),
        ("regions/east", json!({ "registryURL": "x" }), invalid),
        ("regions/east", json!({ "username": "mary" }), invalid),
        ("regions/east", json!({ "regionID": "west" }), malformed),
        (
            "regions/local",
            json!({ "username": "", "password": "" }),
            (404, "4040083"),
        ),
        ("mirrors/hub", json!({ "registry": "" }), invalid),
        ("mirrors/hub", json!({ "url": "x" }), invalid),
        ("mirrors/hub", json!({ "password": "x" }), invalid),
        ("mirrors/hub", json!({ "namespace": "other" }), malformed),
        ("mirrors/new", json!({ "enabled": true }), (404, "4040083")),
    ] {
        team.refuses(Method::PATCH, &format!("/v2/manage/{target}"), &change, expected)
            .await;
    }
}

#[tokio::test]
async fn administrators_register_and_the_account_sees() {
    let team = Team::start().await;
    for (list, body, one) in [
        (CLUSTERS, cluster("c1", "west"), "/v2/manage/clusters/c1"),
        (REGIONS, region("east"), "/v2/manage/regions/east"),
        (MIRRORS, mirror("hub"), "/v2/manage/mirrors/hub"),
    ] {
        let own = |own: u16| [403, 403, 403, 403, own];
        // An administrator of another account registers for that account; its mirrors need its own organizations.
        let of_stranger = if list == MIRRORS { 404 } else { 201 };
        let register = if list == CLUSTERS { UNCHECKED } else { list };
        team.answers_people(Method::POST, register, &body, own(of_stranger))
            .await;
        team.does(Method::POST, register, &body, 201).await;
        team.answers_people(Method::GET, list, &Value::Null, [200; 5])
            .await;
        team.answers_people(
            Method::GET,
            one,
            &Value::Null,
            [200, 200, 200, 200, if list == MIRRORS { 404 } else { 200 }],
        )
        .await;
        team.answers_people(
            Method::PATCH,
            one,
            &json!({}),
            own(if list == MIRRORS { 404 } else { 200 }),
        )
        .await;
        team.answers_people(
            Method::DELETE,
            one,
            &Value::Null,
            own(if list == MIRRORS { 404 } else { 204 }),
        )
        .await;
        // What the stranger deleted was the stranger's.
        team.does(Method::DELETE, one, &Value::Null, 204).await;
    }
}

#[tokio::test]
async fn a_trigger_names_no_cluster_of_another_account() {
    let team = Team::start().await;
    let created = team
        .ask(
            &team.stranger,
            Method::POST,
            UNCHECKED,
            &cluster("theirs", "theirs"),
        )
        .await;
    assert_eq!(created.status.as_u16(), 201, "{created:?}");
    let trigger = json!({
        "name": "roll", "trigger_type": "all", "condition": ".*", "action": "update", "enable": "true",
        "app_type": "deployments", "application": "web", "cluster_ns": "default", "cluster_id": "theirs",
    });
    team.refuses(
        Method::POST,
        &format!("{IMAGE}/triggers"),
        &trigger,
        (400, "4000014"),
    )
    .await;
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_not_saved() {
    let team = Team::start().await;
    for (server, says) in [
        // Nothing may listen on an address of this machine itself but by the operator's leave.
        ("https://127.0.0.1:1", "outbound.allow"),
        ("https://169.254.169.254", "outbound.allow"),
        ("https://nowhere.invalid:6443", "cannot be reached"),
    ] {
        let mut wanted = cluster("c1", "west");
        wanted["server"] = json!(server);
        wanted["certificate_authority"] = json!("");
        let refused = team.ask(&team.admin, Method::POST, CLUSTERS, &wanted).await;
        let said = refused.text.as_str();
        assert_eq!(refused.status.as_u16(), 400, "{said}");
        assert!(said.contains(says) && said.contains("unchecked=true"), "{said}");
        assert!(!said.contains("very.secret"), "{said}");
    }
    assert_eq!(
        team.does(Method::GET, CLUSTERS, &Value::Null, 200).await,
        json!([])
    );
    let mut wanted = cluster("c1", "west");
    wanted["server"] = json!("https://127.0.0.1:1");
    wanted["certificate_authority"] = json!("");
    team.does(Method::POST, UNCHECKED, &wanted, 201).await;
    // That it is wrong is found, told, and noted.
    let check = format!("{CLUSTERS}/c1/check");
    let checked = team.does(Method::POST, &check, &Value::Null, 200).await;
    assert!(
        checked["problem"].as_str().unwrap().contains("outbound.allow"),
        "{checked}"
    );
    assert!(is_time(&checked["checked_at"]), "{checked}");
    let shown = team
        .does(Method::GET, &format!("{CLUSTERS}/c1"), &Value::Null, 200)
        .await;
    assert_eq!(shown, checked);
    // A name alone is no reason to ask the cluster.
    let renamed = json!({ "cluster_name": "east" });
    team.does(Method::PATCH, &format!("{CLUSTERS}/c1"), &renamed, 200)
        .await;
    let moved = json!({ "namespaces": ["shop"] });
    team.refuses(Method::PATCH, &format!("{CLUSTERS}/c1"), &moved, (400, "4000014"))
        .await;
}

#[tokio::test]
async fn the_manifest_names_what_was_asked_for() {
    let team = Team::start().await;
    for (query, holds, lacks) in [
        ("", "kind: ClusterRoleBinding", "kind: Role\n"),
        ("?namespaces=shop,blog", "namespace: blog", "ClusterRole"),
        (
            "?namespaces=shop&account_namespace=berth",
            "namespace: berth",
            "ClusterRole",
        ),
    ] {
        let target = format!("{CLUSTERS}/manifest{query}");
        let found = team.does(Method::GET, &target, &Value::Null, 200).await;
        let text = found["manifest"].as_str().unwrap();
        assert!(text.contains(holds) && !text.contains(lacks), "{query}: {text}");
    }
}
