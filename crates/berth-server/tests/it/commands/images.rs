//! `berth image` and `berth tag`.

use serde_json::json;

use super::Desk;
use crate::content::{CONFIG, digest, image, written};
use crate::world::World;

#[tokio::test]
async fn images_are_listed_shown_changed_and_deleted() {
    let world = World::start().await;
    world.admin.push_image("team/app/web", "v1", b"first").await;
    world
        .admin
        .push_image("team/app/web", "v2", b"second layer")
        .await;
    world.admin.push_image("team/db", "v1", b"first").await;
    let desk = Desk::at(&world);
    let names = |arguments: &[&str]| -> Vec<String> {
        let found = desk.json(&[&["image", "list"], arguments].concat());
        let rows = found.as_array().unwrap().iter();
        let mut names: Vec<String> = rows
            .map(|row| row["image"].as_str().unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&[]), ["app/web", "db"]);
    assert_eq!(names(&["team", "--name", "web"]), ["app/web"]);
    assert_eq!(names(&["--limit", "1"]).len(), 1);
    let shown = desk.json(&["image", "show", "team/app/web"]);
    assert_eq!((&shown["tags"], &shown["public"]), (&json!(2), &json!(false)));

    desk.json(&[
        "image",
        "change",
        "team/app/web",
        "--public",
        "--category",
        "linux",
    ]);
    let changed = desk.json(&[
        "image",
        "change",
        "team/app/web",
        "--description",
        "the \u{1b}[2Jshop",
    ]);
    assert_eq!(
        (&changed["public"], &changed["category"], &changed["description"]),
        (&json!(true), &json!("linux"), &json!("the \u{1b}[2Jshop"))
    );
    // Whoever wrote the text, it does not speak to the terminal.
    let text = desk.says(&["image", "show", "team/app/web"]);
    assert!(
        text.contains("the \\u{1b}[2Jshop") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(
        desk.json(&["image", "change", "team/app/web", "--private"])["public"],
        json!(false)
    );

    desk.json(&["image", "create", "team/new", "--category", "other"]);
    desk.fails(&["image", "create", "team/new"], 6);
    desk.fails(&["image", "delete", "team/new"], 1);
    desk.json(&["image", "delete", "team/new", "--yes"]);
    desk.fails(&["image", "show", "team/new"], 5);
    for wrong in [
        &["image", "show", "team"][..],
        &["image", "show", "team/../db"],
        &["image", "show", "team/a$b"],
    ] {
        desk.misuses(wrong);
    }
}

#[tokio::test]
async fn what_is_in_an_image_is_read_from_what_was_pushed() {
    let world = World::start().await;
    let layer = b"a layer of some bytes";
    world.admin.push_image("team/app", "v1", layer).await;
    let desk = Desk::at(&world);
    let manifest = written(&image(&[layer]));
    let shown = desk.json(&["image", "show", "team/app:v1"]);
    assert_eq!(shown["digest"], json!(digest(&manifest)));
    assert_eq!(shown["size"], json!(CONFIG.len() + layer.len()));
    assert_eq!(shown["platforms"], json!(["linux/amd64"]));
    assert_eq!(
        shown["pull"],
        json!(format!("docker pull {}/team/app:v1", world.address()))
    );
    let layers = desk.json(&["image", "layers", "team/app:v1"]);
    assert_eq!(layers[0]["digest"], json!(digest(layer)));
    assert_eq!(layers.as_array().unwrap().len(), 1);
    assert_eq!(
        desk.json(&["image", "platforms", "team/app:v1"])[0]["platform"],
        json!("linux/amd64")
    );
    assert_eq!(desk.json(&["image", "history", "team/app:v1"]), json!([]));
    desk.fails(&["image", "show", "team/app:v2"], 5);
    desk.fails(&["image", "show", "team/app:v1", "--platform", "plan9/mips"], 5);
}

#[tokio::test]
async fn tags_are_copied_deleted_and_set_back() {
    let world = World::start().await;
    let first = digest(world.admin.push_image("team/app", "v1", b"first").await);
    let second = digest(world.admin.push_image("team/app", "v1", b"second").await);
    let desk = Desk::at(&world);
    assert_eq!(
        desk.json(&["tag", "show", "team/app:v1"])["digest"],
        json!(second)
    );
    let restored = desk.json(&["tag", "restore", "team/app:v1", &first]);
    assert_eq!(restored["digest"], json!(first));
    let copied = desk.json(&["tag", "copy", "team/app:v1", "stable"]);
    assert_eq!(
        (&copied["tag"], &copied["digest"]),
        (&json!("stable"), &json!(first))
    );
    desk.fails(&["tag", "copy", "team/app:v1", "stable"], 6);
    desk.json(&["tag", "copy", "team/app:v1", "stable", "--override"]);
    let tags: Vec<_> = desk
        .json(&["tag", "list", "team/app", "--sort", "name"])
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["tag"].clone())
        .collect();
    assert_eq!(tags, ["stable", "v1"]);
    assert_eq!(
        desk.json(&["tag", "list", "team/app", "--name", "tab"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let text = desk.says(&["tag", "list", "team/app", "--limit", "1"]);
    assert!(
        text.starts_with("TAG     SIZE  UPDATED AT") || text.starts_with("TAG"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 2);

    desk.fails(&["tag", "delete", "team/app:v1"], 1);
    desk.json(&["tag", "delete", "team/app:v1", "team/app:stable", "--yes"]);
    desk.fails(&["tag", "show", "team/app:v1"], 5);
    let moves = desk.json(&["tag", "history", "team/app:v1"]);
    let digests: Vec<_> = moves
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["digest"].clone())
        .collect();
    assert_eq!(digests, [json!(null), json!(first), json!(second), json!(first)]);
    assert_eq!(moves[0]["by"], json!("admin"));
    desk.json(&["tag", "restore", "team/app:v1", &second]);
    assert_eq!(desk.json(&["tag", "accessories", "team/app:v1"]), json!([]));
    for wrong in [
        &["tag", "show", "team/app"][..],
        &["tag", "show", "team/app:v1/.."],
        &["tag", "copy", "team/app:v1", "a b"],
        &["tag", "list", "team/app:v1"],
    ] {
        desk.misuses(wrong);
    }
}

#[tokio::test]
async fn lists_of_more_than_a_page_are_whole() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v", b"first").await;
    let desk = Desk::at(&world);
    let manifest = image(&[b"first"]);
    for number in 0..1005 {
        world
            .admin
            .push_manifest("team/app", &format!("t{number}"), &manifest)
            .await;
    }
    let count = |arguments: &[&str]| {
        desk.json(&[&["tag", "list", "team/app"], arguments].concat())
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&[]), 1006);
    assert_eq!(count(&["--sort", "name"]), 1006);
    assert_eq!(count(&["--limit", "1001"]), 1001);
}

#[tokio::test]
async fn a_search_finds_what_other_commands_take() {
    let world = World::start().await;
    let pushed = digest(world.admin.push_image("team/app/web", "v1", b"first").await);
    let desk = Desk::at(&world);
    let check = |text: &str, expected: &[(&str, &str)]| {
        let found = desk.json(&["search", text]);
        let rows = found.as_array().unwrap().iter();
        let found: Vec<_> = rows
            .map(|row| (row["kind"].as_str().unwrap(), row["name"].as_str().unwrap()))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("team", &[("organization", "team"), ("image", "team/app/web")]);
    check("web", &[("image", "team/app/web")]);
    check("web:v1", &[("tag", "team/app/web:v1")]);
    check(&pushed, &[("manifest", "team/app/web")]);
    check("nothing-like-it", &[]);
    desk.misuses(&["search", "x", "--limit", "0"]);
}
