//! How Berth signs in to a cluster: read from what people send, sealed, opened again, and used.

use berth_metadata::Cluster;
use reqwest::Url;
use zeroize::Zeroizing;

use crate::kubernetes::{Credential, Kubeconfig, Kubernetes, KubernetesError, Place};
use crate::outbound::OutboundClass;
use crate::remote::checked_url;
use crate::{Error, Registry};

/// A token of a service account has some thousand characters.
const TOKEN_LENGTH_MAX: usize = 16 * 1024;
const CERTIFICATES_LENGTH_MAX: usize = 64 * 1024;
/// What is sealed: a bearer token as it is.
const TOKEN: &str = "token";
/// What is sealed: a client certificate and its key, as JSON.
const CERTIFICATE: &str = "certificate";

/// Where a cluster is and how Berth signs in, as people send it: a server with a token, or a kubeconfig.
#[derive(Clone, Default)]
pub struct ClusterLogin {
    /// The address of its API server.
    pub server: Option<String>,
    /// Certificates in PEM to trust its server by; empty for those that the machine trusts.
    pub certificate_authority: Option<String>,
    /// The bearer token to sign in with.
    pub token: Option<String>,
    /// The text of a kubeconfig, in the place of the others.
    pub kubeconfig: Option<String>,
    /// The context in it that is meant; its current one when absent.
    pub context: Option<String>,
}

/// The parts of a login that were sent, checked.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) server: Option<String>,
    pub(super) certificate_authority: Option<String>,
    pub(super) credential: Option<Credential>,
}

/// A sealed login, and what kind of one.
pub(super) struct Sealed {
    pub(super) kind: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl ClusterLogin {
    /// All of it, for a cluster that is not known yet.
    pub(super) fn place(&self) -> Result<Place, Error> {
        let sent = self.changes()?;
        let missing = |what: &str| {
            Error::Invalid(format!(
                "{what} is missing: a cluster is registered with its server and a token, or with a kubeconfig"
            ))
        };
        Ok(Place {
            server: sent.server.ok_or_else(|| missing("server"))?,
            certificate_authority: sent.certificate_authority.unwrap_or_default(),
            credential: sent.credential.ok_or_else(|| missing("token"))?,
        })
    }

    pub(super) fn changes(&self) -> Result<Changes, Error> {
        if let Some(text) = &self.kubeconfig {
            return self.of_kubeconfig(text);
        }
        if self.context.is_some() {
            return Err(Error::Invalid("context goes with kubeconfig".to_owned()));
        }
        let server = self.server.as_deref().map(checked_server).transpose()?;
        let certificate_authority = self.certificate_authority.clone();
        check_certificates(certificate_authority.as_deref().unwrap_or_default())?;
        if let Some(token) = &self.token {
            check_token(token)?;
        }
        Ok(Changes {
            server,
            certificate_authority,
            credential: self.token.clone().map(Credential::Token),
        })
    }

    fn of_kubeconfig(&self, text: &str) -> Result<Changes, Error> {
        if self.server.is_some() || self.certificate_authority.is_some() || self.token.is_some() {
            return Err(Error::Invalid(
                "kubeconfig stands in the place of server, certificate_authority and token".to_owned(),
            ));
        }
        let read = Kubeconfig::read(text, self.context.as_deref());
        let place = read.map_err(|error| Error::Invalid(error.to_string()))?.place;
        check_certificates(&place.certificate_authority)?;
        if let Credential::Token(token) = &place.credential {
            check_token(token)?;
        }
        Ok(Changes {
            server: Some(checked_server(&place.server)?),
            certificate_authority: Some(place.certificate_authority),
            credential: Some(place.credential),
        })
    }
}

impl Registry {
    pub(super) fn seal_login(
        &self,
        account_id: &str,
        cluster_id: &str,
        credential: &Credential,
    ) -> Result<Sealed, Error> {
        let (kind, text) = match credential {
            Credential::Token(token) => (TOKEN, Zeroizing::new(token.clone().into_bytes())),
            Credential::Certificate { .. } => {
                let text = serde_json::to_vec(credential);
                let text = text.map_err(|error| Error::internal("writing a login", error))?;
                (CERTIFICATE, Zeroizing::new(text))
            }
        };
        let bytes = self
            .master_key()
            .seal(&context(kind, account_id, cluster_id), &text)?;
        Ok(Sealed { kind, bytes })
    }

    fn open_login(&self, cluster: &Cluster) -> Result<Credential, Error> {
        let kind = cluster.credential_kind.as_str();
        let context = context(kind, &cluster.account_id, &cluster.cluster_id);
        let text = self.master_key().open(&context, &cluster.credential_encrypted)?;
        if kind == TOKEN {
            return Ok(Credential::Token(String::from_utf8_lossy(&text).into_owned()));
        }
        serde_json::from_slice(&text).map_err(|error| Error::internal("reading a login", error))
    }

    /// A registered cluster, to be spoken to. `Err` inside when it may not be reached at all, with the reason.
    pub(crate) fn kubernetes(&self, cluster: &Cluster) -> Result<Result<Kubernetes, KubernetesError>, Error> {
        let place = Place {
            server: cluster.server.clone(),
            certificate_authority: cluster.certificate_authority.clone(),
            credential: self.open_login(cluster)?,
        };
        let url: Option<Url> = place.server.parse().ok();
        // An address in a URL is never resolved, so the client's resolver does not hear of it.
        let judged = url.map(|url| self.outbound().check_url(OutboundClass::Registered, &url));
        if let Some(Err(refusal)) = judged {
            return Ok(Err(KubernetesError::Refused(refusal.to_string())));
        }
        let http = self.outbound().builder(OutboundClass::Registered);
        Ok(Kubernetes::new(http, &place))
    }
}

/// What a login is sealed for.
fn context(kind: &str, account_id: &str, cluster_id: &str) -> String {
    format!("{kind} of cluster {cluster_id} of account {account_id}")
}

fn checked_server(text: &str) -> Result<String, Error> {
    let server = checked_url("server", text)?;
    if server.starts_with("https://") {
        return Ok(server);
    }
    Err(Error::Invalid(
        "server begins with https://: without TLS everybody on the way could read the login".to_owned(),
    ))
}

fn check_token(token: &str) -> Result<(), Error> {
    if !token.is_empty()
        && token.len() <= TOKEN_LENGTH_MAX
        && token.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "token is the bearer token of a service account: 1 to {TOKEN_LENGTH_MAX} visible characters"
    )))
}

fn check_certificates(pem: &str) -> Result<(), Error> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = pem.trim();
    let whole = text.starts_with(BEGIN) && text.ends_with(END) && !text.contains('\0');
    if text.is_empty() || (whole && text.len() <= CERTIFICATES_LENGTH_MAX) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "certificate_authority is empty or holds certificates in PEM, from {BEGIN} to {END}, at most \
         {CERTIFICATES_LENGTH_MAX} characters"
    )))
}
