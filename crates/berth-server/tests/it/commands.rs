//! `berth` as a client: commands against a running server, as a person types them and as a script reads them.

mod audit;
mod bin;
mod failures;
mod grants;
mod images;
mod immutability;
mod lazy;
mod logins;
mod maintenance;
mod organizations;
mod people;
mod policies;
mod preheats;
mod profiles;
mod shares;

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::berth::{Ended, Place};
use crate::installation::{ACCESS_KEY_ID, Installation, SECRET_KEY};
use crate::world::World;

/// A person's computer: a folder of its own, and logins in it.
pub(crate) struct Desk {
    place: Place,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { place: Place::new() }
    }

    /// A desk with an administrator's login at the server.
    pub(crate) fn of_the_administrator(installation: &Installation) -> Self {
        let desk = Self::new();
        let ended = desk.log_in(
            &installation.url(),
            SECRET_KEY,
            &["--access-key-id", ACCESS_KEY_ID],
        );
        assert!(ended.status.success(), "{}", ended.err);
        desk
    }

    /// A desk with the administrator's login at a world's server.
    pub(crate) fn at(world: &World) -> Self {
        let desk = Self::new();
        let url = format!("http://{}", world.address());
        let ended = desk.log_in(&url, SECRET_KEY, &["--access-key-id", ACCESS_KEY_ID]);
        assert!(ended.status.success(), "{}", ended.err);
        desk
    }

    pub(crate) fn log_in(&self, url: &str, secret: &str, arguments: &[&str]) -> Ended {
        let arguments = [&["login", url, "--secret-stdin"], arguments].concat();
        self.run_with(&arguments, &[], secret)
    }

    /// Runs a command to its end with variables and standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
        let home = self.place.0.path().join("config");
        let mut command = self.place.command(arguments, variables);
        command
            .env("XDG_CONFIG_HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            status: output.status,
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The answer for people.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let ended = self.run_with(arguments, &[], "");
        assert!(ended.status.success(), "{arguments:?}: {}", ended.err);
        ended.out
    }

    /// The answer for programs.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.says(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// The exit code and the error of a command that must fail, for programs.
    pub(crate) fn fails(&self, arguments: &[&str], code: i32) -> Value {
        let ended = self.run_with(&[arguments, &["--output", "json"]].concat(), &[], "");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{arguments:?}");
        let mut error: Value = serde_json::from_str(&ended.err)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.err));
        error["error"].take()
    }

    /// A command line that is refused before anything is asked of a server.
    pub(crate) fn misuses(&self, arguments: &[&str]) {
        let ended = self.run_with(arguments, &[], "");
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {}", ended.err);
    }
}
