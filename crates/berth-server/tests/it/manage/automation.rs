//! Lists across images: what they hold, for whom, and how they are cut down.

use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, Team};

const LISTS: [(&str, &str); 6] = [
    ("/v2/manage/triggers", "triggers"),
    ("/v2/manage/trigger-runs", "runs"),
    ("/v2/manage/retentions", "retentions"),
    ("/v2/manage/sync-rules", "rules"),
    ("/v2/manage/sync-copies", "copies"),
    ("/v2/manage/immutability", "rules"),
];

/// One of everything for the image, and a rule for its whole organization.
async fn furnished() -> Team {
    let team = Team::start().await;
    let region = json!({ "regionID": "east", "registryURL": "http://127.0.0.1:1", "unchecked": true });
    team.does(Method::POST, "/v2/manage/regions", &region, 201).await;
    for (at, body) in [
        (
            format!("{IMAGE}/triggers"),
            json!({ "name": "tell", "trigger_type": "all", "condition": ".*", "action": "webhook", "enable": "true",
                "webhook_url": "https://ci.example.com/a/secret?of=mine" }),
        ),
        (
            format!("{IMAGE}/retentions"),
            json!({ "algorithm": "or", "rules": [{ "template": "tag_rule", "params": { "num": "7" },
                "tag_selectors": [{ "kind": "label", "pattern": "v1" }] }] }),
        ),
        (
            format!("{IMAGE}/sync_repo"),
            json!({ "remoteRegionId": "east", "remoteNamespace": "copies", "syncAuto": true, "override": false }),
        ),
        (format!("{IMAGE}/immutability"), json!({ "pattern": "v1" })),
        (
            "/v2/manage/namespaces/group/immutability".to_owned(),
            json!({ "pattern": "v2" }),
        ),
        (format!("{IMAGE}/triggers/tell/run"), json!({ "tag": "pushed" })),
        (
            format!("{IMAGE}/sync_images"),
            json!({ "remoteRegionId": "east", "remoteNamespace": "copies", "imageTag": ["pushed"], "override": false }),
        ),
    ] {
        let made = team.ask(&team.admin, Method::POST, &at, &body).await;
        assert!(made.status.is_success(), "{at}: {}", made.text);
    }
    team
}

#[tokio::test]
async fn everything_that_is_set_up_is_listed_with_what_came_of_it() {
    let team = furnished().await;
    let ask = async |target: &str| team.does(Method::GET, target, &Value::Null, 200).await;
    let place = |row: &Value| (row["namespace"].clone(), row["repository"].clone());
    for (target, list) in LISTS {
        let page = ask(target).await;
        let rows = page[list].as_array().unwrap();
        assert_eq!(page["total"], rows.len(), "{target}");
        let last = rows.last().unwrap_or_else(|| panic!("{target}: {page}"));
        assert_eq!(place(last), (json!("group"), json!("back/end")), "{target}");
        assert_eq!(ask(&format!("{target}?text=none")).await["total"], 0, "{target}");
        assert_eq!(ask(&format!("{target}?text=K/EN")).await["total"], 1, "{target}");
        assert_eq!(
            ask(&format!("{target}?namespace=grou")).await["total"],
            0,
            "{target}"
        );
        assert_eq!(
            ask(&format!("{target}?limit=1&offset=5")).await[list],
            json!([]),
            "{target}"
        );
        team.refuses(
            Method::GET,
            &format!("{target}?limit=0"),
            &Value::Null,
            (400, "4000056"),
        )
        .await;
    }
    let trigger = &ask("/v2/manage/triggers").await["triggers"][0];
    assert_eq!(
        trigger["webhook_url"], "https://ci.example.com",
        "the rest may be a secret"
    );
    assert_eq!(trigger["last_run"]["tag"], "pushed");
    let retention = &ask("/v2/manage/retentions").await["retentions"][0];
    assert_eq!(
        (&retention["amount"], &retention["num_selectors"]),
        (&json!(7), &json!(1))
    );
    assert!(retention["last_run"]["status"].is_string(), "{retention}");
    let rule = &ask("/v2/manage/sync-rules").await["rules"][0];
    assert_eq!(
        (&rule["remote_region_id"], &rule["override"]),
        (&json!("east"), &json!(false))
    );
    assert_eq!(rule["last_copy"]["tag"], "pushed");
    let rules = ask("/v2/manage/immutability").await;
    assert_eq!(
        rules["rules"][0]["repository"],
        Value::Null,
        "that of the organization comes first: {rules}"
    );
    assert_eq!(ask("/v2/manage/sync-copies?status=success").await["total"], 0);
    team.refuses(
        Method::GET,
        "/v2/manage/triggers?status=odd",
        &Value::Null,
        (400, "4001025"),
    )
    .await;
}

#[tokio::test]
async fn only_who_has_a_right_on_an_image_finds_what_is_set_up_for_it() {
    let team = furnished().await;
    for (target, _) in LISTS {
        for (person, sees) in [
            (&team.manager, true),
            (&team.reader, true),
            (&team.outsider, false),
            (&team.stranger, false),
        ] {
            let page = team.ask(person, Method::GET, target, &Value::Null).await.json();
            assert_eq!(page["total"] != 0, sees, "{} {target}: {page}", person.name);
        }
    }
    let users = team.installation.admin(&["user", "list", "berth"]);
    let mut rows = users.as_array().unwrap().iter();
    let outsider = &rows.find(|row| row["user"] == "berth/outsider").unwrap()["id"];
    let grant = json!([{ "user_id": outsider, "user_name": "outsider", "auth": 1 }]);
    team.does(Method::POST, &format!("{IMAGE}/access"), &grant, 201)
        .await;
    for (target, list) in LISTS {
        let page = team
            .ask(&team.outsider, Method::GET, target, &Value::Null)
            .await
            .json();
        assert_eq!(
            page[list].as_array().unwrap().len(),
            1,
            "the image's, not the organization's: {page}"
        );
    }
}
