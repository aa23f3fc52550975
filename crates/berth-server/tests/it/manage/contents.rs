//! What is inside images: files, packages, manifests and differences, as callers see them; and whom nothing is told.

mod layers;

use berth_oci::media_type;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use self::layers::{Layer, gzip, zstd};
use super::team::{IMAGE, NO_IMAGE, Team};
use crate::client::Client;
use crate::content::{CONFIG, descriptor, digest, index};
use crate::installation::Answer;

const APP: &str = "group/back/end";
const DPKG: &[u8] = b"Package: bash\nStatus: install ok installed\nVersion: 5.2-1\n\nPackage: libc6\nSource: glibc\nVersion: 2.36-9\n";
const DPKG_LATER: &[u8] = b"Package: libc6\nSource: glibc\nVersion: 2.36-10\n\nPackage: curl\nVersion: 8\n";

/// Asks until the lists of files are made. Each request differs: one that comes twice in a second is a replay.
async fn look(team: &Team, target: &str) -> Answer {
    let mark = if target.contains('?') { '&' } else { '?' };
    for attempt in 0..200 {
        let asked = format!("{IMAGE}/{target}{mark}attempt={attempt}");
        let answer = team.ask(&team.reader, Method::GET, &asked, &Value::Null).await;
        if answer.status != StatusCode::ACCEPTED {
            return answer;
        }
        assert_eq!(answer.header("retry-after"), "1");
        assert!(!answer.json()["layers"].as_array().unwrap().is_empty());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{target} is never answered");
}

async fn found(team: &Team, target: &str) -> Value {
    let answer = look(team, target).await;
    assert_eq!(answer.status, StatusCode::OK, "{target}: {answer:?}");
    answer.json()
}

async fn push(docker: &Client, tag: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    docker.push_blob(APP, CONFIG).await;
    for layer in layers {
        docker.push_blob(APP, layer).await;
    }
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    docker
        .push_manifest(APP, tag, &crate::content::image(&layers))
        .await
}

/// Three layers, packed each in its own way.
fn layers() -> [Vec<u8>; 3] {
    let base = Layer::default()
        .folder("etc/")
        .file("etc/os-release", b"NAME=base\n")
        .file("etc/passwd", b"root:x:0:0\n")
        .file("var/lib/dpkg/status", DPKG)
        .file("usr/bin/tool", &[0x7f, b'E', b'L', b'F', 0, 1])
        .link("usr/bin/alias", "usr/bin/tool")
        .symlink("usr/bin/sh", "/usr/bin/tool")
        .file("srv/old/data", &[7; 1000])
        .done();
    let middle = Layer::default()
        .file("etc/.wh.passwd", b"")
        .file("srv/.wh..wh..opq", b"")
        .file("srv/new", b"new")
        .done();
    let top = Layer::default()
        .file("etc/os-release", b"NAME=top\n")
        .file("var/lib/dpkg/status", DPKG_LATER)
        .done();
    [gzip(&base), zstd(&middle), top]
}

fn names(page: &Value) -> Vec<(&str, &str, u64)> {
    let files = page["files"].as_array().unwrap();
    let name = |file: &'_ Value| file["path"].as_str().map(str::to_owned);
    assert!(files.iter().all(|file| name(file).is_some()));
    files
        .iter()
        .map(|file| {
            let text = |key: &str| file[key].as_str().unwrap();
            (text("path"), text("kind"), file["size"].as_u64().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn an_image_shows_its_files_as_whoever_runs_it_sees_them() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let layers = layers();
    push(&docker, "v1", &layers).await;
    let root = found(&team, "contents/v1/files").await;
    assert_eq!(
        names(&root),
        [
            ("etc", "directory", 9),
            ("srv", "directory", 3),
            ("usr", "directory", 6),
            ("var", "directory", DPKG_LATER.len() as u64),
        ]
    );
    // Of the release, the list of packages, the password file and the old data.
    assert_eq!(root["hidden_size"], 10 + DPKG.len() + 11 + 1000);
    assert_eq!(root["total_files"], 6);
    let etc = found(&team, "contents/v1/files?path=etc").await;
    assert_eq!(names(&etc), [("etc/os-release", "file", 9)]);
    assert_eq!(etc["files"][0]["layer"], digest(&layers[2]));
    assert_eq!(etc["files"][0]["mode"], "0644");
    let bin = found(&team, "contents/v1/files?path=/usr/bin&limit=2").await;
    assert_eq!(
        names(&bin),
        [("usr/bin/alias", "hardlink", 6), ("usr/bin/sh", "symlink", 0)]
    );
    assert_eq!(
        (&bin["has_more"], &bin["files"][1]["link"]),
        (&json!(true), &json!("/usr/bin/tool"))
    );
    let marker = bin["next_marker"].as_str().unwrap();
    let rest = found(
        &team,
        &format!("contents/v1/files?path=usr/bin&limit=2&marker={marker}"),
    )
    .await;
    assert_eq!(names(&rest), [("usr/bin/tool", "file", 6)]);
    let search = found(&team, "contents/v1/files?text=OS-REL").await;
    assert_eq!(names(&search), [("etc/os-release", "file", 9)]);
    let one = format!("contents/v1/files?layer={}&path=etc", digest(&layers[1]));
    assert_eq!(names(&found(&team, &one).await), [("etc/passwd", "whiteout", 0)]);
    let srv = format!("contents/v1/files?layer={}", digest(&layers[1]));
    assert_eq!(found(&team, &srv).await["files"][1]["opaque"], true);
}

#[tokio::test]
async fn a_file_is_shown_and_sent_harmlessly() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    push(&docker, "v1", &layers()).await;
    let text = found(&team, "contents/v1/file?path=etc/os-release").await;
    assert_eq!(
        (&text["encoding"], &text["content"], &text["whole"]),
        (&json!("text"), &json!("NAME=top\n"), &json!(true))
    );
    for name in ["tool", "alias"] {
        let binary = found(&team, &format!("contents/v1/file?path=usr/bin/{name}")).await;
        assert_eq!(
            (&binary["encoding"], &binary["content"]),
            (&json!("hex"), &json!("7f454c460001"))
        );
    }
    let link = found(&team, "contents/v1/file?path=usr/bin/sh").await;
    assert_eq!(
        (&link["encoding"], &link["leads_to"]),
        (&json!("none"), &json!("usr/bin/tool"))
    );
    let sent = look(&team, "contents/v1/download?path=etc/os-release").await;
    assert_eq!((sent.status, sent.text.as_str()), (StatusCode::OK, "NAME=top\n"));
    for (header, expected) in [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename*=UTF-8''os%2Drelease"),
        ("x-content-type-options", "nosniff"),
        ("content-length", "9"),
    ] {
        assert_eq!(sent.header(header), expected);
    }
    assert!(sent.header("content-security-policy").contains("sandbox"));
    for (target, expected) in [
        ("file?path=etc/passwd", (404, "4041061")),
        ("files?path=etc/os-release", (400, "4000014")),
        ("download?path=usr/bin/sh", (400, "4000014")),
        ("download?path=etc", (400, "4000014")),
        ("file?path=../etc/passwd", (400, "4000014")),
    ] {
        let target = format!("{IMAGE}/contents/v1/{target}");
        team.refuses(Method::GET, &target, &Value::Null, expected).await;
    }
}

#[tokio::test]
async fn packages_and_what_two_images_differ_in_are_told() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let [base, middle, top] = layers();
    push(&docker, "old", &[base.clone(), middle.clone()]).await;
    push(&docker, "new", &[base, middle, top.clone()]).await;
    let packages = found(&team, "contents/old/packages").await;
    let names: Vec<&str> = packages["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        (names.as_slice(), &packages["total"]),
        (["bash", "libc6"].as_slice(), &json!(2))
    );
    assert_eq!(packages["packages"][1]["source"], "glibc");
    let found_one = found(&team, "contents/old/packages?text=LIB").await;
    assert_eq!(found_one["total"], 1);

    two_images_differ(&team, top.len()).await;
}

async fn two_images_differ(team: &Team, top_bytes: usize) {
    let compared = found(team, "comparisons/old/new/image").await;
    let sides: Vec<&str> = compared["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["side"].as_str().unwrap())
        .collect();
    assert_eq!(sides, ["both", "both", "second"]);
    assert_eq!(compared["layers"][2]["size"], top_bytes);
    let files = found(team, "comparisons/old/new/files").await;
    let changes: Vec<_> = files["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["change"].as_str().unwrap(),
                file["after"]["path"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        changes,
        [("changed", "etc/os-release"), ("changed", "var/lib/dpkg/status")]
    );
    assert_eq!(files["sums"]["changed"], 2);
    let grown = i64::try_from(DPKG_LATER.len()).unwrap() - i64::try_from(DPKG.len()).unwrap() - 1;
    assert_eq!(files["sums"]["changed_size"], grown);
    let none = found(team, "comparisons/old/new/files?change=added").await;
    assert_eq!(
        (&none["files"], &none["sums"]["changed"]),
        (&json!([]), &json!(2))
    );
    let packages = found(team, "comparisons/old/new/packages").await;
    let changes: Vec<_> = packages["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            (
                p["name"].as_str().unwrap(),
                p["change"].as_str().unwrap(),
                &p["before"],
                &p["after"],
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("bash", "removed", &json!(["5.2-1"]), &json!([])),
            ("curl", "added", &json!([]), &json!(["8"])),
            ("libc6", "changed", &json!(["2.36-9"]), &json!(["2.36-10"])),
        ]
    );
}

#[tokio::test]
async fn an_index_is_a_tree_and_its_image_can_be_chosen() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let [base, middle, top] = layers();
    let images = [
        push(&docker, "one", &[base.clone(), middle]).await,
        push(&docker, "two", &[base, top]).await,
    ];
    let mut both = index(&[&images[0], &images[1]]);
    for (number, architecture) in ["amd64", "arm64"].into_iter().enumerate() {
        both["manifests"][number]["platform"] = json!({ "os": "linux", "architecture": architecture });
    }
    let pushed = docker.push_manifest(APP, "both", &both).await;
    let tree = found(&team, "contents/both/manifest").await;
    assert_eq!(tree["manifest"].as_str().unwrap().as_bytes(), pushed);
    assert_eq!(tree["manifests"][1]["platform"], "linux/arm64");
    assert_eq!(
        tree["manifests"][1]["content"]["layers"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(tree["manifests"][0]["content"]["config"]["present"], true);
    let digest_of_index = digest(&pushed);
    for reference in ["both", &digest_of_index] {
        let shown = found(&team, &format!("contents/{reference}/image?platform=linux/arm64")).await;
        assert_eq!(shown["image"]["digest"], digest(&images[1]));
        assert_eq!(shown["image"]["layers"][0]["other_manifests"], 1);
        assert_eq!(shown["image"]["layers"][1]["other_manifests"], 0);
    }
    let usual = found(&team, "contents/both/file?path=etc/os-release").await;
    assert_eq!(usual["content"], "NAME=base\n");
    let other = found(
        &team,
        "contents/both/file?path=etc/os-release&platform=linux/arm64",
    )
    .await;
    assert_eq!(other["content"], "NAME=top\n");
    let layers = found(&team, "layers?tags=both,none,two").await;
    let tags: Vec<&str> = layers["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["tag"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["both", "two"]);
    let shared: Vec<bool> = layers["tags"][0]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["shared"].as_bool().unwrap())
        .collect();
    assert_eq!(shared, [true, false]);
    team.refuses(
        Method::GET,
        &format!("{IMAGE}/contents/both/files?platform=linux/s390x"),
        &Value::Null,
        (404, "4041061"),
    )
    .await;
}

#[tokio::test]
async fn what_belongs_to_an_image_is_told_with_what_it_says() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let pushed = push(&docker, "v1", &[layers()[0].clone()]).await;
    let statement = br#"{"spdxVersion":"SPDX-2.3"}"#;
    docker.push_blob(APP, statement).await;
    let mut artifact = crate::content::image(&[statement]);
    artifact["config"] = descriptor(media_type::OCI_CONFIG, CONFIG);
    artifact["artifactType"] = json!("application/spdx+json");
    artifact["subject"] = descriptor(media_type::OCI_MANIFEST, &pushed);
    let bytes = crate::content::written(&artifact);
    docker.push_manifest(APP, &digest(&bytes), &artifact).await;
    for reference in ["v1".to_owned(), digest(&pushed)] {
        let listed = found(&team, &format!("contents/{reference}/accessories")).await;
        assert_eq!(
            (&listed["total"], &listed["target"]),
            (&json!(1), &json!(digest(&pushed)))
        );
        let one = &listed["accessories"][0];
        assert_eq!((&one["type"], &one["tag"]), (&json!("sbom"), &Value::Null));
        let blob = one["content"]["layers"][0]["digest"].as_str().unwrap();
        let shown = found(&team, &format!("blobs/{blob}/preview?of={}", reference.len())).await;
        assert_eq!(
            (&shown["encoding"], &shown["whole"]),
            (&json!("text"), &json!(true))
        );
        assert_eq!(shown["content"].as_str().unwrap().as_bytes(), statement);
    }
    team.refuses(
        Method::GET,
        &format!("{IMAGE}/blobs/{}/preview", digest(b"elsewhere")),
        &Value::Null,
        (404, "4041051"),
    )
    .await;
}

#[tokio::test]
async fn whoever_may_not_pull_is_told_nothing() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let layers = layers();
    push(&docker, "v1", &layers).await;
    found(&team, "contents/v1/files").await;
    let layer = digest(&layers[0]);
    for target in [
        "contents/v1/image".to_owned(),
        "contents/v1/manifest".to_owned(),
        "contents/v1/accessories".to_owned(),
        "contents/v1/files".to_owned(),
        "contents/v1/file?path=etc/os-release".to_owned(),
        "contents/v1/download?path=etc/os-release".to_owned(),
        "contents/v1/packages".to_owned(),
        "comparisons/v1/v1/image".to_owned(),
        "comparisons/v1/v1/files".to_owned(),
        "comparisons/v1/v1/packages".to_owned(),
        "layers?tags=v1".to_owned(),
        format!("blobs/{layer}/preview"),
    ] {
        let expected = [200, 200, 200, 404, 404];
        team.answers_people(Method::GET, &format!("{IMAGE}/{target}"), &Value::Null, expected)
            .await;
        team.answers_people(
            Method::GET,
            &format!("{NO_IMAGE}/{target}"),
            &Value::Null,
            [404; 5],
        )
        .await;
    }
    // A digest alone opens nothing: neither a layer of another image, nor another image to compare with.
    let elsewhere = format!("{IMAGE}/contents/v1/files?layer={}", digest(b"elsewhere"));
    team.refuses(Method::GET, &elsewhere, &Value::Null, (404, "4041051"))
        .await;
    let hidden = format!("{IMAGE}/comparisons/v1/v1/files?other_repository=missing/app");
    team.refuses(Method::GET, &hidden, &Value::Null, (404, "4040010"))
        .await;
}

#[tokio::test]
async fn what_is_no_layer_of_files_says_why() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let good = Layer::default().file("a", b"a").done();
    for (tag, layer, expected) in [
        ("text", b"{\"no\":\"archive\"}".to_vec(), "not a tar archive"),
        ("random", crate::content::bytes(1, 4000), "not a tar archive"),
        ("short", gzip(&good[..512]), "ends in the middle"),
        ("torn", gzip(&good)[..40].to_vec(), "cannot be unpacked"),
        ("xz", b"\xfd7zXZ\0nonsense".to_vec(), "packed with xz"),
        ("bomb", gzip(&layers::zeros(600 << 20)), "times its size"),
    ] {
        push(&docker, tag, &[layer, good.clone()]).await;
        let page = found(&team, &format!("contents/{tag}/files")).await;
        assert_eq!(names(&page), [("a", "file", 1)], "{tag}");
        let remark = page["remarks"][0].as_str().unwrap();
        assert!(remark.contains(expected), "{tag}: {remark}");
    }
}

#[tokio::test]
async fn the_list_of_a_layer_goes_with_its_blob() {
    let team = Team::start().await;
    let docker = team.docker(&team.manager);
    let layer = gzip(&Layer::default().file("a", b"a").done());
    push(&docker, "v1", std::slice::from_ref(&layer)).await;
    found(&team, "contents/v1/files").await;
    assert!(
        team.metadata
            .layer_index(&digest(&layer))
            .await
            .unwrap()
            .is_some()
    );
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v1"), &Value::Null, 204)
        .await;
    for entry in team.does(Method::GET, "/v2/manage/bin", &Value::Null, 200).await["entries"]
        .as_array()
        .unwrap()
    {
        let entry = format!("/v2/manage/bin/{}", entry["id"]);
        team.does(Method::DELETE, &entry, &Value::Null, 204).await;
    }
    docker
        .ask(format!("DELETE /v2/{APP}/blobs/{}", digest(&layer)))
        .await
        .is(202);
    assert_eq!(team.metadata.layer_index(&digest(&layer)).await.unwrap(), None);
}

#[tokio::test]
async fn many_who_look_at_once_make_one_list() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let layer = gzip(
        &Layer::default()
            .file("big", &crate::content::bytes(7, 8 << 20))
            .done(),
    );
    push(&docker, "v1", std::slice::from_ref(&layer)).await;
    let looks = (0..6).map(|number| {
        let target = format!("contents/v1/files?from={number}");
        let team = &team;
        async move { found(team, &target).await }
    });
    let pages = futures_util::future::join_all(looks).await;
    assert!(pages.iter().all(|page| names(page) == [("big", "file", 8 << 20)]));
    let row = team.metadata.layer_index(&digest(&layer)).await.unwrap().unwrap();
    assert_eq!(row.problem, None);
}
