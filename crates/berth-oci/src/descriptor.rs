//! Descriptors (image-spec, "OCI Content Descriptors"): how one piece of content points at another.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;

/// A pointer to content: its type, digest and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content, in bytes.
    pub size: u64,
    /// Type of the artifact, when the content is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Platform of an entry of an index, as pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<serde_json::Value>,
    /// Other places to get the content from.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_empty"
    )]
    pub urls: Vec<String>,
    /// The content itself, base64, when it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Descriptor {
    /// A descriptor without optional fields.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            annotations: None,
            platform: None,
            urls: Vec::new(),
            data: None,
        }
    }
}

/// Go writes an empty list as `null`.
fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::Descriptor;
    use crate::digest::{Algorithm, Digest};
    use crate::media_type::OCI_LAYER;
    use serde_json::json;

    #[test]
    fn optional_fields_are_left_out() {
        let digest = Digest::of(Algorithm::Sha512, b"x");
        let descriptor = Descriptor::new(OCI_LAYER, digest.clone(), 1);
        let expected = json!({"mediaType": OCI_LAYER, "digest": digest.as_str(), "size": 1});
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<Descriptor>(expected).unwrap(),
            descriptor
        );
    }

    #[test]
    fn every_field_survives() {
        let written = json!({
            "mediaType": OCI_LAYER,
            "digest": Digest::of(Algorithm::Sha256, b"x").as_str(),
            "size": 1,
            "artifactType": "application/x",
            "annotations": {"a": "b"},
            "platform": {"architecture": "arm64", "os": "linux", "os.features": ["x"]},
            "urls": ["https://example.org/"],
            "data": "eA==",
        });
        let descriptor: Descriptor = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), written);
    }
}
