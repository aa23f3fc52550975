//! Rounds of fetching ahead: who asked for one, when the last one was, and what it did.

use crate::Metadata;
use crate::error::Error;
use crate::mirrors::patterns;
use crate::pool::Durability;
use sqlx::Row;

/// How fetching ahead stands in a mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorRound {
    /// When somebody asked for a round that has not begun; milliseconds since the epoch, like the others.
    pub wanted_at: Option<i64>,
    /// When the last one began.
    pub begun_at: Option<i64>,
    /// When the last one ended that did; before [`Self::begun_at`] another one goes on, or its process is gone.
    pub ended_at: Option<i64>,
    /// What the last one did that ended.
    pub did: RoundDid,
}

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundDid {
    /// Images that are here.
    pub images: i64,
    /// Images, or patterns, that could not be fetched.
    pub failed: i64,
    /// Why, the first few.
    pub failures: Vec<String>,
}

impl Metadata {
    /// How fetching ahead stands in a mirror.
    pub async fn mirror_round(&self, mirror_id: i64) -> Result<MirrorRound, Error> {
        const FIND: &str = "SELECT wanted_at, begun_at, ended_at, images, failed, failures FROM mirror_rounds \
             WHERE mirror_id = $1";
        let statement = sqlx::query(FIND).bind(mirror_id);
        let found = self.find("find a round of a mirror", statement, |row| {
            Ok(MirrorRound {
                wanted_at: row.try_get(0)?,
                begun_at: row.try_get(1)?,
                ended_at: row.try_get(2)?,
                did: RoundDid {
                    images: row.try_get(3)?,
                    failed: row.try_get(4)?,
                    failures: patterns(row, "failures")?,
                },
            })
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Notes that somebody asked for a round; nothing for a mirror that is gone.
    pub async fn want_mirror_round(&self, mirror_id: i64, now: i64) -> Result<(), Error> {
        const WANT: &str = "INSERT INTO mirror_rounds (mirror_id, wanted_at) \
             SELECT id, CAST($2 AS BIGINT) FROM mirrors WHERE id = $1 \
             ON CONFLICT (mirror_id) DO UPDATE SET wanted_at = excluded.wanted_at";
        let statement = move || sqlx::query(WANT).bind(mirror_id).bind(now);
        self.change("ask for a round of a mirror", Durability::Durable, statement)
            .await
            .map(drop)
    }

    /// Notes that a round begins, which is the one that was asked for; nothing for a mirror that is gone.
    pub async fn begin_mirror_round(&self, mirror_id: i64, now: i64) -> Result<(), Error> {
        const BEGIN: &str = "INSERT INTO mirror_rounds (mirror_id, begun_at) \
             SELECT id, CAST($2 AS BIGINT) FROM mirrors WHERE id = $1 \
             ON CONFLICT (mirror_id) DO UPDATE SET wanted_at = NULL, begun_at = excluded.begun_at";
        let statement = move || sqlx::query(BEGIN).bind(mirror_id).bind(now);
        self.change("begin a round of a mirror", Durability::Durable, statement)
            .await
            .map(drop)
    }

    /// Notes how a round ended; what failed in it has one line each.
    pub async fn end_mirror_round(&self, mirror_id: i64, did: RoundDid, now: i64) -> Result<(), Error> {
        const END: &str = "UPDATE mirror_rounds SET ended_at = $2, images = $3, failed = $4, failures = $5 \
             WHERE mirror_id = $1";
        let statement = move || {
            sqlx::query(END)
                .bind(mirror_id)
                .bind(now)
                .bind(did.images)
                .bind(did.failed)
                .bind(did.failures.join("\n"))
        };
        self.change("end a round of a mirror", Durability::Durable, statement)
            .await
            .map(drop)
    }
}
