//! Sign-ins at oidc-provider, as a browser goes through them.

use e2e::openid::{Browser, OpenIdProvider, SECRET};
use e2e::server::Server;
use serde_json::{Value, json};

use super::{PROVIDERS, manage, members, server, user};

struct Meeting {
    server: Server,
    provider: OpenIdProvider,
}

fn people() -> Value {
    json!({
        "s-1": { "preferred_username": "mary", "groups": ["pushers"] },
        "s-2": { "preferred_username": "local", "groups": [] },
    })
}

/// A server with the provider under two names.
fn meet() -> Meeting {
    let server = server();
    let back = |name: &str| format!("{}/v2/manage/sign-in/berth/{name}/back", server.url());
    let provider = OpenIdProvider::start(&[back("corp"), back("twin")], &people());
    server.admin(&["group", "create", "berth/developers"]);
    for name in ["corp", "twin"] {
        let wanted = json!({
            "name": name, "url": provider.issuer(), "secret": SECRET,
            "oidc": { "client_id": "berth", "scopes": ["profile", "groups"] },
            "groups": [{ "external": "pushers", "group": "developers" }],
        });
        manage(&server, "POST", PROVIDERS, &wanted);
    }
    Meeting { server, provider }
}

impl Meeting {
    fn begin(&self, name: &str) -> String {
        format!(
            "{}/v2/manage/sign-in/berth/{name}?go_on=/images",
            self.server.url()
        )
    }

    /// Who a browser is signed in as.
    fn who(&self, browser: &Browser) -> Option<String> {
        let page = browser.ask(&format!("{}/v2/manage/sessions", self.server.url()), None);
        let body = page.text.split("\r\n\r\n").last().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        body["user_name"].as_str().map(str::to_owned)
    }
}

#[test]
fn a_person_signs_in_at_a_provider_and_is_the_same_user_ever_after() {
    let meeting = meet();
    let (server, provider) = (&meeting.server, &meeting.provider);
    server.create_user("local", &[]);
    let browser = Browser::new();
    let buttons = browser.ask(&format!("{}/v2/manage/sign-in", server.url()), None);
    assert!(
        buttons.text.contains("/v2/manage/sign-in/berth/corp"),
        "{}",
        buttons.text
    );
    let back = browser.sign_in(&meeting.begin("corp"), "s-1");
    let page = browser.ask(&back, None);
    assert_eq!(
        (page.status, page.location.as_str()),
        (303, "/images"),
        "{}",
        page.text
    );
    assert!(page.text.contains("berth_session=") && page.text.contains("SameSite=Strict"));
    assert_eq!(meeting.who(&browser).as_deref(), Some("mary"));
    assert_eq!(members(server, "developers"), ["mary"]);
    let mary = user(server, "mary").unwrap();

    // Another name and other groups there: the same user here, with what follows from the groups.
    provider.know(&json!({
        "s-1": { "preferred_username": "maria", "groups": [] },
        "s-2": { "preferred_username": "local", "groups": [] },
        "s-3": { "preferred_username": "mary", "groups": ["pushers"] },
    }));
    let again = Browser::new();
    again.ask(&again.sign_in(&meeting.begin("corp"), "s-1"), None);
    assert_eq!(meeting.who(&again).as_deref(), Some("mary"));
    assert_eq!(members(server, "developers"), Vec::<String>::new());
    assert_eq!(user(server, "mary").unwrap()["id"], mary["id"]);

    // Who has a name there that is somebody's here is somebody else: of a local user, and of one who had the name there.
    for (subject, expected) in [("s-2", "local.corp"), ("s-3", "mary.corp")] {
        let other = Browser::new();
        other.ask(&other.sign_in(&meeting.begin("corp"), subject), None);
        assert_eq!(meeting.who(&other).as_deref(), Some(expected));
    }
    assert_eq!(members(server, "developers"), ["mary.corp"]);

    // The same person at another provider is another user: the subject counts at its provider alone.
    let other = Browser::new();
    other.ask(&other.sign_in(&meeting.begin("twin"), "s-1"), None);
    assert_eq!(meeting.who(&other).as_deref(), Some("maria"));
}

#[test]
fn a_sign_in_ends_where_it_began_and_once() {
    let meeting = meet();
    let back_of = |browser: &Browser, name| browser.sign_in(&meeting.begin(name), "s-1");
    let refused = |browser: &Browser, address: &str| {
        let page = browser.ask(address, None);
        assert!(
            page.location.starts_with("/sign-in?refused=refused"),
            "{address}\n{}",
            page.text
        );
        assert_eq!(meeting.who(browser), None, "{address}");
    };
    // An answer that another browser began: signing somebody in as oneself.
    let (attacker, victim) = (Browser::new(), Browser::new());
    let stolen = back_of(&attacker, "corp");
    refused(&victim, &stolen);
    // Also into a sign-in that the victim has begun.
    victim.ask(&meeting.begin("corp"), None);
    refused(&victim, &stolen);
    // With another state, without one, with another code.
    for change in [("state=", "state=x"), ("state=", "sta="), ("code=", "code=x")] {
        let browser = Browser::new();
        let address = back_of(&browser, "corp").replacen(change.0, change.1, 1);
        refused(&browser, &address);
    }
    // The answer of one provider passed off as another's: by the address, and by the name that it says.
    let browser = Browser::new();
    let address = back_of(&browser, "corp").replace("/corp/back", "/twin/back");
    refused(&browser, &address);
    let browser = Browser::new();
    let address = back_of(&browser, "corp");
    assert!(address.contains("iss="), "{address}");
    let issuer = address.split("iss=").nth(1).unwrap().split('&').next().unwrap();
    refused(&browser, &address.replace(issuer, "https%3A%2F%2Fevil.example"));
    // Once: the second time it is begun nowhere, and the session is the first one's.
    let browser = Browser::new();
    let address = back_of(&browser, "corp");
    assert_eq!(browser.ask(&address, None).location, "/images");
    let page = browser.ask(&address, None);
    assert!(
        page.location.starts_with("/sign-in?refused=refused"),
        "{}",
        page.text
    );
    // Nobody is led away from here.
    let browser = Browser::new();
    let begin = format!(
        "{}/v2/manage/sign-in/berth/corp?go_on=//evil.example",
        meeting.server.url()
    );
    let page = browser.ask(&browser.sign_in(&begin, "s-1"), None);
    assert_eq!(page.location, "/");
}
