//! Pushing a blob: mounted, in one request, or in chunks, and gone on with after a break.
//!
//! After a break the registry is asked how far it got, and what follows is sent. A session that it has forgotten is
//! begun anew. Refuses to know where the bytes come from.

mod pushing;

use std::io;

use berth_oci::Digest;
use futures_util::future::BoxFuture;
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exchange::{Answer, Ask};
use crate::manifest::told_digest;
use crate::transport::ByteStream;
use crate::upload::pushing::Pushing;
use crate::{Repository, address};

/// Opens the bytes of a blob at an offset, to its end; called again after every break.
pub type Source<'a> = &'a (dyn Fn(u64) -> BoxFuture<'static, io::Result<ByteStream>> + Send + Sync);

/// An upload that another process may go on with. Of use in the repository that it was begun in, and no secret: the
/// registry wants the login with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadSession {
    /// The blob.
    digest: Digest,
    /// Where to send what follows.
    location: String,
    /// Bytes that the registry has.
    offset: u64,
    /// The smallest chunk that it takes, but for the last.
    chunk_bytes_min: u64,
}

impl UploadSession {
    /// Bytes that the registry has taken.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// What came of asking for a blob from another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// It is there now; no byte travelled.
    Mounted,
    /// It has to be pushed, for which this session was begun.
    Upload(UploadSession),
}

/// A blob to push.
pub struct BlobPush<'a> {
    /// Its digest.
    pub digest: &'a Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// Its bytes.
    pub source: Source<'a>,
    /// A session to go on with, of a mount that came to nothing or of an earlier process; one that is gone does no harm.
    pub session: Option<UploadSession>,
    /// Told of the session when it begins and whenever the registry has taken more: what to keep for another process.
    pub notice: &'a (dyn Fn(&UploadSession) + Send + Sync),
}

/// How a blob got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Bytes of bodies that left, those that were lost in a break included; 0 when it turned out to be there.
    pub bytes_sent: u64,
}

impl Repository {
    /// Asks for a blob of another repository of the same registry. A registry that cannot or may not do it begins an
    /// upload instead.
    pub async fn mount(&self, digest: &Digest, from: &str) -> Result<Mount, Error> {
        let source = self.remote().repository(from)?;
        let mut url = self.url("blobs/uploads/")?;
        url.query_pairs_mut()
            .append_pair("mount", digest.as_str())
            .append_pair("from", source.name());
        let ask = Ask::new(Method::POST, url, &[self.push_scope(), source.pull_scope()]);
        match self.exchange().send(&ask).await {
            Ok(answer) if answer.status() == StatusCode::CREATED => {
                self.check_kept(&answer, digest)?;
                Ok(Mount::Mounted)
            }
            Ok(answer) => self.session_of(&answer, digest).map(Mount::Upload),
            // What may not be read there, or is no longer there, can still be pushed here.
            Err(Error::Denied(_) | Error::Unauthorized(_) | Error::NotFound(_) | Error::Refused { .. }) => {
                self.begin(digest).await.map(Mount::Upload)
            }
            Err(error) => Err(error),
        }
    }

    /// Pushes a blob. Bytes that the registry has are not sent again, and a session of before is gone on with.
    pub async fn push_blob(&self, push: &BlobPush<'_>) -> Result<Pushed, Error> {
        let mut pushing = Pushing::new(self, push);
        pushing.run().await?;
        Ok(Pushed {
            bytes_sent: pushing.bytes_sent(),
        })
    }

    async fn begin(&self, digest: &Digest) -> Result<UploadSession, Error> {
        let ask = Ask::new(Method::POST, self.url("blobs/uploads/")?, &[self.push_scope()]);
        let answer = self.exchange().send(&ask).await?;
        self.session_of(&answer, digest)
    }

    fn session_of(&self, answer: &Answer, digest: &Digest) -> Result<UploadSession, Error> {
        if answer.status() != StatusCode::ACCEPTED {
            return Err(Error::malformed(format!(
                "the registry answers {} to the beginning of an upload",
                answer.status().as_u16()
            )));
        }
        let location = self.location(answer)?;
        let location =
            location.ok_or_else(|| Error::malformed("the registry does not say where to send a blob"))?;
        let minimum = answer
            .header("oci-chunk-min-length")
            .and_then(|bytes| bytes.trim().parse().ok());
        Ok(UploadSession {
            digest: digest.clone(),
            location: location.into(),
            offset: 0,
            chunk_bytes_min: minimum.unwrap_or_default(),
        })
    }

    /// The address of a session, checked as when the registry named it: it may come from another process.
    fn address(&self, session: &UploadSession) -> Result<Url, Error> {
        let base = self.exchange().base();
        address::named(base, base, &session.location)
    }

    /// Where an answer says that the upload goes on.
    fn location(&self, answer: &Answer) -> Result<Option<Url>, Error> {
        let base = self.exchange().base();
        let location = answer.header(LOCATION.as_str());
        location
            .map(|location| address::named(base, answer.url(), location))
            .transpose()
    }

    fn check_kept(&self, answer: &Answer, digest: &Digest) -> Result<(), Error> {
        let is_other = |told: &Digest| told.algorithm() == digest.algorithm() && told != digest;
        if told_digest(answer).as_ref().is_some_and(is_other) {
            return Err(Error::Mismatch(format!(
                "the registry keeps another blob in {} than {digest}",
                self.name
            )));
        }
        Ok(())
    }
}
