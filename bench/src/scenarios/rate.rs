//! Small requests: as many as there can be over some connections, and lists of tags one at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Bench, Outcome, join_all, ms};
use crate::h1::{Body, Conn, Sink};
use crate::registry::{Session, Target};
use crate::scenario::Scenario;

impl Bench {
    /// The request of a scenario that sends the same one again and again, and whether its answer has no body.
    pub async fn request_of(&self, scenario: Scenario, target: &Arc<Target>) -> Result<(Vec<u8>, bool)> {
        let digest = self.pulls.get(&target.name).map(|(digest, _)| digest);
        let (repo, method, rest) = match (scenario, digest) {
            (Scenario::BlobHead, Some(digest)) => ("pull", "HEAD", format!("blobs/{digest}")),
            (Scenario::ManifestGet, _) => ("meta", "GET", "manifests/latest".into()),
            _ => bail!("{} is more than one request", scenario.name()),
        };
        let session = Session::open(target, &self.repo(repo)).await?;
        Ok((session.render(method, &rest), method == "HEAD"))
    }

    pub(super) async fn rate(
        &self,
        target: &Arc<Target>,
        repo: &str,
        method: &'static str,
        rest: &str,
    ) -> Result<Outcome> {
        let repo = self.repo(repo);
        let mut sessions = Vec::new();
        for _ in 0..self.p.rate_conc {
            sessions.push(Session::open(target, &repo).await?);
        }
        let run = Duration::from_secs_f64(self.p.rate_secs);
        let request = Arc::new(sessions[0].render(method, rest));
        let t = Instant::now();
        let parts = join_all(sessions.into_iter().map(|mut s| {
            let (target, request) = (target.clone(), request.clone());
            async move {
                let mut part = Outcome::default();
                let conn: &mut Conn = s.conn();
                while t.elapsed() < run {
                    let one = Instant::now();
                    let head = conn.send_rendered(&request, method == "HEAD").await?;
                    part.bytes += conn.read_body(&head, &mut Sink::Discard).await?;
                    part.lat_ms.push(ms(one));
                    if head.status != 200 {
                        part.errors += 1;
                    }
                    if conn.closed {
                        *conn = Conn::connect(target.endpoint()).await?;
                    }
                }
                Ok(part)
            }
        }))
        .await?;
        let mut out = Outcome::bytes(t, parts.iter().map(|p| p.bytes).sum(), Vec::new());
        out.errors = parts.iter().map(|p| p.errors).sum();
        out.lat_ms = parts.into_iter().flat_map(|p| p.lat_ms).collect();
        out.ops = out.lat_ms.len() as u64;
        Ok(out)
    }

    pub(super) async fn tags(&self, target: &Arc<Target>, rest: &str) -> Result<Outcome> {
        let mut s = Session::open(target, &self.repo("tags")).await?;
        let path = s.path(rest);
        let want = if rest.contains('?') { 100 } else { self.p.tags };
        let (mut lat, mut bytes, mut note) = (Vec::new(), 0, None);
        let t = Instant::now();
        for i in 0..self.p.tag_requests {
            let mut body = Vec::with_capacity(1 << 18);
            let one = Instant::now();
            let (head, n) = s
                .call("GET", &path, &[], Body::Empty, &mut Sink::Collect(&mut body))
                .await?;
            lat.push(ms(one));
            head.expect(&[200], "tags/list")?;
            bytes += n;
            if i == 0 {
                let doc: serde_json::Value = serde_json::from_slice(&body)?;
                let got = doc["tags"].as_array().map_or(0, Vec::len);
                if got != want {
                    // Told in the report: some servers page without n, or ignore it.
                    note = Some(format!("{got} tags in the answer, expected {want}"));
                }
            }
            if t.elapsed() > Duration::from_secs(20) {
                break;
            }
        }
        let mut out = Outcome::bytes(t, bytes, lat);
        out.note = note;
        Ok(out)
    }
}
