//! Images and organizations as the console shows them: what stands in a row, who sees it with which right, what somebody
//! without a login sees, and in which order.

use http::Method;
use serde_json::{Value, json};

use super::code;
use super::team::{Team, is_time};
use crate::installation::Installation;

const SHOWN: &str = "/v2/manage/images/group/back$end";

/// The names in a list, joined by blanks.
fn names(page: &Value) -> String {
    let rows = page["images"].as_array().unwrap().iter();
    let names: Vec<&str> = rows.map(|row| row["name"].as_str().unwrap()).collect();
    names.join(" ")
}

/// The administrator's images of another name besides `back/end`: one public and described, one of another category.
async fn more_images(team: &Team) {
    for body in [
        json!({ "repository": "open", "is_public": true, "description": "A Proxy for everybody", "category": "linux" }),
        json!({ "repository": "zebra", "is_public": false, "category": "database" }),
    ] {
        team.does(Method::POST, "/v2/manage/namespaces/group/repos", &body, 200)
            .await;
    }
}

#[tokio::test]
async fn a_row_says_all_that_a_page_shows() {
    let team = Team::start().await;
    let page = team
        .does(Method::GET, "/v2/manage/images", &Value::Null, 200)
        .await;
    let row = &page["images"][0];
    let host = team.installation.server.address.to_string();
    for time in [
        &row["created_at"],
        &row["updated_at"],
        &row["newest_tag"]["updated"],
    ] {
        assert!(is_time(time), "{row}");
    }
    let expected = json!({ "total": 1, "images": [{
        "namespace": "group", "name": "back/end", "path": format!("{host}/group/back/end"), "domain_name": "berth",
        "is_public": false, "category": "", "description": "", "num_images": 1, "size": 0, "num_download": 0,
        "created_at": row["created_at"], "updated_at": row["updated_at"], "pulled_at": null,
        "newest_tag": { "tag": "pushed", "updated": row["newest_tag"]["updated"], "platforms": row["newest_tag"]["platforms"] },
        "shares": 0, "share": null, "self_rights": { "permission": "manage", "source": "administrator" },
    }]});
    assert_eq!(page, expected);
    let shown = team.does(Method::GET, SHOWN, &Value::Null, 200).await;
    assert_eq!(shown["path"], row["path"]);
    assert_eq!(shown["managers"], json!(["admin", "manager"]));
    assert_eq!(shown["id"], json!(team.image));
}

#[tokio::test]
async fn everybody_is_told_what_they_may_do_and_why() {
    let team = Team::start().await;
    team.answers_people(Method::GET, SHOWN, &Value::Null, [200, 200, 200, 404, 404])
        .await;
    let organization = "/v2/manage/organizations/group";
    team.answers_people(Method::GET, organization, &Value::Null, [200, 200, 200, 404, 404])
        .await;
    let rights = |permission: &str, source: &str| json!({ "permission": permission, "source": source });
    for (person, expected) in [
        (&team.admin, rights("manage", "administrator")),
        (&team.manager, rights("manage", "organization")),
        (&team.writer, rights("write", "organization")),
        (&team.reader, rights("read", "organization")),
    ] {
        for target in [SHOWN, organization] {
            let shown = team.ask(person, Method::GET, target, &Value::Null).await.json();
            assert_eq!(shown["self_rights"], expected, "{} {target}", person.name);
            assert_eq!(
                shown["managers"],
                json!(["admin", "manager"]),
                "{} {target}",
                person.name
            );
        }
        for (target, list) in [
            ("/v2/manage/images", "images"),
            ("/v2/manage/organizations", "organizations"),
        ] {
            let page = team.ask(person, Method::GET, target, &Value::Null).await.json();
            assert_eq!(page[list][0]["self_rights"], expected, "{} {target}", person.name);
        }
    }
    for person in [&team.outsider, &team.stranger] {
        for target in ["/v2/manage/images", "/v2/manage/organizations"] {
            let page = team.ask(person, Method::GET, target, &Value::Null).await.json();
            assert_eq!(page["total"], 0, "{} {target}", person.name);
        }
    }
}

#[tokio::test]
async fn a_right_on_one_image_shows_that_image_and_no_more() {
    let team = Team::start().await;
    more_images(&team).await;
    let users = team.installation.admin(&["user", "list", "berth"]);
    let mut rows = users.as_array().unwrap().iter();
    let outsider = &rows.find(|row| row["user"] == "berth/outsider").unwrap()["id"];
    let grant = json!([{ "user_id": outsider, "user_name": "outsider", "auth": 3 }]);
    let access = "/v2/manage/namespaces/group/repos/back$end/access";
    team.does(Method::POST, access, &grant, 201).await;
    let ask = async |target: &str| {
        team.ask(&team.outsider, Method::GET, target, &Value::Null)
            .await
            .json()
    };
    let page = ask("/v2/manage/images").await;
    assert_eq!(names(&page), "back/end");
    assert_eq!(
        page["images"][0]["self_rights"],
        json!({ "permission": "write", "source": "image" })
    );
    let organization = ask("/v2/manage/organizations/group").await;
    assert_eq!(
        organization["self_rights"],
        json!({ "permission": "read", "source": "image" })
    );
    assert_eq!(organization["num_repos"], 1, "others are hidden: {organization}");
    assert_eq!(organization["num_users"], Value::Null);
    assert_eq!(organization["managers"], json!([]));
    let whole = team
        .does(Method::GET, "/v2/manage/organizations/group", &Value::Null, 200)
        .await;
    assert_eq!(
        (&whole["num_repos"], &whole["num_images"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(whole["num_users"], 4, "the creator and three with a right each");
}

#[tokio::test]
async fn a_share_says_until_when_and_ends() {
    let team = Team::start().await;
    let shares = "/v2/manage/namespaces/group/repositories/back$end/access-domains";
    let share = json!({ "access_domain": "other", "permit": "read", "deadline": "2099-12-31T00:00:00Z", "description": "for tests" });
    team.does(Method::POST, shares, &share, 201).await;
    let target = "/v2/manage/images?set=shared_with_me";
    let page = team
        .ask(&team.stranger, Method::GET, target, &Value::Null)
        .await
        .json();
    let row = &page["images"][0];
    assert_eq!(
        row["self_rights"],
        json!({ "permission": "read", "source": "share" })
    );
    let received = json!({ "valid": true, "deadline": "2099-12-31T00:00:00Z", "description": "for tests" });
    assert_eq!(row["share"], received);
    assert_eq!(
        row["shares"],
        Value::Null,
        "with whom else it is shared is not theirs to know"
    );
    let mine = team
        .does(
            Method::GET,
            "/v2/manage/images?set=shared_by_me",
            &Value::Null,
            200,
        )
        .await;
    assert_eq!(
        (&mine["total"], &mine["images"][0]["shares"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn pages_are_filtered_and_sorted() {
    let team = Team::start().await;
    more_images(&team).await;
    for (query, expected, total) in [
        ("", "back/end open zebra", 3),
        (
            "?order_column=full_name&order_type=desc",
            "zebra open back/end",
            3,
        ),
        ("?order_column=num_images&order_type=desc&limit=1", "back/end", 3),
        ("?limit=1&offset=1", "open", 3),
        ("?text=K/E", "back/end", 1),
        ("?text=oup/ze", "zebra", 1),
        ("?text=proxy", "", 0),
        ("?set=public&text=proxy", "open", 1),
        ("?set=public", "open", 1),
        ("?category=linux", "open", 1),
        ("?is_public=false", "back/end zebra", 2),
        ("?namespace=group", "back/end open zebra", 3),
        ("?namespace=grou", "", 0),
        ("?architecture=arm64", "", 0),
        (
            "?order_column=created_at&order_type=asc",
            "back/end open zebra",
            3,
        ),
        ("?order_column=size&order_type=asc", "back/end open zebra", 3),
        (
            "?order_column=pulled_at&order_type=desc",
            "zebra open back/end",
            3,
        ),
        (
            "?order_column=num_download&order_type=desc",
            "zebra open back/end",
            3,
        ),
    ] {
        let page = team
            .does(
                Method::GET,
                &format!("/v2/manage/images{query}"),
                &Value::Null,
                200,
            )
            .await;
        assert_eq!(
            (names(&page).as_str(), &page["total"]),
            (expected, &json!(total)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn mistakes_in_a_list_have_their_codes() {
    let team = Team::start().await;
    for (query, code) in [
        ("?set=mine", "4001025"),
        ("?is_public=1", "4001009"),
        ("?status=1", "4001025"),
        ("?order_column=digest&order_type=asc", "4001096"),
        ("?order_column=size", "4001025"),
        ("?limit=1001", "4000056"),
        ("?offset=-1", "4001025"),
    ] {
        team.refuses(
            Method::GET,
            &format!("/v2/manage/images{query}"),
            &Value::Null,
            (400, code),
        )
        .await;
    }
    for (query, expected) in [
        ("?text=grou", 1),
        ("?text=none", 0),
        ("?order_column=size&order_type=desc", 1),
    ] {
        let target = format!("/v2/manage/organizations{query}");
        let page = team.does(Method::GET, &target, &Value::Null, 200).await;
        assert_eq!(page["total"], expected, "{query}");
    }
}

#[tokio::test]
async fn without_a_login_there_is_what_is_public_and_nothing_else() {
    let team = Team::start().await;
    more_images(&team).await;
    let ask = async |target: &str| team.installation.get(target, "").await;
    let page = ask("/v2/manage/images?set=public").await;
    assert_eq!(page.status.as_u16(), 200, "{page:?}");
    assert_eq!(names(&page.json()), "open");
    assert_eq!(
        page.json()["images"][0]["self_rights"],
        json!({ "permission": "read", "source": "public" })
    );
    for (target, status) in [
        ("/v2/manage/images", 401),
        ("/v2/manage/images?set=shared_with_me", 401),
        ("/v2/manage/images/group/open", 200),
        ("/v2/manage/images/group/back$end", 401),
        ("/v2/manage/images/group/missing", 401),
        ("/v2/manage/namespaces/group/repos/open", 200),
        ("/v2/manage/namespaces/group/repos/back$end", 401),
        ("/v3/manage/namespaces/group/repos/open/tags", 200),
        ("/v3/manage/namespaces/group/repos/back$end/tags", 401),
        ("/v2/manage/namespaces/group/repos/back$end/tags/pushed", 401),
        (
            "/v2/manage/namespaces/group/repos/back$end/tags/pushed/detail",
            401,
        ),
        ("/v2/manage/namespaces/group/repos/open/tags/none/detail", 404),
        ("/v2/manage/organizations", 401),
        ("/v2/manage/organizations/group", 401),
        ("/v2/manage/console-settings", 200),
    ] {
        let answer = ask(target).await;
        assert_eq!(answer.status.as_u16(), status, "{target}: {}", answer.text);
    }
    // What is hidden and what is not there read the same.
    let told = async |target: &str| ask(target).await.json()["errors"][0]["detail"].clone();
    assert_eq!(
        told("/v2/manage/images/group/back$end").await,
        told("/v2/manage/images/group/missing").await
    );
    // Wrong credentials are refused, not forgotten.
    let wrong = team
        .installation
        .get("/v2/manage/images?set=public", "Bearer nonsense")
        .await;
    assert_eq!(wrong.status.as_u16(), 401);
}

#[tokio::test]
async fn a_registry_that_wants_a_login_says_so() {
    let installation = Installation::start_with(&["--anonymous-pulls", "false"]);
    let settings = installation.get("/v2/manage/console-settings", "").await.json();
    assert_eq!(settings["public_images_without_login"], false);
    assert_eq!(settings["region"], "local");
    assert_eq!(settings["registry"], installation.server.address.to_string());
    for target in ["/v2/manage/images?set=public", "/v2/manage/images/group/open"] {
        let refused = installation.get(target, "").await;
        assert_eq!(refused.status.as_u16(), 401, "{target}");
        code(&refused);
        assert!(refused.text.contains("anonymous_pulls"), "{}", refused.text);
    }
    let mine = installation
        .signed(Method::GET, "/v2/manage/images?set=public", "")
        .await;
    assert_eq!(mine.status.as_u16(), 200);
}

#[tokio::test]
async fn the_operators_administrators_see_the_settings_and_nothing_secret() {
    let team = Team::start().await;
    let listed = team
        .does(Method::GET, "/v2/manage/settings", &Value::Null, 200)
        .await;
    let rows = listed["settings"].as_array().unwrap();
    let value = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap()["value"].clone();
    assert_eq!(value("region"), "local");
    assert_eq!(value("s3.secret_access_key"), Value::Null);
    assert!(!listed.to_string().contains(crate::installation::SECRET_KEY));
    team.answers_people(
        Method::GET,
        "/v2/manage/settings",
        &Value::Null,
        [403, 403, 403, 403, 403],
    )
    .await;
}

#[tokio::test]
async fn temporary_logins_are_listed_until_they_end_and_to_their_owner_only() {
    let team = Team::start().await;
    let made = team
        .does(
            Method::POST,
            "/v2/manage/utils/secret?duration_seconds=900",
            &Value::Null,
            200,
        )
        .await;
    let listed = team
        .does(Method::GET, "/v2/manage/logins", &Value::Null, 200)
        .await;
    let login = &listed["logins"][0];
    let user = login["user"].as_str().unwrap();
    assert!(user.starts_with("local@"), "{listed}");
    assert_eq!(listed["logins"].as_array().unwrap().len(), 1);
    assert_eq!(login["made_with"], crate::installation::ACCESS_KEY_ID);
    assert!(
        is_time(&login["expires_at"]) && is_time(&login["created_at"]),
        "{listed}"
    );
    let key = made["auths"].as_object().unwrap().values().next().unwrap()["auth"]
        .as_str()
        .unwrap();
    assert!(!listed.to_string().contains(key));
    let others = team
        .ask(&team.reader, Method::GET, "/v2/manage/logins", &Value::Null)
        .await
        .json();
    assert_eq!(others, json!({ "logins": [] }));
}

/// The tags in a list, joined by blanks.
fn tags(page: &Value) -> String {
    let rows = page["tags"].as_array().unwrap().iter();
    let tags: Vec<&str> = rows.map(|row| row["tag"].as_str().unwrap()).collect();
    tags.join(" ")
}

#[tokio::test]
async fn tags_come_in_every_order_with_what_is_in_them() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    for (tag, layer) in [
        ("v1.9", &b"a layer"[..]),
        ("v1.10", b"a larger layer"),
        ("same", b"a larger layer"),
    ] {
        docker.push_image("group/back/end", tag, layer).await;
    }
    let list = format!("{SHOWN}/tags");
    for (query, expected, total) in [
        (
            "?order_column=version&order_type=asc",
            "pushed same v1.9 v1.10",
            4,
        ),
        (
            "?order_column=version&order_type=desc&limit=1&offset=1",
            "v1.9",
            4,
        ),
        ("?order_column=tag&order_type=asc", "pushed same v1.10 v1.9", 4),
        (
            "?order_column=updated_at&order_type=asc&limit=2",
            "pushed v1.9",
            4,
        ),
        ("?order_column=size&order_type=asc", "pushed v1.9 same v1.10", 4),
        ("?order_column=pulled_at&order_type=asc&text=V1", "v1.10 v1.9", 2),
        ("?order_column=version&order_type=desc&text=V1", "v1.10 v1.9", 2),
        (
            "?architecture=amd64&order_column=tag&order_type=asc",
            "same v1.10 v1.9",
            3,
        ),
        ("?architecture=arm64", "", 0),
        ("?text=nothing", "", 0),
    ] {
        let page = team
            .does(Method::GET, &format!("{list}{query}"), &Value::Null, 200)
            .await;
        assert_eq!(
            (tags(&page).as_str(), &page["total"]),
            (expected, &json!(total)),
            "{query}"
        );
    }
    team.answers_people(Method::GET, &list, &Value::Null, [200, 200, 200, 404, 404])
        .await;
}

#[tokio::test]
async fn a_tag_says_all_that_a_page_shows() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    for tag in ["v1.10", "same"] {
        docker.push_image("group/back/end", tag, b"a larger layer").await;
    }
    let list = format!("{SHOWN}/tags");
    let one = format!("{list}?text=1.10&with_layers=true&limit=100");
    let page = team.does(Method::GET, &one, &Value::Null, 200).await;
    let row = &page["tags"][0];
    let digest = row["digest"].as_str().unwrap();
    let host = team.installation.server.address.to_string();
    let expected = json!({
        "tag": "v1.10", "digest": digest, "path": format!("{host}/group/back/end:v1.10"), "media_type": row["media_type"],
        "artifact_type": "application/vnd.oci.image.config.v1+json", "tag_type": 0, "size": row["size"], "created": row["created"], "updated": row["updated"],
        "pushed_by": "writer", "num_download": 0, "pulled_at": null, "platforms": ["linux/amd64"], "same_tags": ["same"],
        "num_same_tags": 1, "is_signed": false, "has_sbom": false, "has_attestation": false,
        "layers": [{ "digest": crate::content::digest(b"a larger layer"), "size": 14 }],
        "immutable": false, "immutable_rule": null,
    });
    assert_eq!(*row, expected);
    let same = team
        .does(Method::GET, &format!("{list}?digest={digest}"), &Value::Null, 200)
        .await;
    assert_eq!(same["total"], 2, "{same}");
    let images = team
        .does(
            Method::GET,
            "/v2/manage/images?architecture=amd64",
            &Value::Null,
            200,
        )
        .await;
    assert_eq!(
        images["images"][0]["newest_tag"]["platforms"],
        json!(["linux/amd64"])
    );
    for (query, code) in [
        ("?order_column=digest&order_type=asc", "4001096"),
        ("?with_layers=1", "4001025"),
        ("?with_layers=true&limit=101", "4000014"),
    ] {
        team.refuses(Method::GET, &format!("{list}{query}"), &Value::Null, (400, code))
            .await;
    }
}

#[tokio::test]
async fn signatures_are_told_and_names_of_people_are_not_told_to_strangers() {
    let team = Team::start().await;
    let public = json!({ "is_public": true });
    team.does(
        Method::PATCH,
        "/v2/manage/namespaces/group/repos/back$end",
        &public,
        201,
    )
    .await;
    let docker = team.docker(&team.writer);
    let manifest = docker.push_image("group/back/end", "v1", b"a layer").await;
    let signature = format!("{}.sig", crate::content::digest(manifest).replace(':', "-"));
    docker
        .push_image("group/back/end", &signature, b"a signature")
        .await;
    let list = format!("{SHOWN}/tags?text=v1");
    let own = team.does(Method::GET, &list, &Value::Null, 200).await;
    assert_eq!(
        (&own["tags"][0]["is_signed"], &own["tags"][0]["pushed_by"]),
        (&json!(true), &json!("writer"))
    );
    let anybody = team.installation.get(&list, "").await.json();
    assert_eq!(
        (&anybody["tags"][0]["is_signed"], &anybody["tags"][0]["pushed_by"]),
        (&json!(true), &Value::Null)
    );
}
