//! Paths and names that only look like others: sent as they stand, by a stranger who wants in and by an administrator, for
//! whom they must not become the names that they look like.

use std::fmt::Write as _;

use serde_json::json;

use super::raw::asked;
use crate::client::Client;
use crate::content::digest;
use crate::world::World;

const SECRET: &[u8] = b"what nobody else may read";

/// `team/app` with a secret layer, and an organization and image of a stranger's own.
async fn furnished() -> (World, Client) {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", SECRET).await;
    let stranger = super::tenants::stranger_with_an_organization(&world).await;
    stranger.push_image("other/mine", "v1", b"theirs").await;
    (world, stranger)
}

fn authorization(client: &Client) -> String {
    format!("Authorization: {}\r\n", client.authorization.as_deref().unwrap())
}

/// Everything in a text as a percent escape, `times` over.
fn escaped(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, round| {
        if round == 0 {
            text.bytes().fold(String::new(), |mut all, byte| {
                let _ = write!(all, "%{byte:02x}");
                all
            })
        } else {
            text.replace('%', "%25")
        }
    })
}

/// Names that are not `team/app`, and look like it to some.
const LOOK_ALIKES: &[&str] = &[
    // Up and across.
    "other/mine/../../team/app",
    "other/../team/app",
    "./team/app",
    "team/./app",
    "team//app",
    "/team/app",
    "team/app/.",
    "team/app/x/..",
    // Letters that fold or normalise to the right ones.
    "TEAM/app",
    "Team/App",
    "\u{ff54}eam/app",
    "te\u{430}m/app",
    "team/a\u{3c1}p",
    "tea\u{1d45a}/app",
    "team/app\u{200b}",
    "team/ap\u{301}p",
    "t\u{65}\u{301}am/app",
    // What file systems and others leave away.
    "team./app",
    "team/app.",
    "team/app ",
    " team/app",
    "team/app\t",
    "team\\app",
    "other/mine\\..\\..\\team/app",
    "team/app;x=1",
    "team$app",
    "team/app$",
    "other/mine$..$..$team$app",
    "team:app",
    "team/app@v1",
    "team/~app",
    "team/{app}",
];

/// Ways to write `team/app` that it is not called by, each after the stranger's own image where that makes a difference.
fn disguises() -> Vec<String> {
    let mut names: Vec<String> = LOOK_ALIKES
        .iter()
        .map(|name| {
            // A request line holds no blank; other characters go as their bytes.
            name.replace(' ', "%20").replace('\t', "%09")
        })
        .collect();
    for up in ["..", "."] {
        for times in 1..=3 {
            let up = escaped(up, times);
            names.push(format!("other/mine/{up}/{up}/team/app"));
            names.push(format!("other/{up}/team/app"));
        }
    }
    for times in 1..=3 {
        let slash = escaped("/", times);
        names.push(format!("team{slash}app"));
        names.push(format!("other/mine{slash}..{slash}..{slash}team/app"));
        names.push(format!("other%2f..%2fteam{slash}app"));
    }
    for odd in [
        "%00",
        "%0a",
        "%0d%0a",
        "%c0%af",
        "%c0%ae%c0%ae",
        "%e0%80%af",
        "%ff",
        "%",
        "%2",
        "%zz",
        "%u002f",
    ] {
        names.push(format!("team/app{odd}"));
        names.push(format!("other/mine/{odd}/../team/app"));
    }
    names
}

#[tokio::test]
async fn no_other_writing_of_a_name_leads_to_it() {
    let (world, stranger) = furnished().await;
    let before = world.stored_files().len();
    let layer = digest(SECRET);
    // In a query `%2f` is a `/`: the administrator, who may, mounts from what is written so.
    for (client, lines) in [(&stranger, 5), (&world.admin, 4)] {
        let authorization = authorization(client);
        for name in disguises() {
            for line in [
                format!("GET /v2/{name}/blobs/{layer}"),
                format!("GET /v2/{name}/manifests/v1"),
                format!("GET /v2/{name}/tags/list"),
                format!("POST /v2/{name}/blobs/uploads/"),
                format!("POST /v2/other/mine/blobs/uploads/?mount={layer}&from={name}"),
            ]
            .into_iter()
            .take(lines)
            {
                let (status, answer) = asked(world.address(), &line, &authorization);
                // A mount from what is no name begins an upload, and mounts nothing.
                let began = status == 202 && line.contains("mount=");
                assert!((400..500).contains(&status) || began, "{line}: {answer}");
                assert!(!answer.contains("what nobody"), "{line}: {answer}");
            }
        }
    }
    let left = world.stored_files();
    assert_eq!(left.len(), before, "{left:?}");
    world.admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
}

#[tokio::test]
async fn tags_digests_and_uploads_hold_no_path() {
    let (world, stranger) = furnished().await;
    let layer = digest(SECRET);
    let hex = layer.split_once(':').unwrap().1;
    let authorization = authorization(&stranger);
    for path in [
        "manifests/../../../team/app/manifests/v1".to_owned(),
        "manifests/..%2f..%2f..%2fteam%2fapp%2fmanifests%2fv1".to_owned(),
        "manifests/v1%00".to_owned(),
        "manifests/v1%2f".to_owned(),
        "manifests/v1.%20".to_owned(),
        "manifests/V1".to_owned(),
        "manifests/v\u{ff11}".to_owned(),
        format!("blobs/{layer}%00"),
        format!("blobs/sha256:..%2f..%2f{hex}"),
        format!("blobs/SHA256:{hex}"),
        format!("blobs/sha256:{}", hex.to_uppercase()),
        format!("blobs/sha256%3a{hex}"),
        format!("blobs/sha256:{hex}{hex}"),
        "blobs/sha256:".to_owned(),
        "blobs/uploads/..".to_owned(),
        "blobs/uploads/%2e%2e%2f%2e%2e%2fberth.db".to_owned(),
        "blobs/uploads/..%5c..%5cberth.db".to_owned(),
        format!("referrers/..%2f{layer}"),
        format!("_berth/swarm/..%2f{layer}"),
    ] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let (status, answer) = asked(
                world.address(),
                &format!("{method} /v2/other/mine/{path}"),
                &authorization,
            );
            assert!((400..500).contains(&status), "{method} {path}: {answer}");
        }
    }
    stranger.ask("GET /v2/other/mine/manifests/v1").await.is(200);
}

#[tokio::test]
async fn other_writings_of_the_management_api_lead_to_no_more() {
    let (world, stranger) = furnished().await;
    let token = super::tenants::stranger_who_administers(&world).await;
    let credentials = [
        authorization(&stranger),
        format!("X-Auth-Token: {token}\r\n"),
        String::new(),
    ];
    for target in [
        "/v2/manage/namespaces/team/repos/app",
        "/v2/manage/namespaces/other/../team/repos/app",
        "/v2/manage/namespaces/other%2f..%2fteam/repos/app",
        "/v2/manage/namespaces/other/repos/..%2f..%2fteam%2frepos%2fapp",
        "/v2/manage/namespaces/other/repos/mine$..$..$team$app",
        "/v2/manage/namespaces/te%61m/repos/app",
        "/v2/manage/namespaces/TEAM/repos/app",
        "/v2/manage/namespaces/team./repos/app",
        "/v2/manage/namespaces/team%00/repos/app",
        "/v2/manage/namespaces/te\u{430}m/repos/app",
        "/v2/%6danage/namespaces/team/repos/app",
        "/v2/manage%2fnamespaces/team/repos/app",
        "/v2//manage/namespaces/team/repos/app",
        "/v2/./manage/namespaces/team/repos/app",
        "/v2/x/../manage/namespaces/team/repos/app",
        "//v2/manage/namespaces/team/repos/app",
        "/V2/MANAGE/namespaces/team/repos/app",
        "/v2/manage/namespaces/team/repos/app/",
        "/v2/manage/namespaces/team/repos/app;a=b",
        "/v2/manage/namespaces/team/repos/app%3fx",
        "/v2/manage/namespaces/other/repos/mine?namespace=team&repository=app",
    ] {
        for headers in &credentials {
            let (status, answer) = asked(world.address(), &format!("GET {target}"), headers);
            let own = target.contains("/other/repos/mine?");
            assert!((400..500).contains(&status) || own, "{target}: {answer}");
            assert!(!answer.contains("\"app\""), "{target}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_consoles_files_are_those_of_the_console() {
    let world = World::start().await;
    for target in [
        "/assets/../../../../../etc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/%252e%252e%252fetc%252fpasswd",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/..\\..\\etc\\passwd",
        "/assets/etc%00/passwd",
        "/assets/.",
        "/assets/..",
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2fetc%2fpasswd",
    ] {
        for accept in ["", "Accept: text/html\r\n"] {
            let (status, answer) = asked(world.address(), &format!("GET {target}"), accept);
            // A browser that asks for an address that is nothing gets the console's page, which says so.
            assert!(
                status == 404 || status == 400 || !accept.is_empty(),
                "{target}: {answer}"
            );
            assert!(!answer.contains("root:"), "{target}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_is_longer_than_anything_is_refused() {
    let (world, _) = furnished().await;
    let authorization = authorization(&world.admin);
    for (line, headers) in [
        (
            format!("GET /v2/{}app/tags/list", "a/".repeat(20_000)),
            String::new(),
        ),
        (
            format!("GET /v2/team/{}/tags/list", "a".repeat(60_000)),
            String::new(),
        ),
        (
            format!("GET /v2/team/app/manifests/{}", "a".repeat(60_000)),
            String::new(),
        ),
        (
            format!("GET /v2/team/app/tags/list?n=1&last={}", "a".repeat(70_000)),
            String::new(),
        ),
        ("GET /v2/".to_owned(), format!("X-A: {}\r\n", "a".repeat(600_000))),
        ("GET /v2/".to_owned(), "X-A: b\r\n".repeat(2_000)),
        (format!("{} /v2/", "A".repeat(100_000)), String::new()),
    ] {
        let (status, answer) = asked(world.address(), &line, &format!("{authorization}{headers}"));
        let shown: String = line.chars().take(40).collect();
        // Bytes that come after the refusal may have it lost with the connection.
        assert!(
            (400..500).contains(&status) || answer.is_empty(),
            "{shown}: {status}"
        );
    }
    world.admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
}

#[tokio::test]
async fn nothing_is_made_that_is_called_like_another() {
    let (world, _) = furnished().await;
    let keys = (
        crate::installation::ACCESS_KEY_ID,
        crate::installation::SECRET_KEY,
    );
    for name in [
        "Team",
        "team.",
        "team ",
        "te\u{430}m",
        "\u{ff54}eam",
        "team\u{200b}",
        "team\0",
        "..",
        ".",
        "team/app",
        "team$app",
        "manage",
        "_catalog",
        "",
        "team\n",
        "t\u{e9}am",
    ] {
        for (target, body) in [
            ("/v2/manage/namespaces", json!({ "namespace": name })),
            (
                "/v2/manage/namespaces/team/repos",
                json!({ "repository": format!("app/{name}"), "is_public": false }),
            ),
        ] {
            let body = body.to_string();
            // In an image's name `.` parts, `/` and `manage` have no meaning of their own.
            let allowed = target.ends_with("repos") && ["manage", "team/app", "team$app"].contains(&name);
            let answer = world.signed(keys, http::Method::POST, (target, &body)).await;
            let status = answer.status.as_u16();
            assert!(
                (400..500).contains(&status) || allowed,
                "{target} {body}: {}",
                answer.text
            );
        }
    }
}
