//! How far a copy is: counted while it runs, and written down every second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use berth_metadata::SyncFigures;
use berth_oci::Digest;
use berth_remote::UploadSession;

use super::closure::Content;

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was there.
    Existed,
    /// It was mounted from another repository there.
    Mounted,
    /// It was sent.
    Sent,
}

/// The figures of a running copy; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    counted: Arc<Mutex<Counted>>,
}

/// Counts the bytes of one blob as they leave.
#[derive(Debug)]
pub(super) struct Leaving {
    progress: Progress,
    digest: Digest,
}

#[derive(Debug, Default)]
struct Counted {
    done: SyncFigures,
    /// Bytes of blobs under way, which count as done until they are sent again.
    under_way: BTreeMap<Digest, u64>,
    /// Uploads whose state was not written down yet.
    sessions: BTreeMap<Digest, UploadSession>,
    /// Blobs that were sent to the end.
    pushed: BTreeSet<Digest>,
}

impl Progress {
    /// What is known of attempts before this one.
    pub(super) fn after(sent: i64) -> Self {
        let progress = Self::default();
        progress.with(|counted| counted.done.bytes_sent = sent);
        progress
    }

    /// Says how much there is in all, of which `existing` is there.
    pub(super) fn begin<'a>(
        &self,
        all: impl Iterator<Item = &'a Content>,
        existing: impl Iterator<Item = &'a Content>,
    ) {
        let sum = |contents: &mut dyn Iterator<Item = &'a Content>| {
            contents.fold((0, 0), |(count, bytes), content| {
                (count + 1, bytes + number(content.size))
            })
        };
        let (mut all, mut existing) = (all, existing);
        let (total, existing) = (sum(&mut all), sum(&mut existing));
        self.with(|counted| {
            counted.done = SyncFigures {
                blobs_total: total.0,
                bytes_total: total.1,
                blobs_done: existing.0,
                bytes_done: existing.1,
                bytes_existing: existing.1,
                bytes_sent: counted.done.bytes_sent,
                bytes_mounted: 0,
            };
        });
    }

    /// Counts a blob's bytes from an offset on as they are handed to the network.
    pub(super) fn leaving(&self, digest: &Digest, offset: u64) -> Leaving {
        self.with(|counted| counted.under_way.insert(digest.clone(), offset));
        Leaving {
            progress: self.clone(),
            digest: digest.clone(),
        }
    }

    /// Hears how an upload can be gone on with.
    pub(super) fn begun(&self, digest: &Digest, session: &UploadSession) {
        self.with(|counted| counted.sessions.insert(digest.clone(), session.clone()));
    }

    /// The uploads that are to be written down.
    pub(super) fn take_sessions(&self) -> BTreeMap<Digest, UploadSession> {
        self.with(|counted| std::mem::take(&mut counted.sessions))
    }

    /// Hears that an upload ended: nobody can go on with it.
    pub(super) fn pushed(&self, digest: &Digest) {
        self.with(|counted| {
            counted.sessions.remove(digest);
            counted.pushed.insert(digest.clone());
        });
    }

    /// Whether an upload ended.
    pub(super) fn is_pushed(&self, digest: &Digest) -> bool {
        self.with(|counted| counted.pushed.contains(digest))
    }

    /// Counts a blob that is there now.
    pub(super) fn arrived(&self, content: &Content, fate: Fate) {
        self.with(|counted| {
            counted.under_way.remove(&content.digest);
            let bytes = number(content.size);
            counted.done.blobs_done += 1;
            counted.done.bytes_done = counted.done.bytes_done.saturating_add(bytes);
            match fate {
                Fate::Existed => counted.done.bytes_existing += bytes,
                Fate::Mounted => counted.done.bytes_mounted += bytes,
                Fate::Sent => {}
            }
        });
    }

    /// The figures as they are.
    pub(super) fn figures(&self) -> SyncFigures {
        self.with(|counted| {
            let under_way: u64 = counted.under_way.values().sum();
            SyncFigures {
                bytes_done: counted.done.bytes_done.saturating_add(number(under_way)),
                ..counted.done
            }
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Counted) -> T) -> T {
        change(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Leaving {
    pub(super) fn sent(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.progress.with(|counted| {
            *counted.under_way.entry(self.digest.clone()).or_default() += bytes;
            counted.done.bytes_sent = counted.done.bytes_sent.saturating_add(number(bytes));
        });
    }
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_oci::Algorithm;

    #[test]
    fn an_upload_that_ended_is_not_written_down() {
        let digest = Digest::of(Algorithm::Sha256, b"blob");
        let session: UploadSession = serde_json::from_value(serde_json::json!({
            "digest": digest.to_string(), "location": "http://there/1", "offset": 1, "chunk_bytes_min": 0,
        }))
        .unwrap();
        let progress = Progress::default();
        progress.begun(&digest, &session);
        assert_eq!(progress.take_sessions().len(), 1);
        assert!(!progress.is_pushed(&digest));
        progress.begun(&digest, &session);
        progress.pushed(&digest);
        assert!(progress.is_pushed(&digest));
        assert!(progress.take_sessions().is_empty());
    }

    #[test]
    fn a_blob_that_is_sent_again_counts_once_as_done_and_twice_as_sent() {
        let content = |word: &str, size| Content {
            digest: Digest::of(Algorithm::Sha256, word.as_bytes()),
            size,
        };
        let contents = [
            content("there", 1),
            content("sent", 10),
            content("mounted", 100),
            content("found", 1000),
        ];
        let progress = Progress::after(5);
        progress.begin(contents.iter(), contents[..1].iter());
        progress.leaving(&contents[1].digest, 0).sent(7);
        assert_eq!(
            (progress.figures().bytes_done, progress.figures().bytes_sent),
            (8, 12)
        );
        progress.leaving(&contents[1].digest, 0).sent(10);
        progress.arrived(&contents[1], Fate::Sent);
        progress.arrived(&contents[2], Fate::Mounted);
        progress.arrived(&contents[3], Fate::Existed);
        let expected = SyncFigures {
            blobs_total: 4,
            blobs_done: 4,
            bytes_total: 1111,
            bytes_done: 1111,
            bytes_sent: 22,
            bytes_mounted: 100,
            bytes_existing: 1001,
        };
        assert_eq!(progress.figures(), expected);
    }
}
