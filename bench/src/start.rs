//! How long a server takes from exec to its first answer: started, asked until it answers, and ended, again and again.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::h1::{Body, Conn, Endpoint, Sink};
use crate::report::{Report, Sample, summarise};
use crate::tls;

const ANSWER_MAX: Duration = Duration::from_mins(2);
const END_MAX: Duration = Duration::from_mins(1);
/// Time between two tries to connect.
const ASKED_EVERY: Duration = Duration::from_micros(500);

#[derive(Args)]
pub struct StartArgs {
    /// What the report calls the target
    #[arg(long)]
    name: String,
    /// What is asked until it answers 200 (or anything, with --any)
    #[arg(long)]
    url: String,
    /// Path that is asked
    #[arg(long, default_value = "/readyz")]
    path: String,
    /// Any answer counts
    #[arg(long)]
    any: bool,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Write the samples here
    #[arg(long)]
    json: Option<PathBuf>,
    /// The server's command
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Starts the server so many times, and tells how long each took.
pub async fn run(args: StartArgs) -> Result<()> {
    let endpoint = Endpoint::parse(&args.url, &tls::client_config(None)?)?;
    let mut samples = Vec::new();
    for round in 0..args.rounds {
        let begin = Instant::now();
        let child = Command::new(&args.command[0])
            .args(&args.command[1..])
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", args.command[0]))?;
        let mut server = Server(child);
        while !answers(&endpoint, &args).await {
            if let Some(status) = server.0.try_wait()? {
                bail!("{} ended before it answered: {status}", args.command[0]);
            }
            ensure!(
                begin.elapsed() < ANSWER_MAX,
                "{} does not answer",
                args.command[0]
            );
            tokio::time::sleep(ASKED_EVERY).await;
        }
        let took = begin.elapsed().as_secs_f64() * 1e3;
        eprintln!("{:13} {:16} turn {round} {took:>10.1} ms", "start", args.name);
        server.end().await?;
        samples.push(Sample {
            round,
            value: took,
            unit: "ms p50".into(),
            p50_ms: took,
            p99_ms: took,
            ..Sample::new("start", &args.name)
        });
    }
    if let Some(path) = &args.json {
        let report = Report {
            summary: summarise(&samples, None, None),
            samples,
            ..Report::default()
        };
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

async fn answers(endpoint: &Endpoint, args: &StartArgs) -> bool {
    let asked = async {
        let mut conn = Conn::connect(endpoint).await?;
        let head = conn.request("GET", &args.path, &[], Body::Empty).await?;
        conn.read_body(&head, &mut Sink::Discard).await?;
        anyhow::Ok(head.status)
    };
    asked.await.is_ok_and(|status| args.any || status == 200)
}

/// A process that is not left behind.
struct Server(Child);

impl Server {
    /// Asks it to end and waits until it has.
    async fn end(&mut self) -> Result<()> {
        let id = i32::try_from(self.0.id())?;
        // SAFETY: a signal to a child that was not waited for yet: the id is still its own.
        unsafe { libc::kill(id, libc::SIGTERM) };
        let begin = Instant::now();
        while self.0.try_wait()?.is_none() {
            ensure!(begin.elapsed() < END_MAX, "the server does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
