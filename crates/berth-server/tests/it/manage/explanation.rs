//! Why somebody may or may not do something with an image: told to those who manage it, by the decision itself.

use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, NO_IMAGE, Team};

fn at(image: &str, query: &str) -> String {
    format!("{image}/explanation?{query}")
}

/// The steps of an answer that say more than that they change nothing, as `step verdict`.
fn telling(answer: &Value) -> Vec<String> {
    let steps = answer["steps"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    steps
        .filter(|step| step["verdict"] != "neutral")
        .map(|step| format!("{} {}", word(&step["step"]), word(&step["verdict"])))
        .collect()
}

#[tokio::test]
async fn each_decision_is_told_with_what_it_is_made_of() {
    let team = Team::start().await;
    team.installation.admin(&["user", "create", "berth/gone"]);
    team.installation.admin(&["user", "disable", "berth/gone"]);
    for (image, query, telling_steps) in [
        // Who made an organization manages it by that, too.
        (
            IMAGE,
            "user=admin&action=delete",
            vec!["administrator grants", "organization grants", "decision grants"],
        ),
        (
            IMAGE,
            "user=manager&action=delete",
            vec!["organization grants", "decision grants"],
        ),
        (
            IMAGE,
            "user=writer&action=push",
            vec!["organization grants", "decision grants"],
        ),
        (IMAGE, "user=writer&action=delete", vec!["decision refuses"]),
        (
            IMAGE,
            "user=reader",
            vec!["organization grants", "decision grants"],
        ),
        (IMAGE, "user=reader&action=push", vec!["decision refuses"]),
        (IMAGE, "user=outsider&action=pull", vec!["decision refuses"]),
        (IMAGE, "action=pull", vec!["decision refuses"]),
        (IMAGE, "user=other/stranger", vec!["decision refuses"]),
        // Whether there is such a user in another account is not told.
        (IMAGE, "user=other/nobody", vec!["decision refuses"]),
        (IMAGE, "user=gone", vec!["user refuses", "decision refuses"]),
        (
            NO_IMAGE,
            "user=writer&action=push",
            vec!["organization grants", "decision grants"],
        ),
        (NO_IMAGE, "user=reader&action=push", vec!["decision refuses"]),
    ] {
        let answer = team.does(Method::GET, &at(image, query), &Value::Null, 200).await;
        assert_eq!(telling(&answer), telling_steps, "{query}: {answer}");
        let refused = telling_steps.iter().any(|step| step.ends_with("refuses"));
        assert_eq!(answer["allowed"], json!(!refused), "{query}");
        assert_eq!(answer["answer"].is_null(), !refused, "{query}: {answer}");
    }
}

#[tokio::test]
async fn what_is_told_is_what_the_client_gets() {
    let team = Team::start().await;
    for (person, action, line) in [
        (&team.reader, "push", "POST /v2/group/back/end/blobs/uploads/"),
        (&team.outsider, "pull", "GET /v2/group/back/end/manifests/pushed"),
        (&team.reader, "pull", "GET /v2/group/back/end/manifests/pushed"),
        (&team.writer, "push", "POST /v2/group/back/end/blobs/uploads/"),
    ] {
        let query = format!("user={}&action={action}", person.name);
        let told = team
            .does(Method::GET, &at(IMAGE, &query), &Value::Null, 200)
            .await;
        let answer = team.docker(person).ask(line).await;
        assert_eq!(told["allowed"], json!(answer.status < 300), "{query}");
        if answer.status >= 300 {
            let error = answer.errors().remove(0);
            let text = told["answer"].as_str().unwrap();
            assert!(
                text.starts_with(error["message"].as_str().unwrap()),
                "{text}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn rules_quotas_and_public_images_are_steps_too() {
    let team = Team::start().await;
    let rule = json!({ "pattern": "v*" });
    team.does(Method::POST, &format!("{IMAGE}/immutability"), &rule, 201)
        .await;
    super::team::push(&team.installation, "v1").await;
    let steps =
        async |query: &str| telling(&team.does(Method::GET, &at(IMAGE, query), &Value::Null, 200).await);
    let kept = ["organization grants", "decision grants", "immutability refuses"];
    assert_eq!(steps("user=writer&action=push&tag=v1").await, kept);
    assert_eq!(steps("user=writer&action=push&tag=v2").await, kept[..2]);

    let quota = json!({ "bytes": 0 });
    team.does(Method::PUT, "/v2/manage/namespaces/group/quotas", &quota, 200)
        .await;
    let full = ["organization grants", "decision grants", "quota refuses"];
    assert_eq!(steps("user=writer&action=push&tag=v2").await, full);

    let public = json!({ "is_public": true, "category": "other", "description": "" });
    team.does(Method::PATCH, IMAGE, &public, 201).await;
    assert_eq!(steps("action=pull").await, ["public grants", "decision grants"]);
    assert_eq!(
        steps("user=other/stranger").await,
        ["public grants", "decision grants"]
    );
}

#[tokio::test]
async fn only_those_who_manage_the_image_are_told() {
    let team = Team::start().await;
    for image in [IMAGE, NO_IMAGE] {
        team.answers_people(
            Method::GET,
            &at(image, "user=reader"),
            &Value::Null,
            [200, 403, 403, 404, 404],
        )
        .await;
    }
    for (query, expected) in [
        ("user=nobody", (404, "4040091")),
        ("action=eat", (400, "4000014")),
        ("tag=%21", (400, "4009021")),
    ] {
        team.refuses(Method::GET, &at(IMAGE, query), &Value::Null, expected)
            .await;
    }
}

#[tokio::test]
async fn who_is_shut_out_is_for_administrators_to_see_and_for_those_who_run_the_registry_to_lift() {
    let team = Team::start().await;
    let list = "/v2/manage/shut-outs";
    team.answers_people(Method::GET, list, &Value::Null, [403, 403, 403, 403, 200])
        .await;
    team.answers_people(Method::DELETE, &format!("{list}/1"), &Value::Null, [403; 5])
        .await;
    team.does(Method::DELETE, &format!("{list}/1"), &Value::Null, 404)
        .await;
    let own = berth_metadata::ShutOutSubject::Address("192.0.2.1".to_owned());
    team.metadata.shut_out(&own, "too fast", (1, 2)).await.unwrap();
    let all = team.does(Method::GET, list, &Value::Null, 200).await;
    assert_eq!(all["shut_outs"][0]["address"], "192.0.2.1");
    // It is none of the other account's.
    let other = team.ask(&team.stranger, Method::GET, list, &Value::Null).await;
    assert_eq!(other.json()["shut_outs"], json!([]));
}
