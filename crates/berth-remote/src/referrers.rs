//! What refers to a manifest (distribution-spec, "Listing Referrers" and "Referrers Tag Schema"): from the registry's
//! list, or from the index that clients keep under a tag where a registry has no list.

use berth_oci::{Algorithm, Descriptor, Digest, Reference, Tag, media_type};
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Repository;
use crate::error::Error;
use crate::manifest::RemoteManifest;

/// How often a changed index is read again before somebody else is left to win.
const TURNS_MAX: u32 = 8;

/// What refers to a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrers {
    /// The manifests that do.
    pub descriptors: Vec<Descriptor>,
    /// Whether the registry keeps the list itself.
    pub has_api: bool,
}

#[derive(Deserialize)]
struct Page {
    manifests: Option<Vec<Descriptor>>,
}

/// An index under a tag: what stands in it besides is kept as it is.
#[derive(Serialize, Deserialize)]
struct TagIndex {
    manifests: Vec<Value>,
    #[serde(flatten)]
    besides: Map<String, Value>,
}

/// The tag that clients keep the referrers of a manifest under.
pub fn fallback_tag(subject: &Digest) -> Tag {
    // "Truncate the encoded section to 64 characters": SHA-512 has more.
    let hex = &subject.hex()[..Algorithm::Sha256.hex_len()];
    let tag = format!("{}-{hex}", subject.algorithm());
    tag.parse()
        .expect("an algorithm and hexadecimal digits make a tag")
}

impl Repository {
    /// Everything that refers to a manifest.
    pub async fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        let mut descriptors = Vec::new();
        let most = self.exchange().limits().entries_max;
        let url = self.url(&format!("referrers/{subject}"))?;
        let listed = self.pages(url, |bytes| {
            let page: Page = serde_json::from_slice(bytes)
                .map_err(|_| Error::malformed("the registry answers with no list of referrers"))?;
            descriptors.extend(page.manifests.unwrap_or_default());
            if descriptors.len() > most {
                return Err(Error::malformed(format!(
                    "the registry lists more than {most} referrers"
                )));
            }
            Ok(())
        });
        match listed.await {
            Ok(()) => Ok(Referrers {
                descriptors,
                has_api: true,
            }),
            Err(
                Error::NotFound(_)
                | Error::Refused {
                    status: 405 | 501, ..
                },
            ) => self.fallback(subject).await,
            Err(error) => Err(error),
        }
    }

    async fn fallback(&self, subject: &Digest) -> Result<Referrers, Error> {
        let tag = Reference::Tag(fallback_tag(subject));
        let descriptors = match self.manifest(&tag).await {
            Ok(index) => descriptors_of(&index)?,
            Err(Error::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Referrers {
            descriptors,
            has_api: false,
        })
    }

    /// Adds a manifest to the index under [`fallback_tag`], for a registry that does not keep the list itself. Safe
    /// beside others who do the same: the index is changed only from what was read, where the registry can be told so,
    /// and read again afterwards.
    pub async fn put_referrer_fallback(&self, subject: &Digest, referrer: &Descriptor) -> Result<(), Error> {
        let tag = Reference::Tag(fallback_tag(subject));
        for _ in 0..TURNS_MAX {
            let before = match self.manifest(&tag).await {
                Ok(index) => Some(index),
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            if before.as_ref().map(|index| lists(index, referrer)).transpose()? == Some(true) {
                return Ok(());
            }
            let (bytes, headers) = with(before.as_ref(), referrer)?;
            if bytes.len() > self.exchange().limits().document_bytes_max {
                return Err(Error::Invalid(format!("the index {tag} would be too large")));
            }
            match self
                .put_manifest(&tag, media_type::OCI_INDEX, bytes, headers)
                .await
            {
                // Once more around: a registry that takes no conditions may have let somebody write over it.
                Ok(_) | Err(Error::Changed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::unavailable(format!(
            "others keep changing the index {tag}"
        )))
    }
}

fn not_an_index() -> Error {
    Error::malformed("what the registry has under the tag of referrers is no index")
}

fn descriptors_of(index: &RemoteManifest) -> Result<Vec<Descriptor>, Error> {
    let page: Page = serde_json::from_slice(&index.bytes).map_err(|_| not_an_index())?;
    page.manifests.ok_or_else(not_an_index)
}

fn lists(index: &RemoteManifest, referrer: &Descriptor) -> Result<bool, Error> {
    let descriptors = descriptors_of(index)?;
    Ok(descriptors.iter().any(|listed| listed.digest == referrer.digest))
}

/// The index with one more entry, and the condition that it is put under.
fn with(before: Option<&RemoteManifest>, referrer: &Descriptor) -> Result<(Bytes, HeaderMap), Error> {
    let mut headers = HeaderMap::new();
    let mut index = if let Some(before) = before {
        let own = HeaderValue::from_str(&format!("\"{}\"", before.digest));
        let tag = before.entity_tag.clone();
        let tag = tag.filter(|tag| !tag.as_bytes().starts_with(b"W/"));
        headers.insert(
            IF_MATCH,
            tag.unwrap_or_else(|| own.expect("a digest is visible ASCII")),
        );
        serde_json::from_slice(&before.bytes).map_err(|_| not_an_index())?
    } else {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let mut besides = Map::new();
        besides.insert("schemaVersion".to_owned(), 2.into());
        besides.insert("mediaType".to_owned(), media_type::OCI_INDEX.into());
        TagIndex {
            manifests: Vec::new(),
            besides,
        }
    };
    let entry = serde_json::to_value(referrer).expect("a descriptor is JSON");
    index.manifests.push(entry);
    let bytes = serde_json::to_vec(&index).expect("an index is JSON");
    Ok((bytes.into(), headers))
}
