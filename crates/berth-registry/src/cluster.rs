//! Clusters that triggers act on. An account's administrators register them; its people see them, never their tokens.

use berth_metadata::Cluster;

use crate::access::Caller;
use crate::account::{check_name, new_id};
use crate::clock::now_ms;
use crate::remote::{checked_url, conflict, same_place_or_new_secret};
use crate::{Error, Registry};

/// Clusters of one account; a list of them is answered whole.
const CLUSTERS_MAX: i64 = 100;
/// A token of a service account has some thousand characters.
const TOKEN_LENGTH_MAX: usize = 16 * 1024;
const CERTIFICATES_LENGTH_MAX: usize = 64 * 1024;

/// A cluster to register.
#[derive(Clone)]
pub struct WantedCluster {
    /// The id that triggers name it by; a fresh one when absent.
    pub cluster_id: Option<String>,
    /// The name that people know it by, unique in the account.
    pub name: String,
    /// The address of its API server.
    pub server: String,
    /// Certificates in PEM to trust its server by; empty for those that the machine trusts.
    pub certificate_authority: String,
    /// The bearer token to sign in with.
    pub token: String,
}

/// What is to be different about a cluster; what is absent stays.
#[derive(Clone, Default)]
pub struct ClusterChange {
    /// See [`WantedCluster::name`].
    pub name: Option<String>,
    /// See [`WantedCluster::server`]; another server needs its token in the same request.
    pub server: Option<String>,
    /// See [`WantedCluster::certificate_authority`].
    pub certificate_authority: Option<String>,
    /// See [`WantedCluster::token`].
    pub token: Option<String>,
}

impl Registry {
    /// Registers a cluster of the caller's account, for its administrators; `Exists` when the account has one of that
    /// id or name.
    pub async fn register_cluster(&self, caller: &Caller, wanted: WantedCluster) -> Result<Cluster, Error> {
        let user = caller.require_own_administrator()?;
        let cluster_id = wanted.cluster_id.unwrap_or_else(new_id);
        check_name("cluster id", &cluster_id)?;
        check_name("cluster", &wanted.name)?;
        check_certificates(&wanted.certificate_authority)?;
        let server = checked_url("server", &wanted.server)?;
        let now = now_ms();
        let cluster = Cluster {
            id: 0,
            account_id: user.account_id.clone(),
            credential_kind: "token".to_owned(),
            namespaces: Vec::new(),
            check: berth_metadata::ClusterCheck::default(),
            looked_at: None,
            look_problem: String::new(),
            credential_encrypted: self.sealed_token(&user.account_id, &cluster_id, &wanted.token)?,
            cluster_id,
            name: wanted.name,
            server,
            certificate_authority: wanted.certificate_authority,
            created_at: now,
            updated_at: now,
        };
        let what = format!(
            "a cluster of the id '{}' or the name '{}'",
            cluster.cluster_id, cluster.name
        );
        let stored = self.metadata.create_cluster(cluster.clone(), CLUSTERS_MAX).await;
        stored.map_err(|error| conflict(error, &what, CLUSTERS_MAX))?;
        Ok(cluster)
    }

    /// The clusters of the caller's account, by name.
    pub async fn list_clusters(&self, caller: &Caller) -> Result<Vec<Cluster>, Error> {
        let user = caller.require_user()?;
        Ok(self.metadata.list_clusters(&user.account_id).await?)
    }

    /// A cluster of the caller's account.
    pub async fn cluster(&self, caller: &Caller, cluster_id: &str) -> Result<Cluster, Error> {
        let user = caller.require_user()?;
        self.cluster_of(&user.account_id, cluster_id).await
    }

    /// Changes a cluster of the caller's account, for its administrators.
    pub async fn update_cluster(
        &self,
        caller: &Caller,
        cluster_id: &str,
        change: ClusterChange,
    ) -> Result<Cluster, Error> {
        let user = caller.require_own_administrator()?;
        let before = self.cluster_of(&user.account_id, cluster_id).await?;
        let mut cluster = before.clone();
        if let Some(name) = change.name {
            check_name("cluster", &name)?;
            cluster.name = name;
        }
        if let Some(server) = change.server {
            cluster.server = checked_url("server", &server)?;
            same_place_or_new_secret(&before.server, &cluster.server, change.token.is_none())?;
        }
        if let Some(certificates) = change.certificate_authority {
            check_certificates(&certificates)?;
            cluster.certificate_authority = certificates;
        }
        if let Some(token) = change.token {
            cluster.credential_encrypted = self.sealed_token(&user.account_id, cluster_id, &token)?;
        }
        cluster.updated_at = now_ms().max(before.updated_at + 1);
        let what = format!("a cluster of the name '{}'", cluster.name);
        let stored = self
            .metadata
            .update_cluster(cluster.clone(), before.updated_at)
            .await;
        stored.map_err(|error| conflict(error, &what, CLUSTERS_MAX))?;
        Ok(cluster)
    }

    /// Forgets a cluster of the caller's account, for its administrators; `InUse` while triggers name it.
    pub async fn delete_cluster(&self, caller: &Caller, cluster_id: &str) -> Result<(), Error> {
        let user = caller.require_own_administrator()?;
        let found = self.cluster_of(&user.account_id, cluster_id).await?;
        let in_use = format!("cluster '{cluster_id}' is named by triggers: delete them first");
        let deleted = self
            .metadata
            .delete_cluster(&user.account_id, &found.cluster_id)
            .await;
        let done = deleted.map_err(|error| conflict(error, &in_use, CLUSTERS_MAX))?;
        done.then_some(()).ok_or_else(|| unknown(cluster_id))
    }

    async fn cluster_of(&self, account_id: &str, cluster_id: &str) -> Result<Cluster, Error> {
        let found = self.metadata.cluster(account_id, cluster_id).await?;
        found.ok_or_else(|| unknown(cluster_id))
    }

    fn sealed_token(&self, account_id: &str, cluster_id: &str, token: &str) -> Result<Vec<u8>, Error> {
        if token.is_empty()
            || token.len() > TOKEN_LENGTH_MAX
            || !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Error::Invalid(format!(
                "token is the bearer token of a service account: 1 to {TOKEN_LENGTH_MAX} visible characters"
            )));
        }
        let context = format!("token of cluster {cluster_id} of account {account_id}");
        self.master_key().seal(&context, token.as_bytes())
    }
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

fn unknown(cluster_id: &str) -> Error {
    let shown: String = cluster_id.chars().take(64).collect();
    Error::Unknown(format!("cluster '{}'", shown.escape_debug()))
}
