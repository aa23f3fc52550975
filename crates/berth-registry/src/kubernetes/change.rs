//! Images of workloads set, and set back. A change carries the id of its run into the workload, so that doing it again
//! finds it done, and no change made by others in between is overwritten.

use kube::api::{DynamicObject, Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Kubernetes;
use super::error::KubernetesError;
use super::workload::{Contained, Target, contained};

/// Who changes a workload, in its managed fields.
const FIELD_MANAGER: &str = "berth";
/// The annotation of a workload that says what Berth changed last, as JSON of [`Noted`].
const CHANGED: &str = "berth.registry/changed";
/// The annotation of a pod template that restarts its pods.
const RUN: &str = "berth.registry/run";
/// Bytes that a change may take, as it is noted in the workload.
const CHANGE_BYTES_MAX: usize = 64 << 10;
/// How often a change is tried anew because others changed the workload.
const ATTEMPTS: usize = 6;

/// The image that a workload is to run.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The image's repository under each of the registry's hosts, `host/organization/image`: whose containers are meant.
    pub(crate) repositories: Vec<String>,
    /// The image, `host/organization/image:tag` or with `@digest`.
    pub(crate) image: String,
    /// Whether pods are made anew even when they run an image of that name already, as with a tag that moved.
    pub(crate) restart: bool,
    /// Names this change: the same run changes a workload once, however often it is asked to.
    pub(crate) run: String,
    /// Whether the cluster only says whether it would do it.
    pub(crate) dry_run: bool,
}

/// What was set: all that watching and undoing it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The workload.
    pub(crate) target: Target,
    /// The run that changed it.
    pub(crate) run: String,
    /// Its containers that were meant.
    pub(crate) containers: Vec<ContainerChange>,
    /// Whether anything was sent: not when they run the image already and need no restart.
    pub(crate) is_sent: bool,
}

/// What was set in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContainerChange {
    /// The container.
    pub(crate) name: String,
    /// Whether it is one that initialises.
    pub(crate) is_init: bool,
    /// The image before.
    pub(crate) before: String,
    /// The image that was set.
    pub(crate) after: String,
    /// The image that undoing it sets, where that is not the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) back: Option<String>,
}

impl ContainerChange {
    fn is_of(&self, other: &Self) -> bool {
        self.name == other.name && self.is_init == other.is_init
    }

    /// The image that undoing it sets; `instead` where the names before and after are the same.
    fn image_back<'a>(&'a self, instead: Option<&'a str>) -> Option<&'a str> {
        let before = if self.before == self.after {
            instead
        } else {
            Some(self.before.as_str())
        };
        self.back.as_deref().or(before).filter(|image| !image.is_empty())
    }
}

impl Change {
    /// Lets undoing this go back beyond an earlier change that this one followed: to what undoing that one would have set.
    pub(crate) fn go_back_beyond(&mut self, earlier: &Self, instead: Option<&str>) {
        if earlier.target != self.target {
            return;
        }
        for one in &mut self.containers {
            let same = |other: &&ContainerChange| other.is_of(one) && other.after == one.before;
            let further = earlier.containers.iter().find(same);
            one.back = further
                .and_then(|other| other.image_back(instead))
                .map(str::to_owned);
        }
    }
}

/// What came of setting it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// The images before are set again, by this or before.
    Done(Change),
    /// Somebody else has changed the workload since, and it stays as they left it; says how.
    Overtaken(String),
    /// There is nothing to set back to; says why.
    Impossible(String),
}

/// What the workload's annotation holds.
#[derive(Serialize, Deserialize)]
struct Noted {
    run: String,
    containers: Vec<ContainerChange>,
}

impl Kubernetes {
    /// Sets the image of a workload's containers that are meant.
    pub(crate) async fn set_image(
        &self,
        target: &Target,
        wanted: &Wanted,
    ) -> Result<Change, KubernetesError> {
        let planned = |object: &DynamicObject| {
            let all = contained(&target.kind.template(object)?);
            let meant = target.meant(all, &wanted.repositories)?;
            Ok(Plan::Set(
                meant.into_iter().map(|one| changed(one, &wanted.image)).collect(),
            ))
        };
        match self.change(target, wanted, planned).await? {
            Ended::Changed(change) => Ok(change),
            Ended::Stopped(_) => unreachable!("the plan sets images, and stops at nothing"),
        }
    }

    /// Sets the images before a change again, if the workload still has those that the change set. `run` names the undoing
    /// itself. Where before and after have the same name, as with a tag that moved, `instead` is set: the image that
    /// the tag named before, by digest.
    pub(crate) async fn undo(
        &self,
        change: &Change,
        instead: Option<&str>,
        run: &str,
    ) -> Result<Undone, KubernetesError> {
        let mut back = Vec::new();
        for one in &change.containers {
            let Some(image) = one.image_back(instead) else {
                return Ok(Undone::Impossible(format!(
                    "container {} ran {} before, too, and nobody knows which image that was",
                    one.name, one.before
                )));
            };
            back.push(ContainerChange {
                before: one.after.clone(),
                after: image.to_owned(),
                back: None,
                ..one.clone()
            });
        }
        let target = &change.target;
        let planned = |object: &DynamicObject| {
            let now = contained(&target.kind.template(object)?);
            let how = overtaken(&change.containers, &now);
            Ok(match how.or_else(|| unaccounted(change, object)) {
                Some(how) => Plan::Stop(how),
                None => Plan::Set(back.clone()),
            })
        };
        let wanted = Wanted {
            repositories: Vec::new(),
            image: String::new(),
            restart: false,
            run: run.to_owned(),
            dry_run: false,
        };
        Ok(match self.change(target, &wanted, planned).await? {
            Ended::Changed(change) => Undone::Done(change),
            Ended::Stopped(how) => Undone::Overtaken(how),
        })
    }

    async fn change(
        &self,
        target: &Target,
        wanted: &Wanted,
        plan: impl Fn(&DynamicObject) -> Result<Plan, KubernetesError>,
    ) -> Result<Ended, KubernetesError> {
        let api = self.workloads(target.kind, Some(&target.namespace)).await?;
        for _ in 0..ATTEMPTS {
            let object = api.get(&target.name).await?;
            if let Some(done) = noted(&object, &wanted.run) {
                return Ok(Ended::Changed(done.change(target, true)));
            }
            let containers = match plan(&object)? {
                Plan::Set(containers) => containers,
                Plan::Stop(why) => return Ok(Ended::Stopped(why)),
            };
            let note = Noted {
                run: wanted.run.clone(),
                containers,
            };
            let size: usize = note.containers.iter().map(written_bytes).sum();
            if size > CHANGE_BYTES_MAX {
                return Err(KubernetesError::Refused(format!(
                    "{target} has more, or longer, containers than can be noted"
                )));
            }
            let is_there = note.containers.iter().all(|one| one.before == one.after);
            if is_there && !wanted.restart {
                return Ok(Ended::Changed(note.change(target, false)));
            }
            let parameters = PatchParams {
                dry_run: wanted.dry_run,
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch = Patch::Strategic(patch(target, &object, &note, wanted.restart));
            match api
                .patch(&target.name, &parameters, &patch)
                .await
                .map_err(Into::into)
            {
                Ok(_) => return Ok(Ended::Changed(note.change(target, true))),
                // Somebody changed it since it was read: what they made of it is looked at first.
                Err(KubernetesError::Changed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(KubernetesError::Changed(format!(
            "{target} changed {ATTEMPTS} times between reading and writing it"
        )))
    }
}

/// What is to be done with a workload as it is now.
enum Plan {
    Set(Vec<ContainerChange>),
    Stop(String),
}

enum Ended {
    Changed(Change),
    Stopped(String),
}

impl Noted {
    fn change(self, target: &Target, is_sent: bool) -> Change {
        Change {
            target: target.clone(),
            run: self.run,
            containers: self.containers,
            is_sent,
        }
    }
}

/// What a run changed in a workload, when it was the last that did.
fn noted(object: &DynamicObject, run: &str) -> Option<Noted> {
    last_noted(object).filter(|noted| noted.run == run)
}

/// What was changed last in a workload.
fn last_noted(object: &DynamicObject) -> Option<Noted> {
    let text = object.metadata.annotations.as_ref()?.get(CHANGED)?;
    // What people write into the annotation is no reason to fail.
    serde_json::from_str(text)
        .ok()
        .filter(|_| text.len() <= 2 * CHANGE_BYTES_MAX)
}

fn written_bytes(one: &ContainerChange) -> usize {
    one.name.len() + one.before.len() + one.after.len()
}

/// Where the name of an image did not change, only the workload's note says whose rollout it is: how it is not this
/// change's, or nobody knows.
fn unaccounted(change: &Change, object: &DynamicObject) -> Option<String> {
    let is_same = |one: &ContainerChange| one.before == one.after;
    if !change.is_sent || !change.containers.iter().any(is_same) || noted(object, &change.run).is_some() {
        return None;
    }
    Some("it was rolled out again under the same name".to_owned())
}

/// How another run rolled the same containers out again under the same name.
pub(super) fn renewed(change: &Change, object: &DynamicObject) -> Option<String> {
    let last = last_noted(object)?;
    let is_again = |one: &ContainerChange| {
        one.before == one.after && last.containers.iter().any(|other| other.is_of(one))
    };
    change
        .containers
        .iter()
        .any(is_again)
        .then(|| unaccounted(change, object))
        .flatten()
}

fn changed(container: Contained, image: &str) -> ContainerChange {
    ContainerChange {
        name: container.name,
        is_init: container.is_init,
        before: container.image,
        after: image.to_owned(),
        back: None,
    }
}

/// How a workload differs from what a change set; nothing while it does not.
pub(super) fn overtaken(set: &[ContainerChange], now: &[Contained]) -> Option<String> {
    set.iter().find_map(|one| {
        let found = now
            .iter()
            .find(|container| container.name == one.name && container.is_init == one.is_init);
        match found {
            None => Some(format!("container {} is gone", one.name)),
            Some(container) if container.image != one.after => Some(format!(
                "container {} has the image {} now",
                one.name, container.image
            )),
            Some(_) => None,
        }
    })
}

fn patch(target: &Target, object: &DynamicObject, note: &Noted, restart: bool) -> Value {
    let containers = |is_init| {
        let of_kind = note.containers.iter().filter(|one| one.is_init == is_init);
        of_kind
            .map(|one| json!({"name": one.name, "image": one.after}))
            .collect::<Vec<_>>()
    };
    let mut spec = Map::new();
    for (field, is_init) in [("containers", false), ("initContainers", true)] {
        let listed = containers(is_init);
        if !listed.is_empty() {
            spec.insert(field.to_owned(), Value::Array(listed));
        }
    }
    let mut template = json!({ "spec": spec });
    if restart {
        template["metadata"] = json!({"annotations": {RUN: note.run}});
    }
    let text = serde_json::to_string(note).expect("texts can be written as JSON");
    json!({
        // A patch of another version than the one that was read is refused.
        "metadata": {"resourceVersion": object.metadata.resource_version, "annotations": {CHANGED: text}},
        "spec": target.kind.template_patch(&template),
    })
}
