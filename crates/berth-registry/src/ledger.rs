//! Where the bytes are, for those it concerns: what accounts, organisations, images and tags hold, alone or with others,
//! and what deleting some of it would free. `docs/explanation/ledger.md` says what each figure means.

mod verify;

use std::collections::{BTreeMap, BTreeSet};

use berth_metadata::{ByteQuota, Deleted, LedgerScope, LedgerView};
pub use berth_metadata::{Freed, LedgerFigures, StoreFigures, TagFigures};
use berth_oci::{OrganizationName, RepositoryName, Tag};

pub use verify::{Difference, DifferenceKind, Verified};

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;
use crate::tag::Listed;

/// Most images, and most tags, that one question about a deletion may name.
const DELETED_MAX: usize = 10_000;
/// Images of an organisation looked up at once.
const IMAGES_AT_ONCE: i64 = 1_000;

/// What a place holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The bytes.
    pub figures: LedgerFigures,
    /// The quota of bytes, of an organisation or account that has one.
    pub quota: Option<ByteQuota>,
    /// Whether other accounts' images count as sharing.
    pub sees_everything: bool,
    /// When it was counted, milliseconds since the epoch.
    pub counted_at: i64,
}

/// What might be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedDeletion {
    /// All images of these organisations.
    pub organizations: Vec<OrganizationName>,
    /// Images.
    pub images: Vec<RepositoryName>,
    /// Tags of images, with what nothing names without them.
    pub tags: Vec<(RepositoryName, Tag)>,
}

/// What a deletion would free, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldFree {
    /// The bytes.
    pub freed: Freed,
    /// Milliseconds from the deletion until quotas have them back: the time in the bin.
    pub quota_after_ms: i64,
    /// Milliseconds from the deletion until they have left the store, at least.
    pub store_after_ms: i64,
    /// Whether other accounts' images count as holding bytes.
    pub sees_everything: bool,
}

impl Registry {
    /// What an account holds, the caller's own when none is named. For its administrators and those of the operator's
    /// account.
    pub async fn account_ledger(&self, caller: &Caller, account: Option<&str>) -> Result<Ledger, Error> {
        let account = match account {
            Some(account) => account.to_owned(),
            None => caller.require_user()?.account_name.clone(),
        };
        if caller.require_administrator(&account).is_err() {
            self.require_operating_account(caller).await?;
        }
        let account = self.account(&account).await?;
        let quota = self.metadata.account_byte_quota(&account.id).await?;
        let view = self.ledger_view(caller, &account.id).await?;
        self.ledger_of(LedgerScope::Account(account.id), &view, quota)
            .await
    }

    /// What an organisation holds, for those who may read it all.
    pub async fn organization_ledger(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<Ledger, Error> {
        let (id, view) = self.ledger_organization(caller, name).await?;
        let quota = self.metadata.organization_byte_quota(id).await?;
        self.ledger_of(LedgerScope::Organization(id), &view, quota).await
    }

    /// What each image of an organisation holds, by name, those after `last`.
    pub async fn images_ledger(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        (last, limit): (Option<&str>, u32),
    ) -> Result<Listed<(String, LedgerFigures)>, Error> {
        let (id, view) = self.ledger_organization(caller, name).await?;
        let page = self
            .metadata
            .ledger_images(id, last.unwrap_or_default(), i64::from(limit) + 1)
            .await?;
        let page = Listed::cut(page, limit);
        let mut entries = Vec::with_capacity(page.entries.len());
        for image in page.entries {
            let figures = self.metadata.ledger(LedgerScope::Image(image.id), &view).await?;
            entries.push((image.image, figures));
        }
        Ok(Listed {
            entries,
            more: page.more,
        })
    }

    /// What an image holds, for those with a right on it.
    pub async fn image_ledger(&self, caller: &Caller, name: &RepositoryName) -> Result<Ledger, Error> {
        let (id, view) = self.ledger_image(caller, name).await?;
        self.ledger_of(LedgerScope::Image(id), &view, None).await
    }

    /// What each tag of an image holds, by name, those after `last`.
    pub async fn tags_ledger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        (last, limit): (Option<&str>, u32),
    ) -> Result<Listed<(String, TagFigures)>, Error> {
        let (id, view) = self.ledger_image(caller, name).await?;
        let page = self.metadata.list_tags(id, last, i64::from(limit) + 1).await?;
        let page = Listed::cut(page, limit);
        let mut entries = Vec::with_capacity(page.entries.len());
        for tag in page.entries {
            // One that was deleted since holds nothing.
            if let Some(figures) = self.metadata.tag_ledger(id, &tag, &view).await? {
                entries.push((tag, figures));
            }
        }
        Ok(Listed {
            entries,
            more: page.more,
        })
    }

    /// What a tag holds, for those with a right on its image.
    pub async fn tag_ledger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        tag: &Tag,
    ) -> Result<TagFigures, Error> {
        let (id, view) = self.ledger_image(caller, name).await?;
        let found = self.metadata.tag_ledger(id, tag.as_str(), &view).await?;
        found.ok_or_else(|| Error::Unknown(format!("tag '{tag}'")))
    }

    /// What the rows say that the store holds. For the operator and the administrators of their account.
    pub async fn store_ledger(&self, caller: &Caller) -> Result<StoreFigures, Error> {
        self.require_operating_account(caller).await?;
        Ok(self.metadata.store_figures().await?)
    }

    /// What deleting all this would free; nothing is changed. For those who may read all of it.
    pub async fn would_free(&self, caller: &Caller, wanted: &WantedDeletion) -> Result<WouldFree, Error> {
        if wanted.images.len() > DELETED_MAX || wanted.tags.len() > DELETED_MAX {
            return Err(Error::Invalid(format!(
                "one question names at most {DELETED_MAX} images and as many tags"
            )));
        }
        let mut deleted: BTreeMap<i64, Deleted> = BTreeMap::new();
        let mut views = Vec::new();
        let mut names: BTreeMap<i64, &RepositoryName> = BTreeMap::new();
        for (name, tag) in &wanted.tags {
            let (id, view) = self.ledger_image(caller, name).await?;
            views.push(view);
            names.insert(id, name);
            let tags = deleted
                .entry(id)
                .or_insert_with(|| Deleted::Tags(BTreeSet::new()));
            if let Deleted::Tags(tags) = tags {
                tags.insert(tag.to_string());
            }
        }
        for name in &wanted.images {
            let (id, view) = self.ledger_image(caller, name).await?;
            views.push(view);
            deleted.insert(id, Deleted::Image);
        }
        for name in &wanted.organizations {
            let (id, view) = self.ledger_organization(caller, name).await?;
            views.push(view);
            self.add_images(id, &mut deleted).await?;
        }
        // Of several accounts only the operator sees all.
        views.dedup();
        let [view] = &views[..] else {
            return Err(Error::Invalid(
                "name images, tags or organizations of one account".to_owned(),
            ));
        };
        let freed = self.metadata.freed(&deleted, view).await?;
        if let Some((id, tag)) = freed.unknown_tags.first() {
            let image = names.get(id).map_or_else(String::new, ToString::to_string);
            return Err(Error::Unknown(format!("tag '{tag}' of image '{image}'")));
        }
        Ok(self.would_be_freed(freed, view))
    }

    /// When what a deletion frees is free.
    pub(crate) fn would_be_freed(&self, freed: Freed, view: &LedgerView) -> WouldFree {
        let quota_after_ms = self.limits.bin_ttl_ms();
        WouldFree {
            freed,
            quota_after_ms,
            store_after_ms: quota_after_ms
                .max(self.limits.upload_ttl_ms())
                .saturating_add(self.limits.upkeep.reclaim_delay_ms()),
            sees_everything: *view == LedgerView::Everything,
        }
    }

    async fn add_images(
        &self,
        organization_id: i64,
        deleted: &mut BTreeMap<i64, Deleted>,
    ) -> Result<(), Error> {
        let mut last = String::new();
        loop {
            let page = self
                .metadata
                .ledger_images(organization_id, &last, IMAGES_AT_ONCE)
                .await?;
            let Some(image) = page.last() else {
                return Ok(());
            };
            last.clone_from(&image.image);
            deleted.extend(page.into_iter().map(|image| (image.id, Deleted::Image)));
            if deleted.len() > DELETED_MAX {
                return Err(Error::Invalid(format!(
                    "one question is about at most {DELETED_MAX} images"
                )));
            }
        }
    }

    async fn ledger_of(
        &self,
        scope: LedgerScope,
        view: &LedgerView,
        quota: Option<ByteQuota>,
    ) -> Result<Ledger, Error> {
        let counted_at = now_ms();
        Ok(Ledger {
            figures: self.metadata.ledger(scope, view).await?,
            quota,
            sees_everything: *view == LedgerView::Everything,
            counted_at,
        })
    }

    /// An organisation that the caller may read, and through whose eyes.
    pub(crate) async fn ledger_organization(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<(i64, LedgerView), Error> {
        let unknown = || Error::Unknown(format!("organization '{name}'"));
        let standing = self.visible_organization(caller, name).await?;
        let organization = standing.organization.ok_or_else(unknown)?;
        let view = self.ledger_view(caller, &organization.account_id).await?;
        Ok((organization.id, view))
    }

    /// An image that the caller has a right on, and through whose eyes.
    pub(crate) async fn ledger_image(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<(i64, LedgerView), Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let view = self.ledger_view(caller, &held.account_id).await?;
        Ok((held.id, view))
    }

    /// Whose images count as holders: who does not run the registry learns nothing of what other accounts hold.
    async fn ledger_view(&self, caller: &Caller, account_id: &str) -> Result<LedgerView, Error> {
        match self.require_operating_account(caller).await {
            Ok(()) => Ok(LedgerView::Everything),
            Err(Error::Denied(_) | Error::Unauthenticated | Error::InsufficientScope(_)) => {
                Ok(LedgerView::Account(account_id.to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}
