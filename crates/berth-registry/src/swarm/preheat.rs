//! Images that nodes shall have before anybody asks for them. Rows say what is wanted and how each node stands to it, so
//! that any replica can answer, whichever has the node's connection. A node gets what its own login may pull.

mod rule;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_metadata::{NewPreheat, Preheat, PreheatCause, PreheatNode, PreheatWork};
use berth_oci::{Digest, Reference, RepositoryName, Resource, Scope, ScopeAction, Tag};

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;

pub use rule::{PreheatPlace, WantedPreheatRule};
pub(crate) use run::AheadOfRollout;

/// Most nodes of one preheat.
const NODES_MAX: usize = 10_000;
const NODES_AT_ONCE: i64 = 1_000;
/// Preheats of a repository that are kept.
const KEPT: i64 = 100;
/// How long nodes are told of an image.
const LIFE_MS: i64 = 24 * 3600 * 1000;
/// How long a node that was told of an image is not told again: it may have lost it with its process.
const TOLD_AGAIN_MS: i64 = 10 * 60 * 1000;
/// Images that a node is told of at once.
const JOBS_AT_ONCE: i64 = 20;
/// How long a node counts as connected after it was met.
const CONNECTED_MS: i64 = 60_000;
/// Most labels of a node, and that choose nodes; longest name or value of one, in bytes.
const LABELS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 253;
/// Longest text that a node says of its failure, in characters.
const DETAIL_CHARS_MAX: usize = 300;

/// An image to have on nodes.
#[derive(Clone, Debug)]
pub struct WantedPreheat {
    /// Its tag, or the digest of its manifest.
    pub reference: Reference,
    /// The nodes that have all of these; all nodes when there are none.
    pub labels: BTreeMap<String, String>,
}

/// An image that a node shall have.
#[derive(Clone, Debug)]
pub struct NodeJob {
    /// Its id.
    pub id: i64,
    /// The repository.
    pub repository: String,
    /// The manifest.
    pub manifest: Digest,
    /// A token that may pull it and nothing else.
    pub token: String,
}

/// What a node is told.
#[derive(Clone, Debug, Default)]
pub struct NodeWork {
    /// Images that it shall have.
    pub jobs: Vec<NodeJob>,
    /// Jobs that it was told of and that are wanted no more.
    pub over: Vec<i64>,
}

/// What became of an image on a node.
#[derive(Clone, Debug)]
pub struct NodeDone {
    /// The job's id.
    pub id: i64,
    /// Whether all of the image is there.
    pub is_complete: bool,
    /// Why it is not.
    pub detail: String,
}

impl Registry {
    /// Has an image on the connected nodes of its account that have all of the labels, for who may push it. `Invalid` when
    /// there is no such node.
    pub async fn create_preheat(
        self: &Arc<Self>,
        caller: &Caller,
        name: &RepositoryName,
        wanted: &WantedPreheat,
    ) -> Result<Preheat, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let labels = labels_text(&wanted.labels)?;
        let manifest = self.manifest_descriptor(caller, name, &wanted.reference).await?;
        let nodes = self.connected_nodes(&held.account_id, &wanted.labels).await?;
        if nodes.is_empty() {
            return Err(Error::Invalid(
                "no connected node of the image's account has all of these labels".to_owned(),
            ));
        }
        if nodes.len() > NODES_MAX {
            return Err(Error::Invalid(format!(
                "an image goes to at most {NODES_MAX} nodes at once"
            )));
        }
        let now = now_ms();
        let new = NewPreheat {
            repository_id: held.id,
            tag: match &wanted.reference {
                Reference::Tag(tag) => Some(Tag::to_string(tag)),
                Reference::Digest(_) => None,
            },
            digest: manifest.digest,
            labels,
            wanted_by: PreheatCause::Request,
            creator: (caller.user_id().map(str::to_owned), caller.user_name().to_owned()),
            nodes: (held.account_id, nodes),
            times: (now, now + LIFE_MS),
            most: KEPT,
        };
        let unknown = || Error::RepositoryUnknown(name.to_string());
        let id = self.metadata.create_preheat(new).await?.ok_or_else(unknown)?;
        self.wake_nodes().await?;
        self.metadata.preheat(held.id, id).await?.ok_or_else(unknown)
    }

    /// The images of a repository that nodes shall have, the newest first, for those with a right on it.
    pub async fn preheats(&self, caller: &Caller, name: &RepositoryName) -> Result<Vec<Preheat>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        Ok(self.metadata.preheats(held.id, None, KEPT).await?)
    }

    /// One of them, with how each node stands to it.
    pub async fn preheat(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: i64,
    ) -> Result<(Preheat, Vec<PreheatNode>), Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let found = self.metadata.preheat(held.id, id).await?;
        let found = found.ok_or_else(|| unknown(id))?;
        let nodes_max = i64::try_from(NODES_MAX).unwrap_or(i64::MAX);
        let nodes = self.metadata.preheat_nodes(id, None, nodes_max).await?;
        Ok((found, nodes))
    }

    /// Tells no node of it any more, for who may push the image; what nodes have they keep.
    pub async fn cancel_preheat(&self, caller: &Caller, name: &RepositoryName, id: i64) -> Result<(), Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let cancelled = self.metadata.cancel_preheat(held.id, id, now_ms()).await?;
        cancelled.then_some(()).ok_or_else(|| unknown(id))
    }

    /// The connected nodes of an account that have all of the labels; a few more than [`NODES_MAX`] when there are more.
    async fn connected_nodes(
        &self,
        account_id: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, Error> {
        let since = connected_since(now_ms());
        let (mut found, mut last) = (Vec::new(), None::<(String, String)>);
        loop {
            let after = last.as_ref().map(|(account, id)| (account.as_str(), id.as_str()));
            let page = self
                .metadata
                .nodes(Some(account_id), since, after, NODES_AT_ONCE)
                .await?;
            let Some(end) = page.last() else { return Ok(found) };
            last = Some((end.met.account_id.clone(), end.met.id.clone()));
            for node in page {
                let has: BTreeMap<String, String> =
                    serde_json::from_str(&node.met.labels).unwrap_or_default();
                if labels.iter().all(|(name, value)| has.get(name) == Some(value)) {
                    found.push(node.met.id);
                }
            }
            if found.len() > NODES_MAX {
                return Ok(found);
            }
        }
    }

    /// What a node shall have that it was not told of, as far as its login may pull it, and what it shall have no more.
    pub(super) async fn node_work(
        &self,
        caller: &Caller,
        (account_id, node): (&str, &str),
    ) -> Result<NodeWork, Error> {
        let now = now_ms();
        let times = (now, now - TOLD_AGAIN_MS);
        let work = self
            .metadata
            .take_preheats((account_id, node), times, JOBS_AT_ONCE)
            .await?;
        let (mut told, mut failed) = (NodeWork::default(), Vec::new());
        for work in work {
            if work.is_over {
                told.over.push(work.id);
                continue;
            }
            let id = work.id;
            match self.node_job(caller, work).await {
                Ok(job) => told.jobs.push(job),
                Err(Error::Denied(_) | Error::InsufficientScope(_) | Error::RepositoryUnknown(_)) => {
                    let detail = "the login of the node may not pull this image".to_owned();
                    failed.push((id, "failed".to_owned(), detail));
                }
                // It counts as told and is told again later; the others are not told twice.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(preheat = id, error, "a node could not be told of an image");
                }
            }
        }
        if !failed.is_empty() {
            let settled = self.metadata.settle_preheats(account_id, node, failed, now);
            if let Err(error) = settled.await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "what a node may not pull could not be noted");
            }
        }
        Ok(told)
    }

    async fn node_job(&self, caller: &Caller, work: PreheatWork) -> Result<NodeJob, Error> {
        let manifest = work.digest.parse();
        let manifest = manifest.map_err(|error| Error::internal("reading a stored digest", error))?;
        Ok(NodeJob {
            id: work.id,
            token: self.node_token(caller, &work.repository).await?,
            repository: work.repository,
            manifest,
        })
    }

    async fn node_token(&self, caller: &Caller, repository: &str) -> Result<String, Error> {
        let name: RepositoryName = repository
            .parse()
            .map_err(|error| Error::internal("reading a stored name", error))?;
        self.require(caller, Action::Pull, &name).await?;
        let scope = Scope {
            resource: Resource::Repository(name),
            actions: [ScopeAction::Pull].into_iter().collect(),
        };
        Ok(self.issue_token(caller, &[scope]).await?.token)
    }

    /// Notes what became of images on a node.
    pub(super) async fn settle_node(
        &self,
        (account_id, node): (&str, &str),
        done: Vec<NodeDone>,
    ) -> Result<(), Error> {
        if done.is_empty() {
            return Ok(());
        }
        let states = done.into_iter().map(|done| {
            let state = if done.is_complete { "complete" } else { "failed" };
            let detail = done.detail.chars().filter(|char| !char.is_control());
            (done.id, state.to_owned(), detail.take(DETAIL_CHARS_MAX).collect())
        });
        Ok(self
            .metadata
            .settle_preheats(account_id, node, states.collect(), now_ms())
            .await?)
    }
}

/// Labels of a node, or that choose nodes, as they are stored.
pub(crate) fn labels_text(labels: &BTreeMap<String, String>) -> Result<String, Error> {
    let is_long = |(name, value): (&String, &String)| name.len().max(value.len()) > LABEL_BYTES_MAX;
    if labels.len() > LABELS_MAX || labels.iter().any(is_long) {
        return Err(Error::Invalid(format!(
            "there are at most {LABELS_MAX} labels, which have at most {LABEL_BYTES_MAX} bytes, and so have their values"
        )));
    }
    serde_json::to_string(labels).map_err(|error| Error::internal("writing labels", error))
}

/// Who was met since then counts as connected.
pub(crate) fn connected_since(now: i64) -> i64 {
    now - CONNECTED_MS
}

fn unknown(id: i64) -> Error {
    Error::Unknown(format!("the preheat {id}"))
}
