//! The refusals that every operation can answer, added to the document in one place. What only some can answer (404,
//! 406, 409, 400 for what is wrong in a query) each declares itself.

use crate::manage::error::is_iam;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// Status, and when.
const OF_ALL: [(&str, &str); 6] = [
    (
        "400",
        "Something in the request breaks a rule; the message says which",
    ),
    (
        "401",
        "Nobody is logged in, or the signature or token is wrong, has ended or was revoked",
    ),
    (
        "403",
        "The caller may not do this; the detail says who was recognised and what right is missing",
    ),
    ("413", "The body or a text in it is too large"),
    (
        "500",
        "Something failed inside; the request id finds it in the server's log",
    ),
    (
        "503",
        "The registry is too busy or its storage cannot be written or reached at the moment",
    ),
];
/// What changing operations can answer besides.
const OF_CHANGES: (&str, &str) = ("507", "The registry's storage is full");
/// What operations answer that are open to everybody.
const OF_OPEN: [&str; 1] = ["500"];

/// Adds them to each operation.
pub(super) fn add(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let body = if is_iam(path) {
            "IamRefusalBody"
        } else {
            "RefusalBody"
        };
        for operation in [&mut item.get, &mut item.head].into_iter().flatten() {
            complete(operation, false, body);
        }
        for operation in [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
        {
            complete(operation, true, body);
        }
    }
}

fn complete(operation: &mut Operation, changes: bool, body: &str) {
    let open = operation
        .security
        .as_ref()
        .is_some_and(|needed| needed.len() == 1);
    let in_path = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(known) if known.parameter_in == ParameterIn::Path);
    let asks = operation.request_body.is_some() || operation.parameters.iter().flatten().any(&in_path);
    let all = OF_ALL.iter().chain(changes.then_some(&OF_CHANGES));
    let possible = all.filter(|(status, _)| {
        if open {
            OF_OPEN.contains(status)
        } else {
            asks || *status != "400"
        }
    });
    for (status, when) in possible {
        operation
            .responses
            .responses
            .entry((*status).to_owned())
            .or_insert_with(|| RefOr::T(refusal(when, body)));
    }
}

fn refusal(when: &str, body: &str) -> Response {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(body)))
        .build();
    ResponseBuilder::new()
        .description(when)
        .content("application/json", body)
        .build()
}
