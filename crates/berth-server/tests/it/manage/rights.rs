//! Rights on the wire: on organizations (operations 5 to 8) and on images (22 to 25).

use http::Method;
use serde_json::{Value, json};

use super::code;
use super::team::{IMAGE, NO_IMAGE, Team};

const ORGANIZATION_ACCESS: &str = "/v2/manage/namespaces/group/access";

fn access() -> String {
    format!("{IMAGE}/access")
}

/// The body that names one user.
fn auth(user: &Value, name: &str, auth: i64) -> Value {
    json!([{ "user_id": user, "user_name": name, "auth": auth }])
}

/// The id of a user of the account.
fn id_of(team: &Team, name: &str) -> Value {
    let shown = team.installation.admin(&["user", "list", "berth"]);
    let rows = shown.as_array().unwrap().iter();
    let mut named = rows.filter(|row| row["user"] == format!("berth/{name}"));
    named.next().unwrap()["id"].clone()
}

#[tokio::test]
async fn a_right_on_an_image_is_given_changed_shown_and_taken() {
    let team = Team::start().await;
    let (admin, outsider) = (id_of(&team, "admin"), id_of(&team, "outsider"));
    let body = |right| auth(&outsider, "outsider", right);
    let given = team.does(Method::POST, &access(), &body(1), 201).await;
    assert_eq!(given, json!({}));
    let shown = |right: i64| {
        json!({
            "id": team.image,
            "name": "back/end",
            "self_auth": { "user_id": admin, "user_name": "admin", "auth": 7 },
            "others_auths": [{ "user_id": outsider, "user_name": "outsider", "auth": right }],
        })
    };
    assert_eq!(
        team.does(Method::GET, &access(), &Value::Null, 200).await,
        shown(1),
        "rights on the whole organization are not the image's"
    );
    team.refuses(Method::POST, &access(), &body(3), (409, "4090089"))
        .await;
    assert_eq!(
        team.does(Method::PATCH, &access(), &body(3), 201).await,
        json!({})
    );
    // `%24` and `%2F` name the same image.
    for image in ["back%24end", "back%2Fend"] {
        let path = format!("/v2/manage/namespaces/group/repos/{image}/access");
        assert_eq!(team.does(Method::GET, &path, &Value::Null, 200).await, shown(3));
    }
    let taken = team
        .does(Method::DELETE, &access(), &json!([outsider]), 204)
        .await;
    assert_eq!(taken, Value::Null);
    let left = team.does(Method::GET, &access(), &Value::Null, 200).await;
    assert_eq!(left["others_auths"], json!([]));
    team.refuses(Method::DELETE, &access(), &json!([outsider]), (404, "4040091"))
        .await;
    team.refuses(Method::PATCH, &access(), &body(1), (404, "4040091"))
        .await;
}

#[tokio::test]
async fn the_callers_own_right_is_the_stronger_of_two() {
    let team = Team::start().await;
    let reader = auth(&id_of(&team, "reader"), "reader", 7);
    team.does(Method::POST, &access(), &reader, 201).await;
    for (person, own, others) in [(&team.reader, 7, 0), (&team.writer, 3, 1), (&team.manager, 7, 1)] {
        let shown = team
            .ask(person, Method::GET, &access(), &Value::Null)
            .await
            .json();
        assert_eq!(shown["self_auth"]["user_name"], person.name);
        assert_eq!(shown["self_auth"]["auth"], own, "{}", person.name);
        assert_eq!(
            shown["others_auths"].as_array().unwrap().len(),
            others,
            "{}",
            person.name
        );
    }
}

#[tokio::test]
async fn only_who_manages_an_image_grants_and_never_to_oneself() {
    let team = Team::start().await;
    let outsider = id_of(&team, "outsider");
    team.answers_people(Method::GET, &access(), &Value::Null, [200, 200, 200, 404, 404])
        .await;
    // To write to the organization is not enough.
    let body = auth(&outsider, "outsider", 1);
    team.answers_people(Method::PATCH, &access(), &body, [404, 403, 403, 404, 404])
        .await;
    team.answers_people(Method::POST, &access(), &body, [201, 403, 403, 403, 404])
        .await;
    team.answers_people(
        Method::DELETE,
        &access(),
        &json!(["u1"]),
        [404, 403, 403, 403, 404],
    )
    .await;
    let denied = team
        .ask(&team.reader, Method::DELETE, &access(), &json!(["u1"]))
        .await;
    assert_eq!(code(&denied), "SVCSTG.SWR.4037020");
    let manager = auth(&id_of(&team, "manager"), "manager", 7);
    let oneself = team.ask(&team.manager, Method::POST, &access(), &manager).await;
    assert_eq!(
        (oneself.status.as_u16(), code(&oneself).as_str()),
        (400, "SVCSTG.SWR.4000014")
    );
}

#[tokio::test]
async fn mistakes_with_rights_on_an_image_have_their_codes() {
    let team = Team::start().await;
    let missing = format!("{NO_IMAGE}/access");
    let anybody = auth(&json!("u1"), "u1", 1);
    let cases = [
        (Method::GET, missing.clone(), Value::Null, 404, "4040010"),
        (Method::POST, missing.clone(), anybody.clone(), 404, "4040010"),
        (Method::PATCH, missing.clone(), anybody.clone(), 404, "4040010"),
        (Method::DELETE, missing, json!(["u1"]), 404, "4040010"),
        (
            Method::GET,
            "/v2/manage/namespaces/none/repos/image/access".to_owned(),
            Value::Null,
            404,
            "4040010",
        ),
        (
            Method::GET,
            "/v2/manage/namespaces/group/repos/Image/access".to_owned(),
            Value::Null,
            400,
            "4001029",
        ),
        (Method::POST, access(), anybody.clone(), 404, "4040091"),
        (Method::PATCH, access(), anybody, 404, "4040091"),
        (Method::DELETE, access(), json!(["u1"]), 404, "4040091"),
        (Method::DELETE, access(), json!(["\0"]), 404, "4040091"),
        (
            Method::POST,
            access(),
            auth(&json!("u1"), "u1", 2),
            400,
            "4001065",
        ),
        (Method::POST, access(), json!([]), 400, "4000014"),
        (Method::DELETE, access(), json!([]), 400, "4000014"),
        (Method::POST, access(), json!({ "user_id": "u1" }), 400, "4001018"),
        (Method::DELETE, access(), json!([1]), 400, "4001018"),
        (
            Method::POST,
            access(),
            json!([{ "user_id": "u1", "auth": 1 }, { "user_id": "u1", "auth": 3 }]),
            400,
            "4000014",
        ),
    ];
    for (method, path, body, status, code) in cases {
        team.refuses(method, &path, &body, (status, code)).await;
    }
}

#[tokio::test]
async fn who_has_a_right_on_an_image_only_sees_its_organization_and_no_more() {
    let team = Team::start().await;
    let outsider = id_of(&team, "outsider");
    team.does(Method::POST, &access(), &auth(&outsider, "outsider", 7), 201)
        .await;
    let ask = async |target: &str| team.ask(&team.outsider, Method::GET, target, &Value::Null).await;
    let shown = ask("/v2/manage/namespaces/group").await.json();
    assert_eq!((&shown["name"], &shown["auth"]), (&json!("group"), &json!(1)));
    let visible = ask("/v2/manage/namespaces?filter=mode%3A%3Avisible").await.json();
    assert_eq!(visible["namespaces"], json!([shown]));
    let denied = ask(ORGANIZATION_ACCESS).await;
    assert_eq!(
        (denied.status.as_u16(), code(&denied).as_str()),
        (403, "SVCSTG.SWR.4037017")
    );
}

#[tokio::test]
async fn an_administrator_manages_what_nobody_listed_them_on() {
    let team = Team::start().await;
    let admin = id_of(&team, "admin");
    team.does(Method::DELETE, ORGANIZATION_ACCESS, &json!([admin]), 204)
        .await;
    let shown = team
        .does(Method::GET, ORGANIZATION_ACCESS, &Value::Null, 200)
        .await;
    assert_eq!(
        shown["self_auth"],
        json!({ "user_id": admin, "user_name": "admin", "auth": 7 })
    );
    let others: Vec<(&Value, &Value)> = shown["others_auths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|other| (&other["user_name"], &other["auth"]))
        .collect();
    assert_eq!(others.len(), 3, "{others:?}");
    for (name, right) in [("manager", 7), ("writer", 3), ("reader", 1)] {
        assert!(others.contains(&(&json!(name), &json!(right))), "{others:?}");
    }
}
