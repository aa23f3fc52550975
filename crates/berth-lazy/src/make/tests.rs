//! Indexes of small layers, as the child makes them.

mod read;

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use berth_oci::{Algorithm, Digest};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::{Lower, layer, merge};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// What is made of an image: the index, and what tells where the files of each layer are.
struct Made {
    index: Vec<u8>,
    metas: Vec<Vec<u8>>,
}

/// The index of an image of these layers.
fn index(layers: &[Vec<u8>]) -> Vec<u8> {
    made(layers).index
}

fn made(layers: &[Vec<u8>]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    let (mut lowers, mut metas) = (Vec::new(), Vec::new());
    for (number, bytes) in layers.iter().enumerate() {
        let (from, bootstrap, meta) = (
            at(format!("{number}.gz")),
            at(format!("{number}.boot")),
            at(format!("{number}.meta")),
        );
        std::fs::write(&from, bytes).unwrap();
        let read = layer(&from, &bootstrap, &meta).unwrap();
        let digest = Digest::of(Algorithm::Sha256, bytes);
        if let Some(found) = &read.digest {
            assert_eq!(found, digest.hex());
        }
        let meta = read.digest.map(|_| {
            let meta = std::fs::read(meta).unwrap();
            let digest = Digest::of(Algorithm::Sha256, &meta).hex().to_owned();
            let size = meta.len() as u64;
            metas.push(meta);
            (digest, size)
        });
        lowers.push(Lower {
            bootstrap,
            layer: digest.hex().to_owned(),
            meta,
        });
    }
    let made = at("index".to_owned());
    merge(&lowers, &at("scratch".to_owned()), &made).unwrap();
    Made {
        index: std::fs::read(made).unwrap(),
        metas,
    }
}

/// A layer of files of this machine, at most so many bytes of them.
fn files_below(folder: &str, bytes_max: u64) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.follow_symlinks(false);
    let (mut folders, mut bytes) = (vec![PathBuf::from(folder)], 0);
    tar.append_dir("usr", "/usr").unwrap();
    while let Some(folder) = folders.pop() {
        let name = folder.strip_prefix("/").unwrap();
        tar.append_dir(name, &folder).unwrap();
        let mut entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap()).collect();
        entries.sort_by_key(std::fs::DirEntry::path);
        for entry in entries {
            let found = entry.metadata().unwrap();
            if found.is_dir() {
                folders.push(entry.path());
            } else if found.is_symlink() || found.is_file() && bytes + found.len() <= bytes_max {
                bytes += found.len();
                let name = entry.path().strip_prefix("/").unwrap().to_owned();
                tar.append_path_with_name(entry.path(), name).unwrap();
            }
        }
    }
    assert!(bytes > bytes_max / 2, "{folder} has {bytes} bytes");
    gzip(&tar.into_inner().unwrap())
}

#[test]
fn an_index_is_a_small_part_of_an_image_and_leads_to_each_byte_of_it() {
    let layers = [
        files_below("/usr/bin", 20 << 20),
        files_below("/usr/lib", 40 << 20),
    ];
    let made = made(&layers);
    let size = made.index.len() + made.metas.iter().map(Vec::len).sum::<usize>();
    let all: usize = layers.iter().map(Vec::len).sum();
    assert!(size * 100 <= all * 5, "{size} of {all}");
    let (found, expected) = (read::by_index(&made, &layers), read::by_layers(&layers));
    let other = |one: &read::Files, of: &read::Files| {
        let other = one.keys().filter(|path| !of.contains_key(*path));
        other.take(5).cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        (other(&found, &expected), other(&expected, &found)),
        (vec![], vec![])
    );
    for (path, bytes) in expected {
        assert!(found[&path] == bytes, "{}", path.display());
    }
}

#[test]
fn the_same_layers_make_the_same_index() {
    let layers = [
        gzip(&tar(&[("bin/sh", &[7; 5000]), ("etc/hosts", b"one")])),
        // Folders and marks of deletion alone.
        gzip(&tar(&[("etc/.wh.hosts", b"")])),
        // Two gzip streams in one, as some builders write them.
        {
            let bytes = tar(&[("usr/tool", &vec![9; 70_000])]);
            let (first, second) = bytes.split_at(1024);
            [gzip(first), gzip(second)].concat()
        },
    ];
    let made = index(&layers);
    assert_eq!(made, index(&layers));
    let mut tar = tar::Archive::new(GzDecoder::new(made.as_slice()));
    let mut entries = tar.entries().unwrap();
    let mut entry = entries.next().unwrap().unwrap();
    assert_eq!(entry.path().unwrap().to_str(), Some("image/image.boot"));
    let mut tree = Vec::new();
    entry.read_to_end(&mut tree).unwrap();
    // What EROFS begins with, at its place.
    assert_eq!(tree[1024..1028], 0xe0f5_e1e2_u32.to_le_bytes());
}

#[test]
fn bytes_that_are_no_gzip_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for bytes in [tar(&[("file", b"bytes")]), vec![0; 10], Vec::new()] {
        std::fs::write(at("layer"), &bytes).unwrap();
        assert!(layer(&at("layer"), &at("boot"), &at("meta")).is_err());
    }
}
