//! Images made on the spot as OCI image layouts: folders that skopeo, podman, buildah, oras and crane read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::home::Home;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// How the bytes of a layer travel.
#[derive(Clone, Copy, Debug)]
pub enum Compression {
    /// A plain tar file.
    None,
    /// `tar+gzip`.
    Gzip,
    /// `tar+zstd`.
    Zstd,
}

/// A descriptor as it stands in manifests: media type, digest, size.
pub type Descriptor = Value;

/// A layer that lies in a layout.
#[derive(Clone, Debug)]
pub struct Layer {
    descriptor: Descriptor,
    diff_id: String,
}

/// An OCI image layout in a folder of its own.
#[derive(Debug)]
pub struct Layout {
    home: Home,
    tags: BTreeMap<String, Descriptor>,
}

impl Layout {
    /// An empty layout.
    pub fn new() -> Self {
        let home = Home::new("layout");
        home.folder("blobs/sha256");
        home.write("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        Self {
            home,
            tags: BTreeMap::new(),
        }
    }

    /// The layout's folder.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// `<folder>:<tag>`, as clients name an image of a layout.
    pub fn name(&self, tag: &str) -> String {
        format!("{}:{tag}", self.path().display())
    }

    /// The digest that a tag names.
    pub fn digest(&self, tag: &str) -> &str {
        self.tags[tag]["digest"]
            .as_str()
            .expect("a descriptor has a digest")
    }

    /// Puts a tar file into the layout, compressed as asked.
    pub fn layer(&self, tar: &Path, compression: Compression) -> Layer {
        let diff_id = sha256_of(&mut File::open(tar).expect("the layer's tar file is there"));
        let packed = self.home.join("packing");
        let (suffix, filter) = match compression {
            Compression::None => ("", "cat"),
            Compression::Gzip => ("+gzip", "gzip -1 --no-name"),
            Compression::Zstd => ("+zstd", "zstd -1 --quiet"),
        };
        filter_file(filter, tar, &packed);
        let descriptor = self.adopt(&format!("{LAYER}{suffix}"), &packed);
        Layer { descriptor, diff_id }
    }

    /// Puts an image of these layers into the layout.
    pub fn image(&self, architecture: &str, layers: &[Layer]) -> Descriptor {
        let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.json(CONFIG, &config);
        let layers: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": layers,
        });
        let mut descriptor = self.json(MANIFEST, &manifest);
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        descriptor
    }

    /// Puts an index of these images into the layout.
    pub fn index(&self, images: &[Descriptor]) -> Descriptor {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images});
        self.json(INDEX, &index)
    }

    /// Names an image or an index of the layout.
    pub fn tag(&mut self, tag: &str, descriptor: Descriptor) {
        self.tags.insert(tag.to_owned(), descriptor);
        let manifests: Vec<Value> = self
            .tags
            .iter()
            .map(|(tag, descriptor)| {
                let mut descriptor = descriptor.clone();
                descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
                descriptor
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.home.write("index.json", index.to_string());
    }

    fn json(&self, media_type: &str, document: &Value) -> Descriptor {
        let file = self.home.write("packing", document.to_string());
        self.adopt(media_type, &file)
    }

    /// Moves a file among the blobs and describes it.
    fn adopt(&self, media_type: &str, file: &Path) -> Descriptor {
        let mut content = File::open(file).expect("the packed file is there");
        let size = content.metadata().expect("a file has metadata").len();
        let digest = sha256_of(&mut content);
        let name = digest.replace(':', "/");
        fs::rename(file, self.home.join("blobs").join(name)).expect("a blob can be moved");
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a tar file with one file of `size` bytes that do not compress; `seed` tells files apart.
pub fn random_tar(home: &Home, name: &str, size: u64, seed: u64) -> PathBuf {
    let path = home.join(name);
    let file = File::create(&path).expect("a tar file can be made");
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 20, file));
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    archive
        .append_data(&mut header, format!("{name}.bin"), Random::new(seed).take(size))
        .expect("a tar file can be written");
    let mut file = archive.into_inner().expect("a tar file can be closed");
    file.flush().expect("a tar file can be written");
    path
}

/// Writes a tar file with nothing in it.
pub fn empty_tar(home: &Home) -> PathBuf {
    home.write("empty.tar", [0; 1024])
}

/// The digest of everything that can still be read.
pub fn sha256_of(source: &mut impl Read) -> String {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = source.read(&mut buffer).expect("the bytes can be read");
        if count == 0 {
            return format!("sha256:{}", hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

fn filter_file(filter: &str, from: &Path, to: &Path) {
    let mut words = filter.split(' ');
    let program = words.next().expect("a filter has a program");
    let status = Command::new(program)
        .args(words)
        .stdin(Stdio::from(File::open(from).expect("the tar file is there")))
        .stdout(Stdio::from(File::create(to).expect("a file can be made")))
        .status()
        .expect("the compressor is installed (run scripts/install-test-tools)");
    assert!(status.success(), "{filter} failed: {status}");
}

/// An endless stream of xorshift numbers.
struct Random {
    state: u64,
}

impl Random {
    fn new(seed: u64) -> Self {
        // Zero would stay zero for ever.
        Self {
            state: seed | 1 << 63,
        }
    }
}

impl Read for Random {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let whole = buffer.len() - buffer.len() % 8;
        for word in buffer[..whole].chunks_exact_mut(8) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            word.copy_from_slice(&self.state.to_le_bytes());
        }
        if whole == 0 {
            buffer.fill(self.state.to_le_bytes()[0]);
            return Ok(buffer.len());
        }
        Ok(whole)
    }
}
