//! An OpenID provider of a test's own: oidc-provider from npm, installed once from the lock file, whose people are a file. Ends
//! with the value. And a browser that is led through its pages: curl with a jar of cookies.

use std::process::Command;

use serde_json::Value;

use crate::client::{Client, curl};
use crate::daemon::Daemon;
use crate::home::Home;
use crate::node::script_of;
use crate::server::free_port;

/// The secret of the client `berth`.
pub const SECRET: &str = "a secret of 7 clients";

/// A running provider.
#[derive(Debug)]
pub struct OpenIdProvider {
    home: Home,
    port: u16,
    daemon: Daemon,
}

impl OpenIdProvider {
    /// Starts one that leads browsers back to these addresses, and waits until it answers.
    pub fn start(ways_back: &[String], people: &Value) -> Self {
        let home = Home::new("openid");
        let port = free_port();
        let (node, script) = script_of("openid", "provider.js");
        let file = home.write("people.json", people.to_string());
        let settings = serde_json::json!({ "secret": SECRET, "redirect_uris": ways_back }).to_string();
        let mut command: Command =
            node.command(&[&script, &port.to_string(), &file.to_string_lossy(), &settings]);
        let mut daemon = Daemon::spawn("oidc-provider", &mut command, &home.join("log"));
        daemon.wait_until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { home, port, daemon }
    }

    /// Its address, which is its name.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes what it knows of its people.
    pub fn know(&self, people: &Value) {
        self.home.write("people.json", people.to_string());
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        self.daemon.end();
    }
}

/// A browser with its cookies.
#[derive(Debug)]
pub struct Browser {
    curl: Client,
    jar: String,
}

/// What a browser got.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Where it is led, empty when nowhere.
    pub location: String,
    /// Headers and body.
    pub text: String,
}

impl Browser {
    /// One without cookies.
    pub fn new() -> Self {
        let curl = curl();
        let jar = curl.home().join("cookies").to_string_lossy().into_owned();
        Self { curl, jar }
    }

    /// A page, or where it leads; `form` is what is sent.
    pub fn ask(&self, url: &str, form: Option<&str>) -> Page {
        let mut arguments = vec!["-s", "-i", "-b", &self.jar, "-c", &self.jar];
        if let Some(form) = form {
            arguments.extend(["--data", form]);
        }
        arguments.push(url);
        let text = self.curl.ok(&arguments);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let location = text
            .lines()
            .find_map(|line| {
                line.split_once(": ")
                    .filter(|(name, _)| name.eq_ignore_ascii_case("location"))
            })
            .map(|(_, value)| value.trim().to_owned());
        Page {
            status: status.expect("an answer has a status"),
            location: location.unwrap_or_default(),
            text,
        }
    }

    /// Goes from where a sign-in begins, through the provider's pages as this subject, to the address that the provider
    /// leads back to, and does not go there.
    pub fn sign_in(&self, begin: &str, subject: &str) -> String {
        let mut page = self.ask(begin, None);
        let mut at = begin.to_owned();
        for _ in 0..10 {
            if page.location.contains("/back?") {
                return page.location;
            }
            if page.location.is_empty() {
                let action = page
                    .text
                    .split("action=\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next());
                let action = action
                    .unwrap_or_else(|| panic!("no form at {at}:\n{}", page.text))
                    .to_owned();
                at = absolute(&at, &action);
                page = self.ask(&at, Some(&format!("prompt=login&login={subject}&password=any")));
            } else {
                at = absolute(&at, &page.location);
                page = self.ask(&at, None);
            }
        }
        panic!("the provider leads in circles, at last to {at}:\n{}", page.text);
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

fn absolute(at: &str, target: &str) -> String {
    if target.starts_with("http") {
        return target.to_owned();
    }
    let host = at.split('/').take(3).collect::<Vec<_>>().join("/");
    format!("{host}{target}")
}
