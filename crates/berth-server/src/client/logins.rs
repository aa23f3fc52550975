//! `berth login-command`: a docker login that ends by itself, written as the client wants it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::failure::Failure;
use super::names::with_query;
use super::server::Server;
use crate::table::Table;

/// What `berth login-command --help` ends with.
pub(super) const EXAMPLES: &str = "Examples:
  berth login-command
  berth login-command --hours 1 --client podman
  berth login-command --client kubernetes --name hub | kubectl apply -f -
  berth login-command --output json";

#[derive(Debug, Args)]
pub(crate) struct LoginCommand {
    /// Whom the login is for
    #[arg(long, value_enum, default_value_t = Client::Docker)]
    client: Client,
    /// How long the login is good [default: as the server has it]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=24))]
    hours: Option<u32>,
    /// The name of the Kubernetes secret
    #[arg(long, value_name = "NAME", default_value = "berth-pull-secret", value_parser = object_name)]
    name: String,
}

/// What pulls and pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Client {
    /// docker login
    Docker,
    /// podman login, and buildah's
    Podman,
    /// skopeo login
    Skopeo,
    /// ctr image pull
    Containerd,
    /// crictl pull
    Crictl,
    /// A pull secret for kubectl apply
    Kubernetes,
}

/// A name that Kubernetes takes (RFC 1123); it goes into a document as it is.
fn object_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends_well = !text.starts_with('-') && !text.ends_with('-');
    if (1..=63).contains(&text.len()) && ends_well && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(
            "a name has 1 to 63 lower-case letters, digits and `-`, and neither begins nor ends with `-`"
                .to_owned(),
        )
    }
}

/// A login as the server gave it.
struct Made {
    registry: String,
    user: String,
    password: String,
    expires_at: String,
    auths: Value,
}

/// The command itself, for people; what it is made of, for programs.
pub(super) async fn run(server: &Server, wanted: LoginCommand) -> Result<Table, Failure> {
    let seconds = wanted
        .hours
        .map_or_else(String::new, |hours| (hours * 3600).to_string());
    let target = with_query("/v2/manage/utils/secret", &[("duration_seconds", &seconds)]);
    let answer = server.send(Method::POST, &target, None).await?;
    let strange = || Failure::Strange {
        url: server.url().to_owned(),
        why: "it gave no login".to_owned(),
    };
    let expires_at = answer.header("x-swr-expireat").to_owned();
    let auths = answer.body["auths"].as_object().ok_or_else(strange)?;
    let (registry, entry) = auths.iter().next().ok_or_else(strange)?;
    let decoded = entry["auth"].as_str().and_then(|auth| STANDARD.decode(auth).ok());
    let decoded = decoded
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(strange)?;
    let (user, password) = decoded.split_once(':').ok_or_else(strange)?;
    let made = Made {
        registry: registry.clone(),
        user: user.to_owned(),
        password: password.to_owned(),
        expires_at,
        auths: answer.body.clone(),
    };
    // What people are shown goes to a shell.
    let texts = [&made.registry, &made.user, &made.password];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@[]/+=".contains(&byte);
    if !texts.iter().all(|text| text.bytes().all(is_plain)) {
        return Err(strange());
    }
    let columns = &["command", "registry", "user", "password", "expires_at"];
    let command = command(&wanted, &made, server.url().starts_with("http://"));
    let row = [
        json!(command),
        json!(made.registry),
        json!(made.user),
        json!(made.password),
        json!(made.expires_at),
    ];
    Ok(Table::one(columns, row).said(command))
}

/// The command, told apart where the server has no TLS: most clients insist on it otherwise.
fn command(wanted: &LoginCommand, made: &Made, is_plain: bool) -> String {
    let unverified = if is_plain { "--tls-verify=false " } else { "" };
    let Made {
        registry,
        user,
        password,
        ..
    } = made;
    match wanted.client {
        Client::Docker => format!("docker login -u {user} -p {password} {registry}"),
        Client::Podman => format!("podman login {unverified}-u {user} -p {password} {registry}"),
        Client::Skopeo => format!("skopeo login {unverified}-u {user} -p {password} {registry}"),
        Client::Containerd => {
            let plain = if is_plain { "--plain-http " } else { "" };
            format!("ctr image pull {plain}--user {user}:{password} {registry}/ORG/IMAGE:TAG")
        }
        Client::Crictl => format!("crictl pull --creds {user}:{password} {registry}/ORG/IMAGE:TAG"),
        Client::Kubernetes => {
            let config = STANDARD.encode(made.auths.to_string());
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {}\ntype: kubernetes.io/dockerconfigjson\ndata:\n  \
                 .dockerconfigjson: {config}",
                wanted.name
            )
        }
    }
}
