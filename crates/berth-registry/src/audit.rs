//! The audit trail: who changed what and who was refused, kept for a while, shown to the account's administrators.
//! A change is on the disk before its caller hears of it; refusals and pushes are written soon after, many at once, so
//! that they slow nobody down. What cannot be written changes no answer: it is logged.

mod trail;
mod unattended;
mod verification;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use berth_metadata::{AuditEvent, AuditFilter, AuditMark};

use crate::Registry;
use crate::access::{Caller, Credential, NO_PERMISSION, UserCaller};
use crate::clock::now_ms;
use crate::error::{Denial, Error};

pub(crate) use trail::Trail;
pub use unattended::TrailOf;
pub use verification::AuditVerification;

/// Longest text of one field; more comes only from those who try something out.
const FIELD_CHARS_MAX: usize = 512;

/// Who did something.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A caller who proved who they are.
    Known(Arc<UserCaller>),
    /// Somebody whose login was refused, by the name that they presented: a user's, or an access key's id after an `@`.
    Refused(String),
}

impl Actor {
    /// The actor behind a caller; none for nobody and for Berth itself.
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::User(user) => Some(Self::Known(user.clone())),
            Caller::Anonymous | Caller::System => None,
        }
    }
}

/// What somebody did or tried, and how it was answered. Nothing in it is secret.
#[derive(Clone, Debug)]
pub struct Deed {
    /// What was asked for: the id of an operation.
    pub action: String,
    /// What it was asked for on.
    pub resource: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The code of the refusal, empty for a success.
    pub code: String,
    /// The client's address.
    pub source: IpAddr,
    /// The id of the request.
    pub request_id: String,
}

/// A place in the trail, to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditMarker(AuditMark);

impl std::fmt::Display for AuditMarker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.0.at, self.0.id)
    }
}

impl FromStr for AuditMarker {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text
            .split_once('-')
            .and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
        let (at, id) =
            parts.ok_or_else(|| Error::Invalid("the marker is none of the audit trail's".into()))?;
        Ok(Self(AuditMark { at, id }))
    }
}

/// A page of the trail.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// Newest first.
    pub events: Vec<AuditEvent>,
    /// Where the next page begins; none at the end.
    pub next: Option<AuditMarker>,
}

impl Registry {
    /// Notes a change in the trail before its answer goes out.
    pub async fn record(&self, actor: &Actor, deed: Deed) {
        let event = self.event(actor, deed).await;
        self.record_event(event).await;
    }

    async fn record_event(&self, event: AuditEvent) {
        let (action, resource) = (event.action.clone(), event.resource.clone());
        let seal = &self.trail.seal;
        if let Err(error) = self.metadata.add_audit_events(seal, vec![event]).await {
            let error = Error::from(error);
            tracing::error!(
                action,
                resource,
                error = &error as &dyn std::error::Error,
                "an audit event could not be written"
            );
        }
    }

    /// Notes a refusal or a push, which is written soon.
    pub fn record_soon(&self, actor: Actor, deed: Deed) {
        self.trail.add(actor, deed, now_ms());
    }

    /// A page of what was done in the caller's account, newest first. For its administrators.
    pub async fn audit_events(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        (marker, limit): (Option<AuditMarker>, i64),
    ) -> Result<AuditPage, Error> {
        let account_id = audited_account(caller)?;
        self.write_trail().await;
        let mark = marker.map(|marker| marker.0);
        let mut found = self
            .metadata
            .audit_events(account_id, filter, mark, limit.saturating_add(1))
            .await?;
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(mark, _)| AuditMarker(*mark));
        Ok(AuditPage {
            events: found.into_iter().map(|(_, event)| event).collect(),
            next,
        })
    }

    /// Writes what waits.
    pub(crate) async fn write_trail(&self) {
        let _turn = self.trail.writing.lock().await;
        let taken = self.trail.take();
        if taken.waiting.is_empty() {
            return;
        }
        let mut events = Vec::with_capacity(taken.waiting.len());
        for waiting in &taken.waiting {
            let mut event = self.event(&waiting.actor, waiting.deed.clone()).await;
            event.at = waiting.at;
            // Nobody could ever read what is no account's: the log has it.
            if event.account_id.is_some() {
                events.push(event);
            }
        }
        match self.metadata.add_audit_events(&self.trail.seal, events).await {
            Ok(()) => taken.written(),
            Err(error) => {
                let error = Error::from(error);
                tracing::error!(
                    count = taken.waiting.len(),
                    error = &error as &dyn std::error::Error,
                    "audit events could not be written yet"
                );
            }
        }
    }

    async fn event(&self, actor: &Actor, deed: Deed) -> AuditEvent {
        let (account_id, user_id, user_name, credential) = match actor {
            Actor::Known(user) => (
                Some(user.account_id.clone()),
                Some(user.user_id.clone()),
                user.user_name.clone(),
                credential_text(&user.credential),
            ),
            Actor::Refused(presented) => {
                let (account_id, user_id) = match self.owner_of_login(presented).await {
                    Ok(owner) => owner,
                    Err(error) => {
                        tracing::debug!(%error, "whose login was tried is not known");
                        (None, None)
                    }
                };
                (account_id, user_id, presented.clone(), "none".to_owned())
            }
        };
        AuditEvent {
            at: now_ms(),
            account_id,
            user_id,
            user_name: plain(&user_name),
            credential,
            source: deed.source.to_string(),
            action: deed.action,
            resource: plain(&deed.resource),
            status: i64::from(deed.status),
            code: deed.code,
            request_id: plain(&deed.request_id),
            link: None,
        }
    }
}

/// The account whose trail the caller may see.
fn audited_account(caller: &Caller) -> Result<&str, Error> {
    let user = caller.require_user()?;
    if !user.administrator {
        return Err(Error::Denied(Box::new(Denial {
            text: NO_PERMISSION,
            explanation: "the audit trail is for the administrators of the account".to_owned(),
        })));
    }
    Ok(&user.account_id)
}

fn credential_text(credential: &Credential) -> String {
    match credential {
        Credential::Password => "password".to_owned(),
        Credential::AccessKey(id) => format!("access key {id}"),
        Credential::TemporaryLogin(id) => format!("temporary login {id}"),
        Credential::TemporaryKey(id) => format!("temporary key {id}"),
        // Its id is nothing that anybody knows.
        Credential::Session(_) => "session".to_owned(),
    }
}

/// A text that a client made up, fit to be kept and shown: no control characters, and not too long.
fn plain(text: &str) -> String {
    let plain = text.chars().filter(|character| !character.is_control());
    plain.take(FIELD_CHARS_MAX).collect()
}
