//! The file that `kubectl` signs in with, read as text. What in it would run a program, read a file of this machine, send
//! the login through a proxy or trust any server is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::excerpt::shown;
use kube::config::{AuthInfo, Cluster, Kubeconfig as Parsed};
use secrecy::ExposeSecret as _;
use zeroize::Zeroize as _;

use super::connection::{Credential, Place};
use super::error::KubernetesError;

const LENGTH_MAX: usize = 256 * 1024;

/// What a kubeconfig says of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Kubeconfig {
    /// The cluster, and who we are there.
    pub(crate) place: Place,
}

impl Kubeconfig {
    /// Reads a file's text, for the context of that name, or for its current one. The sentence of a refusal shows nothing
    /// of the file but names.
    pub(crate) fn read(text: &str, context: Option<&str>) -> Result<Self, KubernetesError> {
        if text.len() > LENGTH_MAX {
            return Err(refused(&format!("it has more than {LENGTH_MAX} characters")));
        }
        // What the parser says may quote the file.
        let parsed = Parsed::from_yaml(text).map_err(|_| refused("it is no YAML of that kind"))?;
        let current = parsed.current_context.as_deref().filter(|name| !name.is_empty());
        let wanted = context
            .or(current)
            .ok_or_else(|| refused("it has no current-context: say which of its contexts is meant"))?;
        let named = parsed.contexts.iter().find(|found| found.name == wanted);
        let context = named.and_then(|found| found.context.as_ref()).ok_or_else(|| {
            let all: Vec<String> = parsed
                .contexts
                .iter()
                .map(|found| format!("'{}'", shown(&found.name)))
                .collect();
            refused(&format!(
                "it has no context '{}': it has {}",
                shown(wanted),
                all.join(", ")
            ))
        })?;
        let clusters = parsed.clusters.iter().find(|found| found.name == context.cluster);
        let cluster = clusters.and_then(|found| found.cluster.as_ref());
        let cluster =
            cluster.ok_or_else(|| refused(&format!("it has no cluster '{}'", shown(&context.cluster))))?;
        let user = context.user.as_deref().unwrap_or_default();
        let users = parsed.auth_infos.iter().find(|found| found.name == user);
        let login = users.and_then(|found| found.auth_info.as_ref());
        let login = login.ok_or_else(|| refused(&format!("it has no user '{}'", shown(user))))?;
        Ok(Self {
            place: Place {
                server: cluster.server.clone().unwrap_or_default(),
                certificate_authority: authority(cluster)?,
                credential: credential(login)?,
            },
        })
    }
}

fn authority(cluster: &Cluster) -> Result<String, KubernetesError> {
    if cluster.insecure_skip_tls_verify == Some(true) {
        return Err(refused(
            "insecure-skip-tls-verify would send the login to anybody who answers: put the cluster's certificate into \
             certificate-authority-data",
        ));
    }
    if cluster.proxy_url.is_some() {
        return Err(refused(
            "proxy-url is not used: the cluster must be reachable directly",
        ));
    }
    if cluster.tls_server_name.is_some() {
        return Err(refused(
            "tls-server-name is not used: register the address that the server's certificate is for",
        ));
    }
    match (
        &cluster.certificate_authority_data,
        &cluster.certificate_authority,
    ) {
        (Some(data), _) => decoded("certificate-authority-data", data),
        (None, Some(_)) => Err(a_path("certificate-authority")),
        (None, None) => Ok(String::new()),
    }
}

fn credential(login: &AuthInfo) -> Result<Credential, KubernetesError> {
    if login.exec.is_some() {
        return Err(refused(
            "its user signs in with a program (exec), which is not run here: use a service account's token",
        ));
    }
    if login.auth_provider.is_some() {
        return Err(refused(
            "its user signs in through an auth-provider, which is not run here: use a service account's token",
        ));
    }
    let impersonates = login.impersonate.is_some()
        || login.impersonate_uid.is_some()
        || login.impersonate_groups.is_some()
        || login.impersonate_user_extra.is_some();
    if impersonates {
        return Err(refused("its user acts as another one, which is not done here"));
    }
    for (field, path) in [
        ("tokenFile", &login.token_file),
        ("client-certificate", &login.client_certificate),
        ("client-key", &login.client_key),
    ] {
        if path.is_some() {
            return Err(a_path(field));
        }
    }
    if let Some(token) = &login.token {
        return Ok(Credential::Token(token.expose_secret().to_owned()));
    }
    match (&login.client_certificate_data, &login.client_key_data) {
        (Some(certificate), Some(key)) => Ok(Credential::Certificate {
            certificate: decoded("client-certificate-data", certificate)?,
            key: decoded("client-key-data", key.expose_secret())?,
        }),
        _ => Err(refused(
            "its user has neither a token nor client-certificate-data with client-key-data",
        )),
    }
}

fn decoded(field: &str, data: &str) -> Result<String, KubernetesError> {
    let text: String = data.split_whitespace().collect();
    let bytes = STANDARD.decode(text).unwrap_or_default();
    String::from_utf8(bytes)
        .map_err(|error| error.into_bytes().zeroize())
        .ok()
        .filter(|pem| pem.contains("-----BEGIN "))
        .ok_or_else(|| refused(&format!("{field} is no PEM in base64")))
}

fn a_path(field: &str) -> KubernetesError {
    refused(&format!(
        "{field} is a path, and files of this server are not read: `kubectl config view --flatten --minify --raw` writes \
         what is in them instead"
    ))
}

fn refused(why: &str) -> KubernetesError {
    KubernetesError::Refused(format!("the kubeconfig cannot be used: {why}"))
}

#[cfg(test)]
mod tests;
