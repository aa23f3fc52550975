//! A pod of a real Kubernetes API server, which comes with its service account's token.

use e2e::client::{Outcome, curl};
use e2e::kubernetes::Kubernetes;
use e2e::openid::{Browser, OpenIdProvider};
use e2e::server::Server;
use serde_json::{Value, json};

use super::{comes_true, manage, server, status, token};

const RULES: &str = "/v2/manage/trust-rules";

/// A token of this registry asked for in exchange for another, as RFC 8693 has it.
fn exchanged_at(server: &Server, rule: &str, token: &str) -> Outcome {
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", token),
        ("client_id", rule),
        ("scope", "repository:team/app:pull,push"),
    ];
    let mut arguments = vec!["-s".to_owned(), "-i".to_owned()];
    for (name, value) in fields {
        arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
    }
    arguments.push(format!("{}/token", server.url()));
    curl().run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_service_accounts_token_is_a_login_of_the_user_that_a_rule_says() {
    let (cluster, server) = (Kubernetes::start(), server());
    cluster.publish_its_issuer();
    let robot = server.create_user("robot", &[]);
    server.create_organization("team");
    server.grant("team", &robot, 3);
    let rule = json!({
        "name": "ci", "issuer": cluster.url(), "certificate_authority": cluster.authority(), "audience": "berth",
        "claims": { "sub": "system:serviceaccount:default:build*" }, "user": "robot",
    });
    let made = manage(&server, "POST", RULES, &rule);
    assert_eq!(made["login"], "oidc@berth/ci", "{made}");
    let builder = cluster.service_account_token("builder", "berth");

    // As docker logs in, and as an exchange of tokens.
    let login = made["login"].as_str().unwrap();
    let granted = token(&server, login, &builder);
    assert_eq!(status(&granted), "200", "{granted:?}");
    let exchange = |rule: &str, token: &str| exchanged_at(&server, rule, token);
    let exchanged = exchange("berth/ci", &builder);
    assert_eq!(status(&exchanged), "200", "{exchanged:?}");
    let body: Value = serde_json::from_str(exchanged.stdout.split("\r\n\r\n").last().unwrap()).unwrap();
    let bearer = format!("Authorization: Bearer {}", body["access_token"].as_str().unwrap());
    let uploads = format!("{}/v2/team/app/blobs/uploads/", server.url());
    let begun = curl().run(&["-s", "-i", "-X", "POST", "-H", &bearer, &uploads]);
    assert_eq!(status(&begun), "202", "{begun:?}");

    // Another account's token, another audience's, a token that was changed, another rule, another account: none.
    let (head, rest) = builder.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none"}, and {"alg":"HS256"} with whatever signature.
    for (what, rule, token) in [
        (
            "subject",
            "berth/ci",
            cluster.service_account_token("stranger", "berth"),
        ),
        (
            "audience",
            "berth/ci",
            cluster.service_account_token("builder", "other"),
        ),
        ("rule", "berth/other", builder.clone()),
        ("account", "other/ci", builder.clone()),
        ("unsigned", "berth/ci", format!("eyJhbGciOiJub25lIn0.{claims}.")),
        (
            "symmetric",
            "berth/ci",
            format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{signature}"),
        ),
        ("changed", "berth/ci", format!("{head}.{claims}x.{signature}")),
        ("nonsense", "berth/ci", "nonsense".to_owned()),
        ("nothing", "berth/ci", String::new()),
    ] {
        assert_eq!(status(&exchange(rule, &token)), "401", "{what}");
    }

    // The user's end is the token's, and no other credential is made of it.
    server.admin(&["user", "disable", "berth/robot"]);
    let begun = curl().run(&["-s", "-i", "-X", "POST", "-H", &bearer, &uploads]);
    assert_eq!(status(&begun), "401", "{begun:?}");
    assert_eq!(status(&exchange("berth/ci", &builder)), "401");
    server.admin(&["user", "enable", "berth/robot"]);
    manage(&server, "DELETE", &format!("{RULES}/ci"), &Value::Null);
    comes_true("the rule is gone", || {
        status(&exchange("berth/ci", &builder)) == "401"
    });
}

#[test]
fn tokens_with_unknown_keys_do_not_make_the_issuer_asked_each_time() {
    let server = server();
    let provider = OpenIdProvider::start(&["http://127.0.0.1:1/back".to_owned()], &json!({}));
    let rule = json!({
        "name": "ci", "issuer": provider.issuer(), "audience": "registry", "claims": { "sub": "*x" }, "user": "admin",
    });
    manage(&server, "POST", RULES, &rule);
    let browser = Browser::new();
    let before = browser.ask(&format!("{}/requests", provider.issuer()), None).text;
    for _ in 0..20 {
        // {"alg":"RS256","kid":"unknown"} and {"iss":"x"}.
        let unknown = "eyJhbGciOiJSUzI1NiIsImtpZCI6InVua25vd24ifQ.eyJpc3MiOiJ4In0.AAAA";
        assert_eq!(status(&token(&server, "oidc@berth/ci", unknown)), "401");
    }
    let after = browser.ask(&format!("{}/requests", provider.issuer()), None).text;
    let count = |text: &str| {
        text.split("\r\n\r\n")
            .last()
            .unwrap()
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    assert!(count(&after) - count(&before) <= 2, "{before}\n{after}");
}
