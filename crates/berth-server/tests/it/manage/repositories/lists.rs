//! The lists of images: rows, filters, orders, pages, and whose images they show.

use serde_json::{Value, json};

use super::{Person, REPOS, ask, docker, names, start};
use crate::installation::Installation;
use crate::manage::code;

const V2: &str = "GET /v2/manage/repos";
const V3: &str = "GET /v3/manage/repos";

/// `alpha`, `beta/one` and `gamma` in `group`, made in the opposite order; `gamma` is public and has tags.
async fn filled() -> Installation {
    let installation = start().await;
    for (image, is_public, category) in [
        ("gamma", true, "linux"),
        ("beta/one", false, "other"),
        ("alpha", false, "other"),
    ] {
        let body = json!({ "repository": image, "is_public": is_public, "category": category, "description": image });
        ask(&installation, &format!("POST {REPOS}"), &body.to_string(), 200).await;
        // No two have the same time.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    for tag in ["old", "new"] {
        docker(&installation)
            .push_image("group/gamma", tag, b"a layer")
            .await;
    }
    installation
}

#[tokio::test]
async fn rows_tell_everything_of_an_image() {
    let installation = filled().await;
    let listed = ask(&installation, &format!("{V2}?name=gamma"), "", 200).await;
    assert_eq!(listed.header("content-range"), "", "nobody asked for a page");
    let row = &listed.json()[0];
    let path = format!("{}/group/gamma", installation.server.address);
    let size = crate::content::CONFIG.len() + b"a layer".len();
    let expected = json!([{
        "name": "gamma", "category": "linux", "description": "gamma", "size": size, "is_public": true, "num_images": 2,
        "num_download": 0, "created_at": row["created_at"], "updated_at": row["updated_at"], "logo": "", "url": "",
        "path": path, "internal_path": path, "domain_name": "berth", "namespace": "group", "tags": ["new", "old"],
        "status": false, "total_range": 1,
    }]);
    assert_eq!(listed.json(), expected);
    let listed = ask(&installation, &format!("{V3}?name=gamma"), "", 200)
        .await
        .json();
    let row = &listed["repos"][0];
    assert!(row["id"].is_i64(), "{row}");
    let expected = json!({ "repos": [{
        "id": row["id"], "name": "gamma", "category": "linux", "description": "gamma", "size": size, "is_public": true,
        "num_images": 2, "num_download": 0, "created_at": row["created_at"], "updated_at": row["updated_at"],
        "domain_name": "berth", "namespace_name": "group", "status": false,
    }] });
    assert_eq!(listed, expected);
    for time in ["created_at", "updated_at"] {
        assert!(row[time].as_str().unwrap().ends_with('Z'), "{row}");
    }
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let installation = filled().await;
    let all = ["alpha", "beta/one", "gamma"];
    for (query, expected) in [
        ("", &all[..]),
        ("?namespace=group", &all),
        ("?namespace=grou", &[]),
        ("?name=beta%24one", &["beta/one"]),
        ("?name=beta/one", &["beta/one"]),
        ("?name=beta", &[]),
        ("?category=other", &["alpha", "beta/one"]),
        ("?is_public=true", &["gamma"]),
        ("?is_public=false&category=linux", &[]),
        ("?center=self", &all),
        ("?filter=center%3A%3Aself", &all),
        ("?filter=namespace%3A%3Arou", &all),
        ("?filter=name%3A%3Aeta%24o", &["beta/one"]),
        (
            "?filter=name%3A%3Aa%7Cis_public%3A%3Afalse&name=ignored",
            &["alpha", "beta/one"],
        ),
        ("?filter=name%3A%3A%25", &[]),
        (
            "?order_column=name&order_type=desc",
            &["gamma", "beta/one", "alpha"],
        ),
        (
            "?order_column=updated_at&order_type=asc",
            &["beta/one", "alpha", "gamma"],
        ),
        (
            "?order_column=updated_time&order_type=desc",
            &["gamma", "alpha", "beta/one"],
        ),
        (
            "?filter=order_column::tag_count|order_type::desc",
            &["gamma", "beta/one", "alpha"],
        ),
        (
            "?order_column=is_public&order_type=desc",
            &["gamma", "beta/one", "alpha"],
        ),
        ("?order_column=namespace&order_type=asc", &all),
    ] {
        let listed = ask(&installation, &format!("{V2}{query}"), "", 200).await.json();
        assert_eq!(names(&listed), expected, "{query}");
        for row in listed.as_array().unwrap() {
            assert_eq!(row["total_range"], expected.len(), "{query}");
        }
    }
    for (query, expected) in [
        ("", &["gamma", "beta/one", "alpha"][..]),
        ("?namespace=group&category=other", &["beta/one", "alpha"]),
        ("?name=beta%24one", &["beta/one"]),
        ("?is_public=true", &["gamma"]),
        ("?namespace=nowhere", &[]),
    ] {
        let listed = ask(&installation, &format!("{V3}{query}"), "", 200).await.json();
        assert_eq!(names(&listed["repos"]), expected, "{query}");
        assert_eq!(listed.get("nextMarker"), None, "{query}");
    }
}

/// Terraform's loop: pages until the running offset is the total of the first row, an empty page counting as none.
#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    let installation = filled().await;
    for limit in 1..4 {
        let (mut found, mut offset, mut total) = (Vec::new(), 0, None);
        while total != Some(offset) {
            let line = format!("{V2}?limit={limit}&offset={offset}");
            let page = ask(&installation, &line, "", 200).await;
            let rows = page.json();
            let count = rows.as_array().unwrap().len();
            assert!(count > 0, "{line} has rows as long as the total is not reached");
            assert_eq!(
                page.header("content-range"),
                format!("{offset}-{count}/3"),
                "{line}"
            );
            found.extend(names(&rows).into_iter().map(str::to_owned));
            offset += count;
            total = rows[0]["total_range"]
                .as_u64()
                .map(|total| usize::try_from(total).unwrap());
        }
        assert_eq!(found, ["alpha", "beta/one", "gamma"]);
    }
    let beyond = ask(
        &installation,
        &format!("{V2}?filter=limit::10|offset::3"),
        "",
        200,
    )
    .await;
    assert_eq!(
        (beyond.json(), beyond.header("content-range")),
        (json!([]), "3-0/3")
    );
    let (mut found, mut marker) = (Vec::new(), String::new());
    for pages_left in (0..3).rev() {
        let page = ask(&installation, &format!("{V3}?limit=1{marker}"), "", 200)
            .await
            .json();
        found.extend(names(&page["repos"]).into_iter().map(str::to_owned));
        assert_eq!(page["nextMarker"].is_i64(), pages_left > 0, "{page}");
        marker = format!("&marker={}", page["nextMarker"]);
    }
    assert_eq!(found, ["gamma", "beta/one", "alpha"]);
}

#[tokio::test]
async fn a_list_shows_what_the_caller_has_a_right_on() {
    let installation = filled().await;
    let listed = async |person: &Person| {
        let v2 = person.asks(&installation, V2, "").await.json();
        let v3: Value = person.asks(&installation, V3, "").await.json();
        let mut by_id: Vec<String> = names(&v3["repos"]).into_iter().map(str::to_owned).collect();
        by_id.sort();
        let by_name: Vec<String> = names(&v2).into_iter().map(str::to_owned).collect();
        assert_eq!(by_name, by_id);
        by_name
    };
    installation.admin(&["account", "create", "other"]);
    let stranger = Person::new(&installation, "other/stranger", None);
    assert!(listed(&stranger).await.is_empty(), "public is not theirs");
    let mary = Person::new(&installation, "berth/mary", None);
    assert!(listed(&mary).await.is_empty());
    installation.admin(&["grant", "set", "group/alpha", "berth/mary", "read"]);
    assert_eq!(listed(&mary).await, ["alpha"]);
    installation.admin(&["grant", "set", "group", "berth/mary", "read"]);
    assert_eq!(listed(&mary).await, ["alpha", "beta/one", "gamma"]);
    assert_eq!(listed(&Person::admin()).await, ["alpha", "beta/one", "gamma"]);
}

#[tokio::test]
async fn every_mistake_in_a_list_has_its_code() {
    let installation = filled().await;
    for (line, expected) in [
        (format!("{V2}?is_public=maybe"), "4001009"),
        (format!("{V2}?filter=is_public::1"), "4001009"),
        (format!("{V2}?filter=size::1"), "4001035"),
        (format!("{V2}?order_column=size&order_type=asc"), "4001096"),
        (format!("{V2}?limit=1001&offset=0"), "4000056"),
        (format!("{V3}?limit=0"), "4000056"),
        (format!("{V3}?marker=x"), "4001025"),
        (format!("{V3}?is_public=1"), "4001009"),
    ] {
        let refused = ask(&installation, &line, "", 400).await;
        assert_eq!(code(&refused), format!("SVCSTG.SWR.{expected}"), "{line}");
    }
}
