//! The story of a share: one account makes an image and lends it to another for a while, over the management API, and
//! both pull it with a real client.

use e2e::client::{Client, crane, log_in};
use e2e::login::{AccessKey, Login, Request};
use e2e::sample;
use e2e::server::Server;
use serde_json::json;

const REGION: &str = "local";

fn client_of(server: &Server, login: &Login) -> Client {
    let client = crane();
    log_in(&client, &server.address(), login).ok();
    client
}

fn post(server: &Server, key: &AccessKey, path: &str, body: &serde_json::Value) {
    let body = body.to_string();
    let request = Request {
        method: "POST",
        path,
        body: &body,
        ..Request::default()
    };
    server.manage(key, &request);
}

#[test]
fn an_image_is_made_granted_shared_pulled_and_withdrawn_by_time() {
    let server = Server::start();
    let owner = server.administrator_key();
    let guest = server.create_account("guests");
    let mary = server.create_user("mary", &[]);
    post(
        &server,
        &owner,
        "/v2/manage/namespaces",
        &json!({ "namespace": "lenders" }),
    );
    server.grant("lenders", &mary, 1);

    let image = server.image("lenders/back/end:1");
    let layout = sample::small_image();
    let as_owner = client_of(&server, &owner.long_term_login(REGION));
    as_owner.ok(&["push", &layout.path().to_string_lossy(), &image]);
    let as_mary = client_of(&server, &mary.login);
    let digest = as_mary.ok(&["digest", &image]);
    as_mary.refused("DENIED", &["tag", &image, "2"]);

    let as_guest = client_of(&server, &guest.long_term_login(REGION));
    as_guest.refused("DENIED", &["validate", "--remote", &image]);
    let end = time::OffsetDateTime::now_utc() + time::Duration::days(2);
    let deadline = format!("{}T00:00:00Z", end.date());
    let share = json!({ "access_domain": "guests", "permit": "read", "deadline": deadline });
    let shares = "/v2/manage/namespaces/lenders/repositories/back$end/access-domains";
    post(&server, &owner, shares, &share);
    as_guest.ok(&["validate", "--remote", &image]);
    assert_eq!(as_guest.ok(&["digest", &image]), digest);
    as_guest.refused("DENIED", &["tag", &image, "mine"]);

    server.advance_clock(24 * 4);
    as_guest.refused("DENIED", &["validate", "--remote", &image]);
    as_mary.ok(&["validate", "--remote", &image]);
}
