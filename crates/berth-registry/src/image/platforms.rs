//! The platforms of what a manifest names, in one line: found out once for each manifest and kept with its facts.

use berth_oci::{Digest, Manifest, ManifestKind, media_type};

use super::config::ImageConfig;
use super::platform::{PlatformImage, choose};
use crate::Registry;
use crate::error::Error;

/// Platforms of one index that are kept; real ones have a dozen.
const PLATFORMS_MAX: usize = 50;
/// Longest name of a platform that is kept.
const PLATFORM_LENGTH_MAX: usize = 64;

impl Registry {
    /// The platforms of an image or index, each once, by commas; empty for what has none. None when the image's
    /// configuration is not there.
    pub(crate) async fn platforms(
        &self,
        repository_id: i64,
        manifest: &Manifest,
    ) -> Result<Option<String>, Error> {
        match manifest.kind {
            ManifestKind::Index => {
                let images = manifest
                    .manifests
                    .iter()
                    .map(|entry| PlatformImage::of(entry, None));
                Ok(Some(line(images)))
            }
            ManifestKind::Image => self.platform_of_image(repository_id, manifest).await,
            ManifestKind::Other => Ok(Some(String::new())),
        }
    }

    /// Notes the platforms of a manifest that was pushed; without it the first list that shows it finds them out.
    pub(crate) async fn note_platforms(&self, repository_id: i64, digest: &Digest, manifest: &Manifest) {
        let noted = match self.platforms(repository_id, manifest).await {
            Ok(Some(platforms)) => {
                let found = vec![(digest.to_string(), platforms)];
                self.metadata
                    .note_platforms(repository_id, found)
                    .await
                    .map_err(Error::from)
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, %digest, "platforms not noted");
        }
    }

    async fn platform_of_image(
        &self,
        repository_id: i64,
        manifest: &Manifest,
    ) -> Result<Option<String>, Error> {
        let is_container = |kind: &str| kind == media_type::OCI_CONFIG || kind == media_type::DOCKER_CONFIG;
        let described = manifest
            .config
            .as_ref()
            .filter(|config| is_container(&config.media_type));
        let Some(described) = described else {
            return Ok(Some(String::new()));
        };
        let Ok(bytes) = self.config_bytes(repository_id, &described.digest).await? else {
            return Ok(None);
        };
        let Ok((config, _)) = ImageConfig::parse(&bytes, manifest.layers.len()) else {
            return Ok(Some(String::new()));
        };
        let image = PlatformImage {
            digest: String::new(),
            media_type: String::new(),
            manifest_bytes: 0,
            image_bytes: None,
            os: config.os,
            os_version: None,
            architecture: config.architecture,
            variant: config.variant,
            annotations: std::collections::BTreeMap::new(),
        };
        Ok(Some(line(std::iter::once(image))))
    }
}

/// The image of an index that most people want, with the bytes of its manifest.
pub(crate) fn platform_default(index: &Manifest) -> Option<(String, i64)> {
    // All count as present: what is not is not found afterwards.
    let present = berth_metadata::ManifestFacts::default();
    let entries = index.manifests.iter().take(super::IMAGES_MAX);
    let images: Vec<PlatformImage> = entries
        .map(|entry| PlatformImage::of(entry, Some(&present)))
        .collect();
    let chosen = choose(&images, None).ok().flatten()?;
    Some((
        chosen.digest.clone(),
        i64::try_from(chosen.manifest_bytes).unwrap_or(i64::MAX),
    ))
}

/// What pushers wrote, so only what looks like a platform; builders list attestations for the platform "unknown".
fn line(images: impl Iterator<Item = PlatformImage>) -> String {
    let is_plain = |platform: &String| {
        platform.len() <= PLATFORM_LENGTH_MAX
            && platform
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
            && !platform.starts_with("unknown/")
            && !platform.split('/').any(str::is_empty)
    };
    let mut platforms: Vec<String> = Vec::new();
    for platform in images.filter_map(|image| image.platform()).filter(is_plain) {
        if platforms.len() < PLATFORMS_MAX && !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    platforms.join(",")
}
