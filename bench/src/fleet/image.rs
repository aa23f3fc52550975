//! The image that all nodes pull: layers of random bytes.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use crate::data::{Rng, sha256};
use crate::registry::{Target, install_image};
use crate::tls;

#[derive(Args)]
pub struct ImageArgs {
    /// As in `run`
    #[arg(long)]
    target: String,
    #[arg(long)]
    repository: String,
    #[arg(long, default_value = "v1")]
    tag: String,
    /// Bytes of each layer
    #[arg(long, value_delimiter = ',', default_value = "140000000,60000000")]
    layers: Vec<usize>,
}

/// Pushes it, and prints how many bytes a node has to get: layers, config and manifest.
pub async fn run(args: ImageArgs) -> Result<()> {
    let target = Arc::new(Target::parse(&args.target, &tls::client_config(None)?, true)?);
    let mut rng = Rng::new(Rng::fresh_seed());
    let mut layers = Vec::new();
    for &size in &args.layers {
        let mut layer = vec![0; size];
        rng.fill(&mut layer);
        let digest = sha256(&layer);
        layers.push((layer, digest));
    }
    let list: Vec<(&[u8], &str)> = layers
        .iter()
        .map(|(data, digest)| (data.as_slice(), digest.as_str()))
        .collect();
    let image = install_image(&target, &args.repository, &args.tag, rng.next_u64(), &list).await?;
    let layers: u64 = image.layers.iter().map(|(_, size)| size).sum();
    println!("{}", layers + image.config.1 + image.manifest.len() as u64);
    Ok(())
}
