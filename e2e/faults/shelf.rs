//! What the clients of one load know together: images that were pushed, blobs that can be mounted, and a few blobs that
//! everybody pushes and deletes again and again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use e2e::content::{digest_of, image, random_blob, random_config};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::register::Value;

/// Blobs and images that are remembered for each repository.
const REMEMBERED: usize = 48;
const POPULAR: usize = 6;

/// A blob's bytes and their digest.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Value,
    pub(crate) bytes: Arc<[u8]>,
}

impl Blob {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            digest: digest_of(&bytes).into(),
            bytes: bytes.into(),
        }
    }
}

/// A manifest and what it names.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) digest: Value,
    pub(crate) manifest: Vec<u8>,
    /// The configuration first.
    pub(crate) blobs: Vec<Blob>,
}

impl Image {
    /// An image over these layers with a configuration that no other has.
    pub(crate) fn over(random: &mut StdRng, layers: Vec<Blob>) -> Self {
        let config = Blob::new(random_config(random));
        let bytes: Vec<&[u8]> = layers.iter().map(|layer| &*layer.bytes).collect();
        let manifest = image(&config.bytes, &bytes);
        let mut blobs = vec![config];
        blobs.extend(layers);
        Self {
            digest: digest_of(&manifest).into(),
            manifest,
            blobs,
        }
    }
}

/// What is known, shared by all clients.
#[derive(Debug)]
pub(crate) struct Shelf {
    popular: Vec<Blob>,
    /// By repository, the newest last.
    images: Mutex<BTreeMap<String, Vec<Arc<Image>>>>,
    blobs: Mutex<BTreeMap<String, Vec<Blob>>>,
}

impl Shelf {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let popular = (0..POPULAR).map(|_| Blob::new(random_blob(&mut random, 1, 60_000)));
        Self {
            popular: popular.collect(),
            images: Mutex::default(),
            blobs: Mutex::default(),
        }
    }

    /// One of the blobs that everybody pushes and deletes.
    pub(crate) fn popular(&self, random: &mut StdRng) -> Blob {
        let chosen = self.popular.choose(random);
        chosen.expect("there are popular blobs").clone()
    }

    /// An image was pushed, or may have been.
    pub(crate) fn put_image(&self, repository: &str, image: &Arc<Image>) {
        let mut images = locked(&self.images);
        remember(
            images.entry(repository.to_owned()).or_default(),
            Arc::clone(image),
        );
    }

    /// A blob was pushed, or may have been.
    pub(crate) fn put_blob(&self, repository: &str, blob: &Blob) {
        let mut blobs = locked(&self.blobs);
        remember(blobs.entry(repository.to_owned()).or_default(), blob.clone());
    }

    /// Some image of a repository, which may be deleted by now.
    pub(crate) fn image(&self, random: &mut StdRng, repository: &str) -> Option<Arc<Image>> {
        locked(&self.images).get(repository)?.choose(random).cloned()
    }

    /// The image with this manifest, while it is remembered.
    pub(crate) fn image_of(&self, repository: &str, digest: &str) -> Option<Arc<Image>> {
        let images = locked(&self.images);
        let found = images
            .get(repository)?
            .iter()
            .find(|image| *image.digest == *digest);
        found.cloned()
    }

    /// Some blob of a repository, which may be deleted by now.
    pub(crate) fn blob(&self, random: &mut StdRng, repository: &str) -> Option<Blob> {
        let blobs = locked(&self.blobs);
        let chosen = blobs.get(repository)?.choose(random).cloned();
        // Some of what is asked for is old, some is what everybody wants.
        if random.random_ratio(1, 4) {
            return Some(self.popular(random));
        }
        chosen
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<T>(list: &mut Vec<T>, one: T) {
    if list.len() >= REMEMBERED {
        list.remove(0);
    }
    list.push(one);
}
