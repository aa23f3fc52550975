//! `berth trigger runs`, `run`, `undo` and `dry-run`: what came of a trigger, and what would.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::client::answer::{self, Column, hidden, shown};
use crate::client::failure::Failure;
use crate::client::names::Image;
use crate::client::server::Server;
use crate::client::terminal::notice;
use crate::table::Table;

/// Time between two looks at a run that is followed.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

const COLUMNS: &[Column] = &[
    shown("run", "/id"),
    shown("tag", "/tag"),
    shown("status", "/status"),
    shown("why", "/why"),
    shown("by", "/user_name"),
    shown("created_at", "/created_at"),
    hidden("started_at", "/started_at"),
    shown("ended_at", "/ended_at"),
    shown("detail", "/detail"),
    hidden("digest", "/digest"),
    hidden("previous_digest", "/previous_digest"),
    hidden("image", "/image"),
    hidden("images", "/images"),
    hidden("failures", "/failures"),
    hidden("undoes", "/undoes"),
    hidden("preheat", "/preheat"),
];

const PREVIEW_COLUMNS: &[Column] = &[
    shown("tag", "/tag"),
    shown("image", "/image"),
    shown("changes", "/shown_images"),
    shown("restarts", "/restarts"),
    shown("problem", "/problem"),
    hidden("event", "/event"),
    shown("waits_for", "/shown_tags"),
    hidden("tags", "/tags"),
    hidden("tags_matching", "/tags_matching"),
    hidden("tags_seen", "/tags_seen"),
    hidden("digest", "/digest"),
    hidden("images", "/images"),
];

pub(super) async fn list(
    server: &Server,
    image: &Image,
    name: &str,
    limit: Option<usize>,
) -> Result<Table, Failure> {
    let target = image.path(&["triggers", name, "runs"]);
    let rows = server.marked_rows(&target, &[], "runs", limit).await?;
    Ok(answer::list(COLUMNS, &rows))
}

/// Rolls a tag out.
pub(super) async fn run(
    server: &Server,
    (image, name): (&Image, &str),
    tag: &str,
    follow: bool,
) -> Result<Table, Failure> {
    let target = image.path(&["triggers", name, "run"]);
    let begun = server
        .send(Method::POST, &target, Some(&json!({ "tag": tag })))
        .await?;
    followed(server, (image, name), begun.body, follow).await
}

/// Puts the images from before a run back.
pub(super) async fn undo(
    server: &Server,
    (image, name): (&Image, &str),
    run: u64,
    follow: bool,
) -> Result<Table, Failure> {
    let target = image.path(&["triggers", name, "runs", &run.to_string(), "undo"]);
    let begun = server.send(Method::POST, &target, None).await?;
    followed(server, (image, name), begun.body, follow).await
}

/// The run as it is, or at its end: a run that was waited for and did not do what it should is a failure.
async fn followed(
    server: &Server,
    (image, name): (&Image, &str),
    mut run: Value,
    follow: bool,
) -> Result<Table, Failure> {
    let target = image.path(&["triggers", name, "runs", &run["id"].to_string()]);
    let mut told = String::new();
    while follow && run["ended_at"].is_null() {
        let now = said(&run);
        if now != told {
            notice(&now);
            told = now;
        }
        tokio::time::sleep(LOOKED_AT_EVERY).await;
        run = server.get(&target).await?;
    }
    if follow && run["status"] != "success" {
        return Err(Failure::Here(format!("run {} ended: {}", run["id"], said(&run))));
    }
    Ok(answer::one(COLUMNS, &run))
}

fn said(run: &Value) -> String {
    let text = |field: &str| run[field].as_str().unwrap_or_default();
    match text("detail") {
        "" => text("status").to_owned(),
        detail => format!("{}: {detail}", text("status")),
    }
}

/// What a trigger that is kept would do.
pub(super) async fn try_kept(
    server: &Server,
    image: &Image,
    name: &str,
    tag: Option<&str>,
) -> Result<Table, Failure> {
    let target = image.path(&["triggers", name, "dry-run"]);
    preview(server, &target, &json!({ "tag": tag })).await
}

/// What a trigger would do that is not set up.
pub(super) async fn try_wanted(server: &Server, image: &Image, trigger: &Value) -> Result<Table, Failure> {
    let target = image.path(&["trigger-dry-runs"]);
    preview(server, &target, &json!({ "trigger": trigger })).await
}

async fn preview(server: &Server, target: &str, body: &Value) -> Result<Table, Failure> {
    let mut found = server.send(Method::POST, target, Some(body)).await?.body;
    let changes = found["images"].as_array().into_iter().flatten().map(|change| {
        let text = |field: &str| change[field].as_str().unwrap_or_default();
        format!("{}: {} -> {}", text("container"), text("before"), text("after"))
    });
    let changes = changes.collect::<Vec<_>>().join(", ");
    let tags = found["tags"].as_array().into_iter().flatten();
    let tags: Vec<&str> = tags.filter_map(Value::as_str).take(10).collect();
    let count = found["tags_matching"].as_u64().unwrap_or_default();
    let more = if count > 10 { ", ..." } else { "" };
    let waits_for = format!(
        "{count} of {} tags: {}{more}",
        found["tags_seen"],
        tags.join(", ")
    );
    found["shown_images"] = json!(changes);
    found["shown_tags"] = json!(waits_for);
    Ok(answer::one(PREVIEW_COLUMNS, &found))
}
