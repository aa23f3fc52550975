//! Manifests and indexes: what they refer to, read from the bytes that were pushed.
//!
//! Accepts OCI images and indexes, Docker schema 2 and lists, OCI artifact manifests, and any JSON object of a media
//! type it does not know. Never rewrites: the bytes stay the truth. Refuses to know what is stored.

mod strict_json;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::descriptor::Descriptor;
use crate::excerpt::shown;
use crate::media_type;

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A Docker schema 1 manifest.
    #[error(
        "Docker image manifests of schema 1 are not accepted: push with a client that writes schema 2 or OCI manifests (docker 1.10 or later, podman, skopeo, buildah), or rebuild the image"
    )]
    Schema1,
    /// Anything else that is no manifest, as a sentence for a person.
    #[error("{0}")]
    Malformed(String),
}

/// How a manifest refers to other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestKind {
    /// Refers to blobs.
    Image,
    /// Refers to manifests.
    Index,
    /// Of an unknown media type, so it refers to nothing that the registry knows of.
    Other,
}

/// A manifest or index, reduced to what the registry needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What it is stored and served as.
    pub media_type: String,
    /// How it refers to other content.
    pub kind: ManifestKind,
    /// The configuration of an image.
    pub config: Option<Descriptor>,
    /// The layers of an image, or the blobs of an artifact manifest.
    pub layers: Vec<Descriptor>,
    /// The entries of an index.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// The declared type of the artifact.
    pub artifact_type: Option<String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads pushed bytes. `content_type` is the request's header; parameters in it do not matter, and a `mediaType`
    /// inside the document must agree with it when the header names a type of manifest.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, ManifestError> {
        let header = media_type::of_content_type(content_type);
        if header.is_some_and(media_type::is_schema1) {
            return Err(ManifestError::Schema1);
        }
        let document = match strict_json::parse(bytes) {
            Ok(Value::Object(document)) => document,
            Ok(_) => return Err(malformed("a manifest is a JSON object")),
            Err(error) => return Err(malformed(format!("the manifest is not valid JSON: {error}"))),
        };
        let media_type = media_type_of(&document, header)?;
        let mut manifest = Self::empty(media_type);
        manifest.fill(&document)?;
        Ok(manifest)
    }

    /// The blobs that must be there before the manifest: the configuration and the layers, without layers that their
    /// licence keeps elsewhere.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config
            .iter()
            .chain(self.layers.iter().filter(|layer| !is_foreign(layer)))
    }

    /// The layers that [`Manifest::blobs`] leaves out; a client may have pushed them all the same.
    pub fn foreign_layers(&self) -> impl Iterator<Item = &Descriptor> {
        self.layers.iter().filter(|layer| is_foreign(layer))
    }

    /// The entries of an index.
    pub fn manifests(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter()
    }

    /// The manifest that this one is about.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// The artifact type that a referrers list shows: the declared one, else the media type of an image's
    /// configuration (distribution-spec, "Listing Referrers").
    pub fn referrer_artifact_type(&self) -> Option<&str> {
        let declared = self
            .artifact_type
            .as_deref()
            .filter(|declared| !declared.is_empty());
        declared.or_else(|| self.config.as_ref().map(|config| config.media_type.as_str()))
    }

    fn empty(media_type: String) -> Self {
        Self {
            media_type,
            kind: ManifestKind::Other,
            config: None,
            layers: Vec::new(),
            manifests: Vec::new(),
            subject: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    fn fill(&mut self, document: &Map<String, Value>) -> Result<(), ManifestError> {
        if !media_type::is_known_manifest(&self.media_type) {
            return Ok(());
        }
        refuse_ambiguity(document)?;
        match self.media_type.as_str() {
            media_type::OCI_ARTIFACT_MANIFEST => {
                self.kind = ManifestKind::Image;
                self.layers = descriptors(document, "blobs", Presence::Optional)?;
            }
            media_type::OCI_INDEX | media_type::DOCKER_LIST => {
                require_schema2(document)?;
                self.kind = ManifestKind::Index;
                self.manifests = descriptors(document, "manifests", Presence::Required)?;
            }
            _ => {
                require_schema2(document)?;
                self.kind = ManifestKind::Image;
                self.config = optional_descriptor(document, "config")?;
                if self.config.is_none() {
                    return Err(malformed("an image manifest needs a \"config\""));
                }
                self.layers = descriptors(document, "layers", Presence::Required)?;
            }
        }
        self.subject = optional_descriptor(document, "subject")?;
        self.artifact_type = artifact_type(document)?;
        self.annotations = field(document, "annotations")?.unwrap_or_default();
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Required,
    Optional,
}

fn malformed(text: impl Into<String>) -> ManifestError {
    ManifestError::Malformed(text.into())
}

fn is_foreign(layer: &Descriptor) -> bool {
    !layer.urls.is_empty() || media_type::is_foreign_layer(&layer.media_type)
}

fn media_type_of(document: &Map<String, Value>, header: Option<&str>) -> Result<String, ManifestError> {
    let inside: Option<String> = field(document, "mediaType")?;
    let inside = inside
        .as_deref()
        .filter(|inside| !inside.is_empty())
        .map(media_type::canonical);
    if inside.is_some_and(media_type::is_schema1) {
        return Err(ManifestError::Schema1);
    }
    let media_type = match (inside, header) {
        (Some(inside), Some(header)) if header != inside && media_type::is_known_manifest(header) => {
            return Err(malformed(format!(
                "the Content-Type is {header}, but the manifest says that it is {:?}",
                shown(inside)
            )));
        }
        (Some(inside), _) => inside,
        (None, Some(header)) => header,
        (None, None) => inferred(document)?,
    };
    if !media_type::is_valid(media_type) {
        return Err(malformed(format!("{:?} is not a media type", shown(media_type))));
    }
    Ok(media_type.to_owned())
}

fn inferred(document: &Map<String, Value>) -> Result<&'static str, ManifestError> {
    if document.contains_key("manifests") {
        Ok(media_type::OCI_INDEX)
    } else if document.contains_key("config") && document.contains_key("layers") {
        Ok(media_type::OCI_MANIFEST)
    } else if document.contains_key("fsLayers")
        || document.get("schemaVersion").and_then(Value::as_u64) == Some(1)
    {
        Err(ManifestError::Schema1)
    } else {
        Err(malformed(
            "nothing tells what kind of manifest this is: set the Content-Type header or \"mediaType\"",
        ))
    }
}

const MANIFEST_KEYS: [&str; 9] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
];
const DESCRIPTOR_KEYS: [&str; 4] = ["mediaType", "digest", "size", "urls"];

/// Go reads keys without regard to case, so another spelling of a key is another manifest for half of the clients.
fn refuse_spellings(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    let meant = |key: &String| {
        known
            .iter()
            .find(|known| known.eq_ignore_ascii_case(key) && *known != key)
    };
    match object.keys().find_map(|key| Some((key, meant(key)?))) {
        Some((key, meant)) => Err(format!("the key {key:?} must be written {meant:?}")),
        None => Ok(()),
    }
}

/// Both lists in one document let two clients see two different images (CVE-2021-41190).
fn refuse_ambiguity(document: &Map<String, Value>) -> Result<(), ManifestError> {
    refuse_spellings(document, &MANIFEST_KEYS).map_err(malformed)?;
    let is_index = document.contains_key("manifests");
    if is_index && (document.contains_key("layers") || document.contains_key("config")) {
        return Err(malformed(
            "a document cannot be an image and an index at once: it has \"manifests\" beside \"config\" or \"layers\"",
        ));
    }
    Ok(())
}

fn require_schema2(document: &Map<String, Value>) -> Result<(), ManifestError> {
    match document.get("schemaVersion") {
        Some(version) if version.as_u64() == Some(2) => Ok(()),
        Some(version) if version.as_u64() == Some(1) => Err(ManifestError::Schema1),
        Some(_) => Err(malformed("\"schemaVersion\" must be 2")),
        None => Err(malformed("\"schemaVersion\" is missing: it must be 2")),
    }
}

/// A field of a simple type; absent and `null` are the same.
fn field<T: serde::de::DeserializeOwned>(
    document: &Map<String, Value>,
    key: &str,
) -> Result<Option<T>, ManifestError> {
    match document.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => T::deserialize(value)
            .map(Some)
            .map_err(|error| malformed(format!("{key:?}: {error}"))),
    }
}

/// Clients write free words here where the specification wants a media type; only what no header or database takes is
/// refused.
fn artifact_type(document: &Map<String, Value>) -> Result<Option<String>, ManifestError> {
    const LENGTH_MAX: usize = 255;
    let declared: Option<String> = field(document, "artifactType")?;
    match declared {
        Some(text) if text.len() > LENGTH_MAX || text.contains(char::is_control) => Err(malformed(format!(
            "\"artifactType\": {:?} is not a media type",
            shown(&text)
        ))),
        declared => Ok(declared),
    }
}

fn optional_descriptor(
    document: &Map<String, Value>,
    key: &str,
) -> Result<Option<Descriptor>, ManifestError> {
    match document.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => descriptor(value, key).map(Some),
    }
}

/// A list of descriptors. `null` is how Go writes an empty one.
fn descriptors(
    document: &Map<String, Value>,
    key: &str,
    presence: Presence,
) -> Result<Vec<Descriptor>, ManifestError> {
    match document.get(key) {
        Some(Value::Array(items)) => {
            let numbered = items.iter().enumerate();
            numbered
                .map(|(index, item)| descriptor(item, &format!("{key}[{index}]")))
                .collect()
        }
        Some(Value::Null) => Ok(Vec::new()),
        None if presence == Presence::Optional => Ok(Vec::new()),
        None => Err(malformed(format!("the list {key:?} is missing"))),
        Some(_) => Err(malformed(format!("{key:?} must be a list of descriptors"))),
    }
}

fn descriptor(value: &Value, place: &str) -> Result<Descriptor, ManifestError> {
    let fail = |text: String| malformed(format!("{place}: {text}"));
    let object = value
        .as_object()
        .ok_or_else(|| fail("a descriptor is a JSON object".to_owned()))?;
    refuse_spellings(object, &DESCRIPTOR_KEYS).map_err(fail)?;
    let descriptor =
        <Descriptor as serde::Deserialize>::deserialize(value).map_err(|error| fail(error.to_string()))?;
    if i64::try_from(descriptor.size).is_err() {
        return Err(fail(format!(
            "the size {} is larger than any content",
            descriptor.size
        )));
    }
    if !media_type::is_valid(&descriptor.media_type) {
        return Err(fail(format!(
            "{:?} is not a media type",
            shown(&descriptor.media_type)
        )));
    }
    Ok(descriptor)
}
