//! Tags set by people: to what another tag names, or back to what they named before. And where they were.

/// A move of a tag, as the metadata has it.
pub use berth_metadata::TagMove;
use berth_metadata::{By, Conflict, Expected, MoveTag, TagChange, TagMovesPage, TagSource, Untagged};
use berth_oci::{Digest, Reference, RepositoryName, Tag};

use super::Listed;
use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;

/// A tag to set to what another one names.
#[derive(Clone, Debug)]
pub struct Retag {
    /// The tag that is there.
    pub source: Tag,
    /// The tag to set.
    pub destination: Tag,
    /// What to do when that one is there already.
    pub existing: ExistingTag,
}

/// What becomes of a tag that is there when another is set to its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingTag {
    /// It stays, and the call is refused.
    Keep,
    /// It moves.
    Override,
}

/// Which part of a tag's history to show.
#[derive(Clone, Copy, Debug)]
pub struct TagHistoryPage {
    /// Moves before the one of this id; the latest when none.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

impl Registry {
    /// Sets a tag to what another tag of the repository names.
    pub async fn retag(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        retag: Retag,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::Push, repository).await?;
        let rules = self.rules(&held.standing, held.id, repository).await?;
        let wanted = MoveTag {
            repository_id: held.id,
            guard: rules.guard(),
            tag: retag.destination.to_string(),
            to: TagSource::Tag(retag.source.to_string()),
            expected: (retag.existing == ExistingTag::Keep).then_some(Expected::Nothing),
            by: by(caller),
            why: TagChange::Retag,
        };
        match self.metadata.move_tag(wanted).await {
            Ok(true) => {
                self.jobs.tag_moved();
                Ok(())
            }
            Ok(false) => Err(Error::ManifestUnknown(Reference::Tag(retag.source))),
            Err(berth_metadata::Error::Conflict(Conflict::TagMoved { .. })) => {
                Err(Error::Exists(format!("tag {}", retag.destination)))
            }
            Err(error) => Err(rules.refused(error)),
        }
    }

    /// Sets a tag back to a digest that it named before, also when the tag was deleted; its manifest must be there still,
    /// if only in the bin.
    pub async fn restore_tag(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::Push, repository).await?;
        let rules = self.rules(&held.standing, held.id, repository).await?;
        // History is only ever added to, so this cannot become false meanwhile.
        let named = self
            .metadata
            .tag_named(held.id, tag.as_str(), digest.as_str())
            .await?;
        if !named {
            return Err(Error::Unknown(format!(
                "an entry of manifest {digest} in the history of tag {tag}"
            )));
        }
        let wanted = MoveTag {
            repository_id: held.id,
            guard: rules.guard(),
            tag: tag.to_string(),
            to: TagSource::Digest(digest.to_string()),
            expected: None,
            by: by(caller),
            why: TagChange::SetBack,
        };
        let moved = self.metadata.move_tag(wanted).await;
        if moved.map_err(|error| rules.refused(error))? {
            self.jobs.tag_moved();
            return Ok(());
        }
        Err(Error::Unknown(format!(
            "tag {tag} named manifest {digest} before, but that manifest was deleted since and is not in the bin any more: it"
        )))
    }

    /// Deletes a tag, with its manifest when nothing else names that, into the bin; for who manages the image. `RepositoryUnknown` also for an image that is not the
    /// caller's to know of.
    pub async fn delete_tag(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::Delete, repository).await?;
        let rules = self.rules(&held.standing, held.id, repository).await?;
        let deletion = self.deletion(caller, Untagged::Goes, rules.guard());
        let deleted = self
            .metadata
            .delete_tag(held.id, tag.as_str(), None, deletion)
            .await;
        let deleted = deleted.map_err(|error| rules.refused(error))?;
        let unknown = || Error::ManifestUnknown(Reference::Tag(tag.clone()));
        deleted.then_some(()).ok_or_else(unknown)
    }

    /// The moves of a tag, newest first. They are told of deleted tags too, but not of names that never were a tag.
    pub async fn tag_history(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        tag: &Tag,
        page: TagHistoryPage,
    ) -> Result<Listed<TagMove>, Error> {
        let place = self.tag_place(caller, Action::Pull, repository).await?;
        let wanted = TagMovesPage {
            repository_id: place.repository_id,
            tag: tag.to_string(),
            before: page.before,
            limit: i64::from(page.limit) + 1,
        };
        let moves = self.metadata.tag_moves(wanted).await?;
        if moves.is_empty() && page.before.is_none() {
            return Err(Error::ManifestUnknown(Reference::Tag(tag.clone())));
        }
        Ok(Listed::cut(moves, page.limit))
    }
}

/// That the caller changes something now.
pub(crate) fn by(caller: &Caller) -> By {
    By {
        user_id: caller.user_id().map(str::to_owned),
        now: now_ms(),
    }
}
