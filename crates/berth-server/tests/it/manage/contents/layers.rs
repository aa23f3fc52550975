//! Layers as builders write them.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// A layer that is being written.
pub(super) struct Layer(Builder<Vec<u8>>);

impl Default for Layer {
    fn default() -> Self {
        Self(Builder::new(Vec::new()))
    }
}

impl Layer {
    pub(super) fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        let mut header = header(EntryType::Regular, bytes.len() as u64);
        self.0.append_data(&mut header, path, bytes).unwrap();
        self
    }

    pub(super) fn folder(mut self, path: &str) -> Self {
        let mut header = header(EntryType::Directory, 0);
        self.0.append_data(&mut header, path, [].as_slice()).unwrap();
        self
    }

    pub(super) fn link(mut self, path: &str, target: &str) -> Self {
        self.0
            .append_link(&mut header(EntryType::Link, 0), path, target)
            .unwrap();
        self
    }

    pub(super) fn symlink(mut self, path: &str, target: &str) -> Self {
        self.0
            .append_link(&mut header(EntryType::Symlink, 0), path, target)
            .unwrap();
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(1_700_000_000);
    header
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// A layer of one file of so many zeros.
pub(super) fn zeros(count: u64) -> Vec<u8> {
    let mut layer = Builder::new(Vec::new());
    let zeros = std::io::repeat(0).take(count);
    layer
        .append_data(&mut header(EntryType::Regular, count), "zeros", zeros)
        .unwrap();
    layer.into_inner().unwrap()
}
