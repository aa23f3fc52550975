//! Work beside a measurement: images pushed at a steady pace, each deleted again a little later, so that there is always something to
//! send to another registry and something to take back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::data::{Rng, sha256};
use crate::h1::{Body, Sink};
use crate::registry::{Session, Target, install_image};
use crate::tls;

/// How many images stay.
const KEPT: u64 = 20;

#[derive(Args)]
pub struct ChurnArgs {
    /// As in `run`
    #[arg(long)]
    target: String,
    /// The repository
    #[arg(long)]
    repository: String,
    /// Images in a second
    #[arg(long, default_value_t = 2.0)]
    rate: f64,
    /// Bytes of the one layer of each
    #[arg(long, default_value_t = 4 << 20)]
    layer_size: usize,
    /// It ends by itself after so many seconds
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
}

/// Pushes and deletes until its time is over.
pub async fn run(args: ChurnArgs) -> Result<()> {
    let target = Arc::new(Target::parse(&args.target, &tls::client_config(None)?, false)?);
    let mut rng = Rng::new(Rng::fresh_seed());
    let mut layer = vec![0; args.layer_size];
    let begin = Instant::now();
    for n in 0.. {
        if begin.elapsed() >= Duration::from_secs(args.seconds) {
            break;
        }
        rng.fill(&mut layer);
        let digest = sha256(&layer);
        let tag = format!("n{n}");
        install_image(
            &target,
            &args.repository,
            &tag,
            rng.next_u64(),
            &[(&layer, &digest)],
        )
        .await?;
        if n >= KEPT {
            delete(&target, &args.repository, n - KEPT).await?;
        }
        let due = Duration::from_secs_f64((n + 1) as f64 / args.rate);
        tokio::time::sleep(due.saturating_sub(begin.elapsed())).await;
    }
    Ok(())
}

async fn delete(target: &Arc<Target>, repository: &str, n: u64) -> Result<()> {
    let mut session = Session::open(target, repository).await?;
    let path = session.path(&format!("manifests/n{n}"));
    let (head, _) = session
        .call("DELETE", &path, &[], Body::Empty, &mut Sink::Discard)
        .await?;
    head.expect(&[202], "tag DELETE")?;
    Ok(())
}
