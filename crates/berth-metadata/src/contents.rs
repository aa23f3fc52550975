//! What is known of what is in layers: the lists of their files, made elsewhere and kept here within a bound, and who else
//! uses a layer. Refuses to know how a list is written.

use sqlx::Row as _;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change};
use crate::viewer::{Viewer, readable};

/// The list of a layer's files, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerIndexRow {
    /// How `bytes` are written, the caller's number.
    pub format: i64,
    /// Why there is no list.
    pub problem: Option<String>,
    /// The list; empty when there is none.
    pub bytes: Vec<u8>,
    /// When it was made, milliseconds since the epoch.
    pub made_at: i64,
    /// When it was asked for last, as far as that was noted.
    pub used_at: i64,
}

/// A list to keep.
#[derive(Clone, Debug)]
pub struct NewLayerIndex {
    /// The layer.
    pub digest: String,
    /// How `bytes` are written.
    pub format: i64,
    /// Why there is no list.
    pub problem: Option<String>,
    /// The list.
    pub bytes: Vec<u8>,
    /// Bytes of all lists together; those that nobody asked for longest go.
    pub total_max: i64,
    /// The time.
    pub now: i64,
}

/// A blob that a repository links and that is not damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerBlob {
    /// Its digest.
    pub digest: String,
    /// The key of its bytes.
    pub key: String,
    /// Bytes.
    pub size: i64,
    /// When its bytes last had its digest.
    pub verified_at: i64,
}

/// Who uses a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerUse {
    /// The layer.
    pub digest: String,
    /// Manifests of the repository that name it.
    pub manifests: i64,
    /// Other repositories that link it and that the viewer may read.
    pub repositories: i64,
}

pub(crate) const INDEX: &str =
    "SELECT format, problem, bytes, made_at, used_at FROM layer_indexes WHERE digest = $1";

impl Metadata {
    /// Those of the blobs that the repository links.
    pub async fn linked_layers(
        &self,
        repository_id: i64,
        digests: &[String],
    ) -> Result<Vec<LayerBlob>, Error> {
        let mut found = Vec::new();
        for list in sql::lists(digests) {
            let markers = sql::markers(2, list.len());
            let text = format!(
                "SELECT b.digest, b.key, b.size, b.verified_at FROM blob_links l JOIN blobs b ON b.digest = l.digest \
                 WHERE l.repository_id = $1 AND b.damaged_at IS NULL AND l.digest IN ({markers})"
            );
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            let rows = self.list("find layers", statement, |row| {
                Ok(LayerBlob {
                    digest: row.try_get(0)?,
                    key: row.try_get(1)?,
                    size: row.try_get(2)?,
                    verified_at: row.try_get(3)?,
                })
            });
            found.extend(rows.await?);
        }
        Ok(found)
    }

    /// How many manifests of a repository name each of the layers, and how many other repositories that the viewer may
    /// read link it; nothing of a layer that nobody uses.
    pub async fn layer_uses(
        &self,
        repository_id: i64,
        digests: &[String],
        viewer: Viewer<'_>,
        now: i64,
    ) -> Result<Vec<LayerUse>, Error> {
        let mut found = Vec::new();
        for list in sql::lists(digests) {
            let statement = match viewer {
                Viewer::Anonymous => {
                    let markers = sql::markers(2, list.len());
                    sql::made(uses("$1", "+r.is_public = 1", &markers))
                }
                Viewer::User {
                    user_id,
                    account_id,
                    administrator,
                } => sql::made(uses("$5", readable!(), &sql::markers(6, list.len())))
                    .bind(user_id.to_owned())
                    .bind(account_id.to_owned())
                    .bind(i64::from(administrator))
                    .bind(now),
            };
            let statement = statement.bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            let rows = self.list("count who uses layers", statement, |row| {
                Ok(LayerUse {
                    digest: row.try_get(0)?,
                    manifests: row.try_get(1)?,
                    repositories: row.try_get(2)?,
                })
            });
            found.extend(rows.await?);
        }
        Ok(found)
    }

    /// What is known of a layer's files.
    pub async fn layer_index(&self, digest: &str) -> Result<Option<LayerIndexRow>, Error> {
        let statement = sqlx::query(INDEX).bind(digest.to_owned());
        self.find("find a list of files", statement, |row| {
            Ok(LayerIndexRow {
                format: row.try_get(0)?,
                problem: row.try_get(1)?,
                bytes: row.try_get(2)?,
                made_at: row.try_get(3)?,
                used_at: row.try_get(4)?,
            })
        })
        .await
    }

    /// Keeps a list in the place of what was known, and lets those go that nobody asked for longest when all have more
    /// bytes than they may. False when the blob is gone.
    pub async fn save_layer_index(&self, index: NewLayerIndex) -> Result<bool, Error> {
        self.pool
            .write("keep a list of files", Durability::Relaxed, index, |tx, index| {
                Box::pin(save(tx, index))
            })
            .await
    }

    /// Notes that a list was asked for.
    pub async fn touch_layer_index(&self, digest: &str, now: i64) -> Result<(), Error> {
        const TOUCH: &str = "UPDATE layer_indexes SET used_at = $2 WHERE digest = $1 AND used_at < $2";
        let digest = digest.to_owned();
        let statement = move || sqlx::query(TOUCH).bind(digest.clone()).bind(now);
        self.change("note the use of a list of files", Durability::Relaxed, statement)
            .await
            .map(drop)
    }
}

async fn save(tx: &mut Tx<'_>, index: &NewLayerIndex) -> Result<bool, Failure> {
    const SAVE: &str = "INSERT INTO layer_indexes (digest, format, problem, bytes, size, made_at, used_at) \
         SELECT b.digest, $2, $3, $4, $5, $6, $6 FROM blobs b WHERE b.digest = $1 \
         ON CONFLICT (digest) DO UPDATE SET format = excluded.format, problem = excluded.problem, \
         bytes = excluded.bytes, size = excluded.size, made_at = excluded.made_at, used_at = excluded.used_at";
    const LEAST_USED: &str = "DELETE FROM layer_indexes WHERE digest IN (SELECT w.digest FROM \
         (SELECT i.digest, SUM(i.size) OVER (ORDER BY i.used_at DESC, i.digest DESC) AS total FROM layer_indexes i) AS w \
         WHERE w.total > $1)";
    let size = i64::try_from(index.bytes.len()).unwrap_or(i64::MAX);
    let save = sqlx::query(SAVE)
        .bind(index.digest.clone())
        .bind(index.format)
        .bind(index.problem.clone())
        .bind(index.bytes.clone())
        .bind(size)
        .bind(index.now);
    let saved = change(tx, save).await;
    // The blob goes at this moment: the next attempt finds that it is gone.
    let saved = saved.map_err(|error| Failure::from(error).reference_collides())?;
    change(tx, sqlx::query(LEAST_USED).bind(index.total_max)).await?;
    Ok(saved > 0)
}

fn uses(repository: &str, sees: &str, digests: &str) -> String {
    format!(
        "SELECT d.digest, (SELECT COUNT(*) FROM manifest_references m \
         WHERE m.repository_id = {repository} AND m.digest = d.digest), \
         (SELECT COUNT(*) FROM blob_links l JOIN repositories r ON r.id = l.repository_id \
         WHERE l.digest = d.digest AND l.repository_id <> {repository} AND r.listed = 1 AND {sees}) \
         FROM blobs d WHERE d.digest IN ({digests})"
    )
}
