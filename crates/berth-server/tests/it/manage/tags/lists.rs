//! Operations 15 to 17: the two lists and the single tag.

use berth_metadata::{ManifestFacts, MissingReferences, PutManifest};
use http::Method;
use serde_json::{Value, json};

use super::{APP, docker, start};
use crate::content::{CONFIG, digest, index};
use crate::manage::team::{IMAGE, NO_IMAGE, is_time};

const TAGS: &str = "/v2/manage/namespaces/group/repos/back$end/tags";
const TAGS_V3: &str = "/v3/manage/namespaces/group/repos/back$end/tags";

fn names(rows: &Value, key: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_row_tells_what_the_documents_say() {
    let team = start().await;
    let pushed = docker(&team).push_image(APP, "v1", b"layer").await;
    let row = team.does(Method::GET, TAGS, &Value::Null, 200).await;
    let row = &row[0];
    let path = format!("{}/{APP}:v1", team.installation.server.address);
    let expected = json!({
        "id": row["id"],
        "repo_id": team.image,
        "Tag": "v1",
        "image_id": digest(CONFIG).strip_prefix("sha256:"),
        "manifest": String::from_utf8(pushed.clone()).unwrap(),
        "digest": digest(&pushed),
        "schema": 2,
        "path": path,
        "internal_path": path,
        "size": CONFIG.len() + 5,
        "is_trusted": false,
        "created": row["created"],
        "updated": row["updated"],
        "deleted": null,
        "domain_id": row["domain_id"],
        "scanned": false,
        "tag_type": 0,
        "immutable": false,
        "immutable_rule": null,
    });
    assert_eq!(*row, expected);
    assert!(
        row["id"].is_i64() && is_time(&row["created"]) && is_time(&row["updated"]),
        "{row}"
    );
    assert_eq!(row["domain_id"].as_str().unwrap().len(), 32);

    let mut lower = expected.clone();
    let lower = lower.as_object_mut().unwrap();
    let tag = lower.remove("Tag").unwrap();
    lower.insert("tag".to_owned(), tag);
    lower.remove("deleted");
    lower.remove("scanned");
    let shown = team
        .does(Method::GET, &format!("{TAGS}/v1"), &Value::Null, 200)
        .await;
    assert_eq!(shown, json!(lower));
    let page = team
        .does(
            Method::GET,
            &format!("{TAGS_V3}?with_manifest=true"),
            &Value::Null,
            200,
        )
        .await;
    assert_eq!(page, json!({ "tags": [lower], "has_more": false }));
    lower.remove("manifest");
    let page = team.does(Method::GET, TAGS_V3, &Value::Null, 200).await;
    assert_eq!(page, json!({ "tags": [lower], "has_more": false }));
}

#[tokio::test]
async fn an_index_has_the_size_of_its_images() {
    let team = start().await;
    let docker = docker(&team);
    let one = docker.push_image(APP, "one", b"first").await;
    let two = docker.push_image(APP, "two", b"second one").await;
    docker.push_manifest(APP, "both", &index(&[&one, &two])).await;
    let row = team
        .does(Method::GET, &format!("{TAGS}/both"), &Value::Null, 200)
        .await;
    assert_eq!(
        (&row["tag_type"], &row["image_id"], &row["size"]),
        (&json!(1), &json!(""), &json!(2 * CONFIG.len() + 15))
    );
}

#[tokio::test]
async fn a_list_holds_no_more_manifests_than_memory_bears() {
    let team = start().await;
    let text = "x".repeat(4 << 20);
    for n in 0..5 {
        let put = PutManifest {
            guard: berth_metadata::Guard::Off,
            repository_id: team.image,
            digest: digest(n.to_string()),
            media_type: "application/vnd.example+json".to_owned(),
            bytes: text.clone().into_bytes(),
            blobs: Vec::new(),
            foreign_layers: Vec::new(),
            manifests: Vec::new(),
            subject: None,
            artifact_type: None,
            annotations_json: "{}".to_owned(),
            facts: ManifestFacts::default(),
            tags: vec![format!("v{n}"), format!("w{n}")],
            expected: None,
            missing: MissingReferences::AcceptAll,
            origin: String::new(),
            user_id: None,
            now: n,
        };
        team.metadata.put_manifest(put).await.unwrap();
    }
    let rows = team.does(Method::GET, TAGS, &Value::Null, 200).await;
    let lengths = |rows: &Value| -> Vec<Option<usize>> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row.get("manifest").map(|text| text.as_str().unwrap().len()))
            .collect()
    };
    let (whole, left_out) = (Some(4 << 20), Some(0));
    let expected = [[whole; 4].as_slice(), &[left_out; 6]].concat();
    assert_eq!(lengths(&rows), expected);
    let page = team
        .does(
            Method::GET,
            &format!("{TAGS_V3}?with_manifest=true&limit=5"),
            &Value::Null,
            200,
        )
        .await;
    assert_eq!(lengths(&page["tags"]), [whole, whole, whole, whole, None]);
}

#[tokio::test]
async fn the_v2_list_is_sorted_filtered_and_paged() {
    let team = start().await;
    let docker = docker(&team);
    for tag in ["b", "a", "RC-1", "rc-2"] {
        docker.push_image(APP, tag, b"layer").await;
    }
    let check = async |query: &str, expected: &[&str], range: &str| {
        let answer = team
            .ask(&team.admin, Method::GET, &format!("{TAGS}{query}"), &Value::Null)
            .await;
        assert_eq!(answer.status.as_u16(), 200, "{query}: {}", answer.text);
        assert_eq!(names(&answer.json(), "Tag"), expected, "{query}");
        assert_eq!(answer.header("content-range"), range, "{query}");
    };
    check("", &["rc-2", "RC-1", "a", "b"], "").await;
    check("?offset=1&limit=2", &["RC-1", "a"], "1-2/4").await;
    check("?limit=2", &["rc-2", "RC-1"], "").await;
    check("?offset=4&limit=2", &[], "4-0/4").await;
    check(
        "?order_column=tag&order_type=asc",
        &["RC-1", "a", "b", "rc-2"],
        "",
    )
    .await;
    check(
        "?order_column=tag&order_type=desc&limit=1&offset=0",
        &["rc-2"],
        "0-1/4",
    )
    .await;
    check(
        "?order_column=updated_at&order_type=asc",
        &["b", "a", "RC-1", "rc-2"],
        "",
    )
    .await;
    check("?tag=a", &["a"], "").await;
    check("?tag=rc", &[], "").await;
    check("?tag=a&offset=0&limit=10", &["a"], "0-1/1").await;
    check("?tag=a&offset=1&limit=10", &[], "1-0/1").await;
    check("?filter=tag%3A%3Arc", &["rc-2", "RC-1"], "").await;
    check(
        "?filter=tag::rc|limit::1|offset::1|order_column::tag|order_type::asc&tag=a",
        &["rc-2"],
        "1-1/2",
    )
    .await;
    for (query, code) in [
        ("?limit=0&offset=0", "4000056"),
        ("?limit=1001&offset=0", "4000056"),
        ("?limit=1&offset=-1", "4001025"),
        ("?order_column=tag", "4001025"),
        ("?order_column=size&order_type=asc", "4001096"),
        ("?order_column=tag&order_type=up", "4001025"),
        ("?filter=name::a", "4001035"),
        ("?filter=tag", "4001035"),
    ] {
        team.refuses(Method::GET, &format!("{TAGS}{query}"), &Value::Null, (400, code))
            .await;
    }
}

#[tokio::test]
async fn the_v3_list_is_paged_by_marker() {
    let team = start().await;
    let docker = docker(&team);
    for tag in ["b", "a", "RC.1", "rc-2", "c"] {
        docker.push_image(APP, tag, b"layer").await;
    }
    for (query, expected) in [
        ("", ["c", "rc-2", "RC.1", "a", "b"].as_slice()),
        (
            "&order_column=updated_at&order_type=asc",
            &["b", "a", "RC.1", "rc-2", "c"],
        ),
        (
            "&order_column=tag&order_type=asc",
            &["RC.1", "a", "b", "c", "rc-2"],
        ),
        (
            "&order_column=tag&order_type=desc",
            &["rc-2", "c", "b", "a", "RC.1"],
        ),
        ("&tag=rc", &["rc-2", "RC.1"]),
        ("&tag=none", &[]),
    ] {
        let mut found = Vec::new();
        let mut marker = String::new();
        loop {
            let target = format!("{TAGS_V3}?limit=2{query}{marker}");
            let page = team.does(Method::GET, &target, &Value::Null, 200).await;
            found.extend(names(&page["tags"], "tag"));
            let Some(next) = page.get("nextMarker") else {
                assert_eq!(page["has_more"], false, "{query}");
                break;
            };
            assert_eq!(page["has_more"], true, "{query}");
            marker = format!("&marker={}", next.as_str().unwrap());
        }
        assert_eq!(found, expected, "{query}");
    }
    for (query, code) in [
        ("?limit=0", "4000056"),
        ("?limit=x", "4000056"),
        ("?marker=x", "4001025"),
        ("?order_column=size&order_type=asc", "4001096"),
        ("?with_manifest=maybe", "4001025"),
    ] {
        team.refuses(
            Method::GET,
            &format!("{TAGS_V3}{query}"),
            &Value::Null,
            (400, code),
        )
        .await;
    }
}

#[tokio::test]
async fn reading_tags_needs_a_right_and_the_image() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"layer").await;
    let v3 = "/v3/manage/namespaces/group/repos/missing/tags";
    for (target, missing, code) in [
        (TAGS.to_owned(), format!("{NO_IMAGE}/tags"), "4040010"),
        (TAGS_V3.to_owned(), v3.to_owned(), "4040010"),
        (format!("{TAGS}/v1"), format!("{TAGS}/v2"), "4040115"),
        (format!("{TAGS}/v1"), format!("{NO_IMAGE}/tags/v1"), "4040010"),
    ] {
        team.answers_people(Method::GET, &target, &Value::Null, [200, 200, 200, 404, 404])
            .await;
        team.refuses(Method::GET, &missing, &Value::Null, (404, code))
            .await;
        // Who may not read gets the same answer for what is not there.
        team.answers_people(Method::GET, &missing, &Value::Null, [404, 404, 404, 404, 404])
            .await;
    }
    for (target, code) in [
        (format!("{IMAGE}/tags/.bad"), "4009021"),
        ("/v2/manage/namespaces/group/repos/Bad/tags".to_owned(), "4001029"),
        ("/v2/manage/namespaces/Bad/repos/app/tags".to_owned(), "4001008"),
    ] {
        team.refuses(Method::GET, &target, &Value::Null, (400, code))
            .await;
    }
}

#[tokio::test]
async fn a_public_image_shows_everybody_its_tags() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"layer").await;
    assert!(
        team.metadata
            .set_repository_public(team.image, true, 0)
            .await
            .unwrap()
    );
    for target in [
        TAGS.to_owned(),
        TAGS_V3.to_owned(),
        format!("{TAGS}/v1"),
        format!("{TAGS}/v1/detail"),
        format!("{TAGS}/v1/history"),
        format!("{IMAGE}/v1/accessories"),
        format!("{IMAGE}/v1/references"),
    ] {
        team.answers_people(Method::GET, &target, &Value::Null, [200; 5])
            .await;
    }
    let retag = json!({ "source_tag": "v1", "destination_tag": "v1", "override": true });
    team.answers_people(Method::POST, TAGS, &retag, [201, 201, 403, 403, 403])
        .await;
}

#[tokio::test]
async fn every_way_to_write_a_slash_means_the_same() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"layer").await;
    for name in ["back$end", "back%24end", "back%2Fend"] {
        let target = format!("/v2/manage/namespaces/group/repos/{name}/tags");
        let rows = team.does(Method::GET, &target, &Value::Null, 200).await;
        assert_eq!(names(&rows, "Tag"), ["v1"], "{name}");
    }
}
