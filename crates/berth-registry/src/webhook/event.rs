//! What a webhook tells: an event as CNCF's specification of events (version 1.0) has it, in the structured mode of its HTTP binding.

use berth_metadata::{TagChange, WebhookTask};
use serde::Serialize;

use crate::Error;
use crate::identity::time_text;

/// The media type of what is sent.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: &'static str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    organization: &'a str,
    repository: &'a str,
    tag: &'a str,
    digest: &'a str,
    previous_digest: Option<&'a str>,
    media_type: Option<&'a str>,
    size: Option<i64>,
    /// What to pull.
    reference: String,
    why: &'a str,
    user: Option<&'a str>,
    at: String,
    trigger: &'a str,
}

/// What is told.
pub(super) struct Told<'a> {
    /// The trigger's name.
    pub(super) trigger: &'a str,
    /// The image, with its organization.
    pub(super) repository: &'a str,
    /// The tag.
    pub(super) tag: &'a str,
    /// What it names.
    pub(super) digest: &'a str,
    /// What it named before.
    pub(super) previous: Option<&'a str>,
    /// Why it moved.
    pub(super) why: &'a str,
    /// Who moved it.
    pub(super) user_name: Option<&'a str>,
    /// When, milliseconds since the epoch.
    pub(super) at: i64,
    /// The manifest's media type, and the bytes of the image.
    pub(super) manifest: Option<(&'a str, i64)>,
}

impl<'a> Told<'a> {
    /// What a delivery tells.
    pub(super) fn of(task: &'a WebhookTask) -> Self {
        Self {
            trigger: &task.trigger,
            repository: &task.repository,
            tag: &task.tag,
            digest: &task.digest,
            previous: task.previous.as_deref(),
            why: &task.why,
            user_name: task.user_name.as_deref(),
            at: task.at,
            manifest: task
                .manifest
                .as_ref()
                .map(|(media_type, size)| (media_type.as_str(), *size)),
        }
    }
}

/// The body of a delivery; `host` is what this registry is called in image references.
pub(super) fn body(task: &Told<'_>, id: &str, host: Option<&str>) -> Result<String, Error> {
    let (organization, repository) = task.repository.split_once('/').unwrap_or_default();
    let place = host.map_or_else(
        || task.repository.to_owned(),
        |host| format!("{host}/{}", task.repository),
    );
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: host.map_or_else(|| format!("/{place}"), |_| format!("//{place}")),
        r#type: kind(task.why),
        subject: task.tag,
        time: time_text(task.at),
        datacontenttype: "application/json",
        data: Data {
            organization,
            repository,
            tag: task.tag,
            digest: task.digest,
            previous_digest: task.previous,
            media_type: task.manifest.map(|(media_type, _)| media_type),
            size: task.manifest.map(|(_, size)| size),
            reference: format!("{place}:{}@{}", task.tag, task.digest),
            why: task.why,
            user: task.user_name,
            at: time_text(task.at),
            trigger: task.trigger,
        },
    };
    serde_json::to_string(&event).map_err(|error| Error::internal("writing an event", error))
}

/// Why a tag moved, to the types of events. A test delivery is none of them.
fn kind(why: &str) -> &'static str {
    let is = |change: TagChange| why == change.as_str();
    if is(TagChange::Push) {
        "io.berth.tag.pushed.v1"
    } else if is(TagChange::Retag) {
        "io.berth.tag.retagged.v1"
    } else if is(TagChange::SetBack) {
        "io.berth.tag.set_back.v1"
    } else if is(TagChange::BinRestore) {
        "io.berth.tag.restored.v1"
    } else if why == PING {
        "io.berth.ping.v1"
    } else {
        "io.berth.tag.selected.v1"
    }
}

/// Why a test delivery is made.
pub(super) const PING: &str = "ping";
