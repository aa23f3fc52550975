//! What is refused, and the text that each client shows for it.

use e2e::client::{crane, curl, log_in};
use e2e::login::{AccessKey, Login, Request};
use e2e::peer::Peer;
use e2e::sample::{self, TAG};
use e2e::server::Server;

/// An error as docker shows it: its code in words, and its message.
struct Refusal {
    code: &'static str,
    message: &'static str,
    /// What the clients that show no message show.
    status: &'static str,
}

const UNAUTHORIZED: Refusal = Refusal {
    code: "unauthorized",
    message: "authentication required",
    status: "401 Unauthorized",
};

const NO_RIGHT: Refusal = Refusal {
    code: "denied",
    message: "you do not have the permission",
    status: "401 Unauthorized",
};

/// The same to somebody who may pull: the token was given, the push is refused.
const NO_RIGHT_TO_PUSH: Refusal = Refusal {
    status: "403 Forbidden",
    ..NO_RIGHT
};

const NO_ORGANIZATION: Refusal = Refusal {
    code: "denied",
    message: "Image organization does not exist, you should create it first",
    status: "401 Unauthorized",
};

const NO_PROGRAMMATIC_ACCESS: Refusal = Refusal {
    code: "denied",
    message: "Authenticate Error",
    status: "401 Unauthorized",
};

impl Refusal {
    /// What this client shows when it asks for a manifest: docker the whole sentence, `ctr` the status, the others the
    /// message.
    fn shown_by(&self, peer: &Peer) -> String {
        match peer {
            Peer::Docker(_) => format!("{}: {}", self.code, self.message),
            Peer::Containerd(..) => self.status.to_owned(),
            _ => self.message.to_owned(),
        }
    }

    /// What this client's login command shows.
    fn shown_at_login(&self, peer: &Peer) -> String {
        match peer {
            // They keep the registry's message to themselves.
            Peer::Podman(_) | Peer::Buildah(_) | Peer::Skopeo(_) => "invalid username/password".to_owned(),
            _ => self.shown_by(peer),
        }
    }
}

#[test]
fn a_wrong_password_is_refused_at_the_login() {
    let server = Server::start();
    server.create_organization("team");
    let right = server.administrator();
    let wrong = Login {
        password: format!("{}x", right.password),
        ..right
    };
    for peer in &mut Peer::all() {
        match peer.try_log_in(&server, &wrong) {
            Some(outcome) => outcome.refused(&UNAUTHORIZED.shown_at_login(peer)),
            None => peer
                .pull(&server.image("team/any:1"))
                .refused(&UNAUTHORIZED.shown_by(peer)),
        }
    }
}

#[test]
fn a_key_that_was_deleted_ends_its_logins() {
    check_end(|server, key| {
        server.admin(&["key", "delete", &key.id]);
    });
}

#[test]
fn a_key_that_was_disabled_ends_its_logins() {
    check_end(|server, key| {
        server.admin(&["key", "disable", &key.id]);
    });
}

/// Every client pulls with a login made with a key, until `end` was done to the key.
fn check_end(end: impl FnOnce(&Server, &AccessKey)) {
    let server = Server::start();
    let image = push_sample(&server);
    let user = server.create_user("robin", &[]);
    server.grant("team", &user, 1);
    let key = server.create_key("robin");
    let peers = Peer::all_logged_in(&server, &key.long_term_login("local"));
    let temporary = server.temporary_login(&key);
    for peer in &peers {
        peer.pull(&image).ok();
    }
    end(&server, &key);
    for peer in &peers {
        peer.pull(&image).refused(&UNAUTHORIZED.shown_by(peer));
    }
    // The temporary login was made with the same key.
    let client = crane();
    log_in(&client, &server.address(), &temporary).ok();
    client.refused(UNAUTHORIZED.message, &["manifest", &image]);
}

#[test]
fn a_temporary_login_ends_when_its_time_is_over() {
    let server = Server::start();
    let image = push_sample(&server);
    let login = server.temporary_login(&server.administrator_key());
    let peers = Peer::all_logged_in(&server, &login);
    for peer in &peers {
        peer.pull(&image).ok();
    }
    server.advance_clock(25);
    for peer in &peers {
        peer.pull(&image).refused(&UNAUTHORIZED.shown_by(peer));
    }
}

#[test]
fn a_user_without_programmatic_access_is_refused() {
    let server = Server::start();
    let image = push_sample(&server);
    let user = server.create_user("visitor", &["--access", "console"]);
    server.grant("team", &user, 7);
    let by_key = server.create_key("visitor").long_term_login("local");
    let mut peers = Peer::all();
    for login in [&user.login, &by_key] {
        for peer in &mut peers {
            match peer.try_log_in(&server, login) {
                Some(outcome) => outcome.refused(&NO_PROGRAMMATIC_ACCESS.shown_at_login(peer)),
                None => peer.pull(&image).refused(&NO_PROGRAMMATIC_ACCESS.shown_by(peer)),
            }
        }
    }
}

#[test]
fn rights_decide_who_pulls_and_who_pushes() {
    let server = Server::start();
    let image = push_sample(&server);
    let layout = sample::small_image();
    let stranger = server.create_user("stranger", &[]);
    let reader = server.create_user("reader", &[]);
    server.grant("team", &reader, 1);
    let writer = server.create_user("writer", &[]);
    server.grant("team", &writer, 3);
    let mut peers = Peer::all();
    for peer in &mut peers {
        let new = server.image(&format!("team/by-{}:{TAG}", peer.name()));
        peer.log_in(&server, &stranger.login);
        peer.pull(&image).refused(&NO_RIGHT.shown_by(peer));
        peer.push(&layout, &new).refused(&NO_RIGHT.shown_by(peer));
        peer.log_in(&server, &reader.login);
        peer.pull(&image).ok();
        peer.push(&layout, &new).refused(&NO_RIGHT_TO_PUSH.shown_by(peer));
        peer.log_in(&server, &writer.login);
        peer.push(&layout, &new).ok();
    }
}

#[test]
fn an_immutable_tag_stays_and_the_pusher_is_told_which_rule_keeps_it() {
    let server = Server::start();
    let image = push_sample(&server);
    let rule = Request {
        method: "POST",
        path: "/v2/manage/namespaces/team/immutability",
        body: r#"{"pattern":"*"}"#,
        ..Request::default()
    };
    server.manage(&server.administrator_key(), &rule);
    let client = crane();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    let named = client.ok(&["digest", &image]);
    let other = sample::large_image(1);
    for peer in Peer::all_logged_in(&server, &server.long_term_login()) {
        let shown = match &peer {
            Peer::Docker(_) => {
                format!("denied: tag '{TAG}' of image 'team/sample' is immutable and names sha256:")
            }
            Peer::Containerd(..) => "409 Conflict".to_owned(),
            _ => "on organization 'team' ('*') protects it since".to_owned(),
        };
        peer.push(&other, &image).refused(&shown);
        let new = server.image(&format!("team/by-{}:{TAG}", peer.name()));
        peer.push(&other, &new).ok();
    }
    assert_eq!(client.ok(&["digest", &image]), named);
    // What the tag names already is pushed again.
    let layout = sample::small_image();
    client.ok(&["push", &layout.path().to_string_lossy(), &image]);
}

#[test]
fn an_organization_must_exist_before_a_push() {
    let server = Server::start();
    let layout = sample::small_image();
    for peer in Peer::all_logged_in(&server, &server.long_term_login()) {
        let image = server.image(&format!("nowhere/any:{TAG}"));
        peer.push(&layout, &image)
            .refused(&NO_ORGANIZATION.shown_by(&peer));
    }
}

#[test]
fn an_organization_of_another_account_is_out_of_reach() {
    let server = Server::start();
    let image = push_sample(&server);
    server.admin(&["account", "create", "rival"]);
    let created = server.admin(&["user", "create", "rival/chief", "--administrator"]);
    let login = Login {
        user: "rival/chief".to_owned(),
        password: created["password"].as_str().unwrap().to_owned(),
    };
    for peer in Peer::all_logged_in(&server, &login) {
        peer.pull(&image).refused(&NO_RIGHT.shown_by(&peer));
    }
}

#[test]
fn a_bad_name_is_refused_with_what_is_wrong() {
    let server = Server::start();
    let login = server.administrator();
    let user = format!("{}:{}", login.user, login.password);
    // No client sends such a name.
    let url = format!("http://{}/v2/team/Upper/manifests/1", server.address());
    let answer = curl().ok(&["-u", &user, &url]);
    assert!(answer.contains("NAME_INVALID"), "{answer}");
    assert!(answer.contains("'repository' is invalid"), "{answer}");
}

#[test]
fn a_private_image_is_not_pulled_without_a_login() {
    let server = Server::start();
    let image = push_sample(&server);
    for peer in Peer::all() {
        peer.pull(&image).refused(&UNAUTHORIZED.shown_by(&peer));
    }
}

#[test]
fn a_public_image_is_pulled_without_a_login() {
    let server = Server::start();
    let image = push_sample(&server);
    server.admin(&["image", "publish", "team/sample"]);
    let other = sample::large_image(1);
    for peer in Peer::all() {
        peer.pull(&image).ok();
        peer.push(&other, &image).refused("");
    }
    server.admin(&["image", "withdraw", "team/sample"]);
    let client = crane();
    client.refused(UNAUTHORIZED.message, &["manifest", &image]);
}

/// Makes the organisation `team` and pushes a small image into it.
fn push_sample(server: &Server) -> String {
    server.create_organization("team");
    let image = server.image(&format!("team/sample:{TAG}"));
    let client = crane();
    log_in(&client, &server.address(), &server.long_term_login()).ok();
    let layout = sample::small_image();
    client.ok(&["push", &layout.path().to_string_lossy(), &image]);
    image
}
