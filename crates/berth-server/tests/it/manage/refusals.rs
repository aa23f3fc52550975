//! Every refusal that the document promises is provoked: each operation, each status of the 4xx, and each mistake that a
//! path or a query can hold. A status in the document that nothing here provokes fails the test, and so does one that an
//! operation answers otherwise.

pub(crate) mod bodies;
pub(crate) mod document;
mod mistakes;
pub(crate) mod world;

use bodies::NOBODY;
use document::{Operation, target};
use http::Method;
use serde_json::{Value, json};
use world::{World, Wrong, written};

use super::code;
use crate::installation::Answer;

/// The requests that an operation must refuse with this status.
fn wrongs(world: &World, operation: &Operation, status: &str) -> Vec<Wrong> {
    let body = world.names.body(&operation.id, status);
    match status {
        // A user who may use the console only, with a key all the same.
        "403" => vec![Wrong {
            by_robot: true,
            ..wrong(world.in_place(operation), &body)
        }],
        "413" => vec![wrong(world.in_place(operation), &json!("x".repeat(1_100_000)))],
        "404" => vec![wrong(missing(operation), &body)],
        // What was made when the world was furnished is there already, and in use.
        // So many streams are open already.
        "406" | "409" | "429" => vec![wrong(world.in_place(operation), &body)],
        "416" => {
            let elsewhere = world.in_place(operation).replace("offset=0", "offset=1");
            vec![wrong(elsewhere, &body)]
        }
        "400" => bad_requests(world, operation),
        _ => Vec::new(),
    }
}

fn wrong(target: String, body: &Value) -> Wrong {
    Wrong {
        target,
        body: written(body),
        by_robot: false,
        looks_at: Some("nonsense"),
    }
}

/// Where nothing is.
fn missing(operation: &Operation) -> String {
    let path = operation.at(|parameter| {
        let is_there = match (operation.id.as_str(), parameter) {
            // Who may delete nothing there is not told whether it is there.
            ("delete_repo_tag", "namespace") => "group",
            ("delete_repo_tag", "repository") => "app",
            (
                _,
                "retention_id" | "retention_rule_id" | "run_id" | "entry_id" | "rule_id" | "delivery_id"
                | "copy_id" | "preheat" | "shut_out_id",
            ) => "999999",
            (_, "digest") => return crate::content::digest(b"missing"),
            (_, "user_id" | "group_id" | "domain_id" | "project_id" | "role_id") => NOBODY,
            _ => "missing",
        };
        is_there.to_owned()
    });
    match operation.id.as_str() {
        "list_quotas" => target(path, "namespace=missing&repository=missing"),
        "list_dead_webhook_deliveries" => target(path, "namespace=group&repository=missing"),
        "list_permanent_access_keys" => target(path, &format!("user_id={NOBODY}")),
        _ => target(path, operation.needed_query()),
    }
}

/// Everything that can be wrong in a path, a query or a body.
fn bad_requests(world: &World, operation: &Operation) -> Vec<Wrong> {
    let body = world.names.body(&operation.id, "400");
    let at = |name: &str, value: &str| {
        let path = operation.at(|parameter| {
            let other = || world.place(parameter);
            if parameter == name {
                value.to_owned()
            } else {
                other()
            }
        });
        wrong(target(path, operation.needed_query()), &body)
    };
    let mut wrongs: Vec<Wrong> = Vec::new();
    for name in operation.parameters("path") {
        wrongs.push(at(name, "%FF"));
        if let "namespace" | "repository" = name {
            wrongs.push(at(name, "NOT-A-NAME"));
        }
        if let "resource_type" | "frequency" | "retention_id" | "retention_rule_id" | "kind" | "run_id"
        | "entry_id" | "rule_id" | "delivery_id" | "preheat" = name
        {
            wrongs.push(at(name, "nonsense"));
        }
    }
    for query in mistakes::queries(operation) {
        let path = operation.at(|parameter| world.place(parameter));
        wrongs.push(wrong(target(path, &query), &body));
    }
    if operation.has_body() {
        wrongs.push(wrong(world.in_place(operation), &json!("nonsense")));
        wrongs.push(wrong(world.in_place(operation), &Value::Null));
    }
    match operation.id.as_str() {
        "show_domain_ledger" => {
            let target = target(operation.at(|_| String::new()), "domain_name=missing");
            wrongs.push(wrong(target, &Value::Null));
        }
        // There is no session to end.
        "delete_session" => wrongs.push(wrong(world.in_place(operation), &Value::Null)),
        "keystone_validate_token" => wrongs.push(Wrong {
            looks_at: None,
            ..wrong(world.in_place(operation), &Value::Null)
        }),
        _ => {}
    }
    wrongs
}

/// Whether a refusal says what it has to, in the form of its API.
fn is_told(operation: &Operation, answer: &Answer) {
    if !operation.is_iam() {
        code(answer);
        return;
    }
    assert!(!answer.header("x-request-id").is_empty(), "{}", operation.id);
    if operation.method == Method::HEAD {
        return;
    }
    let body = answer.json();
    let message = body["error"]["message"].as_str();
    assert!(
        message.is_some_and(|message| message.contains(' ')) && body["error_msg"].as_str() == message,
        "{}: {body}",
        operation.id
    );
    assert_eq!(body["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn every_refusal_of_the_document_is_one_that_happens() {
    let world = World::furnished().await;
    let mut differing = Vec::new();
    for operation in &world.operations {
        let promised = operation.refusals();
        for status in &promised {
            if wrongs(&world, operation, status).is_empty() {
                differing.push(format!("{} {status}: nothing provokes it", operation.id));
            }
        }
        // Mistakes are refused as such whether they are promised or not.
        let unpromised = (!promised.iter().any(|status| status == "400")).then(|| "400".to_owned());
        for status in promised.iter().chain(&unpromised) {
            for wrong in wrongs(&world, operation, status) {
                let answer = world.send(&operation.method, &wrong).await;
                let found = answer.status.as_u16().to_string();
                if found == *status && promised.contains(status) {
                    is_told(operation, &answer);
                    continue;
                }
                let (id, text) = (&operation.id, &answer.text);
                let (method, target) = (&operation.method, &wrong.target);
                differing.push(format!(
                    "{id} {status}: {method} {target} answered {found} {text}"
                ));
            }
        }
    }
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
}
