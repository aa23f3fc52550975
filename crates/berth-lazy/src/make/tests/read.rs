//! Reads an image by its index, as a node's software does, with Nydus's own crates: the tree, what tells where the files of
//! a layer are, and the layers' gzip streams from their middle.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use berth_oci::{Algorithm, Digest};
use flate2::read::GzDecoder;
use nydus_api::ConfigV2;
use nydus_rafs::metadata::RafsSuper;
use nydus_storage::backend::{BackendResult, BlobReader};
use nydus_storage::device::{BlobChunkInfo, BlobInfo};
use nydus_storage::meta::BlobCompressionContextInfo;
use nydus_utils::compress::zlib_random::ZranDecoder;
use nydus_utils::metrics::BackendMetrics;

use super::Made;

/// The bytes of files by their paths.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Bytes that are asked for by ranges.
struct Ranges {
    bytes: Vec<u8>,
    metrics: Arc<BackendMetrics>,
}

impl BlobReader for Ranges {
    fn blob_size(&self) -> BackendResult<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn try_read(&self, to: &mut [u8], offset: u64) -> BackendResult<usize> {
        let from = &self.bytes[usize::try_from(offset).unwrap()..];
        let length = from.len().min(to.len());
        to[..length].copy_from_slice(&from[..length]);
        Ok(length)
    }

    fn metrics(&self) -> &BackendMetrics {
        &self.metrics
    }
}

/// A layer that is read from the middle.
struct Layer<'a> {
    bytes: &'a [u8],
    places: BlobCompressionContextInfo,
    /// The last piece that was unpacked, and which it is.
    unpacked: Option<(u32, Vec<u8>)>,
}

impl<'a> Layer<'a> {
    fn open(info: &BlobInfo, layers: &'a [Vec<u8>], (made, folder): (&Made, &tempfile::TempDir)) -> Self {
        let hex = |bytes: &[u8]| Digest::of(Algorithm::Sha256, bytes).hex().to_owned();
        let bytes = layers.iter().find(|layer| hex(layer) == info.blob_id()).unwrap();
        let meta = info.get_blob_meta_id().unwrap();
        let meta = made.metas.iter().find(|bytes| hex(bytes) == meta).unwrap();
        let reader: Arc<dyn BlobReader> = Arc::new(Ranges {
            bytes: meta.clone(),
            metrics: BackendMetrics::new(&info.blob_id(), "test"),
        });
        let kept = folder.path().join(info.blob_id());
        let places = BlobCompressionContextInfo::new(kept.to_str().unwrap(), info, Some(&reader), true);
        Self {
            bytes,
            places: places.unwrap(),
            unpacked: None,
        }
    }

    fn chunk(&mut self, chunk: &dyn BlobChunkInfo) -> Vec<u8> {
        let size = |number: u64| usize::try_from(number).unwrap();
        let piece = self.places.get_zran_index(chunk.id()).unwrap();
        if self.unpacked.as_ref().is_none_or(|(known, _)| *known != piece) {
            let (context, dictionary) = self.places.get_zran_context(piece).unwrap();
            let start = size(context.in_offset);
            let from = &self.bytes[start..start + size(context.in_len.into())];
            let mut to = vec![0; size(context.out_len.into())];
            let mut decoder = ZranDecoder::new().unwrap();
            decoder
                .uncompress(&context, Some(dictionary), from, &mut to)
                .unwrap();
            self.unpacked = Some((piece, to));
        }
        let (_, unpacked) = self.unpacked.as_ref().unwrap();
        let start = size(self.places.get_zran_offset(chunk.id()).unwrap().into());
        unpacked[start..start + size(chunk.uncompressed_size().into())].to_vec()
    }
}

/// All files of an image by their paths, read by its index.
pub(super) fn by_index(made: &Made, layers: &[Vec<u8>]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let mut tar = tar::Archive::new(GzDecoder::new(made.index.as_slice()));
    tar.unpack(folder.path()).unwrap();
    let tree = folder.path().join(super::super::BOOTSTRAP_NAME);
    let (tree, _reader) = RafsSuper::load_from_file(tree, Arc::new(ConfigV2::default()), false).unwrap();
    let infos = tree.superblock.get_blob_infos();
    let infos = infos.iter();
    let mut opened: Vec<_> = infos
        .map(|info| Layer::open(info, layers, (made, &folder)))
        .collect();
    let mut files = BTreeMap::new();
    let root = tree.superblock.root_ino();
    tree.walk_directory(root, None::<&PathBuf>, &mut |inode, path| {
        if inode.is_reg() {
            let mut bytes = Vec::new();
            for number in 0..inode.get_chunk_count() {
                let chunk = inode.get_chunk_info(number)?;
                bytes.extend(opened[chunk.blob_index() as usize].chunk(chunk.as_ref()));
            }
            assert_eq!(bytes.len() as u64, inode.size(), "{}", path.display());
            files.insert(path.strip_prefix("/")?.to_owned(), bytes);
        }
        Ok(())
    })
    .unwrap();
    files
}

/// The same of the layers themselves, which delete nothing of one another.
pub(super) fn by_layers(layers: &[Vec<u8>]) -> Files {
    let mut files = BTreeMap::new();
    for layer in layers {
        let mut tar = tar::Archive::new(GzDecoder::new(layer.as_slice()));
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                files.insert(entry.path().unwrap().into_owned(), bytes);
            }
        }
    }
    files
}
