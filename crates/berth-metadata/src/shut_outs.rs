//! Who is shut out for a while: accounts, and addresses of those who do not log in. Knows no rule by which they are.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ShutOutSubject {
    /// An account, by its id.
    Account(String),
    /// An address, or the first half of one.
    Address(String),
}

/// That somebody is shut out, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutOut {
    /// Never used again.
    pub id: i64,
    /// Who.
    pub subject: ShutOutSubject,
    /// The account's name; none for an address and for an account that is gone.
    pub account_name: Option<String>,
    /// Which rate was not kept, in words.
    pub reason: String,
    /// Milliseconds since the epoch.
    pub began_at: i64,
    /// Milliseconds since the epoch; what was lifted ended then.
    pub ends_at: i64,
    /// When somebody lifted it.
    pub lifted_at: Option<i64>,
    /// Who did.
    pub lifted_by: Option<String>,
}

impl ShutOutSubject {
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Account(id) => ("account", id.clone()),
            Self::Address(address) => ("address", address.clone()),
        }
    }
}

/// The columns of [`read`].
const SELECT: &str = "SELECT s.id, s.kind, s.subject, a.name, s.reason, s.began_at, s.ends_at, s.lifted_at, s.lifted_by \
     FROM shut_outs s LEFT JOIN accounts a ON s.kind = 'account' AND a.id = s.subject";

impl Metadata {
    /// Shuts somebody out from now on until then; false when they are already, and nothing changes.
    pub async fn shut_out(
        &self,
        subject: &ShutOutSubject,
        reason: &str,
        (now, ends_at): (i64, i64),
    ) -> Result<bool, Error> {
        const INSERT: &str = "INSERT INTO shut_outs (kind, subject, reason, began_at, ends_at) \
             SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS \
             (SELECT 1 FROM shut_outs WHERE kind = $1 AND subject = $2 AND ends_at > $4)";
        let ((kind, subject), reason) = (subject.words(), reason.to_owned());
        let insert = move || {
            sqlx::query(INSERT)
                .bind(kind)
                .bind(subject.clone())
                .bind(reason.clone())
                .bind(now)
                .bind(ends_at)
        };
        Ok(self
            .change("shut somebody out", Durability::Durable, insert)
            .await?
            > 0)
    }

    /// Those that are shut out at this time, the newest first, at most `limit`.
    pub async fn shut_outs_in_force(&self, now: i64, limit: i64) -> Result<Vec<ShutOut>, Error> {
        let text = format!("{SELECT} WHERE s.ends_at > $1 ORDER BY s.id DESC LIMIT $2");
        let list = crate::sql::made(text).bind(now).bind(limit);
        self.list("list who is shut out", list, read).await
    }

    /// Those that are or were shut out, the newest first, from below an id on; of one account, or all.
    pub async fn shut_outs(
        &self,
        account_id: Option<&str>,
        (below, limit): (Option<i64>, i64),
    ) -> Result<Vec<ShutOut>, Error> {
        let text = format!(
            "{SELECT} WHERE s.id < $1 AND ($2 = '' OR (s.kind = 'account' AND s.subject = $2)) ORDER BY s.id DESC LIMIT $3"
        );
        let list = crate::sql::made(text)
            .bind(below.unwrap_or(i64::MAX))
            .bind(account_id.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list who was shut out", list, read).await
    }

    /// Lifts one, and every other that is in force against the same; false when there is none in force of that id.
    pub async fn lift_shut_out(&self, id: i64, by: &str, now: i64) -> Result<bool, Error> {
        const LIFT: &str = "UPDATE shut_outs SET ends_at = $2, lifted_at = $2, lifted_by = $3 \
             WHERE ends_at > $2 AND EXISTS (SELECT 1 FROM shut_outs t WHERE t.id = $1 AND t.ends_at > $2 \
             AND t.kind = shut_outs.kind AND t.subject = shut_outs.subject)";
        let by = by.to_owned();
        let lift = move || sqlx::query(LIFT).bind(id).bind(now).bind(by.clone());
        Ok(self.change("lift a shut-out", Durability::Durable, lift).await? > 0)
    }

    /// Forgets at most `limit` that ended before this time; answers how many.
    pub async fn forget_shut_outs(&self, before: i64, limit: i64) -> Result<u64, Error> {
        const DELETE: &str = "DELETE FROM shut_outs WHERE id IN \
             (SELECT id FROM shut_outs WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)";
        let delete = move || sqlx::query(DELETE).bind(before).bind(limit);
        self.change("forget who was shut out", Durability::Relaxed, delete)
            .await
    }
}

fn read(row: &AnyRow) -> Result<ShutOut, Failure> {
    let subject: String = row.try_get(2)?;
    Ok(ShutOut {
        id: row.try_get(0)?,
        subject: match row.try_get::<String, _>(1)?.as_str() {
            "account" => ShutOutSubject::Account(subject),
            "address" => ShutOutSubject::Address(subject),
            other => return Err(Failure::Broken(format!("nobody is shut out as {other}"))),
        },
        account_name: row.try_get(3)?,
        reason: row.try_get(4)?,
        began_at: row.try_get(5)?,
        ends_at: row.try_get(6)?,
        lifted_at: row.try_get(7)?,
        lifted_by: row.try_get(8)?,
    })
}
