//! A registry that is mirrored: it has what it is given, counts what it is asked, and misbehaves as it is told. HTTP/1.1 by
//! hand, so that it can break the rules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use berth_oci::Digest;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::sha256;

/// A request that came: `GET library/app/blobs/sha256:...`, and its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) range: Option<String>,
}

/// How requests are answered that are not answered well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// This status and these headers for everything.
    pub(crate) status: Option<(u16, &'static str)>,
    /// The connection ends after so many bytes of a blob, so many times.
    pub(crate) cut: Option<(usize, u32)>,
    /// The last byte of blobs is another one.
    pub(crate) wrong: bool,
    /// After so many bytes of a whole blob nothing comes until the gate opens.
    pub(crate) held_after: Option<usize>,
    /// Headers of every answer.
    pub(crate) headers: &'static str,
    /// This status and these headers for lists.
    pub(crate) lists: Option<(u16, &'static str)>,
    /// Lists go on and on, and never end.
    pub(crate) endless: bool,
}

#[derive(Default)]
struct Held {
    manifests: HashMap<String, Vec<u8>>,
    blobs: HashMap<String, Vec<u8>>,
    lists: HashMap<String, Vec<u8>>,
    asked: Vec<Asked>,
    manner: Manner,
}

/// A running registry; ended with the value.
pub(crate) struct Upstream {
    port: u16,
    held: Arc<Mutex<Held>>,
    gate: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let held: Arc<Mutex<Held>> = Arc::default();
        let gate = watch::Sender::new(false);
        let (shared, opened) = (Arc::clone(&held), gate.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (held, gate) = (Arc::clone(&shared), opened.subscribe());
                connections.spawn(serve(stream, held, gate));
            }
        });
        Self {
            port,
            held,
            gate,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has a manifest under a tag and its digest.
    pub(crate) fn has_manifest(&self, name: &str, tag: &str, bytes: &[u8]) -> Digest {
        let digest = sha256(bytes);
        let mut held = self.held.lock().unwrap();
        for reference in [tag, digest.as_str()] {
            held.manifests
                .insert(format!("{name}/manifests/{reference}"), bytes.to_vec());
        }
        digest
    }

    pub(crate) fn has_no_manifest(&self, name: &str, reference: &str) {
        let mut held = self.held.lock().unwrap();
        held.manifests.remove(&format!("{name}/manifests/{reference}"));
    }

    pub(crate) fn has_blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = sha256(bytes);
        let mut held = self.held.lock().unwrap();
        held.blobs
            .insert(format!("{name}/blobs/{digest}"), bytes.to_vec());
        digest
    }

    /// Has a list of tags.
    pub(crate) fn has_tags(&self, name: &str, tags: &[&str]) {
        let list = serde_json::to_vec(&serde_json::json!({ "name": name, "tags": tags })).unwrap();
        let mut held = self.held.lock().unwrap();
        held.lists.insert(format!("{name}/tags/list?n=1000"), list);
    }

    pub(crate) fn behaves(&self, manner: Manner) {
        self.held.lock().unwrap().manner = manner;
    }

    /// Lets what is held go on.
    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    /// Ends without a word: nothing listens any more.
    pub(crate) async fn end(&mut self) {
        self.task.abort();
        let ended = (&mut self.task).await;
        assert!(ended.is_err(), "it was aborted");
    }

    /// What was asked since the last look, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.held.lock().unwrap().asked)
    }

    /// The request lines of that.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn serve(stream: TcpStream, held: Arc<Mutex<Held>>, mut gate: watch::Receiver<bool>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(first)) = lines.next_line().await {
        let mut range = None;
        while let Ok(Some(header)) = lines.next_line().await {
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(": ")
                && name.eq_ignore_ascii_case("range")
            {
                range = Some(value.to_owned());
            }
        }
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let path = words
            .next()
            .unwrap_or_default()
            .trim_start_matches("/v2/")
            .to_owned();
        let (content, mut manner, list) = {
            let mut held = held.lock().unwrap();
            held.asked.push(Asked {
                line: format!("{method} {path}"),
                range: range.clone(),
            });
            let manifest = held.manifests.get(&path).map(|bytes| (bytes.clone(), true));
            let blob = || held.blobs.get(&path).map(|bytes| (bytes.clone(), false));
            let content = manifest.or_else(blob);
            (content, held.manner.clone(), held.lists.get(&path).cloned())
        };
        if path.contains("/tags/list") || path.contains("/referrers/") {
            manner.status = manner.status.or(manner.lists);
            if manner.endless {
                go_on(&mut writer).await;
                return;
            }
            if let Some(list) = list.filter(|_| manner.status.is_none()) {
                let start = format!("HTTP/1.1 200 Said\r\ncontent-length: {}\r\n\r\n", list.len());
                if writer
                    .write_all(&[start.as_bytes(), &list].concat())
                    .await
                    .is_err()
                {
                    return;
                }
                continue;
            }
        }
        let answer = Answer {
            is_head: method == "HEAD",
            range,
            manner,
            held: &held,
        };
        if !answer.write(&mut writer, content, &mut gate).await {
            return;
        }
    }
}

/// Answers without an end, slowly, for as long as somebody reads.
async fn go_on(writer: &mut OwnedWriteHalf) {
    let mut next: &[u8] = b"HTTP/1.1 200 Said\r\ntransfer-encoding: chunked\r\n\r\n";
    while writer.write_all(next).await.is_ok() {
        next = b"1\r\n \r\n";
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Answer<'a> {
    is_head: bool,
    range: Option<String>,
    manner: Manner,
    held: &'a Mutex<Held>,
}

impl Answer<'_> {
    /// Answers; false when the connection ends with it.
    async fn write(
        mut self,
        writer: &mut OwnedWriteHalf,
        content: Option<(Vec<u8>, bool)>,
        gate: &mut watch::Receiver<bool>,
    ) -> bool {
        let extra = self.manner.headers;
        if let Some((status, headers)) = self.manner.status {
            let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n{headers}{extra}\r\n");
            return writer.write_all(head.as_bytes()).await.is_ok();
        }
        let Some((bytes, is_manifest)) = content else {
            let head = format!("HTTP/1.1 404 Said\r\ncontent-length: 0\r\n{extra}\r\n");
            return writer.write_all(head.as_bytes()).await.is_ok();
        };
        if is_manifest {
            let (digest, length) = (sha256(&bytes), bytes.len());
            let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let kind = manifest["mediaType"].as_str().unwrap();
            let head = format!(
                "HTTP/1.1 200 Said\r\ncontent-type: {kind}\r\ndocker-content-digest: {digest}\r\n\
                 content-length: {length}\r\n{extra}\r\n"
            );
            let body: &[u8] = if self.is_head { &[] } else { &bytes };
            return writer.write_all(&[head.as_bytes(), body].concat()).await.is_ok();
        }
        self.write_blob(writer, bytes, gate).await
    }

    async fn write_blob(
        &mut self,
        writer: &mut OwnedWriteHalf,
        mut bytes: Vec<u8>,
        gate: &mut watch::Receiver<bool>,
    ) -> bool {
        let size = bytes.len();
        if self.manner.wrong {
            *bytes.last_mut().unwrap() ^= 1;
        }
        let (start, end) = self.range.as_deref().map_or((0, size), |range| {
            let (start, last) = range.trim_start_matches("bytes=").split_once('-').unwrap();
            let end = last.parse().map_or(size, |last: usize| last + 1);
            (start.parse().unwrap(), end)
        });
        let (part, extra) = (&bytes[start..end], self.manner.headers);
        let head = if self.range.is_some() {
            format!(
                "HTTP/1.1 206 Said\r\ncontent-range: bytes {start}-{}/{size}\r\ncontent-length: {}\r\n{extra}\r\n",
                end - 1,
                part.len()
            )
        } else {
            format!("HTTP/1.1 200 Said\r\ncontent-length: {size}\r\n{extra}\r\n")
        };
        if writer.write_all(head.as_bytes()).await.is_err() || self.is_head {
            return self.is_head;
        }
        if let Some((after, times)) = self.manner.cut {
            let mut script = self.held.lock().unwrap();
            script.manner.cut = (times > 1).then_some((after, times - 1));
        }
        if let Some((after, _)) = self.manner.cut {
            let _is_open = writer.write_all(&part[..after.min(part.len())]).await;
            return false;
        }
        let held_after = self.manner.held_after.filter(|_| self.range.is_none());
        let (first, rest) = part.split_at(held_after.unwrap_or(0).min(part.len()));
        if writer.write_all(first).await.is_err() {
            return false;
        }
        if held_after.is_some() && gate.wait_for(|is_open| *is_open).await.is_err() {
            return false;
        }
        writer.write_all(rest).await.is_ok()
    }
}
