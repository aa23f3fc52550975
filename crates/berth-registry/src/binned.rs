//! The bin: what was deleted comes back from here until it expires, for who may push there; who manages the organization
//! can end it before. An entry that is not the caller's to see is as one that is not there.

/// An entry of the bin, what is in the way of one, and what restoring brought back, as the metadata has them.
pub use berth_metadata::{BinEntry, BinKind, BinObstacle, BinRestored, BinUsage};
use berth_metadata::{
    BinOwner, BinPage, BinRestore, BinViewer, Conflict, Deletion, Guard, Permission, TagChange, Untagged,
};
use berth_oci::{OrganizationName, RepositoryName};

use crate::Registry;
use crate::access::{Action, Caller, Refusal, decide, refuse};
use crate::clock::now_ms;
use crate::error::Error;
use crate::immutability::Rules;
use crate::tag::{Listed, by};

/// When entries expire that were ended by hand.
const ENDED_BY_HAND: i64 = 0;
/// Entries that whoever ends them waits for; upkeep takes the others away.
const PURGED_AT_ONCE: i64 = 100;

/// Which part of the bin to show; none does not restrict it.
#[derive(Clone, Debug)]
pub struct BinWanted {
    /// The organization's name.
    pub organization: Option<OrganizationName>,
    /// The image's name in its organization.
    pub image: Option<String>,
    /// What was deleted.
    pub kind: Option<BinKind>,
    /// A tag that comes back.
    pub tag: Option<String>,
    /// Entries before this one; the latest when none.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// How to restore an entry.
#[derive(Clone, Debug, Default)]
pub struct BinWish {
    /// Moves tags back that name something else now.
    pub overwrite: bool,
    /// The name that an image gets in its organization, none for the one it had.
    pub image: Option<String>,
}

impl Registry {
    /// What is in the bin, newest first, of all that the caller has a right on.
    pub async fn bin(&self, caller: &Caller, wanted: BinWanted) -> Result<Listed<BinEntry>, Error> {
        let user = caller.require_user()?;
        let organization_id = match &wanted.organization {
            None => None,
            Some(name) => match self.standing(caller, name.as_str(), None).await?.organization {
                Some(organization) => Some(organization.id),
                None => return Ok(Listed::cut(Vec::new(), wanted.limit)),
            },
        };
        let page = BinPage {
            viewer: BinViewer {
                user_id: user.user_id.clone(),
                account_id: user.account_id.clone(),
                administrator: user.administrator,
            },
            organization_id,
            image: wanted.image,
            kind: wanted.kind,
            tag: wanted.tag,
            before: wanted.before,
            limit: i64::from(wanted.limit) + 1,
            now: now_ms(),
        };
        Ok(Listed::cut(self.metadata.list_bin(page).await?, wanted.limit))
    }

    /// An entry of the bin, and which tags are in its way now.
    pub async fn bin_entry(&self, caller: &Caller, id: i64) -> Result<(BinEntry, Vec<BinObstacle>), Error> {
        let entry = self.entry(caller, Action::ReadRights, id).await?;
        let obstacles = self.metadata.bin_obstacles(id).await?;
        Ok((entry, obstacles))
    }

    /// How much the bin of an organization holds: what goes when the organization is deleted, too.
    pub async fn bin_usage(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
    ) -> Result<BinUsage, Error> {
        let standing = self.visible_organization(caller, organization).await?;
        let organization = standing
            .organization
            .ok_or_else(|| Error::Unknown(format!("organization '{organization}'")))?;
        Ok(self.metadata.bin_usage(organization.id, now_ms()).await?)
    }

    /// Restores an entry, for who may push there. Refused while a tag names something else, unless it is to be
    /// overwritten, and while the image's name is taken.
    pub async fn restore_from_bin(
        &self,
        caller: &Caller,
        id: i64,
        wish: BinWish,
    ) -> Result<BinRestored, Error> {
        let entry = match self.entry(caller, Action::Push, id).await {
            // Somebody may have sent this request before, and not have heard of its success.
            Err(Error::Unknown(_)) => self.restored(caller, id).await?,
            entry => entry?,
        };
        let name = match &wish.image {
            Some(image) => self.new_name(caller, &entry, image).await?,
            None => full_name(&entry.organization, &entry.image)?,
        };
        let rules = self.rules_of_entry(&entry, &name).await?;
        let restore = BinRestore {
            id,
            guard: rules.as_ref().map_or(Guard::Off, Rules::guard),
            overwrite: wish.overwrite,
            image: (entry.kind == BinKind::Image).then(|| (name.image().to_string(), name.to_string())),
            by: by(caller),
        };
        match self.metadata.restore_from_bin(restore).await {
            Ok(restored) => restored.ok_or_else(|| unknown(id)),
            Err(berth_metadata::Error::Conflict(Conflict::TagsTaken(taken))) => Err(in_the_way(&taken)),
            Err(berth_metadata::Error::Conflict(Conflict::RepositoryExists)) => Err(Error::Exists(format!(
                "image '{name}' (restore this one under another name, or delete that one first)"
            ))),
            Err(berth_metadata::Error::Conflict(Conflict::RepositoryGone)) => Err(unknown(id)),
            Err(error) => {
                Err(rules.map_or_else(|| error.clone().into(), |rules| rules.refused(error.clone())))
            }
        }
    }

    /// The rules about tags that restoring an entry might move; none of an image, whose tags come back as they were.
    async fn rules_of_entry(&self, entry: &BinEntry, name: &RepositoryName) -> Result<Option<Rules>, Error> {
        if entry.kind == BinKind::Image {
            return Ok(None);
        }
        let standing = self
            .standing(&Caller::System, &entry.organization, Some(&entry.stored_image))
            .await?;
        let repository = standing.repository.ok_or_else(|| unknown(entry.id))?;
        Ok(Some(self.rules(&standing, repository.id, name).await?))
    }

    /// Ends an entry at once, for who manages the organization; upkeep frees its space.
    pub async fn purge_bin_entry(&self, caller: &Caller, id: i64) -> Result<(), Error> {
        let entry = self.entry(caller, Action::ReadRights, id).await?;
        self.require_organization(caller, Action::ManageOrganization, &entry.organization)
            .await?;
        if !self.metadata.purge_bin_entry(id).await? {
            return Err(unknown(id));
        }
        self.begin_purge().await
    }

    /// Ends all entries of an organization, for who manages it, and answers how many.
    pub async fn purge_bin(&self, caller: &Caller, organization: &OrganizationName) -> Result<u64, Error> {
        let organization = self.managed_organization(caller, organization).await?;
        let purged = self
            .metadata
            .purge_bin_of(BinOwner::Organization(organization.id))
            .await?;
        self.begin_purge().await?;
        Ok(purged)
    }

    /// Ends all entries of what was deleted in an image, for who manages the organization, and answers how many.
    pub async fn purge_image_bin(&self, caller: &Caller, name: &RepositoryName) -> Result<u64, Error> {
        let held = self.require_held(caller, Action::Delete, name).await?;
        self.managed_organization(caller, name.organization()).await?;
        let purged = self.metadata.purge_bin_of(BinOwner::Repository(held.id)).await?;
        self.begin_purge().await?;
        Ok(purged)
    }

    /// A first step of what upkeep does with entries that were ended by hand.
    async fn begin_purge(&self) -> Result<(), Error> {
        self.metadata.purge_bin(ENDED_BY_HAND, PURGED_AT_ONCE).await?;
        Ok(())
    }

    /// An entry in which the caller may do `action`: on the image that it is in or was.
    async fn entry(&self, caller: &Caller, action: Action, id: i64) -> Result<BinEntry, Error> {
        caller.require_user()?;
        let entry = self.metadata.bin_entry(id, now_ms()).await?;
        self.permitted(caller, action, id, entry).await
    }

    /// An entry that was restored, where the caller may push.
    async fn restored(&self, caller: &Caller, id: i64) -> Result<BinEntry, Error> {
        let entry = self.metadata.restored_bin_entry(id).await?;
        self.permitted(caller, Action::Push, id, entry).await
    }

    async fn permitted(
        &self,
        caller: &Caller,
        action: Action,
        id: i64,
        entry: Option<BinEntry>,
    ) -> Result<BinEntry, Error> {
        let entry = entry.ok_or_else(|| unknown(id))?;
        let standing = self
            .standing(caller, &entry.organization, Some(&entry.stored_image))
            .await?;
        let name = full_name(&entry.organization, &entry.image)?;
        let has_right = standing
            .organization_permission
            .max(standing.repository_permission)
            .is_some();
        match decide(caller, action, &standing) {
            Ok(()) => Ok(entry),
            // That an image is public, or shared, shows nobody what was deleted of it.
            Err(Refusal::Needs(_)) if !has_right => Err(unknown(id)),
            Err(Refusal::Hidden | Refusal::OrganizationUnknown) => Err(unknown(id)),
            Err(refusal) => Err(refuse(refusal, caller, &entry.organization, Some(&name))),
        }
    }

    /// Another name for an image, which takes the right to make images in the organization.
    async fn new_name(
        &self,
        caller: &Caller,
        entry: &BinEntry,
        image: &str,
    ) -> Result<RepositoryName, Error> {
        if entry.kind != BinKind::Image {
            return Err(Error::Invalid(
                "only an image is restored under another name; a tag or manifest goes back into its image"
                    .to_owned(),
            ));
        }
        let name = full_name(&entry.organization, image)?;
        let standing = self.standing(caller, &entry.organization, None).await?;
        decide(caller, Action::Push, &standing).map_err(|_| {
            refuse(
                Refusal::Needs(Permission::Write),
                caller,
                &entry.organization,
                None,
            )
        })?;
        Ok(name)
    }

    /// A deletion by the caller of what `guard` lets go, into the bin for as long as the settings say.
    pub(crate) fn deletion(&self, caller: &Caller, untagged: Untagged, guard: Guard) -> Deletion {
        Deletion {
            by: by(caller),
            why: TagChange::Delete,
            untagged,
            kept_ms: self.limits.bin_ttl_ms(),
            guard,
        }
    }
}

fn full_name(organization: &str, image: &str) -> Result<RepositoryName, Error> {
    Ok(format!("{organization}/{image}").parse()?)
}

fn unknown(id: i64) -> Error {
    Error::Unknown(format!("entry {id} of the bin"))
}

fn in_the_way(taken: &[(String, String)]) -> Error {
    let tags: Vec<String> = taken
        .iter()
        .map(|(tag, digest)| format!("tag {tag} at {digest}"))
        .collect();
    Error::Exists(format!(
        "{} (restore with overwrite to move it back)",
        tags.join(", ")
    ))
}
