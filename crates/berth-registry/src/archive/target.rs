//! Where the images of an archive go: names checked, rights asked, tags that are there already found, before anything is stored.

use berth_metadata::Conflict;
use berth_oci::{ImageName, OrganizationName, RepositoryName, Tag};

use super::found::{ArchiveImage, ArchiveTarget, ArchiveWanted};
use super::plan::Called;
use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::limits::Quota;

/// An image and a tag of it.
pub(super) type Target = (ImageName, Tag);

/// The targets of an image by its names, each once.
pub(super) fn targets(called: &[Called], said: (Option<&str>, Option<&str>)) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    let mut add = |target: Option<Target>| {
        if let Some(target) = target
            && !targets.contains(&target)
        {
            targets.push(target);
        }
    };
    if called.is_empty() {
        add(super::name::Named::default().target(said)?);
    }
    for called in called {
        add(called.named().target(said)?);
    }
    Ok(targets)
}

impl Registry {
    /// What is known of images by their names alone, one image for each name.
    pub(super) async fn announced(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        (names, wanted): (&[Called], &ArchiveWanted),
    ) -> Result<Vec<ArchiveImage>, Error> {
        // Of several names nobody can tell yet which are of one image; what the uploader says is for one.
        let said = match names.len() {
            0 | 1 => (wanted.repository.as_deref(), wanted.tag.as_deref()),
            _ => (None, None),
        };
        let mut images = Vec::with_capacity(names.len());
        for called in names.chunks(1).chain(names.is_empty().then_some(names)) {
            let mut image = ArchiveImage {
                references: called.iter().map(|called| called.text().to_owned()).collect(),
                ..ArchiveImage::default()
            };
            for target in targets(called, said)? {
                image
                    .targets
                    .push(self.look_at_target(caller, organization, (&target, None)).await?);
            }
            if !image.references.is_empty() || !image.targets.is_empty() {
                images.push(image);
            }
        }
        Ok(images)
    }

    /// What a tag names now, for who may push it. An immutable one is refused unless it names `digest` already.
    pub(super) async fn look_at_target(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        ((image, tag), digest): (&Target, Option<&str>),
    ) -> Result<ArchiveTarget, Error> {
        let name = RepositoryName::new(organization.clone(), image.clone());
        let standing = self.require(caller, Action::Push, &name).await?;
        let mut target = ArchiveTarget {
            repository: image.to_string(),
            tag: tag.to_string(),
            now: None,
        };
        let Some(place) = standing.repository else {
            if let Some(organization) = &standing.organization {
                self.has_room_for_image(&organization.account_id).await?;
            }
            return Ok(target);
        };
        let found = self
            .metadata
            .manifest_descriptor_by_tag(place.id, tag.as_str())
            .await?;
        let Some(found) = found else { return Ok(target) };
        let rules = self.rules(&standing, place.id, &name).await?;
        if digest != Some(found.digest.as_str())
            && let Some(rule) = rules.covering(tag.as_str())
        {
            let conflict = Conflict::TagImmutable {
                tag: tag.to_string(),
                digest: found.digest,
                rule: rule.id,
            };
            return Err(rules.refused(conflict.into()));
        }
        target.now = Some(found.digest);
        Ok(target)
    }

    async fn has_room_for_image(&self, account_id: &str) -> Result<(), Error> {
        let Some(limit) = self.metadata.quotas(account_id).await?.repositories else {
            return Ok(());
        };
        if self.metadata.count_repositories_of(account_id).await? >= limit {
            return Err(Error::QuotaExceeded {
                quota: Quota::Repositories,
                limit,
            });
        }
        Ok(())
    }
}
