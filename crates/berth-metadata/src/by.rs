//! Who changes something, when and why.

use crate::immutability::Guard;
use crate::pool::Failure;

/// Who changes something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The user, none for the registry itself.
    pub user_id: Option<String>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// Why a tag came to name something, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// A manifest was pushed under it.
    Push,
    /// It was set to what another tag named.
    Retag,
    /// It was set back to what it named before.
    SetBack,
    /// It was deleted.
    Delete,
    /// A retention rule deleted it.
    Retention,
    /// The manifest that it named was deleted.
    ManifestDelete,
    /// It was restored from the bin.
    BinRestore,
}

impl TagChange {
    /// Every one of them.
    pub const ALL: [TagChange; 7] = [
        TagChange::Push,
        TagChange::Retag,
        TagChange::SetBack,
        TagChange::Delete,
        TagChange::Retention,
        TagChange::ManifestDelete,
        TagChange::BinRestore,
    ];

    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            TagChange::Push => "push",
            TagChange::Retag => "retag",
            TagChange::SetBack => "set_back",
            TagChange::Delete => "delete",
            TagChange::Retention => "retention",
            TagChange::ManifestDelete => "manifest_delete",
            TagChange::BinRestore => "bin_restore",
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|why| why.as_str() == text);
        found.ok_or_else(|| Failure::Broken(format!("'{text}' is no reason to change a tag")))
    }
}

/// What becomes of a manifest whose tag was deleted, when nothing else names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// It stays, and can be pulled by its digest.
    Stays,
    /// It goes with its tag.
    Goes,
}

/// A deletion, and how long what it takes away is kept in the bin.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Who deletes.
    pub by: By,
    /// What the history of tags says: [`TagChange::Delete`] or [`TagChange::Retention`].
    pub why: TagChange,
    /// What becomes of the manifest of a deleted tag.
    pub untagged: Untagged,
    /// How long it can be restored, in milliseconds; 0: it is gone at once.
    pub kept_ms: i64,
    /// Which tags stay whatever is deleted.
    pub guard: Guard,
}

impl Deletion {
    pub(crate) fn is_kept(&self) -> bool {
        self.kept_ms > 0
    }

    /// When it is purged; 0 is before all times.
    pub(crate) fn expires_at(&self) -> i64 {
        if self.is_kept() {
            self.by.now.saturating_add(self.kept_ms)
        } else {
            0
        }
    }
}
