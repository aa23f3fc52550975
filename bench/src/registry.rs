//! The OCI distribution operations the scenarios are made of.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::data::sha256;
use crate::h1::{Body, Conn, Endpoint, Head, Sink};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Chunk of a streamed PATCH; Go's clients write 32 KiB, browsers of images more.
const STREAM_CHUNK: usize = 256 * 1024;
const TOKEN_REUSE: Duration = Duration::from_secs(40);

/// How the server wants to know who calls.
#[derive(Clone)]
pub enum Login {
    None,
    Token(String),
    Password(String, String),
}

/// What stands at the other end.
pub enum Kind {
    Registry,
    /// A plain file server over a folder laid out as the registry's URLs: the
    /// generator "pushes" by writing files into it.
    Static(PathBuf),
}

pub struct Target {
    pub name: String,
    pub kind: Kind,
    pub endpoint: Endpoint,
    pub login: Login,
    pub pids: Vec<u32>,
    tokens: Mutex<HashMap<String, (String, Instant)>>,
}

impl Target {
    pub fn new(name: String, kind: Kind, endpoint: Endpoint, login: Login, pids: Vec<u32>) -> Self {
        Self {
            name,
            kind,
            endpoint,
            login,
            pids,
            tokens: Mutex::new(HashMap::new()),
        }
    }

    pub fn is_static(&self) -> bool {
        matches!(self.kind, Kind::Static(_))
    }

    /// The `Authorization` value for work on `repo`, if any.
    pub async fn authorization(&self, repo: &str) -> Result<Option<String>> {
        let (user, pass) = match &self.login {
            Login::None => return Ok(None),
            Login::Token(t) => return Ok(Some(format!("Bearer {t}"))),
            Login::Password(u, p) => (u, p),
        };
        let basic = format!("Basic {}", B64.encode(format!("{user}:{pass}")));
        let mut tokens = self.tokens.lock().await;
        if let Some((value, since)) = tokens.get(repo)
            && since.elapsed() < TOKEN_REUSE
        {
            return Ok(Some(value.clone()));
        }
        let mut conn = Conn::connect(&self.endpoint).await?;
        let head = conn.request("GET", "/v2/", &[], Body::Empty).await?;
        conn.read_body(&head, &mut Sink::Discard).await?;
        let value = match head.www_authenticate.as_deref() {
            Some(c) if c.len() > 7 && c[..7].eq_ignore_ascii_case("bearer ") => {
                self.fetch_token(&c[7..], repo, &basic).await?
            }
            _ => basic,
        };
        tokens.insert(repo.to_string(), (value.clone(), Instant::now()));
        Ok(Some(value))
    }

    async fn fetch_token(&self, challenge: &str, repo: &str, basic: &str) -> Result<String> {
        let param = |key: &str| {
            challenge.split(',').find_map(|p| {
                let (k, v) = p.trim().split_once('=')?;
                (k == key).then(|| v.trim_matches('"').to_string())
            })
        };
        let realm = param("realm").context("Bearer challenge without realm")?;
        let service = param("service").unwrap_or_default();
        // The token service is asked at the target's own address.
        let path = path_of(&realm);
        let sep = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sep}service={service}&scope=repository:{repo}:pull,push");
        let mut conn = Conn::connect(&self.endpoint).await?;
        let head = conn
            .request("GET", &path, &[("Authorization", basic)], Body::Empty)
            .await?;
        let mut body = Vec::new();
        conn.read_body(&head, &mut Sink::Collect(&mut body)).await?;
        head.expect(&[200], "token")?;
        let doc: Value = serde_json::from_slice(&body)?;
        let token = doc["token"].as_str().or(doc["access_token"].as_str());
        Ok(format!("Bearer {}", token.context("no token in answer")?))
    }
}

/// The path and query of an absolute or relative URL.
fn path_of(url: &str) -> String {
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
    /// POST, PATCHes of this many bytes with `Content-Range`, empty PUT.
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
}

impl Session {
    pub async fn open(target: &Arc<Target>, repo: &str) -> Result<Self> {
        Ok(Self {
            auth: target.authorization(repo).await?,
            conn: Conn::connect(&target.endpoint).await?,
            target: target.clone(),
            repo: repo.to_string(),
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
        let authority = self.target.endpoint.authority();
        crate::h1::render(method, &self.path(rest), &authority, &headers, &Body::Empty)
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
            self.conn = Conn::connect(&self.target.endpoint).await?;
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

    /// Reads a whole blob; fails when its length differs from `size`.
    pub async fn pull_blob(&mut self, digest: &str, size: u64, sink: &mut Sink<'_>) -> Result<()> {
        let path = self.path(&format!("blobs/{digest}"));
        let (head, n) = self.call("GET", &path, &[], Body::Empty, sink).await?;
        if head.status == 307 {
            bail!("blob GET was redirected; redirects are not measured");
        }
        head.expect(&[200], "blob GET")?;
        ensure!(n == size, "blob GET gave {n} bytes, expected {size}");
        Ok(())
    }
}

/// A manifest over a config and layers, each `(digest, size)`.
pub fn manifest(config: (&str, usize), layers: &[(String, usize)]) -> Vec<u8> {
    let layers: Vec<Value> = layers
        .iter()
        .map(|(d, s)| json!({"mediaType": LAYER, "digest": d, "size": s}))
        .collect();
    let doc = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config.0, "size": config.1},
        "layers": layers,
    });
    serde_json::to_vec(&doc).expect("a manifest always serialises")
}

/// A config whose bytes (and so digest) depend on `id`.
pub fn config(id: u64, layers: &[(String, usize)]) -> Vec<u8> {
    let diff_ids: Vec<&str> = layers.iter().map(|(d, _)| d.as_str()).collect();
    let doc = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"berth.bench.id": format!("{id:016x}")}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    serde_json::to_vec(&doc).expect("a config always serialises")
}

/// An image ready to be pulled: what [`install_image`] stored.
pub struct Image {
    pub manifest: Vec<u8>,
    pub manifest_digest: String,
    pub config: (String, u64),
    pub layers: Vec<(String, u64)>,
}

/// Stores an image with these layers under `repo:tag`, by pushing or by writing.
pub async fn install_image(
    target: &Arc<Target>,
    repo: &str,
    tag: &str,
    id: u64,
    layers: &[(&[u8], &str)],
) -> Result<Image> {
    let list: Vec<(String, usize)> = layers
        .iter()
        .map(|(data, digest)| (digest.to_string(), data.len()))
        .collect();
    let config = config(id, &list);
    let config_digest = sha256(&config);
    let manifest = manifest((&config_digest, config.len()), &list);
    let manifest_digest = sha256(&manifest);
    match &target.kind {
        Kind::Registry => {
            let mut s = Session::open(target, repo).await?;
            for (data, digest) in layers {
                s.push_blob(data, digest, PushMode::Put).await?;
            }
            s.push_blob(&config, &config_digest, PushMode::Put).await?;
            s.put_manifest(tag, &manifest).await?;
        }
        Kind::Static(root) => {
            for (data, digest) in layers {
                write_file(root, &format!("v2/{repo}/blobs/{digest}"), data)?;
            }
            write_file(root, &format!("v2/{repo}/blobs/{config_digest}"), &config)?;
            write_file(root, &format!("v2/{repo}/manifests/{tag}"), &manifest)?;
            let by_digest = format!("v2/{repo}/manifests/{manifest_digest}");
            write_file(root, &by_digest, &manifest)?;
        }
    }
    Ok(Image {
        manifest_digest,
        config: (config_digest, config.len() as u64),
        layers: list.into_iter().map(|(d, s)| (d, s as u64)).collect(),
        manifest,
    })
}

pub fn write_file(root: &Path, rel: &str, data: &[u8]) -> Result<()> {
    let path = root.join(rel);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(&path, data).with_context(|| format!("write {}", path.display()))
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
