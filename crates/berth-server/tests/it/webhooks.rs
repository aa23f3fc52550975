//! Webhooks from the push to the receiver, by real servers on both ends.

mod receiver;

use std::time::Duration;

use berth_registry::Permission;
use http::Method;
use receiver::{Receiver, Reply};
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::digest;
use crate::installation::PASSWORD;
use crate::world::World;

const ALLOWED: &[&str] = &["--outbound-allow", "127.0.0.0/8"];
const IMAGE: &str = "/v2/manage/namespaces/team/repos/app";
const HOOK: &str = "/v2/manage/namespaces/team/repos/app/triggers/hook";

const DELIVERIES: &str = "/v2/manage/namespaces/team/repos/app/triggers/hook/deliveries";

/// The administrator's request, which must be answered with this status. A token is asked for each time: it is good by the
/// server's clock, which a signature made here is not.
pub(crate) async fn does(world: &World, method: Method, target: &str, body: &Value, status: u16) -> Value {
    let user = json!({ "name": "admin", "password": PASSWORD, "domain": { "name": "berth" } });
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    let scope = json!({ "domain": { "name": "berth" } });
    let (http, url) = (&world.admin.http, &world.admin.url);
    let asked = http
        .post(format!("{url}/v3/auth/tokens"))
        .json(&json!({ "auth": { "identity": identity, "scope": scope } }));
    let answer = asked.send().await.unwrap();
    let token = answer.headers()["x-subject-token"].clone();
    let request = http
        .request(method.clone(), format!("{url}{target}"))
        .header("x-auth-token", token);
    let request = if body.is_null() {
        request
    } else {
        request.json(body)
    };
    let answer = request.send().await.unwrap();
    let found = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{method} {target}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

async fn gets(world: &World, target: &str) -> Value {
    does(world, Method::GET, target, &Value::Null, 200).await
}

async fn posts(world: &World, target: &str, status: u16) -> Value {
    does(world, Method::POST, target, &Value::Null, status).await
}

fn trigger(url: &str) -> Value {
    json!({
        "name": "hook", "trigger_type": "regular", "condition": "v*", "action": "webhook", "enable": "true",
        "webhook_url": url,
    })
}

/// An image, and a trigger of it that tells this receiver; answers the secret.
async fn hooked(world: &World, receiver: &Receiver) -> String {
    world.admin.push_image("team/app", "first", b"layer").await;
    let made = does(
        world,
        Method::POST,
        &format!("{IMAGE}/triggers"),
        &trigger(&receiver.url()),
        201,
    )
    .await;
    made["webhook_secret"].as_str().unwrap().to_owned()
}

async fn deliveries(world: &World, place: &str) -> Vec<Value> {
    let found = gets(world, place).await;
    found["deliveries"].as_array().unwrap().clone()
}

/// Waits until the newest delivery is so.
async fn newest(world: &World, is_so: impl Fn(&Value) -> bool) -> Value {
    newest_of(world, DELIVERIES, is_so).await
}

async fn newest_of(world: &World, place: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = deliveries(world, place)
            .await
            .first()
            .cloned()
            .unwrap_or_default();
        if is_so(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the newest delivery stays {last}");
}

async fn ends(world: &World, status: &str) -> Value {
    newest(world, |delivery| delivery["status"] == status).await
}

async fn pushes(client: &Client, tag: &str, layer: &[u8]) -> String {
    digest(client.push_image("team/app", tag, layer).await)
}

#[tokio::test]
async fn a_push_is_told_once_and_says_what_was_pushed() {
    let world = World::start_with(&[ALLOWED, &["--external-url", "https://registry.example"]].concat()).await;
    let receiver = Receiver::start(&[Reply::of(204)]).await;
    let secret = hooked(&world, &receiver).await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    let first = pushes(&world.admin, "v1", b"one").await;
    let heard = receiver.hears(1).await;
    // The same push again, a tag that nobody waits for, and the same digest under another such tag.
    for tag in ["v1", "v1", "latest"] {
        pushes(&world.admin, tag, b"one").await;
    }
    let second = pushes(&world.admin, "v1", b"two").await;
    let heard_after = receiver.hears(2).await;
    let event = heard[0].event();
    let id = heard[0].header("webhook-id").to_owned();
    let size = digest_size(&world, "v1").await;
    assert_eq!(heard[0].header("content-type"), "application/cloudevents+json");
    let at = event["time"].clone();
    assert_eq!(
        event,
        json!({
            "specversion": "1.0", "id": id, "source": "//registry.example/team/app", "type": "io.berth.tag.pushed.v1",
            "subject": "v1", "time": at, "datacontenttype": "application/json",
            "data": {
                "organization": "team", "repository": "app", "tag": "v1", "digest": first, "previous_digest": null,
                "media_type": "application/vnd.oci.image.manifest.v1+json", "size": size,
                "reference": format!("registry.example/team/app:v1@{first}"), "why": "push", "user": "admin",
                "at": at, "trigger": "hook",
            },
        })
    );
    let event = heard_after[1].event();
    assert_eq!(event["data"]["digest"], json!(second));
    assert_eq!(event["data"]["previous_digest"], json!(first));
    assert_ne!(event["id"], json!(id));
    let newest = ends(&world, "delivered").await;
    assert_eq!(newest["webhook_id"], event["id"]);
    assert_eq!(
        (&newest["attempts"], &newest["response_status"]),
        (&json!(1), &json!(204))
    );
    assert_eq!(deliveries(&world, DELIVERIES).await.len(), 2);
    assert_eq!(receiver.received().len(), 2);
    // SWR's history says so too.
    let shown = gets(&world, HOOK).await;
    assert_eq!(shown["trigger_history"][0]["result"], "success");
    assert_eq!(shown["action"], "webhook");
    assert_eq!(shown["webhook_url"], json!(receiver.url()));
}

/// The size that lists show of a tag's image.
async fn digest_size(world: &World, tag: &str) -> Value {
    let shown = gets(world, &format!("{IMAGE}/tags/{tag}")).await;
    shown["size"].clone()
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_with_the_same_id() {
    let world = World::start_with_clock(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(500), Reply::End, Reply::of(302), Reply::of(200)]).await;
    hooked(&world, &receiver).await;
    pushes(&world.admin, "v1", b"one").await;
    for (attempts, says) in [(1, "500"), (2, "broke off"), (3, "redirects are not followed")] {
        let failed = newest(&world, |delivery| delivery["attempts"] == attempts).await;
        assert_eq!(failed["status"], "waiting");
        assert!(failed["error"].as_str().unwrap().contains(says), "{failed}");
        assert!(failed["next_attempt_at"].is_string(), "{failed}");
        world.move_clock(Duration::from_mins(5 * attempts));
    }
    let delivered = ends(&world, "delivered").await;
    assert_eq!(delivered["attempts"], 4);
    assert_eq!(delivered["error"], "");
    let heard = receiver.received();
    assert_eq!(heard.len(), 4);
    for again in &heard[1..] {
        assert_eq!(again.header("webhook-id"), heard[0].header("webhook-id"));
        assert_eq!(again.body, heard[0].body);
        assert_ne!(
            again.header("webhook-signature"),
            heard[0].header("webhook-signature")
        );
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_well_is_dead_until_somebody_asks_again() {
    let world = World::start_with_clock(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(503)]).await;
    hooked(&world, &receiver).await;
    pushes(&world.admin, "v1", b"one").await;
    for attempts in 1..=11_u32 {
        newest(&world, |delivery| delivery["attempts"] == attempts).await;
        world.move_clock(Duration::from_hours(13) * attempts);
    }
    let dead = ends(&world, "dead").await;
    assert_eq!(receiver.received().len(), 11);
    assert_eq!(dead["next_attempt_at"], Value::Null);
    let listed = gets(&world, "/v2/manage/webhooks/dead").await;
    assert_eq!(listed["deliveries"][0]["id"], dead["id"]);
    assert_eq!(gets(&world, HOOK).await["trigger_history"][0]["result"], "failed");
    receiver.answers(Reply::of(200));
    assert_eq!(
        posts(&world, &format!("{HOOK}/redeliver"), 202).await["redelivered"],
        1
    );
    let delivered = ends(&world, "delivered").await;
    assert_eq!(
        (&delivered["id"], &delivered["attempts"]),
        (&dead["id"], &json!(12))
    );
    let once_more = format!("{HOOK}/deliveries/{}/redeliver", dead["id"]);
    posts(&world, &once_more, 202).await;
    let heard = receiver.hears(13).await;
    assert_eq!(heard[12].header("webhook-id"), heard[0].header("webhook-id"));
    let listed = gets(&world, "/v2/manage/webhooks/dead").await;
    assert_eq!(listed["deliveries"], json!([]));
    posts(&world, &format!("{HOOK}/deliveries/999/redeliver"), 404).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_switches_its_trigger_off() {
    let world = World::start_with(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(410)]).await;
    hooked(&world, &receiver).await;
    pushes(&world.admin, "v1", b"one").await;
    let dead = ends(&world, "dead").await;
    assert!(dead["error"].as_str().unwrap().contains("410"), "{dead}");
    assert_eq!(gets(&world, HOOK).await["enable"], "false");
    posts(&world, &format!("{HOOK}/redeliver"), 400).await;
}

#[tokio::test]
async fn what_a_receiver_answers_at_length_is_not_read() {
    let world = World::start_with(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::SlowBody, Reply::HugeBody, Reply::Silence]).await;
    hooked(&world, &receiver).await;
    for tag in ["v1", "v2"] {
        pushes(&world.admin, tag, b"one").await;
        newest(&world, |delivery| {
            delivery["tag"] == tag && delivery["status"] == "delivered"
        })
        .await;
    }
    // One that says nothing fails in time and holds nobody else up.
    let other = Receiver::start(&[Reply::of(200)]).await;
    let mut second = trigger(&other.url());
    second["name"] = json!("other");
    does(&world, Method::POST, &format!("{IMAGE}/triggers"), &second, 201).await;
    pushes(&world.admin, "v3", b"one").await;
    other.hears(1).await;
    let failed = newest(&world, |delivery| {
        delivery["attempts"] == 1 && delivery["tag"] == "v3"
    })
    .await;
    assert_eq!(failed["error"], "the receiver did not answer in time");
}

#[tokio::test]
async fn a_delivery_survives_that_the_server_is_killed() {
    let mut world = World::start_with_clock(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::Silence, Reply::of(200)]).await;
    hooked(&world, &receiver).await;
    pushes(&world.admin, "v1", b"one").await;
    receiver.hears(1).await;
    world.kill();
    // The hold of the process that died ends.
    world.move_clock(Duration::from_mins(2));
    let delivered = ends(&world, "delivered").await;
    let heard = receiver.received();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[1].header("webhook-id"), heard[0].header("webhook-id"));
    assert_eq!(delivered["attempts"], 1);
}

#[tokio::test]
async fn a_test_delivery_is_told_at_once() {
    let world = World::start_with(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(200), Reply::of(403)]).await;
    hooked(&world, &receiver).await;
    let ping = format!("{HOOK}/ping");
    let well = posts(&world, &ping, 200).await;
    assert_eq!(
        (&well["delivered"], &well["response_status"]),
        (&json!(true), &json!(200))
    );
    assert!(well["duration_ms"].is_u64(), "{well}");
    let heard = receiver.received();
    assert_eq!(well["event"], heard[0].event());
    assert_eq!(well["event"]["type"], "io.berth.ping.v1");
    let badly = posts(&world, &ping, 200).await;
    assert_eq!(
        (&badly["delivered"], &badly["response_status"]),
        (&json!(false), &json!(403))
    );
    assert_eq!(deliveries(&world, DELIVERIES).await, Vec::<Value>::new());
}

#[tokio::test]
async fn addresses_of_the_services_own_network_are_refused() {
    let world = World::start().await;
    world.admin.push_image("team/app", "first", b"layer").await;
    let port = world.address().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ] {
        let url = format!("http://{host}:{port}/v2/");
        let target = format!("{IMAGE}/triggers");
        let refused = does(&world, Method::POST, &target, &trigger(&url), 400).await;
        let text = refused["error_msg"].as_str().unwrap();
        assert!(text.contains("outbound.allow"), "{host}: {refused}");
    }
}

#[tokio::test]
async fn an_address_that_turns_bad_later_is_not_reached() {
    let mut world = World::start_with(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(200)]).await;
    hooked(&world, &receiver).await;
    let mut named = trigger(&format!("http://localhost:{}/", receiver.address.port()));
    named["name"] = json!("named");
    does(&world, Method::POST, &format!("{IMAGE}/triggers"), &named, 201).await;
    // As if the name had led elsewhere when the trigger was set up.
    world.restart_with(&[]);
    pushes(&world.admin, "v1", b"one").await;
    for name in ["hook", "named"] {
        let place = format!("{IMAGE}/triggers/{name}/deliveries");
        let dead = newest_of(&world, &place, |delivery| delivery["status"] == "dead").await;
        assert!(
            dead["error"].as_str().unwrap().contains("a loopback address"),
            "{dead}"
        );
    }
    assert_eq!(receiver.received().len(), 0);
}

/// The receiver that the documentation shows, as its reader would run it.
fn documented_receiver(world: &World, secret: &str) -> (std::process::Child, String) {
    let page = include_str!("../../../../docs/how-to/webhooks.md");
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (code, _) = rest.split_once("```").unwrap();
    let file = world.place.0.path().join("receiver.py");
    std::fs::write(&file, code).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let child = std::process::Command::new("python3")
        .arg(&file)
        .arg(port.to_string())
        .env("WEBHOOK_SECRET", secret)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    (child, format!("http://127.0.0.1:{port}/"))
}

#[tokio::test]
async fn the_documented_receiver_verifies_what_is_sent() {
    let world = World::start_with(ALLOWED).await;
    world.admin.push_image("team/app", "first", b"layer").await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (mut child, url) = documented_receiver(&world, secret);
    let mut wanted = trigger(&url);
    wanted["webhook_secret"] = json!(secret);
    let made = does(&world, Method::POST, &format!("{IMAGE}/triggers"), &wanted, 201).await;
    assert_eq!(made, json!({}));
    let ping = async || posts(&world, &format!("{HOOK}/ping"), 200).await["response_status"].clone();
    // The interpreter takes a moment to listen.
    for _ in 0..100 {
        if !ping().await.is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ping().await, 204);
    // While another secret takes over, the one before is good too; another's secret is not.
    let secret_place = format!("{HOOK}/secret");
    let made = does(&world, Method::PUT, &secret_place, &json!({}), 200).await;
    assert!(made["webhook_secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(ping().await, 204);
    pushes(&world.admin, "v1", b"one").await;
    ends(&world, "delivered").await;
    does(&world, Method::PUT, &secret_place, &json!({}), 200).await;
    assert_eq!(ping().await, 401);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("io.berth.tag.pushed.v1 team/app:v1@sha256:"),
        "{said}"
    );
}

#[tokio::test]
async fn a_path_of_an_address_is_for_those_who_may_push() {
    let world = World::start_with(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(204)]).await;
    hooked(&world, &receiver).await;
    pushes(&world.admin, "v1", b"one").await;
    let id = ends(&world, "delivered").await["id"].clone();
    let shown_to = async |permission: Permission| {
        let (_, pair) = world.person_with("somebody", permission).await;
        let keys = (pair.access_key_id.as_str(), pair.secret_key.as_str());
        let mut urls = Vec::new();
        for (target, pointer) in [
            (format!("{IMAGE}/triggers"), "/0/webhook_url"),
            (HOOK.to_owned(), "/webhook_url"),
            (DELIVERIES.to_owned(), "/deliveries/0/url"),
            (format!("{DELIVERIES}/{id}"), "/url"),
        ] {
            let answer = world.signed(keys, Method::GET, (&target, "")).await;
            assert_eq!(answer.status.as_u16(), 200, "{target}: {}", answer.text);
            urls.push(answer.json().pointer(pointer).unwrap().clone());
        }
        for target in [format!("{HOOK}/ping"), format!("{HOOK}/redeliver")] {
            let answer = world.signed(keys, Method::POST, (&target, "")).await;
            let may = permission >= Permission::Write;
            assert_eq!(answer.status.is_success(), may, "{target}: {}", answer.text);
        }
        urls
    };
    let host = json!(format!("http://{}", receiver.address));
    assert_eq!(shown_to(Permission::Read).await, vec![host; 4]);
    assert_eq!(shown_to(Permission::Write).await, vec![json!(receiver.url()); 4]);
}

#[tokio::test]
async fn a_dry_run_shows_the_event_and_sends_nothing() {
    let world = World::start_with(ALLOWED).await;
    let receiver = Receiver::start(&[Reply::of(204)]).await;
    hooked(&world, &receiver).await;
    let pushed = pushes(&world.admin, "v1", b"one").await;
    let told = receiver.hears(1).await[0].event();
    let tried = does(&world, Method::POST, &format!("{HOOK}/dry-run"), &json!({}), 200).await;
    assert_eq!((&tried["tag"], &tried["digest"]), (&json!("v1"), &json!(pushed)));
    for field in ["specversion", "source", "type", "subject", "datacontenttype"] {
        assert_eq!(tried["event"][field], told[field], "{field}");
    }
    for field in ["tag", "digest", "reference", "media_type", "size", "why"] {
        assert_eq!(tried["event"]["data"][field], told["data"][field], "{field}");
    }
    let new = json!({ "trigger": trigger(&receiver.url()) });
    let tried = does(
        &world,
        Method::POST,
        &format!("{IMAGE}/trigger-dry-runs"),
        &new,
        200,
    )
    .await;
    assert_eq!(tried["event"]["subject"], "v1");
    // By hand it is told also of a tag that the trigger does not wait for.
    let run = does(
        &world,
        Method::POST,
        &format!("{HOOK}/run"),
        &json!({ "tag": "first" }),
        202,
    )
    .await;
    assert_eq!(run["status"], "waiting");
    let told = receiver.hears(2).await[1].event();
    assert_eq!(
        (&told["type"], &told["subject"]),
        (&json!("io.berth.tag.selected.v1"), &json!("first"))
    );
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_webhook_is_replaced_but_for_its_secret() {
    let world = World::start_with(ALLOWED).await;
    let (receiver, other) = (
        Receiver::start(&[Reply::of(204)]).await,
        Receiver::start(&[Reply::of(204)]).await,
    );
    hooked(&world, &receiver).await;
    let mut wanted = trigger(&other.url());
    wanted["condition"] = json!("w*");
    does(&world, Method::PUT, HOOK, &wanted, 200).await;
    for tag in ["v1", "w1"] {
        pushes(&world.admin, tag, tag.as_bytes()).await;
    }
    assert_eq!(other.hears(1).await[0].event()["subject"], "w1");
    assert_eq!(receiver.received().len(), 0);
    for (field, value) in [
        ("webhook_secret", json!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
        ("webhook_url", json!("")),
        ("webhook_url", json!("https://user:password@hooks.example.com/")),
        ("application", json!("web")),
        ("cluster_name", json!("west")),
        ("action", json!("update")),
    ] {
        let mut wrong = wanted.clone();
        wrong[field] = value;
        does(&world, Method::PUT, HOOK, &wrong, 400).await;
    }
}
