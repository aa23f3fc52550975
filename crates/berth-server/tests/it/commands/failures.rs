//! How commands fail: exit codes, texts for people and for programs.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use super::Desk;
use crate::berth::Place;
use crate::installation::{ACCESS_KEY_ID, Installation, SECRET_KEY};

#[test]
fn a_refusal_is_told_whole_to_people_and_to_programs() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    let error = desk.fails(&["org", "show", "nowhere"], 5);
    assert_eq!(
        (&error["code"], &error["status"], &error["exit_code"]),
        (&json!("SVCSTG.SWR.4040058"), &json!(404), &json!(5))
    );
    assert!(!error["request_id"].as_str().unwrap().is_empty());
    let ended = desk.run_with(&["org", "show", "nowhere"], &[], "");
    let message = error["message"].as_str().unwrap();
    assert!(
        ended
            .err
            .starts_with(&format!("berth: {message} [SVCSTG.SWR.4040058]\n")),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("  request "), "{}", ended.err);
}

#[test]
fn exit_codes_say_what_kind_of_failure_it_was() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    desk.json(&["org", "create", "team"]);
    for (arguments, code) in [
        (&["org", "list"][..], 0),
        (&["org", "delete", "team"], 1),
        (&["org"], 2),
        (&["org", "show", "../team"], 2),
        (&["org", "show", "Team"], 2),
        (&["org", "list", "--profile", "nobody"], 3),
        (&["org", "show", "nowhere"], 5),
        (&["org", "create", "team"], 6),
    ] {
        let ended = desk.run_with(arguments, &[], "");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", ended.err);
    }
}

/// What answers once, whatever is asked.
fn impostor(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head);
        let _ = stream.write_all(answer.as_bytes());
    });
    url
}

#[test]
fn what_is_not_berth_is_told_apart_and_followed_nowhere() {
    for (answer, code, told) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            8,
            "its answer is no JSON",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/thief\r\nContent-Length: 0\r\n\r\n",
            8,
            "points to http://127.0.0.1:1/thief",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops",
            8,
            "oops [502]",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
            9,
            "cannot be reached",
        ),
    ] {
        let desk = Desk::new();
        let ended = desk.log_in(&impostor(answer), SECRET_KEY, &["--access-key-id", ACCESS_KEY_ID]);
        assert_eq!(ended.status.code(), Some(code), "{answer}: {}", ended.err);
        assert!(ended.err.contains(told), "{told} is not in {}", ended.err);
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = place.run(&["completions", shell], &[]);
        assert!(ended.status.success(), "{}", ended.err);
        assert!(ended.out.contains("login"), "{shell}");
    }
    assert_eq!(place.run(&["completions", "tcsh"], &[]).status.code(), Some(2));
}
