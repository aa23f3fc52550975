//! The audit trail: changes, refusals, refused logins; for the administrators of the account. Exported and verified.

use berth_registry::Permission;
use http::Method;
use serde_json::{Value, json};

use super::code;
use crate::content::{bytes, digest};
use crate::installation::{ACCESS_KEY_ID, PASSWORD, SECRET_KEY, basic};
use crate::world::{ACCOUNT, World};

const TRAIL: &str = "/v2/manage/audit-events";
const ADMIN: (&str, &str) = (ACCESS_KEY_ID, SECRET_KEY);

async fn page(world: &World, query: &str) -> Value {
    let answer = world
        .signed(ADMIN, Method::GET, (&format!("{TRAIL}?{query}"), ""))
        .await;
    assert_eq!(answer.status.as_u16(), 200, "{query}: {answer:?}");
    answer.json()
}

async fn events(world: &World, query: &str) -> Vec<Value> {
    page(world, query).await["events"].as_array().unwrap().clone()
}

/// The trail, oldest first: who did what to what, and how it was answered.
async fn told(world: &World, query: &str) -> Vec<(String, String, String, i64, String)> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let events = events(world, query).await;
    let told = events.iter().rev().map(|event| {
        (
            text(event, "user_name"),
            text(event, "action"),
            text(event, "resource"),
            event["status"].as_i64().unwrap(),
            text(event, "code"),
        )
    });
    told.collect()
}

fn expected(rows: &[(&str, &str, &str, i64, &str)]) -> Vec<(String, String, String, i64, String)> {
    rows.iter()
        .map(|(user, action, resource, status, code)| {
            let [user, action, resource, code] =
                [user, action, resource, code].map(|text| (*text).to_owned());
            (user, action, resource, *status, code)
        })
        .collect()
}

#[tokio::test]
async fn changes_are_in_the_trail() {
    let world = World::start().await;
    let change = async |method: Method, target: &str, body: &str, status: u16| {
        let answer = world.signed(ADMIN, method, (target, body)).await;
        assert_eq!(answer.status.as_u16(), status, "{target}: {answer:?}");
        answer.header("x-request-id").to_owned()
    };
    let organization = r#"{"namespace": "group"}"#;
    let request_id = change(Method::POST, "/v2/manage/namespaces", organization, 201).await;
    change(Method::POST, "/v2/manage/namespaces", organization, 409).await;
    change(Method::POST, "/v2/manage/namespaces", "{", 400).await;
    change(Method::GET, "/v2/manage/namespaces/group", "", 200).await;
    change(Method::GET, "/v2/manage/namespaces/missing", "", 404).await;
    change(Method::DELETE, "/v2/manage/namespaces/group", "", 204).await;
    let layer = bytes(1, 100);
    let manifest = world.admin.push_image("team/app", "v1", &layer).await;
    world.admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
    world.admin.ask("DELETE /v2/team/app/manifests/v1").await.is(202);
    let by_digest = digest(&manifest);
    world
        .admin
        .ask(format!("DELETE /v2/team/app/manifests/{by_digest}"))
        .await
        .is(202);
    let found = told(&world, "").await;
    assert_eq!(
        found,
        expected(&[
            ("admin", "create_namespace", "group", 201, ""),
            ("admin", "create_namespace", "group", 409, "SVCSTG.SWR.4090060"),
            ("admin", "create_namespace", "", 400, "SVCSTG.SWR.4001018"),
            ("admin", "delete_namespaces", "group", 204, ""),
            ("admin", "put_manifest", "team/app:v1", 201, ""),
            ("admin", "delete_manifest", "team/app:v1", 202, ""),
            (
                "admin",
                "delete_manifest",
                &format!("team/app@{by_digest}"),
                202,
                ""
            ),
        ])
    );
    let first = events(&world, "").await.pop().unwrap();
    let (time, user_id) = (&first["time"], &first["user_id"]);
    assert!(
        time.as_str().unwrap().ends_with('Z') && user_id.as_str().unwrap().len() == 32,
        "{first}"
    );
    let whole = json!({
        "time": time,
        "user_id": user_id,
        "user_name": "admin",
        "credential": format!("access key {ACCESS_KEY_ID}"),
        "source": "127.0.0.1",
        "action": "create_namespace",
        "resource": "group",
        "result": "success",
        "status": 201,
        "code": "",
        "request_id": request_id,
        "book": "changes",
        "number": 1,
        "mac": first["mac"],
    });
    assert_eq!(first, whole);
    assert_eq!(first["mac"].as_str().unwrap().len(), 64, "{first}");
}

#[tokio::test]
async fn who_is_refused_is_in_the_trail() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", &bytes(1, 100)).await;
    let reader = world.member("reader", Permission::Read).await;
    let (_, pair) = world.person(ACCOUNT, "outsider").await;
    let outsider = world.admin.with(&basic(
        &format!("local@{}", pair.access_key_id),
        &pair.login_key(),
    ));
    // A right that is there leaves nothing.
    reader.ask("GET /v2/team/app/manifests/v1").await.is(200);
    reader.ask("DELETE /v2/team/app/manifests/v1").await.is(403);
    reader.ask("POST /v2/team/app/blobs/uploads/").await.is(403);
    outsider.ask("GET /v2/team/app/manifests/v1").await.is(403);
    let keys = (pair.access_key_id.as_str(), pair.secret_key.as_str());
    let listed = world.signed(keys, Method::GET, (TRAIL, "")).await;
    assert_eq!(
        (listed.status.as_u16(), code(&listed)),
        (403, "SVCSTG.SWR.4030170".to_owned())
    );
    let found = told(&world, "result=refused").await;
    assert_eq!(
        found,
        expected(&[
            ("reader", "delete_manifest", "team/app:v1", 403, "DENIED"),
            ("reader", "start_upload", "team/app", 403, "DENIED"),
            ("outsider", "get_manifest", "team/app:v1", 403, "DENIED"),
            ("outsider", "list_audit_events", "", 403, "SVCSTG.SWR.4030170"),
        ])
    );
}

#[tokio::test]
async fn refused_logins_are_in_the_trail_without_what_was_tried() {
    let world = World::start().await;
    let anonymous = world.admin.anonymous();
    for (user, action) in [
        ("admin", "GET /token"),
        ("berth/nobody", "GET /token"),
        ("local@AKEXAMPLE0001", "GET /v2/"),
    ] {
        anonymous
            .with(&basic(user, "hush-hush"))
            .ask(action)
            .await
            .is(401);
    }
    let wrong = (ACCESS_KEY_ID, "hush-hush");
    let signed = world
        .signed(wrong, Method::GET, ("/v2/manage/namespaces", ""))
        .await;
    assert_eq!(signed.status.as_u16(), 401);
    // Another account's, and nobody's as far as anybody knows.
    anonymous
        .with(&basic("elsewhere/admin", "hush-hush"))
        .ask("GET /token")
        .await
        .is(401);
    anonymous
        .with(&basic("local@UNKNOWN", "hush-hush"))
        .ask("GET /token")
        .await
        .is(401);
    // Who shows nothing did not try.
    anonymous.ask("GET /v2/").await.is(401);
    let found = told(&world, "").await;
    assert_eq!(
        found,
        expected(&[
            ("admin", "login", "", 401, "UNAUTHORIZED"),
            ("berth/nobody", "login", "", 401, "UNAUTHORIZED"),
            ("local@AKEXAMPLE0001", "ping", "", 401, "UNAUTHORIZED"),
            ("@AKEXAMPLE0001", "list_namespaces", "", 401, "APIGW.0301"),
        ])
    );
    let whole = page(&world, "").await.to_string();
    assert!(!whole.contains("hush"), "{whole}");
    let admins: Vec<Value> = events(&world, "").await;
    let known: Vec<bool> = admins.iter().map(|event| event["user_id"].is_string()).collect();
    assert_eq!(known, [true, true, false, true]);
}

#[tokio::test]
async fn the_trail_is_searched_and_paged() {
    let world = World::start().await;
    for name in ["one", "two", "three"] {
        let body = format!(r#"{{"namespace": "{name}"}}"#);
        world
            .signed(ADMIN, Method::POST, ("/v2/manage/namespaces", &body))
            .await;
    }
    world
        .signed(ADMIN, Method::DELETE, ("/v2/manage/namespaces/two", ""))
        .await;
    let resources = async |query: &str| -> Vec<String> {
        let told = told(&world, query).await;
        told.into_iter()
            .map(|(_, action, resource, ..)| format!("{action} {resource}"))
            .collect()
    };
    let all = [
        "create_namespace one",
        "create_namespace two",
        "create_namespace three",
        "delete_namespaces two",
    ];
    for (query, found) in [
        ("", &all[..]),
        ("user=admin&result=success", &all[..]),
        (
            "from=2026-01-02T03:04:05Z&to=2126-01-02T03:04:05%2B01:00",
            &all[..],
        ),
        ("to=2026-01-02T03:04:05Z", &[]),
        ("from=2126-01-02T03:04:05Z", &[]),
        ("user=ann", &[]),
        ("result=refused", &[]),
        ("action=delete_namespaces", &all[3..]),
        ("resource=one", &all[..1]),
        ("resource=two", &["create_namespace two", "delete_namespaces two"]),
    ] {
        assert_eq!(resources(query).await, found, "{query}");
    }
    let first = page(&world, "limit=3").await;
    assert_eq!(first["events"].as_array().unwrap().len(), 3);
    let marker = first["nextMarker"].as_str().unwrap();
    let last = page(&world, &format!("limit=3&marker={marker}")).await;
    assert_eq!(last["events"][0]["resource"], "one");
    assert_eq!(
        (last["events"].as_array().unwrap().len(), last.get("nextMarker")),
        (1, None)
    );
    for (query, expected) in [
        ("from=yesterday", "4001025"),
        ("to=1", "4001025"),
        ("result=maybe", "4001025"),
        ("marker=here", "4001025"),
        ("limit=0", "4000056"),
        ("limit=1001", "4000056"),
    ] {
        let refused = world
            .signed(ADMIN, Method::GET, (&format!("{TRAIL}?{query}"), ""))
            .await;
        assert_eq!(
            (refused.status.as_u16(), code(&refused)),
            (400, format!("SVCSTG.SWR.{expected}")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn accounts_have_trails_of_their_own_that_outlive_the_server() {
    let mut world = World::start().await;
    world.admin.push_image("team/app", "v1", &bytes(1, 100)).await;
    let stranger = world.stranger().await;
    stranger.ask("GET /v2/team/app/manifests/v1").await.is(403);
    world.restart();
    let found = told(&world, "").await;
    assert_eq!(
        found,
        expected(&[("admin", "put_manifest", "team/app:v1", 201, "")])
    );
    let elsewhere = world
        .metadata
        .account_by_name("elsewhere")
        .await
        .unwrap()
        .unwrap();
    let filter = berth_metadata::AuditFilter::default();
    let theirs = world
        .metadata
        .audit_events(&elsewhere.id, &filter, None, 10)
        .await
        .unwrap();
    let theirs: Vec<_> = theirs
        .iter()
        .map(|(_, event)| (event.user_name.as_str(), event.status))
        .collect();
    assert_eq!(theirs, [("stranger", 403)]);
}

#[tokio::test]
async fn sign_ins_and_people_are_in_the_trail_without_their_passwords() {
    let world = World::start().await;
    let send = async |target: &str, body: Value, status: u16| {
        let request = world.admin.anonymous().ask(format!("POST {target}"));
        let request = request.header("content-type", "application/json");
        request.body(body.to_string()).await.is(status)
    };
    let identity = |user: &str, password: &str| {
        let user = json!({ "name": user, "password": password, "domain": { "name": ACCOUNT } });
        json!({ "auth": { "identity": { "methods": ["password"], "password": { "user": user } } } })
    };
    send("/v3/auth/tokens", identity("admin", PASSWORD), 201).await;
    send("/v3/auth/tokens", identity("admin", "hush-hush"), 401).await;
    send(
        "/v2/manage/sessions",
        json!({ "user": "admin", "password": PASSWORD }),
        201,
    )
    .await;
    send(
        "/v2/manage/sessions",
        json!({ "user": "nobody", "password": "hush-hush" }),
        401,
    )
    .await;
    // Nobody is behind it.
    let nobody = world
        .signed(("UNKNOWN", "secret"), Method::POST, ("/v3/users", "{}"))
        .await;
    assert_eq!(nobody.status.as_u16(), 401);
    let account = world.metadata.account_by_name(ACCOUNT).await.unwrap().unwrap();
    let ana = json!({ "user": { "name": "ana", "domain_id": account.id, "password": "hush-hush" } });
    let made = world
        .signed(ADMIN, Method::POST, ("/v3/users", &ana.to_string()))
        .await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    let id = made.json()["user"]["id"].as_str().unwrap().to_owned();
    world
        .signed(ADMIN, Method::DELETE, (&format!("/v3/users/{id}"), ""))
        .await;
    let told: Vec<_> = told(&world, "")
        .await
        .into_iter()
        .map(|(user, action, resource, status, _)| (user, action, resource, status))
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(user, action, resource, status)| (&**user, &**action, &**resource, *status))
        .collect();
    let token = "keystone_create_user_token_by_password";
    assert_eq!(
        told,
        [
            ("admin", token, "", 201),
            ("berth/admin", token, "", 401),
            ("admin", "create_session", "", 201),
            ("nobody", "create_session", "", 401),
            ("admin", "keystone_create_user", "name=ana", 201),
            ("admin", "keystone_delete_user", &format!("user_id={id}"), 204),
        ]
    );
    let whole = page(&world, "").await.to_string();
    assert!(!whole.contains("hush") && !whole.contains(PASSWORD), "{whole}");
}

/// Changes, pushes and refusals: two, one and one.
async fn busy() -> World {
    let world = World::start().await;
    for name in ["one", "two"] {
        let body = format!(r#"{{"namespace": "{name}"}}"#);
        world
            .signed(ADMIN, Method::POST, ("/v2/manage/namespaces", &body))
            .await;
    }
    world.admin.push_image("team/app", "v1", &bytes(1, 100)).await;
    let taken = r#"{"namespace": "two"}"#;
    world
        .signed(ADMIN, Method::POST, ("/v2/manage/namespaces", taken))
        .await;
    world
}

async fn get(world: &World, target: &str, status: u16) -> crate::installation::Answer {
    let answer = world.signed(ADMIN, Method::GET, (target, "")).await;
    assert_eq!(answer.status.as_u16(), status, "{target}: {answer:?}");
    answer
}

#[tokio::test]
async fn the_trail_is_exported() {
    let world = busy().await;
    let lines = get(&world, &format!("{TRAIL}/export"), 200).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let exported: Vec<Value> = lines
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(exported, events(&world, "").await);
    let table = get(
        &world,
        &format!("{TRAIL}/export?format=csv&action=create_namespace&result=success"),
        200,
    )
    .await;
    assert_eq!(
        table.header("content-disposition"),
        "attachment; filename=audit.csv"
    );
    let rows: Vec<Vec<&str>> = table.text.lines().map(|line| line.split(',').collect()).collect();
    let resources: Vec<&str> = rows.iter().map(|row| row[6]).collect();
    assert_eq!(resources, ["resource", "two", "one"]);
    for query in ["format=xml", "result=maybe"] {
        let refused = get(&world, &format!("{TRAIL}/export?{query}"), 400).await;
        assert_eq!(code(&refused), "SVCSTG.SWR.4001025");
    }
    let (_, pair) = world.person(ACCOUNT, "outsider").await;
    let keys = (pair.access_key_id.as_str(), pair.secret_key.as_str());
    for what in ["export", "verification"] {
        let refused = world
            .signed(keys, Method::GET, (&format!("{TRAIL}/{what}"), ""))
            .await;
        assert_eq!(refused.status.as_u16(), 403, "{what}");
    }
}

#[tokio::test]
async fn a_trail_of_many_pages_is_exported_whole() {
    let world = busy().await;
    let account = world.metadata.account_by_name(ACCOUNT).await.unwrap().unwrap();
    for _ in 0..1201 {
        world
            .registry
            .record_operator(&account.id, "admin_set_quota", "")
            .await;
    }
    let lines = get(&world, &format!("{TRAIL}/export?user=operator"), 200).await;
    let numbers = lines.text.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["number"].as_i64().unwrap()
    });
    let expected: Vec<i64> = (3..=1203).rev().collect();
    assert_eq!(numbers.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn whether_the_trail_is_whole_is_told() {
    let world = busy().await;
    let verification = format!("{TRAIL}/verification");
    let found = get(&world, &verification, 200).await.json();
    let book = |found: &Value, n: usize| {
        let book = &found["books"][n];
        let numbers = [
            "first",
            "last",
            "events",
            "expired",
            "expired_for_room",
            "checked",
        ];
        let numbers = numbers.map(|name| book[name].as_i64().unwrap());
        (book["book"].as_str().unwrap().to_owned(), numbers)
    };
    assert_eq!(book(&found, 0), ("changes".to_owned(), [1, 2, 2, 0, 0, 2]));
    assert_eq!(book(&found, 1), ("pushes".to_owned(), [1, 1, 1, 0, 0, 1]));
    assert_eq!(book(&found, 2), ("refusals".to_owned(), [1, 1, 1, 0, 0, 1]));
    assert_eq!((&found["whole"], &found["in_no_book"]), (&json!(true), &json!(0)));
    let part = get(&world, &format!("{verification}?book=changes&limit=1"), 200)
        .await
        .json();
    assert_eq!(part["books"][0]["next"], 2);
    let part = get(&world, &format!("{verification}?book=changes&from=2"), 200)
        .await
        .json();
    assert_eq!(
        (&part["books"][0]["checked"], &part["whole"]),
        (&json!(1), &json!(true))
    );
    for query in [
        "book=other",
        "from=1",
        "from=0&book=changes",
        "limit=10001",
        "limit=x",
    ] {
        let refused = get(&world, &format!("{verification}?{query}"), 400).await;
        assert!(code(&refused).starts_with("SVCSTG.SWR.4"), "{query}: {refused:?}");
    }
}

#[tokio::test]
async fn what_was_written_by_who_has_no_key_is_told() {
    let world = busy().await;
    let verification = format!("{TRAIL}/verification");
    // What is written soon is written when somebody looks.
    let found = get(&world, &verification, 200).await.json();
    assert_eq!(found["whole"], json!(true));
    let verify = || {
        let database = ["--database", world.database()];
        let words = ["admin", "--output", "json", "audit", "verify"];
        world.place.run(&[&words[..], &database].concat(), &[])
    };
    let ended = verify();
    assert!(ended.status.success(), "{}", ended.err);
    // Somebody who can write the rows, and has no key.
    let account = world.metadata.account_by_name(ACCOUNT).await.unwrap().unwrap();
    let filter = berth_metadata::AuditFilter::default();
    let found = world.metadata.audit_events(&account.id, &filter, None, 1).await;
    let (_, forged) = found.unwrap().remove(0);
    let other = berth_metadata::AuditSeal::new(|_| [7; 32]);
    world
        .metadata
        .add_audit_events(&other, vec![forged])
        .await
        .unwrap();
    let found = get(&world, &verification, 200).await.json();
    assert_eq!(
        (&found["whole"], &found["books"][2]["flaw"]),
        (&json!(false), &json!({ "kind": "altered", "number": 2 }))
    );
    let ended = verify();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    let rows: Value = serde_json::from_str(&ended.out).unwrap();
    let flawed = rows.as_array().unwrap().iter().find(|row| !row["flaw"].is_null());
    let flawed = flawed.unwrap();
    assert_eq!(
        (
            &flawed["account"],
            &flawed["book"],
            &flawed["flaw"],
            &flawed["at_number"]
        ),
        (&json!(ACCOUNT), &json!("refusals"), &json!("altered"), &json!(2))
    );
}

#[tokio::test]
async fn what_the_operator_does_on_the_command_line_is_in_the_trail() {
    let world = World::start().await;
    for words in [
        &["user", "create", "berth/mary"][..],
        &["user", "list", "berth"],
        &["grant", "set", "team", "berth/mary", "read"],
        &["org", "create", "other", "--account", "berth"],
        &["org", "delete", "other"],
        &["quota", "set", "berth", "--images", "9"],
        &["user", "delete", "berth/mary"],
    ] {
        let database = ["--database", world.database()];
        let all = [&["admin"][..], &database, words].concat();
        let ended = world.place.run(&all, &[]);
        assert!(ended.status.success(), "{words:?}: {}", ended.err);
    }
    let found = told(&world, "user=operator").await;
    assert_eq!(
        found,
        expected(&[
            ("operator", "admin_create_user", "name=mary", 200, ""),
            ("operator", "admin_set_grant", "team name=berth/mary", 200, ""),
            ("operator", "admin_create_organization", "other", 200, ""),
            ("operator", "admin_delete_organization", "other", 200, ""),
            ("operator", "admin_set_quota", "", 200, ""),
            ("operator", "admin_delete_user", "name=mary", 200, ""),
        ])
    );
}
