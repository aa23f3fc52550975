//! What can be wrong in a query, by parameter. A parameter that is neither here nor a text that anything may stand in fails
//! the test, so that nobody adds one without saying what it refuses.

use super::document::Operation;

/// Parameters that are searched for or shown as they are.
const TEXTS: &[&str] = &[
    "namespace",
    "name",
    "tag",
    "user",
    "action",
    "resource",
    "domain_name",
    "domain_id",
    "display_name",
    "user_id",
    "category",
    "nocatalog",
    "platform",
    "text",
    "architecture",
    "last_event_id",
    "digest",
    "domain",
    "go_on",
    "code",
    "state",
    "iss",
    "error",
];

/// A parameter, and queries in which it is wrong.
const MISTAKES: &[(&str, &[&str])] = &[
    ("limit", &["limit=nonsense", "limit=0", "limit=10001"]),
    ("offset", &["offset=nonsense", "offset=-1"]),
    ("filter", &["filter=nonsense", "filter=nonsense::1"]),
    (
        "order_column",
        &["order_column=nonsense&order_type=asc", "order_column=updated_at"],
    ),
    (
        "order_type",
        &["order_type=asc", "order_column=updated_at&order_type=nonsense"],
    ),
    ("marker", &["marker=nonsense"]),
    ("center", &["center=nonsense", "center="]),
    ("shared_by", &["shared_by=nonsense", ""]),
    ("status", &["status=nonsense"]),
    ("set", &["set=nonsense"]),
    (
        "with_layers",
        &["with_layers=nonsense", "with_layers=true&limit=101&offset=0"],
    ),
    ("is_public", &["is_public=nonsense"]),
    ("enabled", &["enabled=nonsense"]),
    ("with_manifest", &["with_manifest=nonsense"]),
    ("unchecked", &["unchecked=nonsense"]),
    ("namespaces", &["namespaces=A%20b"]),
    ("account_namespace", &["account_namespace=A%20b"]),
    ("days", &["days=nonsense", "days=0", "days=367"]),
    ("from", &["from=yesterday"]),
    ("to", &["to=2026-01-02"]),
    ("result", &["result=nonsense"]),
    ("format", &["format=nonsense"]),
    ("book", &["book=nonsense"]),
    ("kind", &["kind=nonsense"]),
    ("fate", &["fate=nonsense"]),
    ("q", &["q=", "q=%20", ""]),
    ("layer", &["layer=nonsense"]),
    ("path", &["path=%5Cq", "path=a/../b"]),
    ("tags", &["tags=A%20b", ""]),
    ("change", &["change=nonsense"]),
    ("other_repository", &["other_repository=A%20b"]),
    ("projectname", &["projectname=elsewhere"]),
    ("duration_seconds", &["duration_seconds=x", "duration_seconds=1"]),
    (
        "repository",
        &["repository=app", "namespace=NOT-A-NAME&repository=app"],
    ),
];

/// All queries in which a parameter of the operation is wrong.
pub(crate) fn queries(operation: &Operation) -> Vec<String> {
    let id = operation.id.as_str();
    let mut queries = Vec::new();
    for name in operation.parameters("query") {
        // Their pages begin after a tag or an image, and any text may be one.
        let is_text = name == "marker"
            && [
                "list_references",
                "list_tag_references",
                "list_namespace_ledger",
                "preview_retention",
                "preview_namespace_retention",
                "list_repository_ledger",
            ]
            .contains(&id);
        if is_text || TEXTS.contains(&name) {
            continue;
        }
        let found = MISTAKES.iter().find(|(known, _)| *known == name);
        let (_, mistakes) = found.unwrap_or_else(|| panic!("{id}: what is wrong in the parameter {name}?"));
        let needed = operation.needed_query();
        for mistake in *mistakes {
            let replaced = needed.starts_with(&format!("{name}="));
            let kept = if replaced { "" } else { needed };
            let both = [kept, mistake].into_iter().filter(|part| !part.is_empty());
            queries.push(both.collect::<Vec<_>>().join("&"));
        }
    }
    queries
}
