//! How far a run of a trigger is, as its row keeps it: whatever process goes on with it finds all there is to know.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::kubernetes::{Change, ContainerChange};

/// How far a run is. Fields that are not there are not yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RunState {
    /// Nodes that are to have the image first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ahead: Option<Ahead>,
    /// The image that the workload is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
    /// The change of another run that this one puts back, instead of setting an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) puts_back: Option<PutBack>,
    /// The row of the cluster whose workload was changed, or is to be put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<i64>,
    /// What was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set: Option<Set>,
    /// How often the cluster refused it for want of rights.
    pub(super) refusals: u32,
    /// Why what was changed is put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undoing: Option<Undoing>,
}

/// How nodes stand to an image that they are to have before a run sets it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ahead {
    /// The preheat; none when there was nobody to tell.
    pub id: Option<i64>,
    /// When they were told, milliseconds since the epoch; when those of the first run were told where others took the place of
    /// one that waited.
    pub since: i64,
    /// How many were told.
    pub nodes: i64,
    /// How many have it, at the last look.
    pub complete: i64,
    /// How many could not get it.
    pub failed: i64,
    /// What it came to, and when.
    pub ended: Option<(AheadEnd, i64)>,
}

/// What waiting for nodes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AheadEnd {
    /// All of them have it.
    Complete,
    /// Some could not get it, or it was cancelled.
    Incomplete,
    /// The time was over.
    Timeout,
    /// No connected node had the labels.
    NoNodes,
}

impl Ahead {
    /// In words.
    pub(super) fn said(&self) -> String {
        let (complete, nodes) = (self.complete, self.nodes);
        match self.ended {
            None => format!("{complete} of {nodes} nodes have the image"),
            Some((AheadEnd::Complete, _)) => format!("{complete} of {nodes} nodes had the image before"),
            Some((AheadEnd::Incomplete, _)) => {
                format!("{complete} of {nodes} nodes had the image before, the others could not get it")
            }
            Some((AheadEnd::Timeout, _)) => {
                format!(
                    "{complete} of {nodes} nodes had the image before, the others were not waited for any longer"
                )
            }
            Some((AheadEnd::NoNodes, _)) => "there was no node to have the image before".to_owned(),
        }
    }
}

/// A change to put back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PutBack {
    pub(super) change: Change,
    /// What is set where the image's name was the same before: what the tag named then.
    pub(super) instead: Option<String>,
}

/// A change, and when the workload had it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Set {
    pub(super) change: Change,
    /// Milliseconds since the epoch.
    pub(super) at: i64,
}

/// A rollout that failed and is undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Undoing {
    pub(super) why: String,
    pub(super) set: Option<Set>,
}

/// The image of a container, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// The container.
    pub container: String,
    /// The image that it had.
    pub before: String,
    /// The image that it was given.
    pub after: String,
}

impl RunState {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
            .map_err(|error| Error::internal("reading how far a run of a trigger is", error))
    }

    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers can be written as JSON")
    }

    /// The change whose rollout is watched.
    pub(super) fn watched(&self) -> Option<&Set> {
        match &self.undoing {
            Some(undoing) => undoing.set.as_ref(),
            None => self.set.as_ref(),
        }
    }

    /// The change that was made, or is to be put back.
    pub(super) fn change(&self) -> Option<&Change> {
        let set = self.set.as_ref().map(|set| &set.change);
        set.or(self.puts_back.as_ref().map(|back| &back.change))
    }

    /// The images that the containers had, and were given.
    pub(super) fn changes(&self) -> Vec<ImageChange> {
        self.set
            .as_ref()
            .map(|set| changes(&set.change))
            .unwrap_or_default()
    }
}

/// The images of a change.
pub(super) fn changes(change: &Change) -> Vec<ImageChange> {
    let shown = |one: &ContainerChange| ImageChange {
        container: one.name.clone(),
        before: one.before.clone(),
        after: one.after.clone(),
    };
    change.containers.iter().map(shown).collect()
}
