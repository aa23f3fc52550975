//! How long requests take beside a reclaim: the same few requests in turn over one connection, for a while or until the
//! files of the blobs that are to go (`reclaim.sql`) are gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::data::{Rng, sha256};
use crate::h1::{Body, Sink};
use crate::registry::{PushMode, Session, Target, install_image};
use crate::stats::{median, quantile};
use crate::tls;

/// Blobs of `reclaim.sql`, and every which of them is to go.
const BLOBS: usize = 1_000_000;
const EVERY: usize = 10;
const FIRST: usize = 7;
const SIZE: usize = 4096;
/// Requests of each kind before any counts.
const UNMEASURED: usize = 200;
/// Time between two looks at the files.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct FilesArgs {
    /// The storage folder
    storage: PathBuf,
}

#[derive(Args)]
pub struct ReclaimArgs {
    /// Address of the server, which is on this machine
    #[arg(long)]
    url: String,
    #[arg(long, default_value = "admin")]
    user: String,
    #[arg(long)]
    password: String,
    /// What the lines begin with
    #[arg(long)]
    name: String,
    /// Measure for so many seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Measure until the files in this storage folder are gone instead
    #[arg(long)]
    until_gone: Option<PathBuf>,
}

/// Writes the files of the blobs that are to go.
pub fn write_files(args: &FilesArgs) -> Result<()> {
    let bytes = vec![7; SIZE];
    for shard in 0..100 {
        fs::create_dir_all(folder(&args.storage, shard))?;
    }
    for n in (FIRST..BLOBS).step_by(EVERY) {
        let path = folder(&args.storage, n % 100).join(format!("{:02}{n:08}{:054}.f{n}", n % 100, 0));
        fs::write(&path, &bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn folder(storage: &Path, shard: usize) -> PathBuf {
    storage.join("blobs/sha256").join(format!("{shard:02}"))
}

fn files_left(storage: &Path) -> Result<usize> {
    let mut left = 0;
    for shard in 0..100 {
        for entry in fs::read_dir(folder(storage, shard))? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            // The ids of uploads may begin with an f, too, and hold dashes.
            left += usize::from(name.contains(".f") && !name.contains('-'));
        }
    }
    Ok(left)
}

/// Prints a line for each kind of request: name, kind, requests, median and 99th percentile in ms; and the time it took.
pub async fn run(args: ReclaimArgs) -> Result<()> {
    let begin = Instant::now();
    let spec = format!(
        "name={},url={},user={},pass={}",
        args.name, args.url, args.user, args.password
    );
    let target = Arc::new(Target::parse(&spec, &tls::client_config(None)?, false)?);
    let mut rng = Rng::new(Rng::fresh_seed());
    let mut layer = vec![0; SIZE];
    rng.fill(&mut layer);
    let digest = sha256(&layer);
    let image = install_image(
        &target,
        "bench/beside",
        "v1",
        rng.next_u64(),
        &[(&layer, &digest)],
    )
    .await?;
    let mut session = Session::open(&target, "bench/beside").await?;
    let manifest = session.path("manifests/v1");
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut looked = Instant::now();
    let end = begin + Duration::from_secs(args.seconds);
    for round in 0.. {
        let took = one_turn(&mut session, &mut rng, &manifest, &digest, image.manifest.len()).await?;
        if round >= UNMEASURED {
            for (times, took) in times.iter_mut().zip(took) {
                times.push(took * 1000.0);
            }
        }
        match &args.until_gone {
            None if Instant::now() >= end => break,
            Some(storage) if looked.elapsed() >= LOOKED_AT_EVERY => {
                looked = Instant::now();
                let left = files_left(storage)?;
                eprintln!(
                    "{}: {left} files left after {} s",
                    args.name,
                    begin.elapsed().as_secs()
                );
                if left == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    for (kind, times) in ["manifest-get", "blob-head", "small-push"]
        .into_iter()
        .zip(&mut times)
    {
        let p99 = quantile(times, 0.99);
        println!(
            "{} {kind} {} {:.3} {p99:.3}",
            args.name,
            times.len(),
            median(times)
        );
    }
    println!("{} seconds {}", args.name, begin.elapsed().as_secs());
    Ok(())
}

/// A manifest, a blob's head and a push of 1 KiB; the seconds each took.
async fn one_turn(
    session: &mut Session,
    rng: &mut Rng,
    manifest: &str,
    digest: &str,
    length: usize,
) -> Result<[f64; 3]> {
    let mut took = [0.0; 3];
    let at = Instant::now();
    let (head, bytes) = session
        .call("GET", manifest, &[], Body::Empty, &mut Sink::Discard)
        .await?;
    head.expect(&[200], "manifest GET")?;
    ensure!(bytes == length as u64, "another manifest came");
    took[0] = at.elapsed().as_secs_f64();
    let at = Instant::now();
    ensure!(session.blob_exists(digest).await?, "the layer is gone");
    took[1] = at.elapsed().as_secs_f64();
    let mut small = vec![0; 1024];
    rng.fill(&mut small);
    let small_digest = sha256(&small);
    let at = Instant::now();
    session.push_blob(&small, &small_digest, PushMode::Put).await?;
    took[2] = at.elapsed().as_secs_f64();
    Ok(took)
}
