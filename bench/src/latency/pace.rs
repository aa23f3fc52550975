//! Requests over some connections, as fast as they are answered or at a rate that does not wait for answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::Semaphore;

use crate::h1::{Conn, Sink};
use crate::registry::Target;
use crate::scenarios::join_all;

/// How often the pacer lets requests go: at 60,000 a second six of them.
const TICK: Duration = Duration::from_micros(100);

/// Open connections, and the request that goes over each of them.
pub struct Load {
    connections: Vec<Conn>,
    request: Arc<Vec<u8>>,
    head_only: bool,
}

/// What a server did of what was asked of it.
pub struct Served {
    /// Answers in a second.
    pub rate: f64,
    /// Of each request, from when it was due.
    pub lat_ms: Vec<f64>,
}

/// Lets requests go at a rate, whatever becomes of them.
struct Pacer {
    due: Semaphore,
    sent: AtomicU64,
    over: AtomicBool,
    begin: Instant,
    rate: f64,
}

impl Load {
    /// Opens the connections.
    pub async fn open(
        target: &Target,
        request: Vec<u8>,
        head_only: bool,
        connections: usize,
    ) -> Result<Self> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Conn::connect_small(target.endpoint()).await?);
        }
        Ok(Self {
            connections: open,
            request: Arc::new(request),
            head_only,
        })
    }

    /// Requests answered in a second when each connection asks as soon as it has its answer.
    pub async fn closed(&mut self, run: Duration) -> Result<f64> {
        let (request, head_only) = (self.request.clone(), self.head_only);
        let begin = Instant::now();
        let parts = join_all(std::mem::take(&mut self.connections).into_iter().map(|mut conn| {
            let request = request.clone();
            async move {
                let mut count = 0_u64;
                while begin.elapsed() < run {
                    once(&mut conn, &request, head_only).await?;
                    count += 1;
                }
                Ok((conn, count))
            }
        }))
        .await?;
        let took = begin.elapsed().as_secs_f64();
        let count: u64 = parts.iter().map(|(_, count)| count).sum();
        self.connections = parts.into_iter().map(|(conn, _)| conn).collect();
        Ok(count as f64 / took)
    }

    /// Requests at a rate; those that are due at the end and were not sent yet are not counted.
    pub async fn offered(&mut self, rate: f64, run: Duration) -> Result<Served> {
        let pacer = Arc::new(Pacer {
            due: Semaphore::new(0),
            sent: AtomicU64::new(0),
            over: AtomicBool::new(false),
            begin: Instant::now(),
            rate,
        });
        let ticking = {
            let pacer = pacer.clone();
            std::thread::spawn(move || pacer.tick(run))
        };
        let (request, head_only) = (self.request.clone(), self.head_only);
        let parts = join_all(std::mem::take(&mut self.connections).into_iter().map(|mut conn| {
            let (request, pacer) = (request.clone(), pacer.clone());
            async move {
                let mut lat = Vec::new();
                while let Some(due) = pacer.next().await {
                    once(&mut conn, &request, head_only).await?;
                    lat.push(due.elapsed().as_secs_f64() * 1e3);
                }
                Ok((conn, lat))
            }
        }))
        .await?;
        let took = pacer.begin.elapsed().as_secs_f64();
        ensure!(ticking.join().is_ok(), "the pacer panicked");
        let mut served = Served {
            rate: 0.0,
            lat_ms: Vec::new(),
        };
        for (conn, lat) in parts {
            self.connections.push(conn);
            served.lat_ms.extend(lat);
        }
        served.rate = served.lat_ms.len() as f64 / took;
        Ok(served)
    }
}

impl Pacer {
    fn tick(&self, run: Duration) {
        let mut given = 0;
        while self.begin.elapsed() < run {
            let due = (self.begin.elapsed().as_secs_f64() * self.rate) as usize;
            self.due.add_permits(due - given);
            given = due;
            std::thread::sleep(TICK);
        }
        self.over.store(true, Ordering::Relaxed);
        self.due.close();
    }

    /// Waits for the next request's turn; from when it counts, and nothing at the end.
    async fn next(&self) -> Option<Instant> {
        if self.over.load(Ordering::Relaxed) {
            return None;
        }
        let at_once = self.due.try_acquire();
        let waits = at_once.is_err();
        let permit = match at_once {
            Ok(permit) => permit,
            Err(_) => self.due.acquire().await.ok()?,
        };
        permit.forget();
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        // A connection that was free goes when the pacer ticks: what that is late is not the server's.
        if waits {
            return Some(Instant::now());
        }
        Some(self.begin + Duration::from_secs_f64(number as f64 / self.rate))
    }
}

async fn once(conn: &mut Conn, request: &[u8], head_only: bool) -> Result<()> {
    let head = conn.send_rendered(request, head_only).await?;
    conn.read_body(&head, &mut Sink::Discard).await?;
    head.expect(&[200], "request")?;
    Ok(())
}
