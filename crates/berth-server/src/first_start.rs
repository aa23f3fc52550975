//! What the first start shows, once: the generated secrets and the commands that log in, push and pull.

use std::fmt::Write as _;

use berth_registry::FirstCredentials;

/// The text for standard output; `None` when nothing was generated, so that nothing secret is ever printed unasked.
pub(crate) fn announcement(made: &FirstCredentials, url: &str, region: &str) -> Option<String> {
    let program = program();
    if made.generated_password.is_none() && made.generated_access_key.is_none() {
        return None;
    }
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let (account, user) = (&made.account, &made.user);
    let mut text = String::from("\nBerth is ready. These secrets are shown this once: keep them.\n\n");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<18}{value}");
    };
    line("console", &format!("{url}/"));
    line("account", account);
    line("user name", user);
    if let Some(password) = &made.generated_password {
        line("password", password);
    }
    let mut login = format!("docker login -u {account}/{user} {host}");
    if let Some(pair) = &made.generated_access_key {
        line("access key (AK)", &pair.access_key_id);
        line("secret key (SK)", &pair.secret_key);
        login = format!(
            "docker login -u {region}@{} -p {} {host}",
            pair.access_key_id,
            pair.login_key()
        );
    }
    let _ = write!(
        text,
        "\nImages live in organizations. Make one, then log in, push and pull:\n\n  \
         {program} admin org create demo --account {account}\n  \
         {login}\n  \
         docker push {host}/demo/app:1.0\n  \
         docker pull {host}/demo/app:1.0\n\n"
    );
    Some(text)
}

/// The program as this process was started, where a shell would find it only by its path.
fn program() -> String {
    let started_as = std::env::args().next().unwrap_or_default();
    let has_path = started_as.ends_with("/berth");
    if has_path { started_as } else { "berth".to_owned() }
}

#[cfg(test)]
mod tests {
    use berth_registry::AccessKeyPair;

    use super::*;

    fn made(password: Option<&str>, key: Option<(&str, &str)>) -> FirstCredentials {
        FirstCredentials {
            account: "berth".to_owned(),
            user: "admin".to_owned(),
            generated_password: password.map(str::to_owned),
            generated_access_key: key.map(|(id, secret)| AccessKeyPair {
                access_key_id: id.to_owned(),
                secret_key: secret.to_owned(),
            }),
        }
    }

    #[test]
    fn nothing_is_said_when_everything_was_given() {
        assert_eq!(
            announcement(&made(None, None), "http://localhost:5000", "local"),
            None
        );
    }

    #[test]
    fn generated_secrets_come_with_commands_that_can_be_pasted() {
        let key = Some(("AKEXAMPLE0001", "SKexampleSecret0001"));
        let text = announcement(&made(Some("generated"), key), "http://localhost:5000", "local").unwrap();
        for line in [
            "  console           http://localhost:5000/",
            "  password          generated",
            "  access key (AK)   AKEXAMPLE0001",
            "  secret key (SK)   SKexampleSecret0001",
            "  berth admin org create demo --account berth",
            "  docker login -u local@AKEXAMPLE0001 -p 50e8d05e959cb9a7cc1cc5ebc12406f96673b34b23750610eb19493668007d3e localhost:5000",
            "  docker push localhost:5000/demo/app:1.0",
            "  docker pull localhost:5000/demo/app:1.0",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line:?} is not in {text}"
            );
        }
    }

    #[test]
    fn a_given_secret_is_not_repeated() {
        let text = announcement(&made(Some("generated"), None), "https://r.example", "local").unwrap();
        assert!(!text.contains("secret key"), "{text}");
        assert!(text.contains("docker login -u berth/admin r.example"), "{text}");
    }
}
