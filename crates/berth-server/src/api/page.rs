//! The document as a page for people: every operation with its parameters, body and answers. Plain HTML made at the
//! start; no script, nothing from elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use crate::manage::error::published::{CODES, on_the_wire};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;\
color-scheme:light dark}code,pre{font:14px ui-monospace,monospace}summary{cursor:pointer;padding:.3rem 0}\
details{border-top:1px solid #8884;overflow-wrap:anywhere}details>div{padding:0 0 1rem 1rem}b.method{display:inline-block;\
width:4.5rem}table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0}\
small.extension{border:1px solid;border-radius:.3rem;padding:0 .3rem;margin-left:.5rem}";

/// The page.
pub(super) fn of(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).expect("a document has only string keys");
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{about}<p>For programs: \
         <a href=openapi.json>openapi.json</a>",
        title = text(&document["info"]["title"]),
        about = text(&document["info"]["description"]),
    );
    let mut by_tag = operations_by_tag(&document["paths"]);
    // In the order in which the document introduces them.
    for about in document["tags"].as_array().into_iter().flatten() {
        let tag = about["name"].as_str().unwrap_or_default();
        let _ = write!(html, "<h2>{}</h2><p>{}", escape(tag), text(&about["description"]));
        for operation in by_tag.remove(tag).unwrap_or_default() {
            write_operation(&mut html, &operation, &document["components"]["schemas"]);
        }
    }
    html.push_str("<h2>Error codes</h2><table><tr><th>error_code<th>Meaning");
    for (code, meaning) in CODES {
        let _ = write!(
            html,
            "<tr><td><code>{}</code><td>{}",
            on_the_wire(code),
            escape(meaning)
        );
    }
    html.push_str("</table>");
    html
}

/// An operation and where it is.
struct Placed<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

fn operations_by_tag(paths: &Value) -> BTreeMap<String, Vec<Placed<'_>>> {
    let mut by_tag: BTreeMap<String, Vec<Placed<'_>>> = BTreeMap::new();
    for (path, item) in entries(paths) {
        for (method, operation) in entries(item).filter(|(_, operation)| operation["operationId"].is_string())
        {
            let tag = operation["tags"][0].as_str().unwrap_or_default().to_owned();
            by_tag.entry(tag).or_default().push(Placed {
                method,
                path,
                operation,
            });
        }
    }
    by_tag
}

fn write_operation(html: &mut String, placed: &Placed<'_>, schemas: &Value) {
    let operation = placed.operation;
    let extension = if operation["x-berth-extension"] == true {
        "<small class=extension>extension</small>"
    } else {
        ""
    };
    let _ = write!(
        html,
        "<details id={id}><summary><b class=method>{method}</b><code>{path}</code> {summary}{extension}</summary><div>\
         <p>{about}<p>Operation <code>{id}</code>",
        id = text(&operation["operationId"]),
        method = placed.method.to_uppercase(),
        path = escape(placed.path),
        summary = text(&operation["summary"]),
        about = text(&operation["description"]),
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut rows = String::new();
    for parameter in parameters {
        let _ = write!(
            rows,
            "<tr><td><code>{}</code><td>{}<td>{}",
            text(&parameter["name"]),
            text(&parameter["in"]),
            text(&parameter["description"])
        );
    }
    if !rows.is_empty() {
        let _ = write!(html, "<table><tr><th>Parameter<th>In<th>Meaning{rows}</table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = write!(html, "<p>Body<pre>{}</pre>", escape(&shape(body, schemas, 0)));
    }
    html.push_str("<table><tr><th>Status<th>Answer");
    for (status, answer) in entries(&operation["responses"]) {
        let _ = write!(
            html,
            "<tr><td>{}<td>{}",
            escape(status),
            text(&answer["description"])
        );
        let schema = &answer["content"]["application/json"]["schema"];
        if status.starts_with('2') && !schema.is_null() {
            let _ = write!(html, "<pre>{}</pre>", escape(&shape(schema, schemas, 0)));
        }
    }
    html.push_str("</table></div></details>");
}

/// The form of a value, as JSON with types in place of values.
fn shape(schema: &Value, schemas: &Value, depth: usize) -> String {
    const DEPTH_MAX: usize = 6;
    if depth > DEPTH_MAX {
        return "...".to_owned();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return shape(&schemas[name], schemas, depth);
    }
    let indent = "  ".repeat(depth);
    if let Some(properties) = schema["properties"].as_object().filter(|p| !p.is_empty()) {
        let mut lines = String::new();
        for (name, property) in properties {
            let _ = writeln!(
                lines,
                "{indent}  \"{name}\": {}",
                shape(property, schemas, depth + 1)
            );
        }
        return format!("{{\n{lines}{indent}}}");
    }
    if !schema["items"].is_null() {
        return format!("[{}]", shape(&schema["items"], schemas, depth));
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let choices: Vec<String> = choices.map(|choice| shape(choice, schemas, depth)).collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
