//! More work than a server can do: how much it does, how it refuses the rest, and how soon it is itself again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::timeout_at;

use super::many::open_many;
use super::{Bench, Outcome, ms};
use crate::data::{Rng, sha256};
use crate::h1::{Body, Conn, Head, Sink};
use crate::registry::{Session, Target, path_of};
use crate::stats::quantile;

/// How long a refused client waits: far less than any `Retry-After`, so that the pressure stays.
const REFUSED_WAIT: Duration = Duration::from_millis(50);
/// Requests in a row that must be answered as fast as before: then it has recovered.
const STREAK: usize = 20;
const RECOVERY_MAX: Duration = Duration::from_secs(30);

/// What the clients of one run saw.
#[derive(Default)]
struct Seen {
    accepted: Vec<f64>,
    refused: u64,
    /// 503 that says nothing about when to come back.
    blunt: u64,
    other: u64,
    broken: u64,
}

impl Bench {
    pub(super) async fn overload(self: &Arc<Self>, target: &Arc<Target>, push: bool) -> Result<Outcome> {
        let mut session = Session::open(target, &self.repo("meta")).await?;
        let request = Arc::new(session.render("GET", "manifests/latest"));
        let mut alone = self.gets(&mut session, &request).await?;
        let authorization = target.authorization(&self.repo("meta")).await?;
        let connections = open_many(target, self.p.overload_conns).await?;
        let t = Instant::now();
        let end = t + Duration::from_secs_f64(self.p.rate_secs);
        let clients: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(i, conn)| {
                let work = if push {
                    Work::Push(
                        Rng::new(Rng::fresh_seed() ^ i as u64),
                        self.repo("meta"),
                        authorization.clone(),
                    )
                } else {
                    Work::Get(request.clone())
                };
                tokio::spawn(client(target.clone(), conn, work, end))
            })
            .collect();
        let mut all = Seen::default();
        for c in clients {
            let seen = c.await?;
            all.accepted.extend(seen.accepted);
            all.refused += seen.refused;
            all.blunt += seen.blunt;
            all.other += seen.other;
            all.broken += seen.broken;
        }
        let mut out = Outcome::bytes(t, 0, all.accepted);
        let limit = (quantile(&mut alone, 0.99) * 5.0).max(5.0);
        let recovery = recovered(target, &request, limit).await;
        let asked = out.ops + all.refused + all.blunt + all.other + all.broken;
        let share = |n: u64| n as f64 * 100.0 / asked.max(1) as f64;
        out.more
            .insert("503 with Retry-After %".into(), share(all.refused));
        out.more.insert("p99 alone ms".into(), quantile(&mut alone, 0.99));
        out.more
            .insert("recovery ms".into(), recovery.as_secs_f64() * 1e3);
        if all.blunt + all.other + all.broken > 0 {
            out.note = Some(format!(
                "{} times 503 without Retry-After, {} other answers, {} broken connections",
                all.blunt, all.other, all.broken
            ));
        }
        out.errors = all.blunt + all.other + all.broken;
        Ok(out)
    }
}

enum Work {
    Get(Arc<Vec<u8>>),
    /// New blobs of 1 KiB, by POST and PUT, to this repository with this authorization.
    Push(Rng, String, Option<String>),
}

/// Asks again and again until `end`, when it hangs up in the middle of whatever it does.
async fn client(target: Arc<Target>, mut conn: Conn, mut work: Work, end: Instant) -> Seen {
    let mut seen = Seen::default();
    while Instant::now() < end {
        let one = Instant::now();
        let Ok(answer) = timeout_at(end.into(), work.once(&mut conn)).await else {
            break;
        };
        match answer {
            Ok(head) if matches!(head.status, 200 | 201) => seen.accepted.push(ms(one)),
            Ok(head) if head.status == 503 && head.retry_after => {
                seen.refused += 1;
                tokio::time::sleep(REFUSED_WAIT).await;
            }
            Ok(head) if head.status == 503 => seen.blunt += 1,
            Ok(_) => seen.other += 1,
            Err(_) => {
                seen.broken += 1;
                conn.closed = true;
                tokio::time::sleep(REFUSED_WAIT).await;
            }
        }
        if conn.closed {
            match timeout_at(end.into(), Conn::connect_small(target.endpoint())).await {
                Ok(Ok(fresh)) => conn = fresh,
                Ok(Err(_)) => seen.broken += 1,
                Err(_) => break,
            }
        }
    }
    seen
}

impl Work {
    async fn once(&mut self, conn: &mut Conn) -> Result<Head> {
        let head = match self {
            Self::Get(request) => conn.send_rendered(request, false).await?,
            Self::Push(rng, repo, authorization) => {
                let mut data = vec![0; 1024];
                rng.fill(&mut data);
                let mut headers = vec![("Content-Type", "application/octet-stream")];
                if let Some(value) = authorization {
                    headers.push(("Authorization", value.as_str()));
                }
                let path = format!("/v2/{repo}/blobs/uploads/");
                let begun = conn.request("POST", &path, &headers, Body::Empty).await?;
                conn.read_body(&begun, &mut Sink::Discard).await?;
                if begun.status != 202 {
                    return Ok(begun);
                }
                let location = path_of(begun.location.as_deref().context("POST without Location")?);
                let sep = if location.contains('?') { '&' } else { '?' };
                let path = format!("{location}{sep}digest={}", sha256(&data));
                conn.request("PUT", &path, &headers, Body::Sized(&data)).await?
            }
        };
        conn.read_body(&head, &mut Sink::Discard).await?;
        Ok(head)
    }
}

/// How long after now the first of a row of fast answers began, over connections of their own.
async fn recovered(target: &Arc<Target>, request: &[u8], limit_ms: f64) -> Duration {
    let begin = Instant::now();
    let (mut first, mut row) = (begin, 0);
    while row < STREAK && begin.elapsed() < RECOVERY_MAX {
        let one = Instant::now();
        let fast = probe(target, request).await.is_ok_and(|head| head.status == 200) && ms(one) <= limit_ms;
        if row == 0 {
            first = one;
        }
        row = if fast { row + 1 } else { 0 };
    }
    if row < STREAK { RECOVERY_MAX } else { first - begin }
}

async fn probe(target: &Arc<Target>, request: &[u8]) -> Result<Head> {
    let mut conn = Conn::connect(target.endpoint()).await?;
    let head = conn.send_rendered(request, false).await?;
    conn.read_body(&head, &mut Sink::Discard).await?;
    Ok(head)
}
