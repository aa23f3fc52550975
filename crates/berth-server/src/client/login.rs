//! `berth login`, `logout`, `whoami` and `profile`: getting a login, proving it, keeping it, forgetting it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::failure::Failure;
use super::options::{Options, variable};
use super::people::myself;
use super::profile::{Credential, DEFAULT, Profile, Profiles, Secret, name};
use super::server::{Server, address, is_readable_on_the_way};
use super::terminal::{notice, secret};
use crate::table::Table;

/// What `berth login --help` ends with.
pub(super) const EXAMPLES: &str = "Examples:
  berth login https://hub.example.com --access-key-id AKEXAMPLE0001
  berth login https://hub.example.com --account team --user mary
  berth login http://localhost:5000 --access-key-id AKEXAMPLE0001 --secret-stdin < key.txt
  berth login --profile work        (again, as before)";

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[arg(value_parser = address, help = "The server's address [default: the profile's] [variable: BERTH_URL]")]
    url: Option<String>,
    /// Log in with this access key; its secret is asked for
    #[arg(long, value_name = "ID", conflicts_with_all = ["account", "user"])]
    access_key_id: Option<String>,
    /// Log in as a user of this account; the password is asked for
    #[arg(long, value_name = "ACCOUNT", requires = "user")]
    account: Option<String>,
    /// Log in as this user
    #[arg(long, value_name = "USER", requires = "account")]
    user: Option<String>,
    /// Read the secret or the password from standard input
    #[arg(long, visible_alias = "password-stdin")]
    secret_stdin: bool,
    /// Believe certificates of this authority too, a PEM file
    #[arg(long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileVerb {
    /// List the logins that are kept
    #[command(after_help = "Example:\n  berth profile list")]
    List,
    /// Use this login from now on
    #[command(after_help = "Example:\n  berth profile use work")]
    Use {
        /// Its name
        #[arg(value_parser = name)]
        name: String,
    },
}

/// Who proves themselves, and with what.
enum Way {
    Key { access_key_id: String },
    Password { account: String, user: String },
}

pub(super) async fn login(options: &Options, wanted: Login) -> Result<Table, Failure> {
    let profiles = Profiles::of_this_user()?;
    let name = options.profile_name(&profiles)?;
    // A broken profile is what a new login is for.
    let before = profiles.find(&name).unwrap_or_default();
    let url = url(wanted.url, before.as_ref())?;
    let way = way(
        wanted.access_key_id,
        wanted.account.zip(wanted.user),
        before.as_ref(),
    )?;
    let ca_certificate = ca_certificate(wanted.ca_cert, before.as_ref().filter(|before| before.url == url))?;
    if is_readable_on_the_way(&url) {
        notice(&format!(
            "{url} is plain HTTP: whoever is on the way can read what is sent and take the login"
        ));
    }
    let bare = |credential| Server::new(&url, ca_certificate.as_deref(), credential);
    let credential = match &way {
        Way::Key { access_key_id } => Credential::Key {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret("secret access key", wanted.secret_stdin)?,
        },
        Way::Password { account, user } => {
            let password = secret("password", wanted.secret_stdin)?;
            token(&bare(None)?, account, user, &password).await?
        }
    };
    let who = myself(&bare(Some(credential.clone()))?).await?;
    let profile = Profile {
        url,
        ca_certificate,
        account: who.account,
        user: who.user,
        credential,
    };
    profiles.save(&name, &profile)?;
    profiles.choose(&name)?;
    Ok(document(&name, &profile))
}

fn url(given: Option<String>, before: Option<&Profile>) -> Result<String, Failure> {
    if let Some(url) = given.or_else(|| before.map(|profile| profile.url.clone())) {
        return Ok(url);
    }
    match variable("BERTH_URL") {
        Some(url) => address(&url).map_err(|why| Failure::Usage(format!("BERTH_URL: {why}"))),
        None => Err(Failure::Usage(
            "where to? Say `berth login https://HOST`".to_owned(),
        )),
    }
}

/// How somebody logs in, who may have logged in before.
fn way(
    access_key_id: Option<String>,
    person: Option<(String, String)>,
    before: Option<&Profile>,
) -> Result<Way, Failure> {
    if let Some(access_key_id) = access_key_id {
        return Ok(Way::Key { access_key_id });
    }
    if let Some((account, user)) = person {
        return Ok(Way::Password { account, user });
    }
    match before.map(|profile| (profile, &profile.credential)) {
        Some((_, Credential::Key { access_key_id, .. })) => Ok(Way::Key {
            access_key_id: access_key_id.clone(),
        }),
        Some((profile, Credential::Token { .. })) => Ok(Way::Password {
            account: profile.account.clone(),
            user: profile.user.clone(),
        }),
        None => Err(Failure::Usage(
            "as whom? Say --access-key-id ID, or --account ACCOUNT --user USER".to_owned(),
        )),
    }
}

/// The file of an authority as it is found from every folder.
fn ca_certificate(given: Option<PathBuf>, before: Option<&Profile>) -> Result<Option<PathBuf>, Failure> {
    let Some(given) = given else {
        return Ok(before.and_then(|profile| profile.ca_certificate.clone()));
    };
    let found = std::fs::canonicalize(&given);
    let found =
        found.map_err(|error| Failure::Here(format!("{} cannot be read: {error}", given.display())))?;
    Ok(Some(found))
}

/// A token for a password.
async fn token(server: &Server, account: &str, user: &str, password: &Secret) -> Result<Credential, Failure> {
    let person = json!({ "domain": { "name": account }, "name": user, "password": password.expose() });
    let body = json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": person } },
        "scope": { "domain": { "name": account } },
    }});
    let answer = server.send(Method::POST, "/v3/auth/tokens", Some(&body)).await?;
    let (token, end) = (
        answer.header("x-subject-token"),
        answer.body["token"]["expires_at"].as_str(),
    );
    match (token, end) {
        (token, Some(end)) if !token.is_empty() => Ok(Credential::Token {
            token: Secret::new(token.to_owned()),
            token_expires_at: end.to_owned(),
        }),
        _ => Err(Failure::Strange {
            url: server.url().to_owned(),
            why: "it gave no token".to_owned(),
        }),
    }
}

pub(super) fn logout(options: &Options) -> Result<Table, Failure> {
    let profiles = Profiles::of_this_user()?;
    let name = options.profile_name(&profiles)?;
    if !profiles.remove(&name)? {
        return Err(Failure::NotLoggedIn(format!("there is no login named {name}")));
    }
    if profiles.current()? == name {
        profiles.choose(DEFAULT)?;
    }
    Ok(Table::one(&["profile", "removed"], [json!(name), json!(true)]))
}

pub(super) async fn whoami(options: &Options) -> Result<Table, Failure> {
    let server = options.server()?;
    let who = myself(&server).await?;
    Ok(Table::one(
        &["url", "region", "account", "user", "user_id", "administrator"],
        [
            json!(server.url()),
            json!(who.region),
            json!(who.account),
            json!(who.user),
            json!(who.user_id),
            json!(who.is_administrator),
        ],
    ))
}

pub(super) fn profile(options: &Options, verb: ProfileVerb) -> Result<Table, Failure> {
    let profiles = Profiles::of_this_user()?;
    match verb {
        ProfileVerb::List => {
            let current = options.profile_name(&profiles)?;
            let mut rows = Vec::new();
            for name in profiles.names()? {
                // One that cannot be read is shown as far as it is known.
                let profile = profiles.find(&name).unwrap_or_default();
                let fields = profile.as_ref().map(|profile| row(&name, profile));
                let [_, url, account, user, key, end] = fields.unwrap_or_default();
                rows.push([json!(name), json!(name == current), url, account, user, key, end]);
            }
            let columns = &[
                "profile",
                "in_use",
                "url",
                "account",
                "user",
                "access_key_id",
                "expires_at",
            ];
            Ok(Table::list(columns, rows))
        }
        ProfileVerb::Use { name } => {
            let Some(profile) = profiles.find(&name)? else {
                return Err(Failure::NotLoggedIn(format!("there is no login named {name}")));
            };
            profiles.choose(&name)?;
            Ok(document(&name, &profile))
        }
    }
}

const COLUMNS: &[&str; 6] = &["profile", "url", "account", "user", "access_key_id", "expires_at"];

fn document(name: &str, profile: &Profile) -> Table {
    Table::one(COLUMNS, row(name, profile))
}

fn row(name: &str, profile: &Profile) -> [Value; 6] {
    let (key, end) = match &profile.credential {
        Credential::Key { access_key_id, .. } => (json!(access_key_id), Value::Null),
        Credential::Token { token_expires_at, .. } => (Value::Null, json!(token_expires_at)),
    };
    [
        json!(name),
        json!(profile.url),
        json!(profile.account),
        json!(profile.user),
        key,
        end,
    ]
}
