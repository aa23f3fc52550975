//! Deliveries as people see them: listed, shown, asked for again.

use super::WEBHOOK;
use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs::{self, NewJob};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Dead deliveries that one transaction asks for again.
const AT_ONCE: i64 = 500;

/// A delivery as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The run that it is; grows from delivery to delivery.
    pub id: i64,
    /// The receiver's means to know what it has already; none before the first attempt.
    pub uid: Option<String>,
    /// The image, with its organization.
    pub repository: String,
    /// The trigger's name.
    pub trigger: String,
    /// Where its webhook leads now.
    pub url: String,
    /// The tag.
    pub tag: String,
    /// What the tag named.
    pub digest: String,
    /// `waiting`, `delivered` or `dead`.
    pub status: String,
    /// Attempts so far.
    pub attempts: i64,
    /// The status that the receiver answered the last attempt with.
    pub response_status: Option<i64>,
    /// What went wrong with it, in a sentence; empty when nothing did.
    pub error: String,
    /// How long it took, in milliseconds.
    pub took_ms: Option<i64>,
    /// When the tag moved, milliseconds since the epoch.
    pub at: i64,
    /// When the last attempt was.
    pub attempted_at: Option<i64>,
    /// When the next one is.
    pub due_at: Option<i64>,
}

/// Whose deliveries are wanted.
#[derive(Clone, Debug)]
pub enum DeliveryPlace {
    /// A trigger's.
    Trigger(i64),
    /// The dead ones of an account; of one organization of it when named, or of one image, as `organization/image`.
    Dead {
        /// The account.
        account_id: String,
        /// The organization.
        organization: Option<String>,
        /// The image.
        repository: Option<String>,
    },
}

/// Which deliveries are wanted.
#[derive(Clone, Debug)]
pub struct DeliveriesPage {
    /// Whose.
    pub place: DeliveryPlace,
    /// Only those of this status.
    pub status: Option<String>,
    /// Only those before this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// Deliveries of a trigger that are to be made again.
#[derive(Clone, Debug)]
pub struct Redelivery {
    /// The trigger.
    pub trigger_id: i64,
    /// One that has ended; all dead ones when none is named.
    pub id: Option<i64>,
    /// The lane of their jobs.
    pub lane: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! deliveries {
    ($from:literal, $condition:literal) => {
        concat!(
            "SELECT h.id, d.uid, r.full_name, t.name AS trigger, w.url, h.tag, h.digest, \
             COALESCE(d.status, 'waiting') AS status, COALESCE(d.attempts, 0) AS attempts, d.response_status, \
             COALESCE(d.error, '') AS error, d.took_ms, h.at, d.attempted_at, d.due_at, d.body FROM ",
            $from,
            " JOIN triggers t ON t.id = h.trigger_id JOIN webhooks w ON w.trigger_id = t.id \
             JOIN repositories r ON r.id = t.repository_id JOIN organizations o ON o.id = r.organization_id WHERE ",
            $condition
        )
    };
}

pub(crate) const OF_TRIGGER: &str = deliveries!(
    "trigger_history h LEFT JOIN webhook_deliveries d ON d.run_id = h.id",
    "h.trigger_id = $1 AND (CAST($2 AS TEXT) IS NULL OR COALESCE(d.status, 'waiting') = $2) AND h.id < $3 \
     ORDER BY h.id DESC LIMIT $4"
);
pub(crate) const DEAD: &str = deliveries!(
    "webhook_deliveries d JOIN trigger_history h ON h.id = d.run_id",
    "d.status = 'dead' AND d.run_id < $4 AND o.account_id = $1 AND (CAST($2 AS TEXT) IS NULL OR o.name = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR r.full_name = $3) ORDER BY d.run_id DESC LIMIT $5"
);
const ONE: &str = deliveries!(
    "trigger_history h LEFT JOIN webhook_deliveries d ON d.run_id = h.id",
    "h.trigger_id = $1 AND h.id = $2"
);

impl Metadata {
    /// Deliveries, newest first.
    pub async fn deliveries(&self, page: DeliveriesPage) -> Result<Vec<Delivery>, Error> {
        let before = page.before.unwrap_or(i64::MAX);
        let statement = match page.place {
            DeliveryPlace::Trigger(id) => sqlx::query(OF_TRIGGER).bind(id).bind(page.status).bind(before),
            DeliveryPlace::Dead {
                account_id,
                organization,
                repository,
            } => sqlx::query(DEAD)
                .bind(account_id)
                .bind(organization)
                .bind(repository)
                .bind(before),
        };
        self.list("list deliveries", statement.bind(page.limit), delivery)
            .await
    }

    /// A delivery of a trigger, and what is sent; that is none before the first attempt.
    pub async fn delivery(
        &self,
        trigger_id: i64,
        id: i64,
    ) -> Result<Option<(Delivery, Option<String>)>, Error> {
        let statement = sqlx::query(ONE).bind(trigger_id).bind(id);
        self.find("find a delivery", statement, |row| {
            Ok((delivery(row)?, row.try_get("body")?))
        })
        .await
    }

    /// Queues ended deliveries of a trigger once more, and answers how many; [`Conflict::Changed`] when the one that is
    /// named is still waiting.
    pub async fn redeliver(&self, wanted: Redelivery) -> Result<i64, Error> {
        let mut queued = 0;
        loop {
            let one_more = self
                .pool
                .write(
                    "queue deliveries once more",
                    Durability::Durable,
                    wanted.clone(),
                    |tx, wanted| Box::pin(again(tx, wanted)),
                )
                .await?;
            queued += one_more;
            if wanted.id.is_some() || one_more < AT_ONCE {
                return Ok(queued);
            }
        }
    }
}

async fn again(tx: &mut Tx<'_>, wanted: &Redelivery) -> Result<i64, Failure> {
    const DEAD: &str = "SELECT d.run_id FROM webhook_deliveries d JOIN trigger_history h ON h.id = d.run_id \
         WHERE h.trigger_id = $1 AND d.status = 'dead' ORDER BY d.run_id LIMIT $2";
    const AGAIN: &str = "UPDATE webhook_deliveries SET status = 'waiting', forgiven = attempts, due_at = $3 \
         WHERE run_id = $2 AND status <> 'waiting' AND run_id IN (SELECT id FROM trigger_history \
         WHERE trigger_id = $1 AND id = $2) RETURNING run_id";
    const RUN: &str = "UPDATE trigger_history SET status = 'waiting', succeeded = 0, detail = '', ended_at = NULL WHERE id = $1";
    let ids = if let Some(id) = wanted.id {
        vec![id]
    } else {
        let dead = sqlx::query(DEAD).bind(wanted.trigger_id).bind(AT_ONCE);
        let rows = dead.fetch_all(&mut *tx).await?;
        rows.iter()
            .map(|row| row.try_get(0))
            .collect::<Result<Vec<i64>, _>>()?
    };
    for id in &ids {
        let again = sqlx::query(AGAIN)
            .bind(wanted.trigger_id)
            .bind(*id)
            .bind(wanted.now);
        if first(tx, again).await?.is_none() {
            return Err(Conflict::Changed.into());
        }
        change(tx, sqlx::query(RUN).bind(*id)).await?;
        let job = NewJob {
            kind: WEBHOOK,
            subject: *id,
            lane: wanted.lane.clone(),
            due_at: wanted.now,
        };
        jobs::queue(tx, &job).await?;
    }
    Ok(i64::try_from(ids.len()).expect("a bounded number"))
}

fn delivery(row: &AnyRow) -> Result<Delivery, Failure> {
    Ok(Delivery {
        id: row.try_get("id")?,
        uid: row.try_get("uid")?,
        repository: row.try_get("full_name")?,
        trigger: row.try_get("trigger")?,
        url: row.try_get("url")?,
        tag: row.try_get("tag")?,
        digest: row.try_get::<Option<String>, _>("digest")?.unwrap_or_default(),
        status: row.try_get("status")?,
        attempts: row.try_get("attempts")?,
        response_status: row.try_get("response_status")?,
        error: row.try_get("error")?,
        took_ms: row.try_get("took_ms")?,
        at: row.try_get("at")?,
        attempted_at: row.try_get("attempted_at")?,
        due_at: row.try_get("due_at")?,
    })
}
