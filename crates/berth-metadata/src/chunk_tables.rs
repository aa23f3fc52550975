//! The hashes of blobs' chunks, made elsewhere and kept for as long as their blob. Refuses to know how they are made.

use sqlx::Row as _;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use crate::sql::change;

/// The hashes of a blob's chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkTable {
    /// The blob.
    pub digest: String,
    /// Bytes of each chunk but the last.
    pub chunk_bytes: i64,
    /// SHA-256 of each chunk, one after another.
    pub hashes: Vec<u8>,
}

impl Metadata {
    /// The hashes of a blob's chunks of that length, if they were kept.
    pub async fn chunk_table(&self, digest: &str, chunk_bytes: i64) -> Result<Option<Vec<u8>>, Error> {
        const FIND: &str = "SELECT hashes FROM chunk_tables WHERE digest = $1 AND chunk_bytes = $2";
        let statement = sqlx::query(FIND).bind(digest.to_owned()).bind(chunk_bytes);
        self.find("find the hashes of chunks", statement, |row| Ok(row.try_get(0)?))
            .await
    }

    /// Keeps the hashes of a blob's chunks in the place of others; false when the blob is gone. May be lost in a power cut.
    pub async fn save_chunk_table(&self, table: ChunkTable) -> Result<bool, Error> {
        const SAVE: &str = "INSERT INTO chunk_tables (digest, chunk_bytes, hashes) \
             SELECT b.digest, $2, $3 FROM blobs b WHERE b.digest = $1 \
             ON CONFLICT (digest) DO UPDATE SET chunk_bytes = excluded.chunk_bytes, hashes = excluded.hashes";
        self.pool
            .write(
                "keep the hashes of chunks",
                Durability::Relaxed,
                table,
                |tx, table| {
                    Box::pin(async move {
                        let save = sqlx::query(SAVE)
                            .bind(table.digest.clone())
                            .bind(table.chunk_bytes)
                            .bind(table.hashes.clone());
                        let saved = change(tx, save).await;
                        // The blob goes at this moment: the next attempt finds that it is gone.
                        Ok(saved.map_err(|error| Failure::from(error).reference_collides())? > 0)
                    })
                },
            )
            .await
    }
}
