//! The rows against what the blob store lists, and counts against what they count. Works beside running servers: what
//! differs is looked at once more after a while, because a push, a deletion or a scrub may have been in the middle.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use berth_blob::StoredBlob;
use berth_metadata::{KeyUse, KnownKey, StoreFigures};
use futures_util::TryStreamExt as _;

use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;

/// Keys that one question to the metadata asks about.
const KEYS_AT_ONCE: usize = 500;
/// Rows of a page.
const PAGE: i64 = 500;
/// Most differences that are named; the others are counted.
const NAMED_MAX: usize = 10_000;
/// Most places that a difference names.
const AFFECTED_MAX: i64 = 5;

/// How rows and store differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// A blob's bytes are not in the store.
    MissingBytes,
    /// A blob's bytes are not as many as its row says.
    WrongSize,
    /// Bytes that no row names.
    NoRow,
    /// Bytes of an upload that no row names.
    NoUpload,
    /// A quota's row does not count what is there.
    QuotaCount,
    /// An image's row does not count what is there.
    ImageCount,
}

impl DifferenceKind {
    /// One word, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingBytes => "missing_bytes",
            Self::WrongSize => "wrong_size",
            Self::NoRow => "no_row",
            Self::NoUpload => "no_upload",
            Self::QuotaCount => "quota_count",
            Self::ImageCount => "image_count",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::MissingBytes | Self::WrongSize => {
                "push the image again, which heals it everywhere; a pull or a scrub marks it as damaged until then"
            }
            Self::NoRow | Self::NoUpload => {
                "a crash left these bytes; upkeep deletes them when they are old enough, berth maintenance start reclaim \
                 --orphans looks now"
            }
            Self::QuotaCount => "run berth ledger verify --repair, and report it: counts should never differ",
            Self::ImageCount => {
                "what lists show of the image is wrong: report it, counts should never differ"
            }
        }
    }
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How.
    pub kind: DifferenceKind,
    /// A key, an upload's id, an image or what has a quota.
    pub what: String,
    /// What rows say: bytes, or the count.
    pub expected: Option<i64>,
    /// What is there.
    pub found: Option<i64>,
    /// For bytes without a row: when they changed last, milliseconds since the epoch.
    pub modified_at: Option<i64>,
    /// Images and tags that it touches, the first few.
    pub affected: Vec<String>,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Keys that the store lists.
    pub keys: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes by what their rows say, of the keys that the store lists.
    pub by_use: StoreFigures,
    /// Bytes of the keys that no row names, a push under way among them.
    pub without_row_bytes: u64,
    /// Everything that differs, the first ten thousand.
    pub differences: Vec<Difference>,
    /// Differences beyond those named.
    pub unnamed: u64,
}

/// What looked wrong at first.
#[derive(Default)]
struct Suspects {
    /// Keys that no row named.
    without_row: Vec<StoredBlob>,
    /// Blobs' keys that were not listed, or with another size.
    blobs: Vec<KnownKey>,
    uploads: Vec<(String, i64)>,
    unnamed: u64,
}

impl Registry {
    /// Compares rows with what the store lists, and counts with what they count; what differs counts when it still does
    /// after `pause`. `repair` puts the counts of quotas right. For the operator and the administrators of their account.
    pub async fn verify_ledger(
        &self,
        caller: &Caller,
        (pause, repair): (Duration, bool),
    ) -> Result<Verified, Error> {
        self.require_operating_account(caller).await?;
        let mut verified = Verified::default();
        let suspects = self.suspects(&mut verified).await?;
        if !suspects.blobs.is_empty() || !suspects.without_row.is_empty() || !suspects.uploads.is_empty() {
            tokio::time::sleep(pause).await;
        }
        verified.unnamed = suspects.unnamed;
        let found = &mut verified.differences;
        self.look_at_blobs(suspects.blobs, found).await?;
        self.look_at_keys(suspects.without_row, found).await?;
        self.look_at_uploads(suspects.uploads, found).await?;
        self.look_at_counts(repair, found).await?;
        found.sort_by(|a, b| (a.kind, &a.what).cmp(&(b.kind, &b.what)));
        Ok(verified)
    }

    async fn suspects(&self, verified: &mut Verified) -> Result<Suspects, Error> {
        let mut suspects = Suspects::default();
        let mut seen = Seen::default();
        let mut listed = self.blobs.list().try_chunks(KEYS_AT_ONCE);
        while let Some(stored) = listed.try_next().await.map_err(|partial| partial.1)? {
            let keys: Vec<String> = stored.iter().map(|blob| blob.key.clone()).collect();
            let named = self.metadata.keys_named(&keys).await?;
            for blob in stored {
                seen.add(&blob.key);
                verified.keys += 1;
                verified.bytes += blob.size;
                let size = i64::try_from(blob.size).unwrap_or(i64::MAX);
                match named.iter().find(|known| known.key == blob.key) {
                    None => {
                        verified.without_row_bytes += blob.size;
                        suspects.keep(|suspects| suspects.without_row.push(blob));
                    }
                    Some(known) => {
                        *verified.of(known.kind) += size;
                        if known.kind == KeyUse::Blob && known.size != size {
                            suspects.keep(|suspects| suspects.blobs.push(known.clone()));
                        }
                    }
                }
            }
        }
        let mut last = String::new();
        loop {
            let page = self.metadata.whole_blobs(&last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last.clone_from(&end.key);
            for known in page {
                if !seen.has(&known.key) {
                    suspects.keep(|suspects| suspects.blobs.push(known));
                }
            }
        }
        let mut uploads = self.blobs.list_uploads();
        while let Some(upload) = uploads.try_next().await? {
            if !self.is_unfinished(&upload.id).await? {
                suspects.keep(|suspects| suspects.uploads.push((upload.id, upload.modified_at)));
            }
        }
        verified.by_use.upload_bytes = self.metadata.store_figures().await?.upload_bytes;
        Ok(suspects)
    }

    /// Blobs whose row still says what it said, and whose bytes are not so.
    async fn look_at_blobs(
        &self,
        suspects: Vec<KnownKey>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), Error> {
        for suspect in suspects {
            let named = self
                .metadata
                .keys_named(std::slice::from_ref(&suspect.key))
                .await?;
            if !named.contains(&suspect) {
                continue;
            }
            let (kind, found) = match self.blobs.size(&suspect.key).await {
                Ok(size) if i64::try_from(size) == Ok(suspect.size) => continue,
                Ok(size) => (DifferenceKind::WrongSize, i64::try_from(size).ok()),
                Err(berth_blob::Error::NotFound) => (DifferenceKind::MissingBytes, None),
                Err(error) => return Err(error.into()),
            };
            let affected = self
                .metadata
                .affected_by(&suspect.digest, None, AFFECTED_MAX)
                .await?;
            let affected = affected.into_iter().map(|place| match place.tag {
                Some(tag) => format!("{}:{tag}", place.repository),
                None => place.repository,
            });
            differences.push(Difference {
                kind,
                what: suspect.key,
                expected: Some(suspect.size),
                found,
                modified_at: None,
                affected: affected.collect(),
            });
        }
        Ok(())
    }

    /// Bytes that are still there and that still no row names. An upload's row is asked for first: when it is gone, its
    /// end is in the rows already.
    async fn look_at_keys(
        &self,
        suspects: Vec<StoredBlob>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), Error> {
        for suspect in suspects {
            if self.is_unfinished(&suspect.upload_id).await?
                || !self
                    .metadata
                    .keys_named(std::slice::from_ref(&suspect.key))
                    .await?
                    .is_empty()
            {
                continue;
            }
            match self.blobs.size(&suspect.key).await {
                Ok(size) => differences.push(Difference {
                    kind: DifferenceKind::NoRow,
                    what: suspect.key,
                    expected: None,
                    found: i64::try_from(size).ok(),
                    modified_at: Some(suspect.modified_at),
                    affected: Vec::new(),
                }),
                Err(berth_blob::Error::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn look_at_uploads(
        &self,
        suspects: Vec<(String, i64)>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), Error> {
        if suspects.is_empty() {
            return Ok(());
        }
        let suspects: HashSet<String> = suspects.into_iter().map(|(id, _)| id).collect();
        let mut uploads = self.blobs.list_uploads();
        while let Some(upload) = uploads.try_next().await? {
            if suspects.contains(&upload.id) && !self.is_unfinished(&upload.id).await? {
                differences.push(Difference {
                    kind: DifferenceKind::NoUpload,
                    what: upload.id,
                    expected: None,
                    found: None,
                    modified_at: Some(upload.modified_at),
                    affected: Vec::new(),
                });
            }
        }
        Ok(())
    }

    async fn look_at_counts(&self, repair: bool, differences: &mut Vec<Difference>) -> Result<(), Error> {
        let quotas = if repair {
            self.metadata.recount_byte_quotas(now_ms()).await?
        } else {
            self.metadata.compare_byte_quotas().await?
        };
        let count = |kind, what: String, (expected, found)| Difference {
            kind,
            what,
            expected: Some(expected),
            found: Some(found),
            modified_at: None,
            affected: Vec::new(),
        };
        for quota in quotas {
            let (counted, found) = (quota.counted, quota.found);
            for (name, pair) in [
                ("used", (counted.used, found.used)),
                ("reserved", (counted.reserved, found.reserved)),
            ] {
                if pair.0 != pair.1 {
                    let what = format!("{} ({name})", quota.of);
                    differences.push(count(DifferenceKind::QuotaCount, what, pair));
                }
            }
        }
        let mut last = Some(0);
        while let Some(after) = last {
            let (images, next) = self.metadata.recount_images(after, PAGE).await?;
            last = next;
            for image in images {
                for (name, pair) in [
                    ("tags", (image.counted.0, image.found.0)),
                    ("bytes", (image.counted.1, image.found.1)),
                ] {
                    if pair.0 != pair.1 {
                        let what = format!("{} ({name})", image.image);
                        differences.push(count(DifferenceKind::ImageCount, what, pair));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Verified {
    fn of(&mut self, kind: KeyUse) -> &mut i64 {
        match kind {
            KeyUse::Blob => &mut self.by_use.blob_bytes,
            KeyUse::Reclaim => &mut self.by_use.reclaim_bytes,
            KeyUse::Quarantine => &mut self.by_use.quarantine_bytes,
        }
    }
}

impl Suspects {
    /// Adds one, or counts it when there are too many to name.
    fn keep(&mut self, add: impl FnOnce(&mut Self)) {
        if self.without_row.len() + self.blobs.len() + self.uploads.len() < NAMED_MAX {
            add(self);
        } else {
            self.unnamed += 1;
        }
    }
}

/// Keys that were seen, at 16 bytes each: two of a million that are taken for one another come once in many universes.
#[derive(Default)]
struct Seen {
    first: RandomState,
    second: RandomState,
    keys: HashSet<(u64, u64)>,
}

impl Seen {
    fn add(&mut self, key: &str) {
        self.keys
            .insert((self.first.hash_one(key), self.second.hash_one(key)));
    }

    fn has(&self, key: &str) -> bool {
        self.keys
            .contains(&(self.first.hash_one(key), self.second.hash_one(key)))
    }
}
