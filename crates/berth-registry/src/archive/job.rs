//! The work on an archive whose bytes are all there: checked from its first byte to its last, then stored. Done anew from its
//! chunks whenever it was interrupted; what is stored by then is found and not stored again.

use std::sync::Arc;

use berth_metadata::{Archive, ArchiveState, Expected, Job};
use berth_oci::{OrganizationName, RepositoryName};

use super::contents::{Contents, invalid};
use super::found::{ArchiveFailure, ArchiveImage, ArchiveProblem, ArchiveQuestion, ArchiveWanted, Found};
use super::plan::{Planned, Source, plan};
use super::progress::Progress;
use super::receive::unsigned;
use super::spool::{Spool, Unpacked};
use super::store::Destination;
use super::target::{Target, targets};
use super::uploader::Uploader;
use super::walk::Walk;
use super::{inspect, read};
use crate::Registry;
use crate::access::Caller;
use crate::audit::{Actor, Deed};
use crate::error::Error;
use crate::jobs::JobEnd;

/// Attempts at an archive that the store or the database would not let end.
const ATTEMPTS_MAX: i64 = 20;
/// How the audit trail names the push of a manifest, and its answer.
const PUSH: (&str, u16) = ("put_manifest", 201);

impl Registry {
    /// Checks and stores an archive.
    pub(crate) async fn run_archive_job(self: &Arc<Self>, job: &Job) -> Result<JobEnd, Error> {
        let archive = self.metadata.archive_by_number(job.subject).await?;
        let Some(archive) = archive.filter(|archive| archive.state == ArchiveState::Processing) else {
            return Ok(JobEnd::Done);
        };
        let mut progress = Progress::new(&self.metadata, archive.number, Found::default());
        let to = match self.process(&archive, &mut progress).await {
            Ok(to) => to,
            Err(error) => {
                let failure = ArchiveFailure::of(&error).or_else(|| {
                    (job.attempts >= ATTEMPTS_MAX).then(|| ArchiveFailure {
                        problem: ArchiveProblem::Internal,
                        sentence: "the registry could not store it: try again later".to_owned(),
                    })
                });
                let Some(failure) = failure else { return Err(error) };
                progress.found.failure = Some(failure);
                ArchiveState::Failed
            }
        };
        match progress.step(to).await {
            Ok(()) if to != ArchiveState::Asking => self.remove_chunks(&archive).await?,
            // It waits, or was cancelled meanwhile; who cancels removes.
            Ok(()) | Err(Error::UploadUnknown) => {}
            Err(error) => return Err(error),
        }
        Ok(JobEnd::Done)
    }

    /// The state that follows.
    async fn process(
        self: &Arc<Self>,
        archive: &Archive,
        progress: &mut Progress<'_>,
    ) -> Result<ArchiveState, Error> {
        let wanted: ArchiveWanted = read(&archive.wanted)?;
        let (caller, uploader) = self.uploader(archive).await?;
        let organization: OrganizationName = archive.organization.parse()?;
        let max = self.limits.archives.unpacked_bytes_max;
        let mut unpacked = Unpacked::new(Spool::of(&self.blobs, archive), max);
        let contents = check(archive, &mut unpacked, progress).await?;
        let source = Source {
            contents: &contents,
            unpacked: &mut unpacked,
            manifest_bytes_max: self.limits.manifest_bytes_max,
            unpacked_max: max,
        };
        let planned = plan(source).await?;
        let images = self.resolve(&caller, &organization, (&planned, &wanted)).await?;
        let ways: Vec<_> = images.iter().map(|image| image.ways.clone()).collect();
        progress.found.images = images.into_iter().map(|image| image.shown).collect();
        if planned.len() > 1 && ways.iter().any(Vec::is_empty) {
            return Err(invalid(
                "one of several images in it has no name: save each under its name",
            ));
        }
        progress.found.questions = questions(&progress.found.images, &wanted);
        if !progress.found.questions.is_empty() {
            return Ok(ArchiveState::Asking);
        }
        progress.found.to_store = planned
            .iter()
            .zip(&ways)
            .map(|(planned, ways)| planned.bytes() * repositories(ways).len() as u64)
            .sum();
        progress.save().await?;
        let actor = (&caller, &uploader, wanted.overwrite);
        for (number, (planned, ways)) in planned.iter().zip(&ways).enumerate() {
            let storing = self.store_image(actor, &organization, (planned, ways), (&mut unpacked, progress));
            storing.await?;
            progress.found.images[number].stored = true;
            progress.save().await?;
        }
        Ok(ArchiveState::Done)
    }

    /// Finds out where each image goes.
    async fn resolve(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        (planned, wanted): (&[Planned], &ArchiveWanted),
    ) -> Result<Vec<Resolved>, Error> {
        let said = match planned {
            [_] => (wanted.repository.as_deref(), wanted.tag.as_deref()),
            _ => (None, None),
        };
        let mut resolved = Vec::with_capacity(planned.len());
        for image in planned {
            let digest = image.digest().map(ToString::to_string);
            let mut shown = ArchiveImage {
                references: image
                    .called
                    .iter()
                    .map(|called| called.text().to_owned())
                    .collect(),
                targets: Vec::new(),
                digest: digest.clone(),
                layers: image.layers,
                bytes: image.bytes(),
                platforms: image.platforms.clone(),
                stored: false,
            };
            let ways = targets(&image.called, said)?;
            for way in &ways {
                let found = self.look_at_target(caller, organization, (way, digest.as_deref()));
                shown.targets.push(found.await?);
            }
            resolved.push(Resolved { shown, ways });
        }
        Ok(resolved)
    }

    async fn store_image(
        self: &Arc<Self>,
        (caller, uploader, overwrite): (&Caller, &Uploader, bool),
        organization: &OrganizationName,
        (planned, ways): (&Planned, &[Target]),
        (unpacked, progress): (&mut Unpacked, &mut Progress<'_>),
    ) -> Result<(), Error> {
        let digest = planned.digest().map(ToString::to_string).unwrap_or_default();
        for image in repositories(ways) {
            let repository = RepositoryName::new(organization.clone(), image.clone());
            let to = Destination {
                caller,
                repository: &repository,
            };
            self.store_contents(&to, planned, (&mut *unpacked, &mut *progress))
                .await?;
            for way in ways.iter().filter(|(other, _)| other == image) {
                let (_, tag) = way;
                let now = self.look_at_target(caller, organization, (way, Some(&digest)));
                // Somebody may move the tag between the look and the push.
                let before = match now.await?.now {
                    _ if overwrite => None,
                    Some(now) if now == digest => Some(Expected::OneOf(vec![now])),
                    Some(now) => return Err(Error::TagMoved { now: Some(now) }),
                    None => Some(Expected::Nothing),
                };
                self.store_tag(&to, planned, (tag, before)).await?;
                self.note_push(caller, uploader, format!("{repository}:{tag}"));
            }
        }
        Ok(())
    }

    /// Notes a push as the distribution API would.
    fn note_push(&self, caller: &Caller, uploader: &Uploader, resource: String) {
        if let Some(actor) = Actor::of(caller) {
            let deed = Deed {
                action: PUSH.0.to_owned(),
                resource,
                status: PUSH.1,
                code: String::new(),
                source: uploader.source.address,
                request_id: uploader.source.request_id.clone(),
            };
            self.record_soon(actor, deed);
        }
    }
}

/// An image whose place is known.
struct Resolved {
    shown: ArchiveImage,
    ways: Vec<Target>,
}

/// What the uploader has to say before anything is stored.
fn questions(images: &[ArchiveImage], wanted: &ArchiveWanted) -> Vec<ArchiveQuestion> {
    let mut questions = Vec::new();
    if images.iter().any(|image| image.targets.is_empty()) {
        questions.push(ArchiveQuestion::Name);
    }
    let moves = |image: &ArchiveImage| {
        image
            .targets
            .iter()
            .any(|target| target.now.is_some() && target.now != image.digest)
    };
    if !wanted.overwrite && images.iter().any(moves) {
        questions.push(ArchiveQuestion::Overwrite);
    }
    questions
}

/// The repositories of some targets, each once.
fn repositories(ways: &[Target]) -> Vec<&berth_oci::ImageName> {
    let mut images: Vec<_> = ways.iter().map(|(image, _)| image).collect();
    images.dedup();
    images.sort_unstable();
    images.dedup();
    images
}

/// Walks over the whole archive.
async fn check(
    archive: &Archive,
    unpacked: &mut Unpacked,
    progress: &mut Progress<'_>,
) -> Result<Contents, Error> {
    let (size, chunk) = (unsigned(archive.size), unsigned(archive.chunk_size).max(1));
    let mut walk = Walk::new();
    let mut came = 0;
    while came < size {
        came = size.min(came + chunk);
        unpacked.came(came);
        inspect::walk(unpacked, &mut walk).await?;
        progress.checked(came).await?;
    }
    walk.end()
}
