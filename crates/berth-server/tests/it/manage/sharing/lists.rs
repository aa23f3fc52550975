//! The lists of shared images (operations 31 and 32).

use berth_metadata::ShareTerms;
use http::Method;
use serde_json::{Value, json};

use super::share;
use crate::manage::team::{Person, Team};

const V2: &str = "/v2/manage/shared-repositories";
const V3: &str = "/v3/manage/shared-repositories";

/// `back/end`, `front` and `tools` in `group`, of which the first is shared with the account `other`, the second was until
/// some time ago, and the third is not.
async fn team() -> Team {
    let team = Team::start().await;
    for image in ["front", "tools"] {
        let body = json!({ "repository": image, "is_public": false, "description": image });
        team.does(Method::POST, "/v2/manage/namespaces/group/repos", &body, 200)
            .await;
    }
    for image in ["back$end", "front"] {
        let path = format!("/v2/manage/namespaces/group/repositories/{image}/access-domains");
        team.does(Method::POST, &path, &share("other", "forever", ""), 201)
            .await;
    }
    let front = team.metadata.repository("group/front").await.unwrap().unwrap();
    let over = ShareTerms {
        deadline_at: Some(1),
        expires_at: Some(2),
        description: String::new(),
    };
    assert!(
        team.metadata
            .update_share(front.id, "other", over, 1)
            .await
            .unwrap()
    );
    team
}

async fn listed(team: &Team, person: &Person, target: &str) -> Value {
    let answer = team.ask(person, Method::GET, target, &Value::Null).await;
    assert_eq!(answer.status.as_u16(), 200, "{target}: {}", answer.text);
    answer.json()
}

/// The names in a list, each with whether its share is valid.
fn names(rows: &Value) -> Vec<(&str, bool)> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (row["name"].as_str().unwrap(), row["status"] == true))
        .collect()
}

#[tokio::test]
async fn both_sides_of_a_share_list_it() {
    let team = team().await;
    let both = [("back/end", true), ("front", false)];
    for (person, center) in [
        (&team.admin, "self"),
        (&team.reader, "self"),
        (&team.stranger, "thirdparty"),
    ] {
        let rows = listed(&team, person, &format!("{V2}?center={center}")).await;
        assert_eq!(names(&rows), both, "{} {center}", person.name);
        let found = listed(&team, person, &format!("{V3}?shared_by={center}")).await;
        assert_eq!(names(&found["repos"]), both, "{} {center}", person.name);
        assert_eq!(found.get("nextMarker"), None);
    }
    for (person, center) in [
        (&team.admin, "thirdparty"),
        (&team.outsider, "self"),
        (&team.stranger, "self"),
    ] {
        let rows = listed(&team, person, &format!("{V2}?center={center}")).await;
        assert_eq!(rows, json!([]), "{} {center}", person.name);
        let found = listed(&team, person, &format!("{V3}?shared_by={center}")).await;
        assert_eq!(found, json!({ "repos": [] }), "{} {center}", person.name);
    }
}

#[tokio::test]
async fn a_row_tells_all_while_the_share_is_valid_and_the_name_after() {
    let team = team().await;
    let rows = listed(&team, &team.stranger, &format!("{V2}?center=thirdparty")).await;
    let address = team.installation.server.address;
    let expected = |n: usize, name: &str, tags: Value, status: bool| {
        let path = format!("{address}/group/{name}");
        let images = tags.as_array().unwrap().len();
        json!({
            "name": name, "category": "", "description": "", "size": 0, "is_public": false, "num_images": images,
            "num_download": 0, "created_at": rows[n]["created_at"], "updated_at": rows[n]["updated_at"], "logo": "",
            "url": "", "path": path, "internal_path": path, "domain_name": "berth", "namespace": "group", "tags": tags,
            "status": status, "total_range": 2,
        })
    };
    assert_eq!(rows[0], expected(0, "back/end", json!(["pushed"]), true));
    assert_eq!(rows[1], expected(1, "front", json!([]), false));
    assert_eq!(rows[1]["updated_at"], rows[1]["created_at"]);
    let own = listed(&team, &team.admin, &format!("{V2}?center=self&name=front")).await;
    assert_eq!(own[0]["description"], "front", "the owner sees everything");
    let found = listed(
        &team,
        &team.stranger,
        &format!("{V3}?shared_by=thirdparty&name=fro"),
    )
    .await;
    assert_eq!(
        (
            &found["repos"][0]["description"],
            &found["repos"][0]["namespace_name"]
        ),
        (&json!(""), &json!("group"))
    );
}

#[tokio::test]
async fn shared_images_are_filtered_sorted_and_paged() {
    let team = team().await;
    let (back, front) = (("back/end", true), ("front", false));
    for (query, expected) in [
        ("center=thirdparty&status=true", &[back][..]),
        ("center=thirdparty&status=false", &[front]),
        ("center=thirdparty&name=back$end", &[back]),
        ("center=thirdparty&name=back", &[]),
        (
            "center=thirdparty&namespace=group&domain_name=berth",
            &[back, front],
        ),
        ("center=thirdparty&domain_name=other", &[]),
        ("filter=center::thirdparty|name::ro", &[front]),
        ("center=thirdparty&filter=domain_name::ert|status::true", &[back]),
        (
            "center=thirdparty&order_column=name&order_type=desc",
            &[front, back],
        ),
        (
            "center=thirdparty&order_column=domain_name&order_type=asc",
            &[back, front],
        ),
        ("center=thirdparty&offset=1&limit=1", &[front]),
    ] {
        let target = format!("{V2}?{query}")
            .replace("::", "%3A%3A")
            .replace('|', "%7C");
        assert_eq!(
            names(&listed(&team, &team.stranger, &target).await),
            expected,
            "{query}"
        );
    }
    let target = format!("{V2}?center=thirdparty&offset=1&limit=1");
    let page = team.ask(&team.stranger, Method::GET, &target, &Value::Null).await;
    assert_eq!(page.header("content-range"), "1-1/2");
    assert_eq!(page.json()[0]["total_range"], 2);
    let first = listed(
        &team,
        &team.stranger,
        &format!("{V3}?shared_by=thirdparty&limit=1"),
    )
    .await;
    assert_eq!(names(&first["repos"]), [back]);
    let marker = &first["nextMarker"];
    let rest = listed(
        &team,
        &team.stranger,
        &format!("{V3}?shared_by=thirdparty&limit=1&marker={marker}"),
    )
    .await;
    assert_eq!(names(&rest["repos"]), [front]);
    assert_eq!(rest.get("nextMarker"), None);
    for (query, expected) in [
        ("status=true", &[back][..]),
        ("name=ack&namespace=group", &[back]),
    ] {
        let found = listed(
            &team,
            &team.stranger,
            &format!("{V3}?shared_by=thirdparty&{query}"),
        )
        .await;
        assert_eq!(names(&found["repos"]), expected, "{query}");
    }
}

#[tokio::test]
async fn mistakes_in_lists_of_shared_images_have_their_codes() {
    let team = Team::start().await;
    for (target, code) in [
        (V2.to_owned(), "4001036"),
        (format!("{V2}?center=others"), "4001025"),
        (format!("{V2}?center=self&status=perhaps"), "4001025"),
        (
            format!("{V2}?center=self&order_column=size&order_type=asc"),
            "4001096",
        ),
        (format!("{V2}?center=self&filter=category%3A%3Alinux"), "4001035"),
        (format!("{V2}?center=self&offset=0&limit=0"), "4000056"),
        (V3.to_owned(), "4001036"),
        (format!("{V3}?shared_by=me"), "4001025"),
        (format!("{V3}?shared_by=self&status=1"), "4001025"),
        (format!("{V3}?shared_by=self&marker=x"), "4001025"),
    ] {
        team.refuses(Method::GET, &target, &Value::Null, (400, code))
            .await;
    }
}

#[tokio::test]
async fn nothing_that_happened_after_the_end_shows_in_the_order() {
    let team = team().await;
    // The one whose share is over is busier than the other, and was pushed to last.
    let docker = team.docker(&team.admin);
    docker.push_image("group/back/end", "v1", b"one").await;
    for tag in ["v1", "v2", "v3", "v4"] {
        docker.push_image("group/front", tag, b"two").await;
    }
    let (back, front) = (("back/end", true), ("front", false));
    for (column, order, expected) in [
        ("tag_count", "desc", [back, front]),
        ("tag_count", "asc", [front, back]),
        ("updated_at", "desc", [back, front]),
        ("updated_at", "asc", [front, back]),
    ] {
        let target = format!("{V2}?center=thirdparty&order_column={column}&order_type={order}");
        let rows = listed(&team, &team.stranger, &target).await;
        assert_eq!(names(&rows), expected, "{column} {order}");
    }
    let target = format!("{V2}?center=self&order_column=tag_count&order_type=desc");
    let rows = listed(&team, &team.admin, &target).await;
    assert_eq!(names(&rows), [front, back], "its owner sees it as it is");
}
