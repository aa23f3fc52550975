//! Webhooks: triggers that tell an address what was pushed. Who may push to an image may set them up and ask for
//! deliveries once more; who may see its triggers sees what became of them, and of the address no more than the host.

mod delivery;
mod event;
mod secret;
mod wanted;

use std::time::Duration;

use berth_metadata::{
    Conflict, DeliveriesPage, Delivery, DeliveryPlace, NewWebhook, Permission, Redelivery, TagChange, TagRow,
    TriggerRow, Webhook,
};
use berth_oci::{OrganizationName, RepositoryName};
use reqwest::Url;

use event::Told;

use crate::access::{Action, Caller};
use crate::account::new_id;
use crate::clock::now_ms;
use crate::jobs::JobKind;
use crate::{Error, Registry};

/// How long a secret signs too after another took its place.
const FORMER_FOR: Duration = Duration::from_hours(24);

/// The action of a trigger that tells an address what was pushed.
pub(crate) const ACTION: &str = "webhook";

/// What came of a test delivery.
#[derive(Clone, Debug)]
pub struct Ping {
    /// The receiver's means to know it.
    pub webhook_id: String,
    /// The status that it answered with.
    pub response_status: Option<u16>,
    /// What went wrong, in a sentence; empty when nothing did.
    pub error: String,
    /// How long it took.
    pub took: Duration,
    /// What was sent.
    pub body: String,
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug)]
pub struct Deliveries {
    /// The page.
    pub rows: Vec<Delivery>,
    /// Where the next one begins, if there is one.
    pub next: Option<i64>,
}

/// Whose dead deliveries are wanted.
#[derive(Clone, Debug)]
pub enum DeadPlace {
    /// All of the caller's account.
    Account,
    /// An organization's.
    Organization(OrganizationName),
    /// An image's.
    Image(RepositoryName),
}

/// Which deliveries of a trigger are wanted.
#[derive(Clone, Debug, Default)]
pub struct WantedDeliveries {
    /// `waiting`, `delivered` or `dead`.
    pub status: Option<String>,
    /// Those before this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

impl Registry {
    /// The deliveries of a trigger, for those with a right on its image.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        wanted: WantedDeliveries,
    ) -> Result<Deliveries, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        if let Some(status) = &wanted.status {
            check_status(status)?;
        }
        let (row, _) = self.webhook_of(held.id, trigger).await?;
        let place = DeliveryPlace::Trigger(row.id);
        let mut page = self.page_of_deliveries(place, wanted).await?;
        for delivery in &mut page.rows {
            shorten(&mut delivery.url, held.permission);
        }
        Ok(page)
    }

    /// A delivery of a trigger and what it sends, for those with a right on its image.
    pub async fn delivery(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        id: i64,
    ) -> Result<(Delivery, Option<String>), Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let (row, _) = self.webhook_of(held.id, trigger).await?;
        let found = self.metadata.delivery(row.id, id).await?;
        let (mut delivery, body) = found.ok_or_else(|| Error::Unknown(format!("delivery {id}")))?;
        shorten(&mut delivery.url, held.permission);
        Ok((delivery, body))
    }

    /// What could not be delivered: of all images of the caller's account, for its administrators; of an organization's,
    /// for those who manage it; of one image, for those who may push there.
    pub async fn dead_letters(
        &self,
        caller: &Caller,
        place: DeadPlace,
        wanted: WantedDeliveries,
    ) -> Result<Deliveries, Error> {
        let place = match place {
            DeadPlace::Account => DeliveryPlace::Dead {
                account_id: caller.require_own_administrator()?.account_id.clone(),
                organization: None,
                repository: None,
            },
            DeadPlace::Organization(name) => {
                let standing = self.require_organization(caller, Action::ManageOrganization, name.as_str());
                let found = standing.await?.organization;
                DeliveryPlace::Dead {
                    account_id: found.ok_or_else(|| unknown_organization(&name))?.account_id,
                    organization: Some(name.to_string()),
                    repository: None,
                }
            }
            DeadPlace::Image(name) => DeliveryPlace::Dead {
                account_id: self
                    .require_held(caller, Action::EditRepository, &name)
                    .await?
                    .account_id,
                organization: None,
                repository: Some(name.to_string()),
            },
        };
        self.page_of_deliveries(place, wanted).await
    }

    /// Asks for a delivery that has ended once more, or for all dead ones of a trigger, for those who may push; answers
    /// how many. They keep what they send and their ids.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        id: Option<i64>,
    ) -> Result<i64, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let (row, webhook) = self.webhook_of(held.id, trigger).await?;
        if !row.enabled {
            return Err(Error::Invalid(
                "the trigger is switched off: switch it on first".to_owned(),
            ));
        }
        if let Some(id) = id {
            let found = self.metadata.delivery(row.id, id).await?;
            let (found, _) = found.ok_or_else(|| Error::Unknown(format!("delivery {id}")))?;
            if found.status == "waiting" {
                return Err(Error::Invalid(format!("delivery {id} has not ended yet")));
            }
        }
        let wanted = Redelivery {
            trigger_id: row.id,
            id,
            lane: lane(&webhook.url),
            now: now_ms(),
        };
        let queued = self.metadata.redeliver(wanted).await;
        let queued = queued.map_err(|error| match error {
            // Somebody else asked for it in the middle of this.
            berth_metadata::Error::Conflict(Conflict::Changed) => Error::Unavailable,
            other => other.into(),
        })?;
        self.jobs.queued(JobKind::Webhook);
        Ok(queued)
    }

    /// Sends a test delivery at once, for those who may push, and answers what came of it.
    pub async fn ping_webhook(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
    ) -> Result<Ping, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let (row, webhook) = self.webhook_of(held.id, trigger).await?;
        let webhook_id = format!("evt_{}", new_id());
        let digest = format!("sha256:{}", "0".repeat(64));
        let told = Told {
            trigger: &row.name,
            repository: name.as_str(),
            tag: "ping",
            digest: &digest,
            previous: None,
            why: event::PING,
            user_name: Some(caller.user_name()),
            at: now_ms(),
            manifest: None,
        };
        let body = event::body(&told, &webhook_id, self.image_host())?;
        let sent = self.send(&webhook, &webhook_id, &body).await?;
        Ok(Ping {
            webhook_id,
            response_status: sent.status.map(|status| status.as_u16()),
            error: sent.error,
            took: sent.took,
            body,
        })
    }

    /// Gives a webhook another secret, for those who may push, and answers it when it was made here; the one before signs
    /// too for a day.
    pub async fn replace_webhook_secret(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        wanted: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let (row, webhook) = self.webhook_of(held.id, trigger).await?;
        let secret = wanted::secret(wanted)?;
        let sealed = self.master_key().seal(&context(&webhook.uid), secret.bytes())?;
        let until = now_ms().saturating_add(i64::try_from(FORMER_FOR.as_millis()).unwrap_or(i64::MAX));
        let replaced = self
            .metadata
            .replace_webhook_secret(row.id, sealed, until)
            .await?;
        if !replaced {
            return Err(Error::Unknown(format!("trigger '{}'", row.name)));
        }
        Ok(wanted.is_none_or(str::is_empty).then(|| secret.text()))
    }

    /// The webhook of a trigger that is to be set up, and its secret when it was made here.
    pub(crate) async fn new_webhook(
        &self,
        url: &str,
        secret: Option<&str>,
    ) -> Result<(NewWebhook, Option<String>), Error> {
        let made = wanted::secret(secret)?;
        let url = self.checked_webhook_url(url).await?;
        let uid = new_id();
        let new = NewWebhook {
            secret_encrypted: self.master_key().seal(&context(&uid), made.bytes())?,
            url: url.to_string(),
            uid,
        };
        Ok((new, secret.is_none_or(str::is_empty).then(|| made.text())))
    }

    /// What a webhook would tell if this tag were pushed.
    pub(crate) async fn webhook_preview(
        &self,
        repository_id: i64,
        name: &RepositoryName,
        trigger: &str,
        tag: &TagRow,
    ) -> Result<String, Error> {
        let manifest = self
            .metadata
            .manifest_descriptor_by_digest(repository_id, &tag.digest)
            .await?;
        let task = Told {
            trigger,
            repository: name.as_str(),
            tag: &tag.tag,
            digest: &tag.digest,
            previous: None,
            why: TagChange::Push.as_str(),
            user_name: None,
            at: now_ms(),
            manifest: manifest
                .as_ref()
                .map(|manifest| (manifest.media_type.as_str(), tag.facts.image_bytes)),
        };
        event::body(&task, "evt_preview", self.image_host())
    }

    /// What this registry is called in image references, if anybody said.
    fn image_host(&self) -> Option<&str> {
        self.limits.image_hosts.first().map(String::as_str)
    }

    async fn webhook_of(&self, repository_id: i64, trigger: &str) -> Result<(TriggerRow, Webhook), Error> {
        let row = self.trigger_of(repository_id, trigger).await?;
        let webhook = self.metadata.webhook(row.id).await?;
        let webhook = webhook.ok_or_else(|| {
            Error::Invalid(format!(
                "trigger '{}' acts on a cluster and delivers nothing",
                row.name
            ))
        })?;
        Ok((row, webhook))
    }

    async fn page_of_deliveries(
        &self,
        place: DeliveryPlace,
        wanted: WantedDeliveries,
    ) -> Result<Deliveries, Error> {
        let limit = usize::try_from(wanted.limit).unwrap_or_default();
        let page = DeliveriesPage {
            place,
            status: wanted.status,
            before: wanted.before,
            limit: wanted.limit + 1,
        };
        let mut rows = self.metadata.deliveries(page).await?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|row| row.id).filter(|_| has_more);
        Ok(Deliveries { rows, next })
    }
}

/// The lane of what is sent to an address.
pub(crate) fn lane(url: &str) -> String {
    let place = url.parse::<Url>().map(|url| wanted::place(&url));
    format!("host/{}", place.unwrap_or_default())
}

/// Keeps back what only those may see who may set up triggers.
pub(crate) fn shorten(url: &mut String, permission: Permission) {
    if permission < Permission::Write {
        *url = wanted::without_path(url);
    }
}

fn unknown_organization(name: &OrganizationName) -> Error {
    Error::Unknown(format!("organization '{name}'"))
}

fn check_status(status: &str) -> Result<(), Error> {
    if ["waiting", "delivered", "dead"].contains(&status) {
        return Ok(());
    }
    Err(Error::Invalid(
        "status is waiting or delivered or dead".to_owned(),
    ))
}

fn context(uid: &str) -> String {
    format!("secret of webhook {uid}")
}
