//! Sharing with other accounts on the wire (operations 26 to 30).

mod ending;
mod lists;

use http::Method;
use serde_json::{Value, json};

use super::code;
use super::team::{Team, is_time};

const DOMAINS: &str = "/v2/manage/namespaces/group/repositories/back$end/access-domains";
const OTHER: &str = "/v2/manage/namespaces/group/repositories/back$end/access-domains/other";
const MISSING: &str = "/v2/manage/namespaces/group/repositories/missing/access-domains";

fn share(account: &str, deadline: &str, description: &str) -> Value {
    json!({ "access_domain": account, "permit": "read", "deadline": deadline, "description": description })
}

fn terms(deadline: &str, description: &str) -> Value {
    json!({ "permit": "read", "deadline": deadline, "description": description })
}

#[tokio::test]
async fn a_share_lives_from_its_creation_to_its_deletion() {
    let team = Team::start().await;
    assert_eq!(
        team.does(Method::GET, DOMAINS, &Value::Null, 200).await,
        json!([])
    );
    let body = share("other", "2099-12-31T00:00:00Z", "for the others");
    assert_eq!(team.does(Method::POST, DOMAINS, &body, 201).await, json!({}));
    let listed = team.does(Method::GET, DOMAINS, &Value::Null, 200).await;
    let first = &listed[0];
    assert!(
        is_time(&first["created"]) && is_time(&first["updated"]),
        "{first}"
    );
    let creator = first["creator_id"].as_str().unwrap();
    assert_eq!(creator.len(), 32, "{first}");
    let mut expected = json!({
        "namespace": "group", "repository": "back/end", "access_domain": "other", "permit": "read",
        "deadline": "2099-12-31T00:00:00Z", "description": "for the others", "creator_id": creator,
        "creator_name": "admin", "created": first["created"], "updated": first["updated"], "status": true,
    });
    assert_eq!(listed, json!([expected]));
    expected["exist"] = json!(true);
    assert_eq!(team.does(Method::GET, OTHER, &Value::Null, 200).await, expected);
    // A day is as good as a time, and a description that is left out is empty.
    let day = json!({ "permit": "read", "deadline": "2098-01-02" });
    assert_eq!(team.does(Method::PATCH, OTHER, &day, 201).await, json!({}));
    let changed = team.does(Method::GET, OTHER, &Value::Null, 200).await;
    assert_eq!(
        (&changed["deadline"], &changed["description"], &changed["created"]),
        (&json!("2098-01-02T00:00:00Z"), &json!(""), &expected["created"])
    );
    team.does(Method::PATCH, OTHER, &terms("forever", ""), 201).await;
    let forever = team.does(Method::GET, OTHER, &Value::Null, 200).await;
    assert_eq!(
        (&forever["deadline"], &forever["status"]),
        (&json!("forever"), &json!(true))
    );
    assert_eq!(
        team.does(Method::DELETE, OTHER, &Value::Null, 204).await,
        Value::Null
    );
    let none = json!({
        "namespace": "group", "repository": "back/end", "access_domain": "other", "permit": "", "deadline": "",
        "description": "", "creator_id": "", "creator_name": "", "created": null, "updated": null,
        "status": false, "exist": false,
    });
    assert_eq!(team.does(Method::GET, OTHER, &Value::Null, 200).await, none);
}

#[tokio::test]
async fn a_share_that_is_over_is_shown_as_such() {
    let team = Team::start().await;
    let body = share("other", "2099-12-31T00:00:00Z", "");
    team.does(Method::POST, DOMAINS, &body, 201).await;
    let over = berth_metadata::ShareTerms {
        deadline_at: Some(1_600_000_000_000),
        expires_at: Some(1_600_041_600_000),
        description: String::new(),
    };
    let updated = team
        .metadata
        .update_share(team.image, "other", over, 1_600_000_000_000);
    assert!(updated.await.unwrap());
    for shown in [
        team.does(Method::GET, DOMAINS, &Value::Null, 200).await[0].clone(),
        team.does(Method::GET, OTHER, &Value::Null, 200).await,
    ] {
        assert_eq!(
            (&shown["deadline"], &shown["status"]),
            (&json!("2020-09-13T12:26:40Z"), &json!(false))
        );
    }
    // Its text is changed without a word about its end; another end in the past is refused.
    let same = terms("2020-09-13T00:00:00Z", "ended");
    team.does(Method::PATCH, OTHER, &same, 201).await;
    team.refuses(
        Method::PATCH,
        OTHER,
        &terms("2020-09-14T00:00:00Z", ""),
        (400, "4000014"),
    )
    .await;
    team.does(Method::PATCH, OTHER, &terms("forever", ""), 201).await;
    let shown = team.does(Method::GET, OTHER, &Value::Null, 200).await;
    assert_eq!(shown["status"], true);
}

#[tokio::test]
async fn only_who_manages_an_image_shares_it() {
    let team = Team::start().await;
    let body = share("other", "forever", "");
    team.answers_people(Method::POST, DOMAINS, &body, [201, 403, 403, 404, 403])
        .await;
    let denied = team.ask(&team.writer, Method::POST, DOMAINS, &body).await;
    assert_eq!(code(&denied), "SVCSTG.SWR.4037020");
    // Whom it is shared with is told to who has a right on it, not to whom it is shared with.
    for path in [DOMAINS, OTHER] {
        team.answers_people(Method::GET, path, &Value::Null, [200, 200, 200, 404, 403])
            .await;
    }
    let changed = terms("forever", "x");
    team.answers_people(Method::PATCH, OTHER, &changed, [201, 403, 403, 404, 403])
        .await;
    team.answers_people(Method::DELETE, OTHER, &Value::Null, [204, 403, 403, 404, 404])
        .await;
}

/// Expects each body to be refused with a status and a code.
async fn refuses_each(team: &Team, method: Method, path: &str, cases: &[(Value, u16, &str)]) {
    for (body, status, code) in cases {
        team.refuses(method.clone(), path, body, (*status, code)).await;
    }
}

#[tokio::test]
async fn mistakes_in_sharing_have_their_codes() {
    let team = Team::start().await;
    let other = share("other", "forever", "");
    team.does(Method::POST, DOMAINS, &other, 201).await;
    let with = |field: &str, value: Value| {
        let mut body = other.clone();
        body[field] = value;
        body
    };
    let cases = [
        (share("other", "2099-01-01", ""), 409, "4090089"),
        (share("nobody", "forever", ""), 400, "4001041"),
        (share("", "forever", ""), 400, "4001041"),
        (share("\0", "forever", ""), 400, "4001041"),
        // Names of accounts are compared as they are.
        (share("Other", "forever", ""), 400, "4001041"),
        (share("berth", "forever", ""), 400, "4000014"),
        (with("permit", json!("write")), 400, "4001091"),
        (with("deadline", json!("soon")), 400, "4000014"),
        (with("deadline", json!("2020-01-01")), 400, "4000014"),
        (with("description", json!("x".repeat(1001))), 413, "4131012"),
        (with("deadline", json!(7)), 400, "4001018"),
        (json!({ "access_domain": "other" }), 400, "4001018"),
    ];
    refuses_each(&team, Method::POST, DOMAINS, &cases).await;
    let missing = (404, "4040010");
    team.refuses(Method::POST, MISSING, &other, missing).await;
    team.refuses(Method::GET, MISSING, &Value::Null, missing).await;
}

#[tokio::test]
async fn mistakes_with_one_share_have_their_codes() {
    let team = Team::start().await;
    let (forever, none) = (terms("forever", ""), Value::Null);
    team.does(Method::POST, DOMAINS, &share("other", "forever", ""), 201)
        .await;
    let cases = [
        (
            json!({ "permit": "manage", "deadline": "forever" }),
            400,
            "4001091",
        ),
        (terms("never", ""), 400, "4000014"),
        (terms("forever", &"x".repeat(1001)), 413, "4131012"),
        (json!({ "permit": "read" }), 400, "4001018"),
    ];
    refuses_each(&team, Method::PATCH, OTHER, &cases).await;
    let nobody = format!("{DOMAINS}/nobody");
    let gone = (400, "4001090");
    team.refuses(Method::PATCH, &nobody, &forever, gone).await;
    team.refuses(Method::DELETE, &nobody, &none, gone).await;
    let zero = format!("{DOMAINS}/%00");
    team.refuses(Method::PATCH, &zero, &forever, gone).await;
    team.refuses(Method::DELETE, &zero, &none, gone).await;
    let shown = team.does(Method::GET, &nobody, &none, 200).await;
    assert_eq!(
        shown["exist"], false,
        "an unknown account is one it is not shared with"
    );
    let missing = format!("{MISSING}/other");
    for (method, body) in [
        (Method::GET, &none),
        (Method::PATCH, &forever),
        (Method::DELETE, &none),
    ] {
        team.refuses(method, &missing, body, (404, "4040010")).await;
    }
}

#[tokio::test]
async fn a_public_image_is_not_shared() {
    let team = Team::start().await;
    let public = berth_metadata::RepositoryEdit {
        is_public: Some(true),
        ..Default::default()
    };
    team.metadata
        .edit_repository(team.image, public, 2)
        .await
        .unwrap();
    team.refuses(
        Method::POST,
        DOMAINS,
        &share("other", "forever", ""),
        (400, "4000014"),
    )
    .await;
    // Everybody sees that it is there, and still not what is behind it.
    team.answers_people(Method::GET, DOMAINS, &Value::Null, [200, 200, 200, 403, 403])
        .await;
}

#[tokio::test]
async fn of_two_last_shares_at_once_one_happens() {
    let team = Team::start().await;
    let creator = berth_metadata::NewShare {
        repository_id: team.image,
        account_id: String::new(),
        terms: berth_metadata::ShareTerms::default(),
        creator_id: "creator".to_owned(),
        creator_name: "maria".to_owned(),
        limit: 500,
        now: 1,
    };
    for number in 0..505 {
        let id = format!("{number:032x}");
        let name = format!("guest{number}");
        team.metadata.create_account(&id, &name, 1).await.unwrap();
        if number < 499 {
            let new = berth_metadata::NewShare {
                account_id: id,
                ..creator.clone()
            };
            team.metadata.create_share(new).await.unwrap();
        }
    }
    let shares = (499..505).map(async |number| {
        let body = share(&format!("guest{number}"), "forever", "");
        team.ask(&team.admin, Method::POST, DOMAINS, &body).await
    });
    let answers = futures_util::future::join_all(shares).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    for refused in answers.iter().filter(|answer| answer.status.as_u16() != 201) {
        assert_eq!(
            (refused.status.as_u16(), code(refused).as_str()),
            (400, "SVCSTG.SWR.4000014")
        );
    }
    let listed = team.does(Method::GET, DOMAINS, &Value::Null, 200).await;
    assert_eq!(listed.as_array().unwrap().len(), 500);
    // One that ends makes room for another.
    let first = format!("{DOMAINS}/guest0");
    team.does(Method::DELETE, &first, &Value::Null, 204).await;
    team.does(Method::POST, DOMAINS, &share("guest0", "forever", ""), 201)
        .await;
}

#[tokio::test]
async fn a_description_has_a_thousand_characters_of_any_kind() {
    let team = Team::start().await;
    let note = "é".repeat(1000);
    team.does(Method::POST, DOMAINS, &share("other", "forever", &note), 201)
        .await;
    let shown = team.does(Method::GET, OTHER, &Value::Null, 200).await;
    assert_eq!(shown["description"], note);
}

#[tokio::test]
async fn a_share_sleeps_while_its_image_is_public() {
    let team = Team::start().await;
    let stranger = team.docker(&team.stranger);
    let visible = async |is_public: bool| {
        let body = json!({ "is_public": is_public });
        team.does(
            Method::PATCH,
            "/v2/manage/namespaces/group/repos/back$end",
            &body,
            201,
        )
        .await;
    };
    let pulls = async || {
        stranger
            .ask("GET /v2/group/back/end/manifests/pushed")
            .await
            .status
    };
    team.does(Method::POST, DOMAINS, &share("other", "forever", ""), 201)
        .await;
    assert_eq!(pulls().await, 200);
    visible(true).await;
    assert_eq!(pulls().await, 200);
    let row = team.does(Method::GET, OTHER, &Value::Null, 200).await;
    assert_eq!((&row["exist"], &row["status"]), (&json!(true), &json!(true)));
    // It can be ended meanwhile, and nobody can be added.
    team.refuses(
        Method::POST,
        DOMAINS,
        &share("other", "forever", ""),
        (409, "4090089"),
    )
    .await;
    visible(false).await;
    assert_eq!(pulls().await, 200, "it counts again");
    visible(true).await;
    team.does(Method::DELETE, OTHER, &Value::Null, 204).await;
    assert_eq!(pulls().await, 200);
    team.refuses(
        Method::POST,
        DOMAINS,
        &share("other", "forever", ""),
        (400, "4000014"),
    )
    .await;
    visible(false).await;
    assert_eq!(pulls().await, 403);
}
