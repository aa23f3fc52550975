//! Clusters that triggers act on. An account's administrators register them; its people see them, never their logins.

mod check;
mod login;
mod look;

use berth_metadata::{Cluster, ClusterCheck, RunningImage};
use berth_oci::RepositoryName;
use berth_oci::excerpt::shown;

use crate::access::{Action, Caller};
use crate::account::{check_name, new_id};
use crate::clock::now_ms;
use crate::remote::{conflict, same_place_or_new_secret};
use crate::{Error, Registry, kubernetes};

pub use login::ClusterLogin;

/// Clusters of one account; a list of them is answered whole.
const CLUSTERS_MAX: i64 = 100;
/// Namespaces that one cluster is looked at in.
const NAMESPACES_MAX: usize = 100;
/// The longest name of a namespace (RFC 1123 label).
const NAMESPACE_LENGTH_MAX: usize = 63;
/// The path of the manifest, which would hide a cluster of that id.
const MANIFEST: &str = "manifest";

/// A cluster to register.
#[derive(Clone)]
pub struct WantedCluster {
    /// The id that triggers name it by; a fresh one when absent.
    pub cluster_id: Option<String>,
    /// The name that people know it by, unique in the account.
    pub name: String,
    /// Where it is, and how Berth signs in.
    pub login: ClusterLogin,
    /// The namespaces that Berth is to work in; nothing stands for all of them.
    pub namespaces: Vec<String>,
    /// Whether it is stored whatever a check would find.
    pub is_unchecked: bool,
}

/// What is to be different about a cluster; what is absent stays.
#[derive(Clone, Default)]
pub struct ClusterChange {
    /// See [`WantedCluster::name`].
    pub name: Option<String>,
    /// See [`WantedCluster::login`]; another server needs its login in the same request.
    pub login: ClusterLogin,
    /// See [`WantedCluster::namespaces`].
    pub namespaces: Option<Vec<String>>,
    /// See [`WantedCluster::is_unchecked`].
    pub is_unchecked: bool,
}

impl Registry {
    /// Registers a cluster of the caller's account, for its administrators; `Exists` when the account has one of that
    /// id or name, `Invalid` with what to do when it cannot be reached or does not let Berth do its work.
    pub async fn register_cluster(&self, caller: &Caller, wanted: WantedCluster) -> Result<Cluster, Error> {
        let user = caller.require_own_administrator()?;
        let cluster_id = wanted.cluster_id.unwrap_or_else(new_id);
        check_name("cluster id", &cluster_id)?;
        if cluster_id == MANIFEST {
            return Err(Error::Invalid(format!("'{MANIFEST}' cannot be a cluster's id")));
        }
        check_name("cluster", &wanted.name)?;
        check_namespaces(&wanted.namespaces)?;
        let place = wanted.login.place()?;
        let sealed = self.seal_login(&user.account_id, &cluster_id, &place.credential)?;
        let now = now_ms();
        let what = format!("a cluster of the id '{cluster_id}' or the name '{}'", wanted.name);
        let others = self.metadata.list_clusters(&user.account_id).await?;
        let is_taken = |other: &Cluster| other.cluster_id == cluster_id || other.name == wanted.name;
        if others.iter().any(is_taken) {
            return Err(Error::Exists(what));
        }
        let mut cluster = Cluster {
            id: 0,
            account_id: user.account_id.clone(),
            cluster_id,
            name: wanted.name,
            server: place.server,
            certificate_authority: place.certificate_authority,
            credential_kind: sealed.kind.to_owned(),
            credential_encrypted: sealed.bytes,
            namespaces: wanted.namespaces,
            check: ClusterCheck::default(),
            looked_at: None,
            look_problem: String::new(),
            created_at: now,
            updated_at: now,
        };
        if !wanted.is_unchecked {
            cluster.check = self.passed(&cluster).await?;
        }
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

    /// Changes a cluster of the caller's account, for its administrators. It is checked again unless only its name
    /// changes.
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
        if let Some(namespaces) = change.namespaces {
            check_namespaces(&namespaces)?;
            cluster.namespaces = namespaces;
        }
        let changed = change.login.changes()?;
        if let Some(server) = changed.server {
            same_place_or_new_secret(&before.server, &server, changed.credential.is_none())?;
            cluster.server = server;
        }
        if let Some(certificates) = changed.certificate_authority {
            cluster.certificate_authority = certificates;
        }
        if let Some(credential) = &changed.credential {
            let sealed = self.seal_login(&user.account_id, cluster_id, credential)?;
            cluster.credential_kind = sealed.kind.to_owned();
            cluster.credential_encrypted = sealed.bytes;
        }
        let is_same = cluster
            == Cluster {
                name: cluster.name.clone(),
                ..before.clone()
            };
        if change.is_unchecked && !is_same {
            cluster.check = ClusterCheck::default();
        } else if !is_same {
            cluster.check = self.passed(&cluster).await?;
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

    /// The Kubernetes objects that give Berth the rights it needs in these namespaces and no others, in the whole cluster
    /// when there are none, as YAML. Their service account is in `home`, or in the first of the namespaces. For the
    /// account's people.
    pub fn cluster_manifest(
        &self,
        caller: &Caller,
        namespaces: &[String],
        home: Option<&str>,
    ) -> Result<String, Error> {
        caller.require_user()?;
        check_namespaces(namespaces)?;
        let home = home
            .or(namespaces.first().map(String::as_str))
            .unwrap_or("default");
        check_namespaces(&[home.to_owned()])?;
        Ok(kubernetes::manifest(home, namespaces))
    }

    /// Where an image runs, as the clusters of its account said last, for those with a right on the image.
    pub async fn workloads(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Vec<RunningImage>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        Ok(self.metadata.running_images(held.id).await?)
    }

    async fn cluster_of(&self, account_id: &str, cluster_id: &str) -> Result<Cluster, Error> {
        let found = self.metadata.cluster(account_id, cluster_id).await?;
        found.ok_or_else(|| unknown(cluster_id))
    }
}

fn check_namespaces(namespaces: &[String]) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |name: &String| {
        let ends = name.bytes().next().is_some_and(plain) && name.bytes().next_back().is_some_and(plain);
        ends && name.len() <= NAMESPACE_LENGTH_MAX && name.bytes().all(|byte| plain(byte) || byte == b'-')
    };
    if namespaces.len() <= NAMESPACES_MAX && namespaces.iter().all(is_label) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "namespaces are at most {NAMESPACES_MAX} names of namespaces: 1 to {NAMESPACE_LENGTH_MAX} lower-case letters, \
         digits and '-', which stands only between others"
    )))
}

fn unknown(cluster_id: &str) -> Error {
    Error::Unknown(format!("cluster '{}'", shown(cluster_id)))
}
