//! Manifests that refer to others, at a registry that keeps no list of them: they are listed under the tag where clients
//! look then, by the copy that puts them or, when that broke off in between, by a later one.

use std::collections::{BTreeMap, BTreeSet};

use berth_oci::{Descriptor, Digest, Manifest};
use berth_remote::Error as RemoteError;
use bytes::Bytes;
use http::HeaderMap;

use super::Copy;
use crate::sync::closure::{Part, Role};
use crate::sync::outcome::{Stop, of_copy};
use crate::sync::plan::{Plan, There, Verdict};

/// A manifest as it is stored here.
struct Stored {
    media_type: String,
    bytes: Bytes,
    manifest: Manifest,
}

impl Copy<'_> {
    /// Puts a manifest, and lists it where the registry does not do so itself.
    pub(super) async fn put(
        &self,
        part: &Part,
        reference: &berth_oci::Reference,
        headers: HeaderMap,
    ) -> Result<(), RemoteError> {
        let stored = self.stored(part).await?;
        let put = self
            .there
            .put_manifest(reference, &stored.media_type, stored.bytes.clone(), headers)
            .await?;
        match (&part.subject, &put.subject) {
            (Some(subject), None) => self.list(part, subject, stored).await,
            _ => Ok(()),
        }
    }

    /// Lists what is there already and was not listed, at a registry that does not do so itself.
    pub(super) async fn list_referrers(
        &self,
        parts: &[Part],
        plan: &Plan,
        (there, verdict): (&There, &Verdict),
    ) -> Result<(), Stop> {
        let is_there = |at: &usize| {
            let part = &parts[*at];
            let came_along = *verdict == Verdict::Same && matches!(part.role, Role::Child | Role::Root);
            let is_put = plan.manifests.binary_search(at).is_ok();
            !is_put && (came_along || there.manifests.contains(&part.digest))
        };
        let failed = |error| of_copy(&error, self.tried);
        let mut listed = BTreeMap::<&Digest, BTreeSet<Digest>>::new();
        for part in (0..parts.len()).filter(is_there).map(|at| &parts[at]) {
            let Some(subject) = &part.subject else { continue };
            if !listed.contains_key(subject) {
                let found = match self.there.referrers(subject).await {
                    Ok(found) if found.has_api => return Ok(()),
                    Ok(found) => found.descriptors.into_iter().map(|listed| listed.digest),
                    // Whether it keeps a list is not known, and an image that is there is not held up by that.
                    Err(
                        RemoteError::Denied(_) | RemoteError::Unauthorized(_) | RemoteError::Refused { .. },
                    ) => return Ok(()),
                    Err(error) => return Err(failed(error)),
                };
                listed.insert(subject, found.collect());
            }
            if !listed[subject].contains(&part.digest) {
                let stored = self.stored(part).await.map_err(failed)?;
                self.list(part, subject, stored).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    async fn list(&self, part: &Part, subject: &Digest, stored: Stored) -> Result<(), RemoteError> {
        let (manifest, size) = (stored.manifest, stored.bytes.len() as u64);
        let descriptor = Descriptor {
            artifact_type: manifest.referrer_artifact_type().map(str::to_owned),
            annotations: (!manifest.annotations.is_empty()).then(|| manifest.annotations.clone()),
            ..Descriptor::new(stored.media_type, part.digest.clone(), size)
        };
        self.there.put_referrer_fallback(subject, &descriptor).await
    }

    async fn stored(&self, part: &Part) -> Result<Stored, RemoteError> {
        let metadata = &self.registry.metadata;
        let digest = part.digest.as_str();
        let found = metadata.manifest_by_digest(self.work.repository_id, digest).await;
        let source = |text: String| RemoteError::Source(std::io::Error::other(text));
        let row = found.map_err(|error| source(error.to_string()))?;
        let row = row.ok_or_else(|| source(format!("the manifest {digest} is gone")))?;
        let manifest = Manifest::parse(&row.bytes, Some(&row.media_type));
        let manifest = manifest.map_err(|error| source(error.to_string()))?;
        Ok(Stored {
            media_type: row.media_type.clone(),
            bytes: row.bytes.clone(),
            manifest,
        })
    }
}
