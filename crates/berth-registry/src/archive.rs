//! Archives of images that people upload with a browser: `docker save` packages and OCI layouts, whole or gzipped. They come in
//! chunks that lie in the store, are looked into while they come, and become images by a job that does what a push does.
//! Why so: docs/decisions/0010.

mod contents;
mod found;
mod inspect;
mod job;
mod name;
mod plan;
mod progress;
mod receive;
mod spool;
mod store;
mod sweep;
mod target;
mod uploader;
mod walk;

pub use found::{
    ArchiveFailure, ArchiveFile, ArchiveImage, ArchiveProblem, ArchiveQuestion, ArchiveTarget, ArchiveView,
    ArchiveWanted,
};
pub(crate) use inspect::Inspections;
pub use receive::ArchiveChunk;
pub use uploader::ArchiveSource;

use berth_metadata::{ARCHIVE, Archive, ArchiveState, ArchiveStep, Conflict, NewArchive, NewJob};
use berth_oci::{ImageName, OrganizationName, Tag};
use uuid::Uuid;

use crate::Registry;
use crate::access::{Action, Caller, decide, refuse};
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobKind;
use crate::limits::Quota;
use found::Found;
use plan::Called;
use spool::Spool;
use uploader::Uploader;

/// Bytes of a chunk: lost at most when a connection breaks, and large enough for an object of its own.
const CHUNK_BYTES: i64 = 8 << 20;
/// The longest name of a file, and of what it is known by.
const FILE_NAME_BYTES_MAX: usize = 255;
const FINGERPRINT_BYTES_MAX: usize = 128;
/// Names of images that are told beforehand, and the longest of them.
const REFERENCES_MAX: usize = 100;
const REFERENCE_BYTES_MAX: usize = 512;

impl Registry {
    /// Begins the upload of an archive for who may push to the organization, or to the images that are named beforehand. What
    /// can be told of it now is told: a bad name, a missing right, a quota, an immutable tag, a file that is too large.
    pub async fn begin_archive(
        &self,
        (caller, source): (&Caller, ArchiveSource),
        organization: &OrganizationName,
        (file, wanted): (ArchiveFile, ArchiveWanted),
    ) -> Result<ArchiveView, Error> {
        let user = caller.require_user()?;
        self.accepts(&file, &wanted)?;
        let names: Vec<_> = wanted
            .references
            .iter()
            .cloned()
            .map(Called::Annotation)
            .collect();
        let found = Found {
            images: self.announced(caller, organization, (&names, &wanted)).await?,
            ..Found::default()
        };
        let are_named =
            !found.images.is_empty() && found.images.iter().all(|image| !image.targets.is_empty());
        let organization_id = self.uploads_to(caller, organization, are_named).await?;
        let new = NewArchive {
            id: Uuid::new_v4().to_string(),
            organization_id,
            user_id: user.user_id.clone(),
            actor: written(&Uploader::of(user, source))?,
            file_name: file.name,
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            chunk_size: CHUNK_BYTES,
            fingerprint: file.fingerprint,
            wanted: written(&wanted)?,
            found: written(&found)?,
            limit: i64::from(self.limits.archives.files_max),
            now: now_ms(),
        };
        let made = self.metadata.create_archive(new).await;
        let made = made.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::TooMany) => Error::QuotaExceeded {
                quota: Quota::Uploads,
                limit: i64::from(self.limits.archives.files_max),
            },
            berth_metadata::Error::Conflict(Conflict::OrganizationGone) => {
                Error::Unknown(format!("organization '{organization}'"))
            }
            error => error.into(),
        })?;
        self.view(made)
    }

    /// The caller's own upload; anybody else's does not exist for them.
    pub async fn archive(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        id: &str,
    ) -> Result<ArchiveView, Error> {
        self.view(self.own_archive(caller, organization, id).await?)
    }

    /// The caller's uploads of all organizations before one, newest first: those under way, and those that ended lately.
    pub async fn archives(
        &self,
        caller: &Caller,
        before: Option<i64>,
        limit: i64,
    ) -> Result<(Vec<ArchiveView>, Option<i64>), Error> {
        let user = caller.require_user()?;
        let before = before.unwrap_or(i64::MAX);
        let found = self
            .metadata
            .archives_of(&user.user_id, before, limit.saturating_add(1))
            .await?;
        let limit = usize::try_from(limit).unwrap_or(0);
        let next = found
            .get(limit)
            .and(found.get(limit.saturating_sub(1)))
            .map(|last| last.number);
        let views = found.into_iter().take(limit).map(|archive| self.view(archive));
        Ok((views.collect::<Result<_, _>>()?, next))
    }

    /// Says what an upload is to become, also while its bytes come. One that waits for this goes on.
    pub async fn answer_archive(
        &self,
        caller: &Caller,
        (organization, id): (&OrganizationName, &str),
        wanted: ArchiveWanted,
    ) -> Result<ArchiveView, Error> {
        let archive = self.own_archive(caller, organization, id).await?;
        let before: ArchiveWanted = read(&archive.wanted)?;
        let wanted = ArchiveWanted {
            references: before.references,
            ..wanted
        };
        let (image, tag) = (wanted.repository.as_deref(), wanted.tag.as_deref());
        if let Some(image) = image {
            let target = (image.parse()?, tag.unwrap_or("latest").parse()?);
            self.look_at_target(caller, organization, (&target, None)).await?;
        } else if let Some(tag) = tag {
            tag.parse::<Tag>()?;
        }
        let to = match archive.state {
            ArchiveState::Receiving => ArchiveState::Receiving,
            ArchiveState::Asking => ArchiveState::Processing,
            _ => {
                return Err(Error::Invalid(format!(
                    "the upload is {}, and takes no answer any more",
                    archive.state.as_str()
                )));
            }
        };
        let step = ArchiveStep {
            number: archive.number,
            from: archive.state,
            to,
            wanted: Some(written(&wanted)?),
            found: None,
            job: (to == ArchiveState::Processing).then(|| job_of(&archive)),
            now: now_ms(),
        };
        if !self.metadata.step_archive(step).await? {
            return Err(Error::Unavailable);
        }
        self.jobs.queued(JobKind::Archive);
        self.archive(caller, organization, id).await
    }

    /// Ends an upload and deletes what came of it, whatever its state; what it stored already stays. One that has ended is
    /// taken off the list.
    pub async fn cancel_archive(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        id: &str,
    ) -> Result<(), Error> {
        let archive = self.own_archive(caller, organization, id).await?;
        let step = ArchiveStep {
            number: archive.number,
            from: archive.state,
            to: ArchiveState::Cancelled,
            wanted: None,
            found: None,
            job: None,
            now: now_ms(),
        };
        if !self.metadata.step_archive(step).await? {
            // It moved on meanwhile, and whoever asks again meets its new state.
            return Err(Error::Unavailable);
        }
        self.remove_archive(&archive).await
    }

    /// The caller's own upload of that id.
    async fn own_archive(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        id: &str,
    ) -> Result<Archive, Error> {
        let user = caller.require_user()?;
        let found = self.metadata.archive(id).await?.filter(|archive| {
            archive.user_id == user.user_id
                && archive.organization == organization.as_str()
                && archive.state != ArchiveState::Cancelled
        });
        found.ok_or(Error::UploadUnknown)
    }

    /// The id of an organization that the caller may upload to: to all of it, or to the images that are named.
    async fn uploads_to(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        are_named: bool,
    ) -> Result<i64, Error> {
        let standing = self.standing(caller, organization.as_str(), None).await?;
        // As for an image that is not there: its first push is for who may write to the organization.
        match decide(caller, Action::Push, &standing) {
            Err(refusal) if !are_named || standing.organization.is_none() => {
                Err(refuse(refusal, caller, organization.as_str(), None))
            }
            _ => standing
                .organization
                .map(|organization| organization.id)
                .ok_or_else(|| Error::Unknown(format!("organization '{organization}'"))),
        }
    }

    fn accepts(&self, file: &ArchiveFile, wanted: &ArchiveWanted) -> Result<(), Error> {
        let invalid = |what: &str| Err(Error::Invalid(what.to_owned()));
        if file.name.len() > FILE_NAME_BYTES_MAX || file.name.chars().any(char::is_control) {
            return invalid("the file's name has more than 255 bytes, or control characters");
        }
        if file.fingerprint.len() > FINGERPRINT_BYTES_MAX || file.fingerprint.chars().any(char::is_control) {
            return invalid("the file's fingerprint has more than 128 bytes, or control characters");
        }
        if wanted.references.len() > REFERENCES_MAX
            || wanted
                .references
                .iter()
                .any(|name| name.len() > REFERENCE_BYTES_MAX)
        {
            return invalid("the file has more than 100 names of images, or one of more than 512 bytes");
        }
        if let Some(image) = &wanted.repository {
            image.parse::<ImageName>()?;
        }
        if let Some(tag) = &wanted.tag {
            tag.parse::<Tag>()?;
        }
        if file.size == 0 {
            return invalid("the file is empty");
        }
        let max = self.limits.archives.bytes_max;
        if file.size > max {
            return Err(Error::TooLarge {
                what: "the file",
                max,
            });
        }
        Ok(())
    }

    fn view(&self, archive: Archive) -> Result<ArchiveView, Error> {
        let found: Found = read(&archive.found)?;
        let expires_at = archive.updated_at.saturating_add(self.limits.archives.ttl_ms());
        Ok(ArchiveView {
            wanted: read(&archive.wanted)?,
            id: archive.id,
            organization: archive.organization,
            file_name: archive.file_name,
            size: archive.size,
            chunk_size: archive.chunk_size,
            fingerprint: archive.fingerprint,
            offset: archive.offset,
            state: archive.state,
            images: found.images,
            checked: found.checked,
            stored: found.stored,
            to_store: found.to_store,
            questions: found.questions,
            failure: found.failure,
            created_at: archive.created_at,
            updated_at: archive.updated_at,
            expires_at,
        })
    }
}

/// The work that follows when all bytes are there: one archive of a user after another.
fn job_of(archive: &Archive) -> NewJob {
    NewJob {
        kind: ARCHIVE,
        subject: archive.number,
        lane: format!("uploads of {}", archive.user_id),
        due_at: now_ms(),
    }
}

fn written(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::internal("writing down an archive", source))
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|source| Error::internal("reading what is known of an archive", source))
}
