//! Rates of requests: beyond them requests wait, then they are refused with who, which rule and until when; who goes on is shut out
//! for a while, in every process, until an administrator lifts it.

use berth_registry::Permission;
use http::Method;
use serde_json::Value;

use crate::client::Client;
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY};
use crate::world::World;

const SHUT_OUTS: &str = "/v2/manage/shut-outs";
const SHUT_OUT: &str = "Not allow to login, upload or download image";
const ADMIN: (&str, &str) = (ACCESS_KEY_ID, SECRET_KEY);

/// An image of nothing, which one request pushes, for everybody to pull.
async fn publish(world: &World) {
    let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let push = world.admin.ask("PUT /v2/team/app/manifests/v1");
    let push = push
        .header("content-type", berth_oci::media_type::OCI_INDEX)
        .body(index);
    push.await.is(201);
    world.publish("team/app").await;
}

/// The first error of an answer, and its detail.
fn told(answer: &crate::client::Answer) -> (String, String) {
    let error = answer.errors().remove(0);
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (text("message"), text("detail"))
}

#[tokio::test]
async fn requests_beyond_a_rate_are_refused_with_who_which_rule_and_until_when() {
    let world = World::start_with(&[
        "--limits-rate-push-account=4/h",
        "--limits-rate-push-user=3/h",
        "--limits-rate-pull-address=1000/s",
        "--limits-rate-wait-max=1ms",
    ])
    .await;
    let admin = &world.admin;
    let other = world.member("other", Permission::Write).await;
    let start = "POST /v2/team/app/blobs/uploads/";
    for _ in 0..3 {
        admin.ask(start).await.is(202);
    }
    let refused = admin.ask(start).await.refused(429, "TOOMANYREQUESTS");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=1200).contains(&seconds), "{seconds}");
    let (message, detail) = told(&refused);
    assert_eq!(
        message,
        format!(
            "user 'berth/admin' makes more requests than limits.rate_push_user = \"3/h\" allows; try again in {seconds} s"
        )
    );
    for part in [
        "user 'berth/admin'",
        "3/h",
        "limits.rate_push_user",
        "operator",
        " on: make",
    ] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // What a user was refused costs the account nothing; then it is the account that was too fast.
    other.ask(start).await.is(202);
    let refused = other.ask(start).await.refused(429, "TOOMANYREQUESTS");
    assert!(
        told(&refused).0.starts_with("account 'berth' "),
        "{:?}",
        told(&refused)
    );
    // Of another kind, and of another account.
    admin
        .ask(
            "HEAD /v2/team/app/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000",
        )
        .await
        .is(404);
    world.stranger().await.ask(start).await.refused(403, "DENIED");
}

#[tokio::test]
async fn the_management_api_has_a_rate_and_a_form_of_its_own() {
    let world = World::start_with(&["--limits-rate-api-address=2/h", "--limits-rate-wait-max=1ms"]).await;
    for _ in 0..2 {
        let answer = world
            .signed(ADMIN, Method::GET, ("/v2/manage/namespaces", ""))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let answer = world
        .signed(ADMIN, Method::GET, ("/v2/manage/namespaces", ""))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after").is_empty()),
        (429, false)
    );
    let body = answer.json();
    assert_eq!(body["error_code"], "SVCSTG.SWR.4290002");
    let detail = body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("address 127.0.0.1 may make 2/h"), "{detail}");
    // A login is one, too.
    world
        .admin
        .ask("GET /token")
        .await
        .refused(429, "TOOMANYREQUESTS");
    world.admin.ask("GET /v2/").await.is(200);
}

#[tokio::test]
async fn who_is_a_little_too_fast_waits_and_is_answered() {
    let world = World::start_with(&["--limits-rate-push-account=10/s"]).await;
    let start = || world.admin.ask("POST /v2/team/app/blobs/uploads/");
    let answers = futures_util::future::join_all((0..30).map(|_| async { start().await.status })).await;
    assert_eq!(answers, [202; 30]);
}

/// Asks until the answer is no longer this one: a shut-out is written beside the requests that caused it.
async fn until(client: &Client, line: &str, status: u16) -> crate::client::Answer {
    loop {
        let answer = client.ask(line).await;
        if answer.status == status {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn listed(world: &World) -> Vec<Value> {
    let answer = world.signed(ADMIN, Method::GET, (SHUT_OUTS, "")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["shut_outs"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_account_that_floods_is_shut_out_until_it_is_lifted() {
    let mut world = World::start_with(&[
        "--limits-rate-push-user=1/h",
        "--limits-rate-wait-max=1ms",
        "--limits-shut-out-after=3/h",
    ])
    .await;
    let stranger = world.stranger().await;
    publish(&world).await;
    let start = "POST /v2/team/app/blobs/uploads/";
    until(&world.admin, start, 403).await;

    for line in [start, "GET /v2/team/app/manifests/v1", "GET /v2/"] {
        let (message, detail) = told(&world.admin.ask(line).await.refused(403, "DENIED"));
        assert_eq!(message, SHUT_OUT, "{line}");
        for part in [
            "account 'berth'",
            "until 20",
            "limits.rate_push_user = \"1/h\"",
            "operator",
        ] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
    }
    // The login, as docker does it.
    let (message, _) = told(&world.admin.ask("GET /token").await.refused(401, "DENIED"));
    assert_eq!(message, SHUT_OUT);
    // Others go on: other accounts, and who does not log in.
    stranger.ask("GET /v2/").await.is(200);
    let anonymous = world
        .token(&stranger.anonymous(), "repository:team/app:pull")
        .await;
    anonymous.ask("GET /v2/team/app/manifests/v1").await.is(200);

    // Rows keep it, and its administrators see why.
    world.restart();
    world.admin.ask("GET /v2/").await.refused(403, "DENIED");
    let rows = listed(&world).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["account"], &rows[0]["in_force"]),
        (&"berth".into(), &true.into())
    );
    let lift = format!("{SHUT_OUTS}/{}", rows[0]["id"]);
    let lifted = world.signed(ADMIN, Method::DELETE, (&lift, "")).await;
    assert_eq!(lifted.status, 204, "{lifted:?}");
    world.admin.ask("GET /v2/").await.is(200);
    let rows = listed(&world).await;
    assert_eq!(
        (&rows[0]["in_force"], &rows[0]["lifted_by"]),
        (&false.into(), &"admin".into())
    );
    let again = world.signed(ADMIN, Method::DELETE, (&lift, "")).await;
    assert_eq!(again.status, 404);

    let trail = world
        .signed(ADMIN, Method::GET, ("/v2/manage/audit-events?limit=100", ""))
        .await;
    let trail = trail.json();
    let actions: Vec<&str> = trail["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["action"].as_str())
        .collect();
    for action in ["shut_out", "lift_shut_out"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

#[tokio::test]
async fn an_address_that_floods_is_shut_out_for_those_who_do_not_log_in() {
    let world = World::start_with(&[
        "--limits-rate-pull-address=30/h",
        "--limits-rate-wait-max=1ms",
        "--limits-shut-out-after=3/h",
    ])
    .await;
    publish(&world).await;
    let anonymous = world.admin.anonymous();
    loop {
        let rows = listed(&world).await;
        if let Some(row) = rows.first() {
            assert_eq!(
                (&row["address"], &row["account"]),
                (&"127.0.0.1".into(), &Value::Null)
            );
            break;
        }
        let line = "GET /v2/team/app/manifests/v1";
        anonymous.with("Bearer nonsense").ask(line).await;
    }
    let (message, detail) = told(&anonymous.ask("GET /token").await.refused(401, "DENIED"));
    assert_eq!(message, SHUT_OUT);
    assert!(
        detail.starts_with("address 127.0.0.1, for those who do not log in, is shut out until"),
        "{detail}"
    );
    // A login from there is another matter.
    world.admin.ask("GET /token").await.is(200);
}
