//! The platforms that an index has images for, and which of them is meant.

use std::collections::BTreeMap;

use berth_metadata::ManifestFacts;
use berth_oci::Descriptor;
use serde_json::Value;

use crate::error::Error;

/// What is shown of an index when nobody says.
const PLATFORM_DEFAULT: (&str, &str) = ("linux", "amd64");

/// An image for one platform.
#[derive(Clone, Debug)]
pub struct PlatformImage {
    /// The digest of its manifest.
    pub digest: String,
    /// The media type of its manifest.
    pub media_type: String,
    /// Bytes of its manifest.
    pub manifest_bytes: u64,
    /// Bytes of its configuration and layers; none when it is not in the repository.
    pub image_bytes: Option<i64>,
    /// The operating system.
    pub os: Option<String>,
    /// The version of the operating system, which Windows images have.
    pub os_version: Option<String>,
    /// The processor.
    pub architecture: Option<String>,
    /// The processor's variant.
    pub variant: Option<String>,
    /// The annotations of the entry in the index.
    pub annotations: BTreeMap<String, String>,
}

/// An operating system and a processor with or without its variant: `os/arch` or `os/arch/variant`.
pub(super) struct Platform<'a> {
    os: &'a str,
    architecture: &'a str,
    variant: Option<&'a str>,
}

impl PlatformImage {
    /// The platform as a request names it, when both its parts are known.
    pub fn platform(&self) -> Option<String> {
        let (os, architecture) = (self.os.as_deref()?, self.architecture.as_deref()?);
        let variant = self.variant.as_deref().map(|variant| format!("/{variant}"));
        Some(format!("{os}/{architecture}{}", variant.unwrap_or_default()))
    }

    /// The image of an entry of an index; it is in the repository when there are facts of it.
    pub(crate) fn of(entry: &Descriptor, facts: Option<&ManifestFacts>) -> Self {
        let platform = entry.platform.as_ref().unwrap_or(&Value::Null);
        let text = |key: &str| platform[key].as_str().map(str::to_owned);
        Self {
            digest: entry.digest.to_string(),
            media_type: entry.media_type.clone(),
            manifest_bytes: entry.size,
            image_bytes: facts.map(|facts| facts.image_bytes),
            os: text("os"),
            os_version: text("os.version"),
            architecture: text("architecture"),
            variant: text("variant"),
            annotations: entry.annotations.clone().unwrap_or_default(),
        }
    }
}

impl<'a> Platform<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some(*variant)),
            _ => {
                return Err(Error::Invalid(
                    "a platform is written os/arch or os/arch/variant, such as linux/arm64".to_owned(),
                ));
            }
        };
        Ok(Self {
            os,
            architecture,
            variant,
        })
    }

    pub(super) fn is_of(&self, image: &PlatformImage) -> bool {
        image.os.as_deref() == Some(self.os)
            && image.architecture.as_deref() == Some(self.architecture)
            && self
                .variant
                .is_none_or(|variant| image.variant.as_deref() == Some(variant))
    }

    pub(super) fn unknown(&self) -> Error {
        let variant = self
            .variant
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        let (os, architecture) = (self.os, self.architecture);
        Error::Unknown(format!(
            "an image for platform {os}/{architecture}{variant} under this tag"
        ))
    }
}

/// The image of an index to show.
pub(super) fn choose<'a>(
    images: &'a [PlatformImage],
    wanted: Option<&Platform<'_>>,
) -> Result<Option<&'a PlatformImage>, Error> {
    if let Some(wanted) = wanted {
        let found = images.iter().find(|image| wanted.is_of(image));
        return found.map(Some).ok_or_else(|| wanted.unknown());
    }
    let (os, architecture) = PLATFORM_DEFAULT;
    let usual = Platform {
        os,
        architecture,
        variant: None,
    };
    let mut there = images.iter().filter(|image| image.image_bytes.is_some());
    let usual = there.clone().find(|image| usual.is_of(image));
    // Builders list attestations beside the images, for the platform "unknown".
    Ok(usual.or_else(|| there.find(|image| image.os.as_deref() != Some("unknown"))))
}
