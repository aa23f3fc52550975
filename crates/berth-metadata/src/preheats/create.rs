//! An image for nodes queued: what is queued already, and what it takes the place of.

use sqlx::Row as _;

use super::{NewPreheat, PreheatCause};
use crate::pool::{Failure, Tx};
use crate::sql::{self, change, first};

/// Rows of one statement.
const AT_ONCE: usize = 100;
/// So many times as many as are kept there may be of those that wait for nodes.
const WAITING_TIMES: i64 = 10;

/// Queues an image for nodes in the transaction that wants it.
pub(crate) async fn create(tx: &mut Tx<'_>, new: &NewPreheat) -> Result<Option<i64>, Failure> {
    const CREATE: &str = "INSERT INTO preheats \
         (repository_id, tag, digest, labels, creator_id, creator_name, created_at, expires_at, rule_id, event, \
         trigger_id, run_id) \
         SELECT r.id, $2, $3, $4, $5, COALESCE(NULLIF(CAST($6 AS TEXT), ''), \
         (SELECT u.name FROM users u WHERE u.id = CAST($5 AS TEXT)), ''), $7, $8, $9, $10, $11, $12 \
         FROM repositories r WHERE r.id = $1 RETURNING id";
    if let Queued::Already(found) = queued(tx, new).await? {
        return Ok(found);
    }
    let (rule, event, trigger, run) = match new.wanted_by {
        PreheatCause::Request => (None, None, None, None),
        PreheatCause::Rule { rule, event } => (Some(rule), Some(event), None, None),
        PreheatCause::Run { trigger, run, event } => (None, Some(event), Some(trigger), Some(run)),
    };
    let (now, expires_at) = new.times;
    let create = sqlx::query(CREATE)
        .bind(new.repository_id)
        .bind(new.tag.clone())
        .bind(new.digest.clone())
        .bind(new.labels.clone())
        .bind(new.creator.0.clone())
        .bind(new.creator.1.clone())
        .bind(now)
        .bind(expires_at)
        .bind(rule)
        .bind(event)
        .bind(trigger)
        .bind(run);
    let Some(row) = first(tx, create).await? else {
        return Ok(None);
    };
    let id: i64 = row.try_get(0)?;
    supersede(tx, new, id).await?;
    let (account_id, nodes) = &new.nodes;
    for some in nodes.chunks(AT_ONCE) {
        let rows: Vec<String> = (0..some.len())
            .map(|row| format!("($1, $2, ${}, 'waiting', '', $3)", row + 4))
            .collect();
        let text = format!(
            "INSERT INTO preheat_nodes (preheat_id, account_id, node, state, detail, updated_at) VALUES {}",
            rows.join(", ")
        );
        let statement = sql::made(text).bind(id).bind(account_id.clone()).bind(now);
        change(tx, some.iter().cloned().fold(statement, sqlx::query::Query::bind)).await?;
    }
    forget_oldest(tx, new).await?;
    Ok(Some(id))
}

/// Makes room: of what nodes are still to be told or to say nothing is forgotten as long as there is not very much of it.
async fn forget_oldest(tx: &mut Tx<'_>, new: &NewPreheat) -> Result<(), Failure> {
    macro_rules! oldest {
        ($which:literal) => {
            concat!(
                "DELETE FROM preheats WHERE repository_id = $1 AND id <= (SELECT p.id FROM preheats p \
                 WHERE p.repository_id = $1 ORDER BY p.id DESC LIMIT 1 OFFSET $2)",
                $which
            )
        };
    }
    const ENDED: &str = oldest!(
        " AND (expires_at <= $3 OR NOT EXISTS (SELECT 1 FROM preheat_nodes n WHERE n.preheat_id = preheats.id \
         AND (n.state = 'sent' OR (n.state = 'waiting' AND preheats.cancelled_at IS NULL))))"
    );
    const ALL: &str = oldest!("");
    let ended = sqlx::query(ENDED).bind(new.repository_id).bind(new.most);
    change(tx, ended.bind(new.times.0)).await?;
    let most = new.most.saturating_mul(WAITING_TIMES);
    change(tx, sqlx::query(ALL).bind(new.repository_id).bind(most)).await?;
    Ok(())
}

/// What was queued before for the same.
enum Queued {
    /// Nothing: it is to be queued.
    NotYet,
    /// This; nothing, where it is not to be queued.
    Already(Option<i64>),
}

async fn queued(tx: &mut Tx<'_>, new: &NewPreheat) -> Result<Queued, Failure> {
    // First: whoever has the rule's row is alone with what it wants, so that of two pushes the later one stays.
    const RULE: &str = "UPDATE preheat_rules SET updated_at = updated_at WHERE id = $1 AND enabled = 1";
    const NEWER: &str =
        "SELECT id FROM preheats WHERE rule_id = $1 AND repository_id = $2 AND tag = $3 AND event > $4";
    const OF_RUN: &str = "SELECT id FROM preheats WHERE trigger_id = $1 AND run_id = $2";
    let (rule, event) = match new.wanted_by {
        PreheatCause::Request => return Ok(Queued::NotYet),
        PreheatCause::Rule { rule, event } => (rule, event),
        PreheatCause::Run { trigger, run, .. } => {
            let found = first(tx, sqlx::query(OF_RUN).bind(trigger).bind(run)).await?;
            return found.map_or(Ok(Queued::NotYet), |row| {
                Ok(Queued::Already(Some(row.try_get(0)?)))
            });
        }
    };
    if change(tx, sqlx::query(RULE).bind(rule)).await? == 0 {
        return Ok(Queued::Already(None));
    }
    let newer = sqlx::query(NEWER)
        .bind(rule)
        .bind(new.repository_id)
        .bind(new.tag.clone())
        .bind(event);
    Ok(match first(tx, newer).await? {
        None => Queued::NotYet,
        Some(_) => Queued::Already(None),
    })
}

/// Lets a preheat take the place of those that it follows and that did not end.
async fn supersede(tx: &mut Tx<'_>, new: &NewPreheat, id: i64) -> Result<(), Failure> {
    macro_rules! supersede {
        ($which:literal) => {
            concat!(
                "UPDATE preheats SET cancelled_at = $1, superseded_by = $2 WHERE ",
                $which,
                " AND id <> $2 AND cancelled_at IS NULL AND expires_at > $1 AND EXISTS (SELECT 1 FROM preheat_nodes n \
                 WHERE n.preheat_id = preheats.id AND n.state IN ('waiting', 'sent'))"
            )
        };
    }
    const OF_RULE: &str = supersede!("rule_id = $3 AND repository_id = $4 AND tag = $5");
    const OF_TRIGGER: &str = supersede!("trigger_id = $3 AND event < $4");
    let statement = match new.wanted_by {
        PreheatCause::Request => return Ok(()),
        PreheatCause::Rule { rule, .. } => sqlx::query(OF_RULE)
            .bind(new.times.0)
            .bind(id)
            .bind(rule)
            .bind(new.repository_id)
            .bind(new.tag.clone()),
        PreheatCause::Run { trigger, event, .. } => sqlx::query(OF_TRIGGER)
            .bind(new.times.0)
            .bind(id)
            .bind(trigger)
            .bind(event),
    };
    change(tx, statement).await?;
    Ok(())
}
