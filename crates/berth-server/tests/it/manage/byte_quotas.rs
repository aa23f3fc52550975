//! Quotas of bytes, as clients of docker's API and administrators meet them.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::team::Team;
use crate::client::Answer;
use crate::content::{CONFIG, bytes, digest, image, written};

const OF_ORGANIZATION: &str = "/v2/manage/namespaces/group/quotas";
const OF_ACCOUNT: &str = "/v2/manage/domains/berth/quotas";

async fn limit(team: &Team, bytes: Value) {
    team.does(Method::PUT, OF_ORGANIZATION, &json!({ "bytes": bytes }), 200)
        .await;
}

/// What is used and reserved of the organization's quota.
async fn used(team: &Team) -> (i64, i64) {
    let quota = team.does(Method::GET, OF_ORGANIZATION, &Value::Null, 200).await;
    let number = |name: &str| quota[name].as_i64().unwrap();
    (number("used_bytes"), number("reserved_bytes"))
}

/// That an answer refuses for want of room, and says everything that helps.
#[track_caller]
fn has_no_room(answer: Answer, wanted: i64) {
    let error = &answer.refused(403, "DENIED").errors()[0];
    let message = error["message"].as_str().unwrap();
    for said in [
        "organization 'group' may hold",
        "have reserved",
        "raise the quota",
    ] {
        assert!(message.contains(said), "{message}");
    }
    let detail = &error["detail"];
    assert_eq!(detail["quota_of"], "organization 'group'");
    assert_eq!(detail["wanted_bytes"], wanted, "{detail}");
}

#[tokio::test]
async fn an_organization_has_a_quota_of_bytes() {
    let team = Team::start().await;
    let shown = async || team.does(Method::GET, OF_ORGANIZATION, &Value::Null, 200).await;
    let none = json!({ "bytes": null, "used_bytes": null, "reserved_bytes": null });
    assert_eq!(shown().await, none);
    limit(&team, json!(50_000)).await;
    let (before, _) = used(&team).await;
    assert!(before > 0, "the image that was there before counts");
    let admin = team.docker(&team.admin);
    let manifest = admin.push_image("group/app", "v1", &bytes(1, 20_000)).await;
    let app = i64::try_from(CONFIG.len() + 20_000 + manifest.len()).unwrap();
    assert_eq!(used(&team).await, (before + app, 0));
    // Another image counts what it shares, and the same once more does not.
    let line = format!(
        "POST /v2/group/copy/blobs/uploads/?mount={}&from=group/app",
        digest(CONFIG)
    );
    for _ in 0..2 {
        admin.ask(&line).await.is(201);
    }
    let copy = i64::try_from(CONFIG.len()).unwrap();
    assert_eq!(used(&team).await, (before + app + copy, 0));

    team.answers_people(
        Method::GET,
        OF_ORGANIZATION,
        &Value::Null,
        [200, 200, 200, 404, 404],
    )
    .await;
    let more = json!({ "bytes": 90_000 });
    team.answers_people(Method::PUT, OF_ORGANIZATION, &more, [403, 403, 403, 404, 404])
        .await;
    for (body, code) in [
        (json!({ "bytes": -1 }), "4000014"),
        (json!({ "bytes": "5" }), "4001018"),
        (json!({ "limit": 5 }), "4001018"),
    ] {
        team.refuses(Method::PUT, OF_ORGANIZATION, &body, (400, code))
            .await;
    }
    limit(&team, Value::Null).await;
    assert_eq!(shown().await, none);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_whatever_the_way() {
    let team = Team::start().await;
    let admin = team.docker(&team.admin);
    admin.push_image("group/app", "v1", &bytes(1, 3_000)).await;
    limit(&team, json!(1 << 20)).await;
    let (before, _) = used(&team).await;
    limit(&team, json!(before + 1_000)).await;
    let (large, small) = (bytes(2, 2_000_000), bytes(3, 900));

    let line = format!("POST /v2/group/app/blobs/uploads/?digest={}", digest(&large));
    has_no_room(admin.ask(&line).body(large.clone()).await, 2_000_000);
    // Whoever keeps the size to themselves learns of it when the bytes have come so far.
    let streamed = admin
        .ask(&line)
        .streamed(&[&large[..1_500_000], &large[1_500_000..]])
        .await;
    assert_eq!(streamed.status, 403);
    let session = admin.start_upload("group/app").await;
    has_no_room(
        admin.ask(format!("PATCH {session}")).body(large.clone()).await,
        2_000_000,
    );
    admin
        .ask(format!("GET {session}"))
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(used(&team).await, (before, 0), "nothing stays reserved");

    // An upload in pieces keeps what it has brought until it is cancelled.
    let session = admin.start_upload("group/app").await;
    let piece = admin
        .ask(format!("PATCH {session}"))
        .streamed(&[&small[..500], &small[500..]])
        .await;
    assert_eq!(used(&team).await, (before, 900));
    let next = piece.is(202).header("location").to_owned();
    let other = bytes(4, 101);
    let line = format!("POST /v2/group/app/blobs/uploads/?digest={}", digest(&other));
    has_no_room(admin.ask(line).body(other).await, 101);
    admin.ask(format!("DELETE {next}")).await.is(204);
    assert_eq!(used(&team).await, (before, 0));

    admin.push_blob("group/app", &small).await;
    let manifest = written(&image(&[&bytes(1, 3_000), &small]));
    let put = || {
        admin
            .ask("PUT /v2/group/app/manifests/v2")
            .header("content-type", "application/vnd.oci.image.manifest.v1+json")
            .body(manifest.clone())
    };
    has_no_room(put().await, i64::try_from(manifest.len()).unwrap());
    admin
        .ask("GET /v2/group/app/manifests/v2")
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    let mount = format!(
        "POST /v2/group/copy/blobs/uploads/?mount={}&from=group/app",
        digest(&small)
    );
    has_no_room(admin.ask(mount).await, 900);

    // Below what is there, what is there is served and may be pushed again.
    limit(&team, json!(10)).await;
    admin.push_image("group/app", "v1", &bytes(1, 3_000)).await;
    admin.ask("GET /v2/group/app/manifests/v1").await.is(200);
    team.does(Method::PUT, OF_ORGANIZATION, &json!({}), 200).await;
    put().await.is(201);
}

#[tokio::test]
async fn the_quota_of_an_account_holds_for_all_its_organizations() {
    let team = Team::start().await;
    let admin = team.docker(&team.admin);
    team.does(
        Method::POST,
        "/v2/manage/namespaces",
        &json!({ "namespace": "second" }),
        201,
    )
    .await;
    team.does(Method::PUT, OF_ACCOUNT, &json!({ "bytes": 3_000 }), 200)
        .await;
    admin.push_blob("group/app", &bytes(1, 1_800)).await;
    let line = format!(
        "POST /v2/second/app/blobs/uploads/?digest={}",
        digest(bytes(1, 1_800))
    );
    let refused = admin.ask(line).body(bytes(1, 1_800)).await.refused(403, "DENIED");
    assert_eq!(refused.errors()[0]["detail"]["quota_of"], "account 'berth'");
    let quotas = "/v2/manage/projects/0123456789abcdef/quotas";
    let listed = team.does(Method::GET, quotas, &Value::Null, 200).await;
    let row = &listed["quotas"][1];
    assert_eq!(
        (&row["quota_key"], &row["unit"]),
        (&json!("storage"), &json!("byte"))
    );
    assert!(row["used"].as_i64().unwrap() > 1_800, "{row}");
}

/// Of those that push at once into the last room, all that fit get in, and no byte more.
#[tokio::test]
async fn parallel_pushes_fill_a_quota_to_its_edge() {
    const SIZE: usize = 10_000;
    let team = Team::start().await;
    let admin = team.docker(&team.admin);
    limit(&team, json!(0)).await;
    let (before, _) = used(&team).await;
    let room = before + 10 * i64::try_from(SIZE).unwrap() + 5_000;
    limit(&team, json!(room)).await;
    let push = async |n: u64| {
        let blob = bytes(100 + n, SIZE);
        let finish = |location: &str| format!("PUT {location}?digest={}", digest(&blob));
        let repository = format!("group/app{}", n % 4);
        let pushed = match n % 3 {
            0 => {
                let line = format!("POST /v2/{repository}/blobs/uploads/?digest={}", digest(&blob));
                admin.ask(line).body(blob.clone()).await
            }
            1 => {
                let session = admin.start_upload(&repository).await;
                let patched = admin.ask(format!("PATCH {session}")).body(blob.clone()).await;
                match patched.find("location").map(str::to_owned) {
                    Some(next) => admin.ask(finish(&next)).await,
                    None => patched,
                }
            }
            _ => {
                let session = admin.start_upload(&repository).await;
                admin
                    .ask(finish(&session))
                    .streamed(&[&blob[..4_000], &blob[4_000..]])
                    .await
            }
        };
        match pushed.status {
            201 => 1,
            status => {
                assert_eq!(status, 403);
                0
            }
        }
    };
    let stored: i64 = join_all((0..32).map(push)).await.into_iter().sum();
    let found = used(&team).await;
    assert_eq!(found, (before + stored * i64::try_from(SIZE).unwrap(), 0));
    assert_eq!(stored, 10, "as many as fit");
}
