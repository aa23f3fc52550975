//! What an upload's row holds, as numbers and a hash that can go on.

use berth_blob::Upload;
use berth_metadata::UploadRow;
use berth_oci::{Algorithm, Hasher};

use crate::error::Error;

pub(super) fn resume(row: &UploadRow) -> Result<Hasher, Error> {
    let broken = |source: &dyn std::fmt::Display| {
        Error::internal(
            "resuming an upload",
            format!("its stored hash is broken: {source}"),
        )
    };
    let algorithm: Algorithm = row.algorithm.parse().map_err(|e| broken(&e))?;
    Hasher::resume(algorithm, &row.hash_state).map_err(|e| broken(&e))
}

/// The upload as the blob store knows it.
pub(crate) fn stored(row: &UploadRow) -> Upload {
    Upload {
        key: row.id.clone(),
        offset: offset(row),
        backend: row.backend.clone(),
    }
}

/// The row's offset; the database has no unsigned numbers.
pub(super) fn offset(row: &UploadRow) -> u64 {
    u64::try_from(row.offset).unwrap_or(0)
}

pub(super) fn as_i64(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
