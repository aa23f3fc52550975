//! The OCI distribution operations the scenarios are made of.

mod image;
mod target;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

pub use self::image::{Image, config, install_image, manifest, write_file};
pub use self::target::{Kind, Target};
use crate::h1::{Body, Conn, Endpoint, Head, Sink};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Chunk of a streamed PATCH; Go's clients write 32 KiB, browsers of images more.
const STREAM_CHUNK: usize = 256 * 1024;

/// The path and query of an absolute or relative URL.
pub fn path_of(url: &str) -> String {
    match url.split_once("://") {
        Some((_, rest)) => match rest.find('/') {
            Some(at) => rest[at..].to_string(),
            None => "/".to_string(),
        },
        None => url.to_string(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushMode {
    /// POST, then one PUT with the whole blob (containerd, oras).
    Put,
    /// POST, one streamed chunked PATCH, empty PUT (docker, podman, skopeo).
    Patch,
    /// POST, `PATCHes` of this many bytes with `Content-Range`, empty PUT.
    Ranges(usize),
    /// `POST ?digest=` with the whole blob.
    Single,
}

/// One connection's worth of work on one repository.
pub struct Session {
    target: Arc<Target>,
    conn: Conn,
    repo: String,
    auth: Option<String>,
    /// The connection to where blobs were last redirected to, and that place.
    elsewhere: Option<(String, Conn)>,
}

impl Session {
    pub async fn open(target: &Arc<Target>, repo: &str) -> Result<Self> {
        Ok(Self {
            auth: target.authorization(repo).await?,
            conn: Conn::connect(target.endpoint()).await?,
            target: target.clone(),
            repo: repo.to_string(),
            elsewhere: None,
        })
    }

    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.repo)
    }

    /// A request head to send again and again with [`Conn::send_rendered`].
    pub fn render(&self, method: &str, rest: &str) -> Vec<u8> {
        let mut headers = vec![("Accept", MANIFEST)];
        if let Some(a) = &self.auth {
            headers.push(("Authorization", a.as_str()));
        }
        let authority = self.conn.authority();
        crate::h1::render(method, &self.path(rest), authority, &headers, &Body::Empty)
    }

    /// One request, its response body handed to `sink`.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(Head, u64)> {
        if self.conn.closed {
            self.conn = Conn::connect(self.target.endpoint()).await?;
        }
        let mut all = Vec::with_capacity(headers.len() + 1);
        all.extend_from_slice(headers);
        if let Some(a) = &self.auth {
            all.push(("Authorization", a.as_str()));
        }
        let head = self.conn.request(method, path, &all, body).await?;
        let n = self.conn.read_body(&head, sink).await?;
        Ok((head, n))
    }

    pub async fn blob_exists(&mut self, digest: &str) -> Result<bool> {
        let path = self.path(&format!("blobs/{digest}"));
        let (head, _) = self
            .call("HEAD", &path, &[], Body::Empty, &mut Sink::Discard)
            .await?;
        head.expect(&[200, 404], "blob HEAD")?;
        Ok(head.status == 200)
    }

    pub async fn push_blob(&mut self, data: &[u8], digest: &str, mode: PushMode) -> Result<()> {
        const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");
        let mut sink = Sink::Discard;
        let start = self.path("blobs/uploads/");
        if mode == PushMode::Single {
            let path = format!("{start}?digest={digest}");
            let (head, _) = self
                .call("POST", &path, &[OCTETS], Body::Sized(data), &mut sink)
                .await?;
            head.expect(&[201], "single POST")?;
            return Ok(());
        }
        let (head, _) = self.call("POST", &start, &[], Body::Empty, &mut sink).await?;
        head.expect(&[202], "upload POST")?;
        let mut location = path_of(head.location.as_deref().context("POST without Location")?);
        let last = match mode {
            PushMode::Put => Body::Sized(data),
            PushMode::Patch => {
                let body = Body::Chunked(data, STREAM_CHUNK);
                let (head, _) = self.call("PATCH", &location, &[OCTETS], body, &mut sink).await?;
                head.expect(&[202], "PATCH")?;
                location = path_of(head.location.as_deref().context("PATCH without Location")?);
                Body::Empty
            }
            PushMode::Ranges(size) => {
                let mut at = 0;
                for part in data.chunks(size) {
                    let range = format!("{at}-{}", at + part.len() - 1);
                    let headers = [OCTETS, ("Content-Range", range.as_str())];
                    let (head, _) = self
                        .call("PATCH", &location, &headers, Body::Sized(part), &mut sink)
                        .await?;
                    head.expect(&[202], "ranged PATCH")?;
                    location = path_of(head.location.as_deref().context("PATCH without Location")?);
                    at += part.len();
                }
                Body::Empty
            }
            PushMode::Single => unreachable!("handled above"),
        };
        let sep = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{sep}digest={digest}");
        let (head, _) = self.call("PUT", &path, &[OCTETS], last, &mut sink).await?;
        head.expect(&[201], "upload PUT")?;
        Ok(())
    }

    /// Pushes a blob kept in two pieces: POST, then one PUT.
    pub async fn push_pieces(&mut self, front: &[u8], tail: &[u8], digest: &str) -> Result<()> {
        let mut sink = Sink::Discard;
        let start = self.path("blobs/uploads/");
        let (head, _) = self.call("POST", &start, &[], Body::Empty, &mut sink).await?;
        head.expect(&[202], "upload POST")?;
        let location = path_of(head.location.as_deref().context("POST without Location")?);
        let sep = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{sep}digest={digest}");
        let headers = [("Content-Type", "application/octet-stream")];
        let (head, _) = self
            .call("PUT", &path, &headers, Body::Split(front, tail), &mut sink)
            .await?;
        head.expect(&[201], "upload PUT")?;
        Ok(())
    }

    pub async fn put_manifest(&mut self, reference: &str, manifest: &[u8]) -> Result<()> {
        let path = self.path(&format!("manifests/{reference}"));
        let headers = [("Content-Type", MANIFEST)];
        let (head, _) = self
            .call("PUT", &path, &headers, Body::Sized(manifest), &mut Sink::Discard)
            .await?;
        head.expect(&[201], "manifest PUT")?;
        Ok(())
    }

    /// Reads a whole blob, from where the server says when it redirects; fails when its length differs from `size`.
    pub async fn pull_blob(&mut self, digest: &str, size: u64, sink: &mut Sink<'_>) -> Result<()> {
        let path = self.path(&format!("blobs/{digest}"));
        let (mut head, mut n) = self.call("GET", &path, &[], Body::Empty, sink).await?;
        if matches!(head.status, 302 | 307) {
            let location = head.location.context("redirect without Location")?;
            (head, n) = self.follow(&location, sink).await?;
        }
        head.expect(&[200], "blob GET")?;
        ensure!(n == size, "blob GET gave {n} bytes, expected {size}");
        Ok(())
    }

    /// GETs an absolute URL, without the registry's authorization.
    async fn follow(&mut self, url: &str, sink: &mut Sink<'_>) -> Result<(Head, u64)> {
        let endpoint = Endpoint::parse(url, self.target.tls())?;
        self.target.permits(&endpoint)?;
        let authority = endpoint.authority();
        let mut conn = match self.elsewhere.take() {
            Some((to, conn)) if to == authority && !conn.closed => conn,
            _ => Conn::connect(&endpoint).await?,
        };
        let head = conn.request("GET", &path_of(url), &[], Body::Empty).await?;
        let n = conn.read_body(&head, sink).await?;
        self.elsewhere = Some((authority, conn));
        Ok((head, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_become_paths() {
        assert_eq!(path_of("http://h:1/v2/a?x=1"), "/v2/a?x=1");
        assert_eq!(path_of("https://h"), "/");
        assert_eq!(path_of("/v2/b"), "/v2/b");
    }
}
