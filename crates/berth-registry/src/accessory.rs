//! Accessories: signatures, attestations and lists of contents that belong to an image, found by the tags that cosign
//! gives them and by their subject; and which tags a signature is about.

use std::collections::HashMap;

use berth_metadata::{AccessoriesPage, Accessory};
use berth_oci::{Manifest, Reference, RepositoryName, Tag};
use serde_json::Value;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::tag::{Listed, TagPlace};

/// The endings of the tags that cosign gives to what belongs to an image, and what that is.
const SUFFIXES: [(&str, AccessoryKind); 3] = [
    (".sig", AccessoryKind::CosignSignature),
    (".att", AccessoryKind::Attestation),
    (".sbom", AccessoryKind::Sbom),
];
const COSIGN_BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const BUNDLE_PREDICATE: &str = "dev.sigstore.bundle.predicateType";
const COSIGN_SIGNATURE_PREDICATE: &str = "https://sigstore.dev/cosign/sign/";

/// What an accessory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessoryKind {
    /// A signature by cosign.
    CosignSignature,
    /// A signature by notation.
    NotationSignature,
    /// A list of what is in the image.
    Sbom,
    /// A statement about how the image came to be.
    Attestation,
    /// Anything else that names the image as its subject.
    Other,
}

/// What kinds of accessories belong to an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// A signature, which nobody verified here.
    pub signed: bool,
    /// A list of what is in the image.
    pub sbom: bool,
    /// A statement about how the image came to be.
    pub attested: bool,
}

impl Marks {
    fn add(&mut self, kind: AccessoryKind) {
        match kind {
            AccessoryKind::CosignSignature | AccessoryKind::NotationSignature => self.signed = true,
            AccessoryKind::Sbom => self.sbom = true,
            AccessoryKind::Attestation => self.attested = true,
            AccessoryKind::Other => {}
        }
    }
}

/// The marks of images by digest, of what refers to them (digest, artifact type, annotations) and of tags in cosign's form.
pub(crate) fn marks_of(referrers: &[(String, String, String)], tags: &[String]) -> HashMap<String, Marks> {
    let mut marks: HashMap<String, Marks> = HashMap::new();
    for (digest, artifact_type, annotations) in referrers {
        let kind = kind_of_type(artifact_type, annotations);
        marks.entry(digest.clone()).or_default().add(kind);
    }
    for tag in tags {
        let kind = SUFFIXES.iter().find(|(suffix, _)| tag.ends_with(suffix));
        if let (Some(digest), Some((_, kind))) = (named_by(tag), kind) {
            marks.entry(digest).or_default().add(*kind);
        }
    }
    marks
}

/// An accessory and what it is.
#[derive(Clone, Debug)]
pub struct AccessoryView {
    /// The accessory.
    pub accessory: Accessory,
    /// What it is.
    pub kind: AccessoryKind,
}

/// A page of accessories.
#[derive(Clone, Debug)]
pub struct AccessoryViews {
    /// Where they are.
    pub place: TagPlace,
    /// The digest of the image that they belong to.
    pub target: String,
    /// The accessories.
    pub accessories: Vec<AccessoryView>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Registry {
    /// What belongs to the image that a tag or digest names: `limit` accessories after the first `offset`.
    pub async fn accessories(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
        (offset, limit): (i64, i64),
    ) -> Result<AccessoryViews, Error> {
        let place = self.tag_place(caller, Action::Pull, repository).await?;
        let target = match reference {
            Reference::Tag(tag) => self.tag_row(&place, tag).await?.digest,
            Reference::Digest(digest) => digest.to_string(),
        };
        let stem = target.replacen(':', "-", 1);
        let page = AccessoriesPage {
            repository_id: place.repository_id,
            digest: target.clone(),
            tags: tags_of(&target),
            offset,
            limit,
        };
        let (found, total) = self.metadata.accessories(page).await?;
        let view = |accessory: Accessory| AccessoryView {
            kind: kind(&accessory, &stem),
            accessory,
        };
        Ok(AccessoryViews {
            place,
            target,
            accessories: found.into_iter().map(view).collect(),
            total,
        })
    }

    /// The tags of the images that the manifest which `tag` names signs or describes, after `last`.
    pub async fn tags_described_by(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        tag: &Tag,
        (last, limit): (Option<&str>, u32),
    ) -> Result<Listed<String>, Error> {
        let place = self.tag_place(caller, Action::Pull, repository).await?;
        let manifest = self
            .metadata
            .manifest_by_tag(place.repository_id, tag.as_str())
            .await?
            .ok_or_else(|| Error::ManifestUnknown(Reference::Tag(tag.clone())))?;
        let by_subject = Manifest::parse(&manifest.bytes, Some(&manifest.media_type))
            .ok()
            .and_then(|manifest| manifest.subject)
            .map(|subject| subject.digest.to_string());
        // No digest is empty, so what is not there names nothing.
        let digests = [named_by(tag.as_str()), by_subject].map(Option::unwrap_or_default);
        let tags = self
            .metadata
            .tags_naming(place.repository_id, digests, last, i64::from(limit) + 1)
            .await?;
        Ok(Listed::cut(tags, limit))
    }
}

/// The tags of cosign's form for what belongs to a digest.
pub(crate) fn tags_of(digest: &str) -> [String; 3] {
    let stem = digest.replacen(':', "-", 1);
    SUFFIXES.map(|(suffix, _)| format!("{stem}{suffix}"))
}

/// How the tags of cosign's form end.
pub(crate) fn endings() -> Vec<&'static str> {
    SUFFIXES.map(|(suffix, _)| suffix).to_vec()
}

/// The digest that a tag of cosign's form (`sha256-<hex>.sig`) is about.
pub(crate) fn named_by(tag: &str) -> Option<String> {
    let stem = SUFFIXES.iter().find_map(|(suffix, _)| tag.strip_suffix(suffix))?;
    let (algorithm, hex) = stem.split_once('-')?;
    Some(format!("{algorithm}:{hex}"))
}

fn kind(accessory: &Accessory, stem: &str) -> AccessoryKind {
    let suffix = accessory.tag.as_deref().and_then(|tag| tag.strip_prefix(stem));
    let by_tag = SUFFIXES
        .iter()
        .find_map(|(known, kind)| (suffix == Some(known)).then_some(*kind));
    by_tag.unwrap_or_else(|| {
        kind_of_type(
            accessory.artifact_type.as_deref().unwrap_or_default(),
            &accessory.annotations_json,
        )
    })
}

fn kind_of_type(artifact_type: &str, annotations_json: &str) -> AccessoryKind {
    let has = |part: &str| artifact_type.contains(part);
    if artifact_type.starts_with(COSIGN_BUNDLE) {
        let annotations: Value = serde_json::from_str(annotations_json).unwrap_or_default();
        let predicate = annotations[BUNDLE_PREDICATE].as_str().unwrap_or_default();
        if predicate.is_empty() || predicate.starts_with(COSIGN_SIGNATURE_PREDICATE) {
            AccessoryKind::CosignSignature
        } else {
            AccessoryKind::Attestation
        }
    } else if has("vnd.dev.cosign") && has(".sig.") {
        AccessoryKind::CosignSignature
    } else if has("notary.signature") {
        AccessoryKind::NotationSignature
    } else if has("spdx") || has("cyclonedx") || has("syft") || has("sbom") {
        AccessoryKind::Sbom
    } else if has("in-toto") || has("dsse") || has("attestation") {
        AccessoryKind::Attestation
    } else {
        AccessoryKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessoryKind, kind_of_type, named_by};

    #[test]
    fn the_artifact_type_tells_what_an_accessory_is() {
        use AccessoryKind::{Attestation, CosignSignature, NotationSignature, Other, Sbom};
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let predicate = |of: &str| format!(r#"{{"dev.sigstore.bundle.predicateType":"{of}"}}"#);
        for (artifact_type, annotations, expected) in [
            (
                "application/vnd.dev.cosign.artifact.sig.v1+json",
                "{}".into(),
                CosignSignature,
            ),
            (
                bundle,
                predicate("https://sigstore.dev/cosign/sign/v1"),
                CosignSignature,
            ),
            (bundle, predicate("https://slsa.dev/provenance/v1"), Attestation),
            (bundle, "{}".into(), CosignSignature),
            (
                "application/vnd.cncf.notary.signature",
                "{}".into(),
                NotationSignature,
            ),
            ("application/spdx+json", "{}".into(), Sbom),
            ("application/vnd.cyclonedx+json", "{}".into(), Sbom),
            ("application/vnd.in-toto+json", "{}".into(), Attestation),
            ("application/vnd.dsse.envelope.v1+json", "{}".into(), Attestation),
            ("application/vnd.example", "no json".into(), Other),
            ("", "{}".into(), Other),
        ] {
            assert_eq!(
                kind_of_type(artifact_type, &annotations),
                expected,
                "{artifact_type}"
            );
        }
    }

    #[test]
    fn a_signature_tag_names_its_image() {
        for (tag, expected) in [
            ("sha256-ab.sig", Some("sha256:ab")),
            ("sha256-ab.att", Some("sha256:ab")),
            ("sha256-ab.sbom", Some("sha256:ab")),
            ("sha512-cd.sig", Some("sha512:cd")),
            ("v1.sig", None),
            ("sha256-ab", None),
        ] {
            assert_eq!(named_by(tag).as_deref(), expected, "{tag}");
        }
    }
}
