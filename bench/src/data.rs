//! Random (incompressible) blobs with right digests, cheap to make unique.

use ring::digest::{Context, SHA256, digest};

/// xoshiro256++: fast and good enough to defeat every compressor.
pub struct Rng([u64; 4]);

impl Rng {
    pub fn new(seed: u64) -> Self {
        // splitmix64 spreads the seed over the state.
        let mut z = seed;
        let mut next = || {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = z;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        Self([next(), next(), next(), next()])
    }

    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// A seed no earlier run used: clock and process id.
    pub fn fresh_seed() -> u64 {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as u64);
        now ^ (u64::from(std::process::id()) << 40)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let both = |b: &u8| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]];
    bytes.iter().flat_map(both).map(char::from).collect()
}

pub fn sha256(data: &[u8]) -> String {
    format!("sha256:{}", hex(digest(&SHA256, data).as_ref()))
}

pub fn finish(ctx: Context) -> String {
    format!("sha256:{}", hex(ctx.finish().as_ref()))
}

const STAMP: usize = 32;

/// A large blob whose last bytes are restamped to make a new digest each time.
/// The digest of the unchanged prefix is kept, so a restamp costs nothing.
pub struct Blob {
    data: Vec<u8>,
    prefix: Context,
    digest: String,
}

impl Blob {
    pub fn new(size: usize, rng: &mut Rng) -> Self {
        assert!(size >= STAMP, "a blob needs at least {STAMP} bytes");
        let mut data = vec![0; size];
        rng.fill(&mut data);
        let mut prefix = Context::new(&SHA256);
        prefix.update(&data[..size - STAMP]);
        let mut blob = Self {
            data,
            prefix,
            digest: String::new(),
        };
        blob.restamp(rng);
        blob
    }

    pub fn restamp(&mut self, rng: &mut Rng) {
        let at = self.data.len() - STAMP;
        rng.fill(&mut self.data[at..]);
        let mut ctx = self.prefix.clone();
        ctx.update(&self.data[at..]);
        self.digest = finish(ctx);
    }

    /// Another ending for the same bytes: a new blob that shares this one's memory.
    pub fn ending(&self, rng: &mut Rng) -> Ending {
        let mut tail = [0; STAMP];
        rng.fill(&mut tail);
        let mut ctx = self.prefix.clone();
        ctx.update(&tail);
        Ending {
            tail,
            digest: finish(ctx),
        }
    }

    /// The bytes that every [`Ending`] follows.
    pub fn front(&self) -> &[u8] {
        &self.data[..self.data.len() - STAMP]
    }

    pub fn data(&self) -> &[u8] {
        &self.data
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// The last bytes of a blob and the digest of the whole.
#[derive(Clone)]
pub struct Ending {
    pub tail: [u8; STAMP],
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_follows_every_restamp() {
        let mut rng = Rng::new(1);
        let mut blob = Blob::new(1000, &mut rng);
        let first = blob.digest().to_string();
        assert_eq!(first, sha256(blob.data()));
        blob.restamp(&mut rng);
        assert_ne!(first, blob.digest());
        assert_eq!(blob.digest(), sha256(blob.data()));
    }

    #[test]
    fn known_digest() {
        assert_eq!(
            sha256(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn endings_make_whole_blobs() {
        let mut rng = Rng::new(2);
        let blob = Blob::new(1000, &mut rng);
        let ending = blob.ending(&mut rng);
        let whole = [blob.front(), &ending.tail[..]].concat();
        assert_eq!(ending.digest, sha256(&whole));
        assert_eq!(whole.len(), blob.data().len());
    }
}
