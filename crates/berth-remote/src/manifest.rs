//! Manifests of another registry: read, asked about, put and deleted. The bytes are what was pushed; a digest is believed
//! when it was computed here.

use berth_oci::{Digest, Manifest, Reference, media_type};
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};

use crate::Repository;
use crate::error::Error;
use crate::exchange::{Answer, Ask};
use crate::retry::Backoff;

/// Every kind of manifest that there is something to do with.
const ACCEPTED: HeaderValue = HeaderValue::from_static(concat!(
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, ",
    "application/vnd.docker.distribution.manifest.list.v2+json, ",
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.artifact.manifest.v1+json"
));

/// A manifest, with a digest that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteManifest {
    /// Its digest, computed here.
    pub digest: Digest,
    /// Its media type, as the registry or the manifest says.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// What the registry wants to see in `If-Match`, when it said so.
    pub(crate) entity_tag: Option<HeaderValue>,
}

/// What a registry says about a manifest; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHead {
    /// Its digest.
    pub digest: Digest,
    /// Its media type, when the registry says it.
    pub media_type: Option<String>,
    /// Bytes, when the registry says it.
    pub size: Option<u64>,
}

/// What became of a manifest that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its digest.
    pub digest: Digest,
    /// The subject whose referrers the registry lists it among (`OCI-Subject`). None for a manifest with a subject
    /// means that the registry has no list of referrers: see [`Repository::put_referrer_fallback`].
    pub subject: Option<Digest>,
}

impl Repository {
    /// A manifest, by tag or digest.
    pub async fn manifest(&self, reference: &Reference) -> Result<RemoteManifest, Error> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask::get(url, &[self.pull_scope()]).header(ACCEPT, ACCEPTED);
        let answer = self.exchange().send(&ask).await?;
        let told = told_digest(&answer);
        let content_type = answer.header(CONTENT_TYPE.as_str()).map(str::to_owned);
        let entity_tag = answer
            .header(ETAG.as_str())
            .and_then(|tag| HeaderValue::from_str(tag).ok());
        let most = self.exchange().limits().document_bytes_max;
        let transport = self.exchange().transport();
        let bytes = transport.bytes(answer.into_response(), most).await?;
        let promised = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => told,
        };
        let digest = Digest::of(
            promised
                .as_ref()
                .map_or(berth_oci::Algorithm::Sha256, Digest::algorithm),
            &bytes,
        );
        if promised.is_some_and(|promised| promised != digest) {
            return Err(Error::Mismatch(format!(
                "the manifest {reference} of {} is not what its digest says",
                self.name
            )));
        }
        let media_type = match media_type::of_content_type(content_type.as_deref()) {
            Some(told) if media_type::is_valid(told) => told.to_owned(),
            _ => inferred(&bytes)?,
        };
        Ok(RemoteManifest {
            digest,
            media_type,
            bytes,
            entity_tag,
        })
    }

    /// What the registry says about a manifest; none when it is not there.
    pub async fn head_manifest(&self, reference: &Reference) -> Result<Option<ManifestHead>, Error> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask::new(Method::HEAD, url, &[self.pull_scope()]).header(ACCEPT, ACCEPTED);
        let head = match self.exchange().send(&ask).await {
            Ok(answer) => told_digest(&answer).map(|digest| ManifestHead {
                digest,
                media_type: media_type::of_content_type(answer.header(CONTENT_TYPE.as_str()))
                    .map(str::to_owned),
                size: answer
                    .header("content-length")
                    .and_then(|length| length.parse().ok()),
            }),
            Err(Error::NotFound(_)) => return Ok(None),
            Err(Error::Refused { status: 405, .. }) => None,
            Err(error) => return Err(error),
        };
        if head.is_some() {
            return Ok(head);
        }
        // Some registries say nothing of the digest, or do not know the method.
        match self.manifest(reference).await {
            Ok(manifest) => Ok(Some(ManifestHead {
                size: Some(manifest.bytes.len() as u64),
                digest: manifest.digest,
                media_type: Some(manifest.media_type),
            })),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a manifest under a tag or under its digest. `headers` go along, such as `Berth-Sync-Path`, `If-Match` or
    /// `If-None-Match`; [`Error::Changed`] when what these ask for does not hold. When something that the manifest refers
    /// to is not there, registries answer with [`Error::NotFound`] or [`Error::Refused`].
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: Bytes,
        headers: HeaderMap,
    ) -> Result<Put, Error> {
        let digest = match reference {
            Reference::Digest(digest) => Digest::of(digest.algorithm(), &bytes),
            Reference::Tag(_) => Digest::of(berth_oci::Algorithm::Sha256, &bytes),
        };
        if matches!(reference, Reference::Digest(named) if *named != digest) {
            return Err(Error::Mismatch(format!("the manifest to put is not {reference}")));
        }
        let is_conditional = headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH);
        let content_type = HeaderValue::from_str(media_type)
            .map_err(|_| Error::Invalid("a manifest has a media type".to_owned()))?;
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask::new(Method::PUT, url, &[self.push_scope()])
            .headers(headers)
            .header(CONTENT_TYPE, content_type)
            .body(bytes);
        let mut backoff = Backoff::new(self.exchange().limits());
        let mut was_sent_before = false;
        loop {
            let error = match self.exchange().send_once(&ask, None).await {
                Ok(answer) => return self.accepted(&answer, digest),
                Err(Error::Refused {
                    status: 412, message, ..
                }) if is_conditional => {
                    // The answer to an attempt before may have been lost after it did its work.
                    if was_sent_before && self.names(reference, &digest).await? {
                        return Ok(Put {
                            digest,
                            subject: None,
                        });
                    }
                    return Err(Error::Changed(message));
                }
                Err(error) => error,
            };
            was_sent_before = true;
            match backoff.pause(&error) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Deletes a manifest or a tag; false when it was not there.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<bool, Error> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let scope = format!("repository:{}:pull,push,delete", self.name);
        match self
            .exchange()
            .send(&Ask::new(Method::DELETE, url, &[scope]))
            .await
        {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn names(&self, reference: &Reference, digest: &Digest) -> Result<bool, Error> {
        let head = self.head_manifest(reference).await?;
        Ok(head.is_some_and(|head| head.digest == *digest))
    }

    fn accepted(&self, answer: &Answer, digest: Digest) -> Result<Put, Error> {
        let is_kept = matches!(
            answer.status(),
            StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT
        );
        if !is_kept {
            return Err(Error::malformed(format!(
                "the registry answers {} to a manifest",
                answer.status().as_u16()
            )));
        }
        let is_other = |told: &Digest| told.algorithm() == digest.algorithm() && *told != digest;
        if told_digest(answer).as_ref().is_some_and(is_other) {
            return Err(Error::Mismatch(format!(
                "the registry keeps another manifest in {} than the one it was given",
                self.name
            )));
        }
        let subject = answer
            .header("oci-subject")
            .and_then(|subject| subject.trim().parse().ok());
        Ok(Put { digest, subject })
    }
}

/// The digest that a registry says; none when it says none that is one.
pub(crate) fn told_digest(answer: &Answer) -> Option<Digest> {
    answer.header("docker-content-digest")?.trim().parse().ok()
}

/// The media type that a manifest itself says.
fn inferred(bytes: &[u8]) -> Result<String, Error> {
    let manifest = Manifest::parse(bytes, None);
    manifest
        .map(|manifest| manifest.media_type)
        .map_err(|_| Error::malformed("nothing tells what kind of manifest the registry answers with"))
}
