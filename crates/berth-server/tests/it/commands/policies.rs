//! `berth trigger`, `berth retention` and `berth sync`.

use serde_json::json;

use super::Desk;
use crate::world::World;

async fn desk_with_an_image() -> (World, Desk) {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"first").await;
    let desk = Desk::at(&world);
    (world, desk)
}

#[tokio::test]
async fn a_retention_is_set_replaced_and_deleted() {
    let (_world, desk) = desk_with_an_image().await;
    desk.fails(&["retention", "show", "team/app"], 5);
    let kept = [
        "--keep",
        "latest",
        "--keep-matching",
        "^v[0-9]",
        "--keep-matching",
        "^rc",
    ];
    let set = desk.json(&[&["retention", "set", "team/app", "--days", "30"], &kept[..]].concat());
    assert_eq!(
        (&set["days"], &set["number"], &set["keep"], &set["keep_matching"]),
        (
            &json!(30),
            &json!(null),
            &json!(["latest"]),
            &json!(["^v[0-9]", "^rc"])
        )
    );
    let again = desk.json(&["retention", "set", "team/app", "--days", "7"]);
    assert_eq!(
        (&again["days"], &again["keep"], &again["id"]),
        (&json!(7), &json!([]), &set["id"])
    );
    let other = desk.json(&["retention", "set", "team/app", "--number", "20"]);
    assert_eq!((&other["days"], &other["number"]), (&json!(null), &json!(20)));
    assert_eq!(desk.json(&["retention", "show", "team/app"]), other);
    assert_eq!(desk.json(&["retention", "history", "team/app"]), json!([]));
    desk.fails(&["retention", "delete", "team/app"], 1);
    desk.json(&["retention", "delete", "team/app", "--yes"]);
    desk.fails(&["retention", "show", "team/app"], 5);
    desk.fails(
        &[
            "retention",
            "set",
            "team/app",
            "--days",
            "7",
            "--keep-matching",
            "(",
        ],
        7,
    );
    for wrong in [
        &["--days", "0"][..],
        &["--days", "366"],
        &["--number", "1001"],
        &[],
        &["--days", "1", "--number", "1"],
    ] {
        desk.misuses(&[&["retention", "set", "team/app"], wrong].concat());
    }
}

#[tokio::test]
async fn what_retention_does_is_previewed_run_and_listed() {
    let (world, desk) = desk_with_an_image().await;
    world.admin.push_image("team/app", "v2", b"second").await;
    let previewed = desk.json(&["retention", "preview", "team/app", "--number", "1"]);
    assert_eq!(
        (&previewed[0]["tag"], &previewed[0]["fate"]),
        (&json!("v1"), &json!("deleted"))
    );
    assert_eq!(
        (&previewed[1]["tag"], &previewed[1]["because"]),
        (&json!("v2"), &json!("rule"))
    );
    let goes = desk.json(&["retention", "preview", "team/app", "--number", "1", "--deleted"]);
    assert_eq!(goes.as_array().unwrap().len(), 1);
    let nothing = desk.json(&["retention", "preview", "team/app", "--deleted"]);
    assert_eq!(nothing, json!([]));
    desk.misuses(&["retention", "preview", "team/app", "--deleted", "--kept"]);

    let added = desk.json(&[
        "retention",
        "rule",
        "add",
        "team",
        "--number",
        "5",
        "--tags",
        "dev-*",
    ]);
    assert_eq!(
        (&added["number"], &added["tags"], &added["enabled"]),
        (&json!("5"), &json!("dev-*"), &json!(true))
    );
    assert_eq!(desk.json(&["retention", "rule", "list", "team"]), json!([added]));
    let of_team = desk.json(&["retention", "rule", "preview", "team", "--number", "1"]);
    assert_eq!(
        (&of_team[0]["image"], &of_team[0]["deleted"]),
        (&json!("app"), &json!(1))
    );
    let id = added["id"].to_string();
    desk.json(&["retention", "rule", "delete", "team", &id, "--yes"]);
    assert_eq!(desk.json(&["retention", "rule", "list", "team"]), json!([]));
    desk.misuses(&["retention", "rule", "add", "team"]);

    desk.json(&["retention", "set", "team/app", "--number", "1"]);
    let asked = desk.json(&["retention", "run", "team/app"]);
    assert!(asked["id"].is_i64(), "{asked}");
    let mut log = json!([]);
    for _ in 0..600 {
        log = desk.json(&["retention", "log", "team/app"]);
        if log != json!([]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!((&log[0]["tag"], log.as_array().unwrap().len()), (&json!("v1"), 1));
    let runs = desk.json(&["retention", "runs", "team/app"]);
    assert!(
        runs.as_array().unwrap().iter().any(|run| run["deleted"] == 1),
        "{runs}"
    );
}

fn add_cluster(desk: &Desk) {
    let cluster = [
        "cluster",
        "add",
        "production",
        "--server",
        "https://10.0.0.1:6443",
        "--secret-stdin",
        "--no-check",
    ];
    let added = desk.run_with(&cluster, &[], "a-token-of-a-service-account");
    assert!(
        added.status.success() && !added.out.contains("a-token"),
        "{}",
        added.err
    );
}

#[tokio::test]
async fn a_trigger_is_set_up_on_a_registered_cluster() {
    let (_world, desk) = desk_with_an_image().await;
    add_cluster(&desk);
    let listed = desk.json(&["cluster", "list"]);
    assert_eq!(listed[0]["cluster"], json!("production"));

    let workload = [
        "--cluster",
        "production",
        "--namespace",
        "web",
        "--workload",
        "app",
    ];
    let create = |name: &'static str, more: &[&'static str]| {
        desk.json(&[&["trigger", "create", "team/app", name], &workload[..], more].concat())
    };
    let made = create("roll-out", &[]);
    assert_eq!(
        (
            &made["enabled"],
            &made["type"],
            &made["on"],
            &made["cluster"],
            &made["kind"]
        ),
        (
            &json!(true),
            &json!("all"),
            &json!(".*"),
            &json!("production"),
            &json!("deployments")
        )
    );
    let made = create("stable", &["--tag", "a", "--tag", "b", "--disabled"]);
    assert_eq!(
        (&made["enabled"], &made["type"], &made["on"]),
        (&json!(false), &json!("tag"), &json!("a;b"))
    );
    assert_eq!(
        create("releases", &["--matching", "v*"])["type"],
        json!("regular")
    );
    assert_eq!(
        desk.json(&["trigger", "list", "team/app"])
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        desk.json(&["trigger", "disable", "team/app", "roll-out"])["enabled"],
        json!(false)
    );
    assert_eq!(
        desk.json(&["trigger", "enable", "team/app", "roll-out"])["enabled"],
        json!(true)
    );
    assert_eq!(
        desk.json(&["trigger", "history", "team/app", "roll-out"]),
        json!([])
    );
}

#[tokio::test]
async fn a_trigger_says_which_nodes_have_the_image_first() {
    let (_world, desk) = desk_with_an_image().await;
    add_cluster(&desk);
    let create = ["trigger", "create", "team/app", "ahead"];
    let workload = ["--cluster", "production", "--workload", "app"];
    let nodes = ["--preheat-label", "zone=a", "--preheat-timeout", "60"];
    desk.misuses(&[&create[..], &workload, &nodes].concat());
    let made = desk.json(&[&create[..], &workload, &nodes, &["--preheat"]].concat());
    assert_eq!(
        made["preheat"],
        json!({ "nodes": { "labels": { "zone": "a" } }, "timeout": 60 })
    );
}

#[tokio::test]
async fn triggers_and_clusters_are_deleted_in_that_order() {
    let (_world, desk) = desk_with_an_image().await;
    add_cluster(&desk);
    let workload = [
        "--cluster",
        "production",
        "--namespace",
        "web",
        "--workload",
        "app",
    ];
    desk.json(&[&["trigger", "create", "team/app", "stable"], &workload[..]].concat());
    desk.fails(
        &[&["trigger", "create", "team/app", "stable"], &workload[..]].concat(),
        6,
    );
    desk.fails(&["cluster", "delete", "production", "--yes"], 6);
    desk.fails(&["trigger", "delete", "team/app", "stable"], 1);
    desk.json(&["trigger", "delete", "team/app", "stable", "--yes"]);
    desk.fails(&["trigger", "show", "team/app", "stable"], 5);
    desk.fails(&["trigger", "show", "team/app", ".."], 5);
    desk.json(&["cluster", "delete", "production", "--yes"]);
    assert_eq!(desk.json(&["cluster", "list"]), json!([]));
}

#[tokio::test]
async fn an_image_is_sent_to_a_registered_region() {
    let (_world, desk) = desk_with_an_image().await;
    let region = [
        "region",
        "add",
        "east-1",
        "http://127.0.0.1:1",
        "--user",
        "robot",
        "--secret-stdin",
        "--unchecked",
    ];
    let added = desk.run_with(&region, &[], "hush hush");
    assert!(
        added.status.success() && !added.out.contains("hush"),
        "{}",
        added.err
    );
    let regions = desk.json(&["region", "list"]);
    assert!(
        regions
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["region"] == "east-1"),
        "{regions}"
    );

    let made = desk.json(&["sync", "create", "team/app", "east-1", "team", "--override"]);
    assert_eq!(
        (&made[0]["region"], &made[0]["automatic"], &made[0]["override"]),
        (&json!("east-1"), &json!(true), &json!(true))
    );
    let queued = desk.json(&["sync", "run", "team/app", "east-1", "team", "v1", "v9"]);
    assert_eq!(
        queued,
        json!([{ "tag": "v1", "queued": true }, { "tag": "v9", "queued": false }])
    );
    let jobs = desk.json(&["sync", "jobs", "team/app"]);
    assert_eq!((&jobs[0]["tag"], &jobs[0]["by"]), (&json!("v1"), &json!("admin")));
    let copy = jobs[0]["id"].to_string();
    let cancelled = desk.json(&["sync", "cancel", "team/app", &copy]);
    assert_eq!(cancelled["status"], "cancel");
    desk.fails(&["sync", "cancel", "team/app", &copy], 6);
    desk.fails(&["sync", "show", "team/app", &copy, "--follow"], 1);
    let again = desk.json(&["sync", "retry", "team/app", &copy]);
    assert_eq!(again["id"], jobs[0]["id"]);
    desk.fails(&["sync", "show", "team/app", "999999"], 5);
    let status = desk.json(&["sync", "status", "team/app"]);
    assert_eq!(
        (&status[0]["region"], &status[0]["automatic"]),
        (&json!("east-1"), &json!(true))
    );
    desk.fails(&["sync", "create", "team/app", "nowhere", "team"], 7);
    desk.fails(&["sync", "delete", "team/app", "east-1", "team"], 1);
    desk.json(&["sync", "delete", "team/app", "east-1", "team", "--yes"]);
    assert_eq!(desk.json(&["sync", "list", "team/app"]), json!([]));
    desk.json(&["region", "delete", "east-1", "--yes"]);
    desk.misuses(&["sync", "run", "team/app", "east-1", "team"]);
    desk.misuses(&["sync", "create", "team/app", "east-1", "Team"]);
}

#[tokio::test]
async fn a_webhook_is_set_up_tested_and_asked_for_again() {
    let (_world, desk) = desk_with_an_image().await;
    let made = desk.json(&[
        "webhook",
        "create",
        "team/app",
        "ci",
        "https://hooks.example.com/x",
        "--tag",
        "v2",
    ]);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
    let shown = desk.json(&["trigger", "show", "team/app", "ci"]);
    assert_eq!(
        (&shown["action"], &shown["webhook_url"], &shown["on"]),
        (
            &json!("webhook"),
            &json!("https://hooks.example.com/x"),
            &json!("v2")
        )
    );
    assert_eq!(desk.json(&["webhook", "deliveries", "team/app", "ci"]), json!([]));
    assert_eq!(
        desk.json(&["webhook", "deliveries", "team/app", "ci", "--status", "dead"]),
        json!([])
    );
    for place in [&[][..], &["--org", "team"], &["--image", "team/app"]] {
        assert_eq!(desk.json(&[&["webhook", "dead"], place].concat()), json!([]));
    }
    let asked = desk.json(&["webhook", "redeliver", "team/app", "ci", "--dead"]);
    assert_eq!(asked["redelivered"], json!(0));
    desk.fails(&["webhook", "show", "team/app", "ci", "7"], 5);
    desk.fails(&["webhook", "redeliver", "team/app", "ci", "7"], 5);
    desk.misuses(&["webhook", "redeliver", "team/app", "ci"]);
    let replaced = desk.json(&["webhook", "replace-secret", "team/app", "ci"]);
    assert_ne!(replaced["secret"], made["secret"]);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let given = [
        "webhook",
        "create",
        "team/app",
        "own",
        "https://hooks.example.com/x",
        "--secret-stdin",
    ];
    let ended = desk.run_with(&given, &[], secret);
    assert!(
        ended.status.success() && !ended.out.contains("whsec_"),
        "{}",
        ended.err
    );
    desk.fails(&["webhook", "create", "team/app", "bad", "http://127.0.0.1/"], 7);
    let sent = desk.json(&["webhook", "ping", "team/app", "ci"]);
    assert_eq!(sent["delivered"], json!(false));
}

#[tokio::test]
async fn a_region_is_looked_at_and_changed() {
    let (_world, desk) = desk_with_an_image().await;
    desk.json(&["region", "add", "east-1", "http://127.0.0.1:1", "--unchecked"]);
    // This registry may not reach that address, and says so.
    desk.fails(&["region", "check", "east-1"], 1);
    let shown = desk.json(&["region", "show", "east-1"]);
    assert_eq!(shown["usable"], json!(false));
    let kept = desk.json(&[
        "region",
        "update",
        "east-1",
        "--url",
        "http://127.0.0.1:1/",
        "--unchecked",
    ]);
    assert_eq!(kept["region"], "east-1");
    desk.fails(&["region", "add", "west", "http://127.0.0.1:1"], 7);
}
