//! Sign-ins at Debian's slapd.

use e2e::directory::{Directory, MANAGER, MANAGER_PASSWORD, SUFFIX};
use e2e::docker::Docker;
use e2e::login::Login;
use serde_json::{Value, json};

use super::{PROVIDERS, comes_true, manage, members, server, session, status, token, user};

fn provider(directory: &Directory) -> Value {
    json!({
        "name": "corp", "url": directory.url(), "secret": MANAGER_PASSWORD,
        "ldap": {
            "plain_text": true, "bind_dn": MANAGER, "base_dn": format!("ou=people,{SUFFIX}"),
            "group_base_dn": format!("ou=groups,{SUFFIX}"),
        },
    })
}

#[test]
fn people_of_a_directory_are_users_in_the_groups_that_theirs_are() {
    let (directory, server) = (Directory::start(), server());
    directory.add_person("mary", "Marys-own-password");
    directory.add_group("pushers", "mary");
    server.admin(&["group", "create", "berth/developers"]);
    server.admin(&["group", "create", "berth/hand-picked"]);
    let mut wanted = provider(&directory);
    wanted["groups"] = json!([{ "external": "pushers", "group": "developers" }]);
    let made = manage(&server, "POST", PROVIDERS, &wanted);
    assert_eq!(
        (&made["kind"], &made["has_secret"]),
        (&json!("ldap"), &json!(true))
    );
    assert!(!made.to_string().contains(MANAGER_PASSWORD), "{made}");

    // What is no password of hers: nothing at all is a sign-in of nobody in particular, to which the directory says yes.
    for (name, password) in [
        ("mary", "wrong"),
        ("mary", ""),
        ("*", "Marys-own-password"),
        ("m*", "Marys-own-password"),
        ("mary)(uid=*", "Marys-own-password"),
        ("nobody", "Marys-own-password"),
    ] {
        assert_eq!(
            status(&session(&server, name, password)),
            "401",
            "{name} {password}"
        );
        assert_eq!(
            status(&token(&server, name, password)),
            "401",
            "{name} {password}"
        );
    }
    assert_eq!(user(&server, "mary"), None);

    // The first sign-in makes the user, and docker logs in with the same password.
    let opened = session(&server, "mary", "Marys-own-password");
    assert_eq!(status(&opened), "201", "{opened:?}");
    assert_eq!(members(&server, "developers"), ["mary"]);
    let docker = Docker::start();
    let login = Login {
        user: "mary".to_owned(),
        password: "Marys-own-password".to_owned(),
    };
    e2e::client::log_in(&docker, &server.address(), &login).ok();

    // A right that was given here stays; one that follows from the directory goes with it.
    server.admin(&["group", "add", "berth/hand-picked", "mary"]);
    directory.remove("cn=pushers,ou=groups");
    assert_eq!(status(&session(&server, "MARY", "Marys-own-password")), "201");
    assert_eq!(members(&server, "developers"), Vec::<String>::new());
    assert_eq!(members(&server, "hand-picked"), ["mary"]);
}

#[test]
fn who_is_gone_from_a_directory_is_out_and_who_comes_back_is_the_same_user() {
    let (mut directory, server) = (Directory::start(), server());
    directory.add_person("mary", "Marys-own-password");
    let local = server.create_user("local", &[]).login.password;
    manage(&server, "POST", PROVIDERS, &provider(&directory));
    assert_eq!(status(&session(&server, "mary", "Marys-own-password")), "201");
    let made = user(&server, "mary").unwrap();

    // A directory that is down keeps its own people waiting, and nobody else.
    directory.stop();
    let down = session(&server, "peter", "any");
    assert_eq!(status(&down), "503", "{down:?}");
    assert!(down.stdout.contains("sign-in provider 'corp'"), "{}", down.stdout);
    assert_eq!(status(&token(&server, "peter", "any")), "503");
    assert_eq!(status(&session(&server, "local", &local)), "201");
    directory.resume();

    // Who is removed there is out here, keys included, and comes back as the same user.
    let key = server.create_key("mary");
    let by_key = key.long_term_login("local");
    assert_eq!(status(&token(&server, &by_key.user, &by_key.password)), "200");
    directory.change(&format!(
        "dn: uid=mary,ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=mary\ndeleteoldrdn: 0\nnewsuperior: {SUFFIX}\n"
    ));
    comes_true("the user is kept out", || {
        status(&token(&server, &by_key.user, &by_key.password)) == "401"
    });
    assert_eq!(status(&session(&server, "mary", "Marys-own-password")), "401");
    directory.change(&format!(
        "dn: uid=mary,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=mary\ndeleteoldrdn: 0\nnewsuperior: ou=people,{SUFFIX}\n"
    ));
    assert_eq!(status(&session(&server, "mary", "Marys-own-password")), "201");
    assert_eq!(user(&server, "mary").unwrap()["id"], made["id"]);
    assert_eq!(status(&token(&server, &by_key.user, &by_key.password)), "200");

    // Whom an administrator disabled no sign-in lets in.
    server.admin(&["user", "disable", "berth/mary"]);
    assert_eq!(status(&session(&server, "mary", "Marys-own-password")), "401");
}

#[test]
fn a_name_is_nobodys_for_ever() {
    let (directory, server) = (Directory::start(), server());
    directory.add_person("mary", "Marys-own-password");
    directory.add_person("local", "The-other-locals-password");
    let local = server.create_user("local", &[]).login.password;
    manage(&server, "POST", PROVIDERS, &provider(&directory));
    assert_eq!(status(&session(&server, "mary", "Marys-own-password")), "201");

    // A user of this registry is nobody's at a directory, whatever they are called there.
    assert_eq!(
        status(&session(&server, "local", "The-other-locals-password")),
        "401"
    );
    assert_eq!(status(&session(&server, "local", &local)), "201");

    // The directory gives the name to somebody else: they are not the user who had it.
    directory.remove("uid=mary,ou=people");
    directory.add_person("mary", "Another-marys-password");
    let refused = session(&server, "mary", "Another-marys-password");
    assert_eq!(status(&refused), "401", "{refused:?}");

    // Somebody who is called otherwise now is who they were.
    directory.add_person("jane", "Janes-own-password");
    assert_eq!(status(&session(&server, "jane", "Janes-own-password")), "201");
    let jane = user(&server, "jane").unwrap();
    directory.change(&format!(
        "dn: uid=jane,ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=joan\ndeleteoldrdn: 1\n"
    ));
    let renamed = session(&server, "joan", "Janes-own-password");
    assert_eq!(status(&renamed), "201");
    assert!(
        renamed.stdout.contains(jane["id"].as_str().unwrap()),
        "{}",
        renamed.stdout
    );
    assert_eq!(user(&server, "joan"), None);
}

#[test]
fn passwords_reach_a_directory_through_tls_that_is_checked() {
    let (directory, server) = (Directory::start(), server());
    directory.add_person("mary", "Marys-own-password");
    let user_dn = format!("uid={{name}},ou=people,{SUFFIX}");
    let base = json!({ "name": "corp", "ldap": { "user_dn": user_dn } });
    for (url, start_tls) in [(directory.tls_url(), false), (directory.named_url(), true)] {
        let mut wanted = base.clone();
        wanted["url"] = json!(url);
        wanted["ldap"]["start_tls"] = json!(start_tls);
        manage(&server, "POST", PROVIDERS, &wanted);
        // Its certificate is of an authority that nobody here trusts.
        assert_eq!(
            status(&session(&server, "mary", "Marys-own-password")),
            "503",
            "{url}"
        );
        let trust = json!({ "certificate_authority": directory.authority() });
        manage(&server, "PATCH", &format!("{PROVIDERS}/corp"), &trust);
        assert_eq!(
            status(&session(&server, "mary", "Marys-own-password")),
            "201",
            "{url}"
        );
        assert_eq!(status(&session(&server, "mary", "")), "401");
        server.admin(&["user", "delete", "berth/mary"]);
        manage(&server, "DELETE", &format!("{PROVIDERS}/corp"), &Value::Null);
    }
}
