//! Webhooks of triggers, and what became of each delivery. Knows no HTTP and no schedule: it stores what its caller made
//! of an attempt. A delivery is a run of its trigger; its own row is there from the first attempt on.

mod deliveries;

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

pub use deliveries::{DeliveriesPage, Delivery, DeliveryPlace, Redelivery};

/// Deliveries of a webhook that are kept, the newest.
const KEPT: i64 = 1000;

/// The kind of the jobs that make deliveries.
pub const WEBHOOK: &str = "webhook";

/// The webhook of a trigger that is to be stored.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// What its secrets are sealed for.
    pub uid: String,
    /// Where it leads.
    pub url: String,
    /// What it signs with, sealed.
    pub secret_encrypted: Vec<u8>,
}

/// The webhook of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What its secrets are sealed for.
    pub uid: String,
    /// Where it leads.
    pub url: String,
    /// What it signs with, sealed.
    pub secret_encrypted: Vec<u8>,
    /// What it signs with besides, sealed, and until when.
    pub former: Option<(Vec<u8>, i64)>,
}

/// A delivery with what it takes to make it.
#[derive(Clone, Debug)]
pub struct WebhookTask {
    /// The trigger.
    pub trigger_id: i64,
    /// Its name.
    pub trigger: String,
    /// Whether it acts.
    pub enabled: bool,
    /// Its webhook.
    pub webhook: Webhook,
    /// The image, with its organization.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What the tag named.
    pub digest: String,
    /// What the tag named before.
    pub previous: Option<String>,
    /// Why the tag moved.
    pub why: String,
    /// Who moved it; none when nobody is known.
    pub user_name: Option<String>,
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// The manifest's media type, and the bytes of the image; none when it is gone.
    pub manifest: Option<(String, i64)>,
    /// What was sent already, with its state.
    pub begun: Option<BegunDelivery>,
}

/// A delivery that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunDelivery {
    /// The receiver's means to know what it has already.
    pub uid: String,
    /// What is sent.
    pub body: String,
    /// `waiting`, `delivered` or `dead`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i64,
    /// Those of them before it was last asked for again.
    pub forgiven: i64,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct DeliveryAttempt {
    /// The run.
    pub run_id: i64,
    /// The status that the receiver answered with.
    pub response_status: Option<i64>,
    /// What went wrong, in a sentence; empty when nothing did.
    pub error: String,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What follows from it.
    pub follows: AttemptFollows,
    /// Whether the trigger acts no longer.
    pub switches_off: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptFollows {
    /// Nothing: it was delivered.
    Delivered,
    /// Another one, then.
    Again(i64),
    /// Nothing, until somebody asks for it.
    Dead,
}

pub(crate) const TASK: &str = "SELECT t.id AS trigger_id, t.name AS trigger, t.enabled, w.uid AS webhook_uid, w.url, w.secret_encrypted, \
     w.former_encrypted, w.former_until, r.full_name, h.tag, h.digest, h.previous, h.why, u.name AS user_name, h.at, \
     m.media_type, f.image_bytes, d.uid, d.body, d.status, d.attempts, d.forgiven FROM trigger_history h \
     JOIN triggers t ON t.id = h.trigger_id JOIN webhooks w ON w.trigger_id = t.id \
     JOIN repositories r ON r.id = t.repository_id LEFT JOIN users u ON u.id = h.user_id \
     LEFT JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = h.digest \
     LEFT JOIN manifest_facts f ON f.repository_id = t.repository_id AND f.digest = h.digest \
     LEFT JOIN webhook_deliveries d ON d.run_id = h.id WHERE h.id = $1";

impl Metadata {
    /// The webhook of a trigger; none when it has none.
    pub async fn webhook(&self, trigger_id: i64) -> Result<Option<Webhook>, Error> {
        const FIND: &str = "SELECT uid AS webhook_uid, url, secret_encrypted, former_encrypted, former_until FROM webhooks \
             WHERE trigger_id = $1";
        self.find("find a webhook", sqlx::query(FIND).bind(trigger_id), webhook)
            .await
    }

    /// Gives a webhook another secret; the one before signs too until then. False when it is gone.
    pub async fn replace_webhook_secret(
        &self,
        trigger_id: i64,
        secret_encrypted: Vec<u8>,
        former_until: i64,
    ) -> Result<bool, Error> {
        const REPLACE: &str = "UPDATE webhooks SET former_encrypted = secret_encrypted, former_until = $3, \
             secret_encrypted = $2 WHERE trigger_id = $1";
        let statement = move || {
            sqlx::query(REPLACE)
                .bind(trigger_id)
                .bind(secret_encrypted.clone())
                .bind(former_until)
        };
        let changed = self
            .change("replace the secret of a webhook", Durability::Durable, statement)
            .await?;
        Ok(changed > 0)
    }

    /// A delivery with what it takes to make it; none when its trigger is gone or has no webhook.
    pub async fn webhook_task(&self, run_id: i64) -> Result<Option<WebhookTask>, Error> {
        self.find("find a delivery", sqlx::query(TASK).bind(run_id), task)
            .await
    }

    /// Keeps what is to be sent before it is sent for the first time, and answers what is kept: that of the first call.
    /// [`Conflict::Changed`] when the run is gone.
    pub async fn begin_delivery(&self, run_id: i64, uid: &str, body: &str) -> Result<BegunDelivery, Error> {
        const BEGIN: &str = "INSERT INTO webhook_deliveries (run_id, uid, body, status) VALUES ($1, $2, $3, 'waiting') \
             ON CONFLICT (run_id) DO UPDATE SET run_id = excluded.run_id \
             RETURNING uid, body, status, attempts, forgiven";
        let input = (run_id, uid.to_owned(), body.to_owned());
        self.pool
            .write(
                "begin a delivery",
                Durability::Durable,
                input,
                |tx, (run_id, uid, body)| {
                    Box::pin(async move {
                        let begin = sqlx::query(BEGIN)
                            .bind(*run_id)
                            .bind(uid.clone())
                            .bind(body.clone());
                        let row = first(tx, begin).await.reference(Conflict::Changed)?;
                        begun(&row.ok_or_else(|| Failure::Broken("no row for a delivery".to_owned()))?)
                    })
                },
            )
            .await
    }

    /// Notes what came of an attempt; nothing when the run is gone.
    pub async fn note_attempt(&self, attempt: DeliveryAttempt) -> Result<(), Error> {
        self.pool
            .write(
                "note what came of an attempt",
                Durability::Durable,
                attempt,
                |tx, attempt| Box::pin(note(tx, attempt)),
            )
            .await
    }
}

async fn note(tx: &mut Tx<'_>, attempt: &DeliveryAttempt) -> Result<(), Failure> {
    const DELIVERY: &str = "UPDATE webhook_deliveries SET status = $2, attempts = attempts + 1, response_status = $3, \
         error = $4, took_ms = $5, attempted_at = $6, due_at = $7 WHERE run_id = $1";
    const RUN: &str = "UPDATE trigger_history SET status = $2, succeeded = $3, detail = $4, ended_at = $5, \
         started_at = COALESCE(started_at, $6) WHERE id = $1";
    const SWITCH_OFF: &str = "UPDATE triggers SET enabled = 0 \
         WHERE id = (SELECT trigger_id FROM trigger_history WHERE id = $1)";
    const FORGET: &str = "DELETE FROM trigger_history WHERE trigger_id = (SELECT trigger_id FROM trigger_history \
         WHERE id = $1) AND status NOT IN ('waiting', 'running') AND id <= (SELECT o.id FROM trigger_history o \
         WHERE o.trigger_id = (SELECT trigger_id FROM trigger_history WHERE id = $1) \
         AND o.status NOT IN ('waiting', 'running') ORDER BY o.id DESC LIMIT 1 OFFSET $2)";
    let (status, run_status, due_at) = match attempt.follows {
        AttemptFollows::Delivered => ("delivered", "success", None),
        AttemptFollows::Again(due_at) => ("waiting", "waiting", Some(due_at)),
        AttemptFollows::Dead => ("dead", "failed", None),
    };
    let delivery = sqlx::query(DELIVERY)
        .bind(attempt.run_id)
        .bind(status)
        .bind(attempt.response_status)
        .bind(attempt.error.clone())
        .bind(attempt.took_ms)
        .bind(attempt.now)
        .bind(due_at);
    change(tx, delivery).await?;
    let run = sqlx::query(RUN)
        .bind(attempt.run_id)
        .bind(run_status)
        .bind(i64::from(attempt.follows == AttemptFollows::Delivered))
        .bind(attempt.error.clone())
        .bind((run_status != "waiting").then_some(attempt.now))
        .bind(attempt.now);
    change(tx, run).await?;
    if run_status != "waiting" {
        let forget = sqlx::query(FORGET).bind(attempt.run_id).bind(KEPT);
        change(tx, forget).await?;
    }
    if attempt.switches_off {
        change(tx, sqlx::query(SWITCH_OFF).bind(attempt.run_id)).await?;
    }
    Ok(())
}

/// Stores the webhook of a trigger that was just stored.
pub(crate) async fn store(tx: &mut Tx<'_>, trigger_id: i64, new: &NewWebhook) -> Result<(), Failure> {
    const INSERT: &str =
        "INSERT INTO webhooks (trigger_id, uid, url, secret_encrypted) VALUES ($1, $2, $3, $4)";
    let insert = sqlx::query(INSERT)
        .bind(trigger_id)
        .bind(new.uid.clone())
        .bind(new.url.clone())
        .bind(new.secret_encrypted.clone());
    change(tx, insert).await?;
    Ok(())
}

fn webhook(row: &AnyRow) -> Result<Webhook, Failure> {
    let former: Option<Vec<u8>> = row.try_get("former_encrypted")?;
    let until: Option<i64> = row.try_get("former_until")?;
    Ok(Webhook {
        uid: row.try_get("webhook_uid")?,
        url: row.try_get("url")?,
        secret_encrypted: row.try_get("secret_encrypted")?,
        former: former.zip(until),
    })
}

fn begun(row: &AnyRow) -> Result<BegunDelivery, Failure> {
    Ok(BegunDelivery {
        uid: row.try_get("uid")?,
        body: row.try_get("body")?,
        status: row.try_get("status")?,
        attempts: row.try_get("attempts")?,
        forgiven: row.try_get("forgiven")?,
    })
}

fn task(row: &AnyRow) -> Result<WebhookTask, Failure> {
    let media_type: Option<String> = row.try_get("media_type")?;
    let image_bytes: Option<i64> = row.try_get("image_bytes")?;
    let uid: Option<String> = row.try_get("uid")?;
    Ok(WebhookTask {
        trigger_id: row.try_get("trigger_id")?,
        trigger: row.try_get("trigger")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        webhook: webhook(row)?,
        repository: row.try_get("full_name")?,
        tag: row.try_get("tag")?,
        digest: row.try_get::<Option<String>, _>("digest")?.unwrap_or_default(),
        previous: row.try_get("previous")?,
        why: row.try_get::<Option<String>, _>("why")?.unwrap_or_default(),
        user_name: row.try_get("user_name")?,
        at: row.try_get("at")?,
        manifest: media_type.map(|media_type| (media_type, image_bytes.unwrap_or_default())),
        begun: uid.is_some().then(|| begun(row)).transpose()?,
    })
}
