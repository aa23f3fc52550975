//! One client's manifest GETs beside very many connections: idle ones, or ones that take a large blob slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Bench, Outcome, join_all, ms};
use crate::h1::{Conn, Sink};
use crate::proc;
use crate::registry::{Session, Target};
use crate::stats::quantile;

/// Connections that are being opened at one time: below every listen queue.
const OPENING: usize = 64;
/// How long the server may put its things in order before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);

impl Bench {
    pub(super) async fn idle(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
        let mut session = Session::open(target, &self.repo("meta")).await?;
        let request = Arc::new(session.render("GET", "manifests/latest"));
        let mut alone = self.gets(&mut session, &request).await?;
        let before = Memory::of(target);
        let mut idle = open_many(target, self.p.idle_conns).await?;
        // Each has answered once: what a client leaves open between two pulls.
        ask_all(&mut idle, &request).await?;
        tokio::time::sleep(SETTLE).await;
        let after = Memory::of(target);
        let t = Instant::now();
        let lat = self.gets(&mut session, &request).await?;
        let mut out = Outcome::bytes(t, 0, lat);
        // The server has not dropped them to get rid of their memory.
        out.errors = ask_all(&mut idle, &request).await?;
        out.compare(&mut alone);
        out.memory(&before, &after, self.p.idle_conns);
        Ok(out)
    }

    pub(super) async fn beside_crowd(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
        let (digest, _) = self.pulls.get(&target.name).context("not prepared")?;
        let blob = Session::open(target, &self.repo("pull"))
            .await?
            .render("GET", &format!("blobs/{digest}"));
        let mut session = Session::open(target, &self.repo("meta")).await?;
        let request = session.render("GET", "manifests/latest");
        let mut alone = self.gets(&mut session, &request).await?;
        let before = Memory::of(target);
        let slow = open_many(target, self.p.slow_pulls).await?;
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let pulls: Vec<_> = slow
            .into_iter()
            .map(|conn| {
                let pull = SlowPull {
                    conn,
                    request: blob.clone(),
                    rate: self.p.slow_rate,
                    stop: stop.clone(),
                    taken: taken.clone(),
                };
                tokio::spawn(pull.run())
            })
            .collect();
        tokio::time::sleep(SETTLE).await;
        let (t, begun) = (Instant::now(), taken.load(Ordering::Relaxed));
        let lat = self.gets(&mut session, &request).await?;
        let moved = taken.load(Ordering::Relaxed) - begun;
        let mut out = Outcome::bytes(t, moved, lat);
        let after = Memory::of(target);
        stop.store(true, Ordering::Relaxed);
        let mut least = u64::MAX;
        for pull in pulls {
            match pull.await.context("pull panicked")? {
                Ok(bytes) => least = least.min(bytes),
                Err(_) => out.errors += 1,
            }
        }
        out.compare(&mut alone);
        out.memory(&before, &after, self.p.slow_pulls);
        let mib = f64::from(1 << 20);
        out.more
            .insert("pulls MiB/s".into(), moved as f64 / mib / out.wall);
        out.more.insert("slowest pull MiB".into(), least as f64 / mib);
        Ok(out)
    }

    /// One GET after another for a while; the time each took, in ms.
    pub(super) async fn gets(&self, session: &mut Session, request: &[u8]) -> Result<Vec<f64>> {
        let end = Instant::now() + Duration::from_secs_f64(self.p.rate_secs);
        let mut lat = Vec::new();
        while Instant::now() < end {
            let one = Instant::now();
            let head = session.conn().send_rendered(request, false).await?;
            session.conn().read_body(&head, &mut Sink::Discard).await?;
            head.expect(&[200], "manifest GET")?;
            lat.push(ms(one));
        }
        Ok(lat)
    }
}

impl Outcome {
    /// Adds what the same requests took with nothing beside them.
    fn compare(&mut self, alone: &mut [f64]) {
        self.more.insert("p50 alone ms".into(), quantile(alone, 0.5));
        self.more.insert("p99 alone ms".into(), quantile(alone, 0.99));
    }

    fn memory(&mut self, before: &Memory, after: &Memory, connections: usize) {
        let each = (after.anon - before.anon) * 1024.0 / connections as f64;
        self.more.insert("rss before MiB".into(), before.rss);
        self.more.insert("rss beside MiB".into(), after.rss);
        self.more.insert("anon KiB a connection".into(), each);
    }
}

/// A server's memory now, MiB.
struct Memory {
    rss: f64,
    anon: f64,
}

impl Memory {
    fn of(target: &Target) -> Self {
        let pids = proc::tree(&target.pids);
        Self {
            rss: proc::rss_kib(&pids) as f64 / 1024.0,
            anon: proc::anon_rss_kib(&pids) as f64 / 1024.0,
        }
    }
}

/// A client on a thin line: it reads one buffer, and waits until its rate allows the next.
struct SlowPull {
    conn: Conn,
    request: Vec<u8>,
    rate: usize,
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
}

impl SlowPull {
    /// Returns the bytes it got until it was told to stop, when it hangs up.
    async fn run(mut self) -> Result<u64> {
        let begin = Instant::now();
        let head = self.conn.send_rendered(&self.request, false).await?;
        head.expect(&[200], "blob GET")?;
        let size = head.content_length.context("a blob without length")?;
        let mut got = 0;
        while got < size && !self.stop.load(Ordering::Relaxed) {
            let n = self.conn.read_some().await? as u64;
            got += n;
            self.taken.fetch_add(n, Ordering::Relaxed);
            let due = Duration::from_secs_f64(got as f64 / self.rate as f64);
            // Short sleeps, so that the end is seen.
            let wait = due
                .saturating_sub(begin.elapsed())
                .min(Duration::from_millis(500));
            tokio::time::sleep(wait).await;
        }
        Ok(got)
    }
}

/// Opens connections, a few at a time; the first error ends it.
pub(super) async fn open_many(target: &Arc<Target>, count: usize) -> Result<Vec<Conn>> {
    let parts = join_all((0..OPENING).map(|worker| {
        let target = target.clone();
        async move {
            let mut part = Vec::new();
            for _ in (worker..count).step_by(OPENING) {
                part.push(Conn::connect_small(target.endpoint()).await?);
            }
            Ok(part)
        }
    }))
    .await?;
    Ok(parts.into_iter().flatten().collect())
}

/// One request over each connection; the number of those that gave no 200.
async fn ask_all(connections: &mut [Conn], request: &[u8]) -> Result<u64> {
    let mut failed = 0;
    for conn in connections {
        let answer = conn.send_rendered(request, false).await;
        let fine = match answer {
            Ok(head) => conn.read_body(&head, &mut Sink::Discard).await.is_ok() && head.status == 200,
            Err(_) => false,
        };
        failed += u64::from(!fine);
    }
    Ok(failed)
}
