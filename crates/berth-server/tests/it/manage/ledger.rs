//! Where the bytes are, on the wire and on the command line.

use std::fs;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::{Value, json};

use super::team::Team;
use crate::commands::Desk;
use crate::content::{CONFIG, bytes, digest};

const OF_APP: &str = "/v2/manage/namespaces/group/repos/app/ledger";
const FREES: &str = "/v2/manage/ledger/frees";

async fn shown(team: &Team, path: &str) -> Value {
    team.does(Method::GET, path, &Value::Null, 200).await
}

fn numbers<const N: usize>(document: &Value, names: [&str; N]) -> [i64; N] {
    names.map(|name| {
        document[name]
            .as_i64()
            .unwrap_or_else(|| panic!("{name} in {document}"))
    })
}

/// Two tags of an image that share a layer with one another, one with a sister.
async fn furnish(team: &Team) {
    let admin = team.docker(&team.admin);
    admin.push_image("group/app", "v1", &bytes(1, 1_000)).await;
    admin.push_image("group/app", "v2", &bytes(2, 20_000)).await;
    admin.push_image("group/sister", "v2", &bytes(2, 20_000)).await;
}

#[tokio::test]
async fn the_ledger_says_who_holds_what() {
    let team = Team::start().await;
    furnish(&team).await;
    let config = i64::try_from(CONFIG.len()).unwrap();
    let names = [
        "blob_bytes",
        "exclusive_bytes",
        "shared_namespace_bytes",
        "shared_outside_bytes",
    ];
    let app = shown(&team, OF_APP).await;
    assert_eq!(numbers(&app, names), [21_000 + config, 1_000, 20_000 + config, 0]);
    assert_eq!(
        app["held_bytes"],
        21_000 + config + app["manifest_bytes"].as_i64().unwrap()
    );
    assert_eq!(app["sees_everything"], true);
    let group = shown(&team, "/v2/manage/namespaces/group/ledger").await;
    assert_eq!(numbers(&group, names), [21_000 + config, 21_000 + config, 0, 0]);
    assert_eq!(group["repo_num"], 3);
    let account = shown(&team, "/v2/manage/ledger").await;
    assert_eq!(account["held_bytes"], group["held_bytes"]);
    let images = shown(&team, "/v2/manage/namespaces/group/ledger/repos?limit=2").await;
    assert_eq!(
        (&images["repos"][0]["name"], &images["nextMarker"]),
        (&json!("app"), &json!("back/end"))
    );
    assert_eq!(numbers(&images["repos"][0], names), numbers(&app, names));
    let rest = shown(
        &team,
        "/v2/manage/namespaces/group/ledger/repos?marker=back%2Fend",
    )
    .await;
    assert_eq!(
        (&rest["repos"][0]["name"], &rest["nextMarker"]),
        (&json!("sister"), &Value::Null)
    );
    let each: i64 = [&images["repos"][0], &images["repos"][1], &rest["repos"][0]]
        .map(|image| image["held_bytes"].as_i64().unwrap())
        .iter()
        .sum();
    assert_eq!(group["held_bytes"], each);

    let tags = shown(&team, &format!("{OF_APP}/tags")).await;
    let names = [
        "blob_bytes",
        "exclusive_bytes",
        "shared_image_bytes",
        "shared_namespace_bytes",
    ];
    assert_eq!(
        numbers(&tags["tags"][0], names),
        [1_000 + config, 1_000, config, 0]
    );
    assert_eq!(
        numbers(&tags["tags"][1], names),
        [20_000 + config, 0, config, 20_000]
    );
    let tag = shown(&team, "/v2/manage/namespaces/group/repos/app/tags/v1/ledger").await;
    assert_eq!(tag, tags["tags"][0]);
    let store = shown(&team, "/v2/manage/ledger/store").await;
    assert_eq!(store["blob_bytes"], 21_000 + config);
    // What was pushed again took the place of what was there, which is still to be deleted.
    assert_eq!(store["reclaim_bytes"], 20_000 + 2 * config);
}

#[tokio::test]
async fn a_question_about_a_deletion_unites_what_is_deleted() {
    let team = Team::start().await;
    furnish(&team).await;
    let config = i64::try_from(CONFIG.len()).unwrap();
    let tag =
        |repository: &str, tag: &str| json!({ "namespace": "group", "repository": repository, "tag": tag });
    let app = json!({ "namespace": "group", "repository": "app" });
    for (body, freed, kept) in [
        (json!({ "tags": [tag("app", "v1")] }), 1_000, 0),
        (json!({ "tags": [tag("app", "v2")] }), 0, 20_000),
        (
            json!({ "tags": [tag("app", "v2"), tag("sister", "v2")] }),
            20_000,
            config,
        ),
        (
            json!({ "repos": [app], "tags": [tag("app", "v1")] }),
            1_000,
            20_000 + config,
        ),
        (
            json!({ "repos": [app], "tags": [tag("sister", "v2")] }),
            21_000 + config,
            0,
        ),
        (json!({ "namespaces": ["group"] }), 21_000 + config, 0),
    ] {
        let found = team.does(Method::POST, FREES, &body, 200).await;
        assert_eq!(
            numbers(&found, ["freed_bytes", "kept_bytes"]),
            [freed, kept],
            "{body}"
        );
        let [quota, store] = numbers(&found, ["quota_after_seconds", "store_after_seconds"]);
        assert!(quota < store, "{found}");
    }
    for (body, status, code) in [
        (json!({ "tags": [tag("app", "v9")] }), 404, "4040115"),
        (json!({ "tags": [tag("none", "v1")] }), 404, "4040010"),
        (json!({}), 400, "4000014"),
        (json!({ "tags": "v1" }), 400, "4001018"),
        (
            json!({ "repos": [{ "namespace": "group", "repository": "NOT" }] }),
            400,
            "4001029",
        ),
    ] {
        team.refuses(Method::POST, FREES, &body, (status, code)).await;
    }
}

#[tokio::test]
async fn the_ledger_is_for_those_whom_it_concerns() {
    let team = Team::start().await;
    furnish(&team).await;
    let get = async |path: &str, expected| {
        team.answers_people(Method::GET, path, &Value::Null, expected)
            .await;
    };
    get(OF_APP, [200, 200, 200, 404, 404]).await;
    get(&format!("{OF_APP}/tags"), [200, 200, 200, 404, 404]).await;
    get(
        "/v2/manage/namespaces/group/repos/app/tags/v1/ledger",
        [200, 200, 200, 404, 404],
    )
    .await;
    get("/v2/manage/namespaces/group/ledger", [200, 200, 200, 404, 404]).await;
    get(
        "/v2/manage/namespaces/group/ledger/repos",
        [200, 200, 200, 404, 404],
    )
    .await;
    get("/v2/manage/ledger", [403, 403, 403, 403, 200]).await;
    get("/v2/manage/ledger?domain_name=berth", [403; 5]).await;
    get("/v2/manage/ledger/store", [403; 5]).await;
    let what = json!({ "repos": [{ "namespace": "group", "repository": "app" }] });
    team.answers_people(Method::POST, FREES, &what, [200, 200, 200, 404, 404])
        .await;
    // A stranger's copy is a secret of the stranger's, but for those who run the registry.
    let create = json!({ "namespace": "strange" });
    let made = team
        .ask(&team.stranger, Method::POST, "/v2/manage/namespaces", &create)
        .await;
    assert_eq!(made.status.as_u16(), 201);
    team.docker(&team.stranger)
        .push_blob("strange/copy", &bytes(1, 1_000))
        .await;
    let outside = async |person| {
        let answer = team.ask(person, Method::GET, OF_APP, &Value::Null).await.json();
        (
            answer["shared_outside_bytes"].clone(),
            answer["sees_everything"].clone(),
        )
    };
    assert_eq!(outside(&team.admin).await, (json!(1_000), json!(true)));
    assert_eq!(outside(&team.manager).await, (json!(0), json!(false)));
}

#[tokio::test]
async fn the_ledger_is_shown_by_commands() {
    let team = Team::start().await;
    furnish(&team).await;
    let desk = Desk::of_the_administrator(&team.installation);
    let app = desk.json(&["ledger", "show", "group/app"]);
    assert_eq!(
        (&app["place"], &app["exclusive"]),
        (&json!("group/app"), &json!(1_000))
    );
    assert_eq!(desk.json(&["ledger", "show", "group/app:v1"])["exclusive"], 1_000);
    assert_eq!(
        desk.json(&["ledger", "show", "group", "--each"])
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        desk.json(&["ledger", "show", "group/app", "--each", "--limit", "1"])[0]["tag"],
        "v1"
    );
    assert_eq!(desk.json(&["ledger", "show"])["images"], 3);
    assert_eq!(desk.json(&["ledger", "show", "--account", "berth"])["images"], 3);
    assert!(
        desk.json(&["ledger", "show", "--store"])["total"]
            .as_i64()
            .unwrap()
            > 21_000
    );
    assert_eq!(
        desk.json(&["ledger", "frees", "group/app:v1", "group/app:v2"])["frees"],
        1_000
    );
    assert!(desk.says(&["ledger", "frees", "group"]).contains("KiB"));
    desk.misuses(&["ledger", "frees"]);
    desk.misuses(&["ledger", "show", "--each", "--store"]);
}

/// The files of a blob, those that wait to be deleted among them.
fn stored(data: &Path, content: &[u8]) -> Vec<PathBuf> {
    let digest = digest(content);
    let hex = digest.strip_prefix("sha256:").unwrap();
    let folder = data.join("storage/blobs/sha256").join(&hex[..2]);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(hex))
        .collect()
}

/// Takes bytes away, cuts some short, and leaves some that are nobody's; answers those.
fn spoil(data: &Path) -> [PathBuf; 2] {
    let (lost, cut) = (
        stored(data, &bytes(2, 20_000)),
        stored(data, &bytes(1, 1_000)).remove(0),
    );
    let orphan = cut.with_file_name(format!(
        "{}{}.0f0f",
        &cut.file_name().unwrap().to_str().unwrap()[..2],
        "0".repeat(62)
    ));
    fs::write(&orphan, b"nobody's").unwrap();
    for file in lost {
        fs::remove_file(file).unwrap();
    }
    fs::write(&cut, &bytes(1, 1_000)[..400]).unwrap();
    let upload = data.join("storage/uploads/6f9619ff-8b86-4d01-b42d-00cf4fc964ff");
    fs::write(&upload, b"left").unwrap();
    [orphan, upload]
}

#[tokio::test]
async fn rows_and_store_are_compared() {
    let team = Team::start().await;
    furnish(&team).await;
    let place = &team.installation.place;
    let verify = |more: &[&str]| {
        let arguments = [&["ledger", "verify", "--pause", "0"], more].concat();
        place.run(&arguments, &[])
    };
    let session = team.docker(&team.admin).start_upload("group/app").await;
    let patch = team
        .docker(&team.admin)
        .ask(format!("PATCH {session}"))
        .body(bytes(9, 500));
    patch.await.is(202);
    let equal = verify(&[]);
    assert!(equal.status.success(), "{}{}", equal.out, equal.err);
    assert!(
        equal.out.contains("The rows and the store agree."),
        "{}",
        equal.out
    );

    let data = place.0.path().join("data");
    let leftovers = spoil(&data);
    let differing = verify(&["--output", "json"]);
    assert_eq!(differing.status.code(), Some(1), "{}", differing.err);
    let found: Value = serde_json::from_str(&differing.out).unwrap();
    let differences = found["differences"].as_array().unwrap();
    let kinds: Vec<&str> = differences
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["missing_bytes", "wrong_size", "no_row", "no_upload"],
        "{found}"
    );
    let affected = differences[0]["affected"].as_array().unwrap();
    assert!(affected.contains(&json!("group/sister:v2")), "{found}");
    assert_eq!(
        (&differences[1]["expected"], &differences[1]["found"]),
        (&json!(1_000), &json!(400))
    );
    assert!(differences[2]["modified_at"].is_string(), "{found}");
    let told = verify(&[]);
    assert_eq!(told.status.code(), Some(1));
    assert!(told.out.contains("push the image again"), "{}", told.out);

    // Pushing heals; what nobody owns is left to upkeep.
    team.docker(&team.admin)
        .push_blob("group/app", &bytes(1, 1_000))
        .await;
    team.docker(&team.admin)
        .push_blob("group/app", &bytes(2, 20_000))
        .await;
    for file in leftovers {
        fs::remove_file(file).unwrap();
    }
    let healed = verify(&[]);
    assert!(healed.status.success(), "{}{}", healed.out, healed.err);
}
