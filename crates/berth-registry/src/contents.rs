//! What is inside images: the files of their layers, one upon another as whoever runs them sees it, without downloading
//! anything; single files; and what package managers installed.
//!
//! A layer is read once for the list of its files, which belongs to its digest. Only a repository that links the layer
//! shows it.

mod answer;
mod archive;
mod compare;
mod differences;
mod layer;
mod making;
mod packages;
mod path;
mod reading;
mod rows;
mod tree;
mod unpack;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_blob::ByteStream;
use berth_metadata::LayerBlob;
use berth_oci::RepositoryName;
use futures_util::StreamExt as _;

pub use answer::{
    Content, ContentWanted, FilePreview, FileRow, FilesPage, FilesWanted, LayerStanding, LayerState,
    OpenedFile, PackagesPage,
};
pub use archive::FileKind;
pub use compare::{Compared, ComparedLayer, ComparedStep, ConfigDifference, Side};
pub use differences::{
    Change, Changes, ChangesPage, ChangesWanted, FileChange, PackageChange, PackageChanges,
};
pub(crate) use making::Making;
use making::State;
pub use packages::{Package, PackageManager};
pub(crate) use reading::Files;
use rows::{found, installed, page, row};
use tree::{Node, Part, Tree};

use crate::Registry;
use crate::access::Caller;
use crate::error::Error;
use crate::image::{Layer, SelectedImage};
use crate::manifest::distinct;

/// How long a request waits for lists that are being made, before it is told how far they are.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Bytes of a file that a preview shows.
pub const PREVIEW_BYTES_MAX: u64 = 256 << 10;

/// What somebody may look into.
struct Opened {
    image: SelectedImage,
    tree: Arc<Tree>,
    blobs: HashMap<String, LayerBlob>,
    remarks: Vec<String>,
}

impl Registry {
    /// A page of the files in an image or layer.
    pub async fn files(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        content: ContentWanted<'_>,
        wanted: FilesWanted,
    ) -> Result<Content<FilesPage>, Error> {
        let folder = path(&wanted.folder)?;
        let opened = match self.open_content(caller, repository, content).await? {
            Content::Ready(opened) => opened,
            Content::Making(standings) => return Ok(Content::Making(standings)),
        };
        let tree = Arc::clone(&opened.tree);
        if !folder.is_empty() {
            let node = tree.get(&folder).ok_or_else(|| unknown(&wanted.folder))?;
            if tree.show(node).1.kind != FileKind::Directory {
                return Err(Error::Invalid(format!("{} is no folder", wanted.folder)));
            }
        }
        let page = self.making.work_out(move || {
            let (numbers, next) = match &wanted.text {
                None => page(tree.children(&folder), wanted.start, wanted.limit),
                Some(text) => page(found(&tree, &folder, text), wanted.start, wanted.limit),
            };
            let files = numbers
                .into_iter()
                .map(|number| row(&tree, &tree.nodes()[number]));
            (files.collect(), next, tree.sums())
        });
        let (files, next, (total_bytes, total_files)) = page.await?;
        Ok(Content::Ready(FilesPage {
            image: opened.image.digest,
            files,
            next,
            total_bytes,
            total_files,
            hidden_bytes: opened.tree.hidden_bytes,
            remarks: opened.remarks,
        }))
    }

    /// The beginning of a file in an image or layer; links within the image are followed for [`FilePreview::leads_to`].
    pub async fn preview_file(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        content: ContentWanted<'_>,
        wanted: &str,
    ) -> Result<Content<FilePreview>, Error> {
        let wanted_path = path(wanted)?;
        let opened = match self.open_content(caller, repository, content).await? {
            Content::Ready(opened) => opened,
            Content::Making(standings) => return Ok(Content::Making(standings)),
        };
        let tree = &opened.tree;
        let node = tree.get(&wanted_path).ok_or_else(|| unknown(wanted))?;
        let file = row(tree, node);
        let mut preview = FilePreview {
            bytes: Vec::new(),
            is_whole: true,
            leads_to: None,
            file,
        };
        match preview.file.kind {
            FileKind::Symlink => preview.leads_to = tree.follow(&wanted_path).map(|path| path::shown(&path)),
            FileKind::File | FileKind::HardLink => {
                let (bytes, mut stream) = self.open_node(&opened, node, PREVIEW_BYTES_MAX).await?;
                while let Some(piece) = stream.next().await {
                    let piece =
                        piece.map_err(|source| Error::internal("reading a file of a layer", source))?;
                    preview.bytes.extend_from_slice(&piece);
                }
                preview.is_whole = preview.bytes.len() as u64 == bytes;
            }
            _ => {}
        }
        Ok(Content::Ready(preview))
    }

    /// A whole file in an image or layer.
    pub async fn open_file(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        content: ContentWanted<'_>,
        wanted: &str,
    ) -> Result<Content<OpenedFile>, Error> {
        let wanted_path = path(wanted)?;
        let opened = match self.open_content(caller, repository, content).await? {
            Content::Ready(opened) => opened,
            Content::Making(standings) => return Ok(Content::Making(standings)),
        };
        let node = opened.tree.get(&wanted_path).ok_or_else(|| unknown(wanted))?;
        let max = self.limits.contents.file_bytes_max;
        let (bytes, stream) = self.open_node(&opened, node, u64::MAX).await?;
        if bytes > max {
            return Err(Error::Invalid(format!(
                "{wanted} has {bytes} bytes, and files of at most {max} bytes can be downloaded one by one: pull the image"
            )));
        }
        Ok(Content::Ready(OpenedFile {
            name: path::shown(path::split(&wanted_path).1),
            bytes,
            stream,
        }))
    }

    /// What package managers installed, by name: `limit` packages from `start` on, those with `text` in their names.
    pub async fn packages(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        content: ContentWanted<'_>,
        (text, start, limit): (Option<&str>, usize, usize),
    ) -> Result<Content<PackagesPage>, Error> {
        let opened = match self.open_content(caller, repository, content).await? {
            Content::Ready(opened) => opened,
            Content::Making(standings) => return Ok(Content::Making(standings)),
        };
        let (mut packages, remarks) = installed(&opened.tree);
        if let Some(text) = text {
            let text = text.to_lowercase();
            packages.retain(|package| package.name.to_lowercase().contains(&text));
        }
        let total = packages.len();
        let next = start.saturating_add(limit);
        Ok(Content::Ready(PackagesPage {
            image: opened.image.digest,
            packages: packages.into_iter().skip(start).take(limit).collect(),
            next: (next < total).then_some(next),
            total,
            remarks: opened.remarks.into_iter().chain(remarks).collect(),
        }))
    }

    /// What the caller may look into, when all of it is listed.
    async fn open_content(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        wanted: ContentWanted<'_>,
    ) -> Result<Content<Opened>, Error> {
        let detail = self
            .described(caller, repository, wanted.reference, wanted.platform)
            .await?;
        let Some(image) = detail.selected else {
            return Err(Error::Unknown(format!(
                "an image with files under {} ({})",
                wanted.reference,
                detail.remarks.first().map_or("nothing is in it", String::as_str)
            )));
        };
        let mut layers: Vec<&Layer> = image.layers.iter().collect();
        if let Some(one) = wanted.layer {
            layers.retain(|layer| layer.digest == one.as_str());
            layers.truncate(1);
            if layers.is_empty() {
                return Err(Error::BlobUnknown(one.clone()));
            }
        }
        let digests = distinct(layers.iter().map(|layer| layer.digest.clone()));
        let linked = self
            .metadata
            .linked_layers(detail.place.repository_id, &digests)
            .await?;
        let blobs: HashMap<String, LayerBlob> = linked
            .into_iter()
            .map(|blob| (blob.digest.clone(), blob))
            .collect();
        let states = self.states(&digests, &blobs).await?;
        if states.values().any(|state| matches!(state, State::Making(_))) {
            let standings = layers.iter().map(|layer| standing(layer, &states[&layer.digest]));
            return Ok(Content::Making(standings.collect()));
        }
        let (mut parts, mut remarks) = (Vec::new(), Vec::new());
        for layer in &layers {
            match &states[&layer.digest] {
                State::Ready(index) => {
                    remarks.extend(index.remarks.iter().cloned());
                    parts.push(Part {
                        digest: layer.digest.clone(),
                        index: Arc::clone(index),
                    });
                }
                State::Failed(why) => {
                    remarks.push(format!("nothing of layer {} is shown: {why}", layer.digest));
                }
                State::Making(_) => {}
            }
        }
        let is_merged = wanted.layer.is_none() || parts.is_empty();
        let tree = self.making.tree(parts, is_merged).await?;
        Ok(Content::Ready(Opened {
            image,
            tree,
            blobs,
            remarks,
        }))
    }

    /// How far the lists of layers are, after some patience.
    async fn states(
        &self,
        digests: &[String],
        blobs: &HashMap<String, LayerBlob>,
    ) -> Result<BTreeMap<String, State>, Error> {
        let until = Instant::now() + PATIENCE;
        let mut states = BTreeMap::new();
        for digest in digests {
            let state = match blobs.get(digest) {
                Some(blob) => self.making.list(blob).await?,
                None => State::Failed("it is not in this repository".to_owned()),
            };
            states.insert(digest.clone(), state);
        }
        for (digest, state) in &mut states {
            let left = until.saturating_duration_since(Instant::now());
            if let (State::Making(_), Some(blob)) = (&state, blobs.get(digest)) {
                self.making.wait(digest, left).await;
                *state = self.making.list(blob).await?;
            }
        }
        Ok(states)
    }

    /// The bytes of the file at a node, at most so many, and how many it has.
    async fn open_node(&self, opened: &Opened, node: &Node, count: u64) -> Result<(u64, ByteStream), Error> {
        let (part, entry) = opened.tree.show(node);
        let shown = path::shown(&entry.path);
        let refused = |why: &str| Error::Invalid(format!("{shown} {why}"));
        if !matches!(entry.kind, FileKind::File | FileKind::HardLink) {
            return Err(refused("is no file"));
        }
        let named = opened.tree.named(part, entry);
        let (part, file) =
            named.ok_or_else(|| refused("is another name of a file that is not in the image"))?;
        if file.kind != FileKind::File {
            return Err(refused("is another name of what is no file"));
        }
        if file.is_sparse {
            return Err(refused(
                "is stored without its holes, and such files are not read one by one",
            ));
        }
        let blob = opened.blobs.get(&part.digest);
        let blob = blob.ok_or_else(|| refused("is in a layer that is not in this repository"))?;
        if file.size > self.limits.contents.file_bytes_max && count > PREVIEW_BYTES_MAX {
            // The caller says so.
            return Ok((file.size, Box::pin(futures_util::stream::empty())));
        }
        let stream = self
            .file_reads
            .open(blob, (part.index.packing, file), count)
            .await?;
        Ok((file.size, stream))
    }
}

fn standing(layer: &Layer, state: &State) -> LayerStanding {
    LayerStanding {
        digest: layer.digest.clone(),
        bytes: layer.bytes,
        state: match state {
            State::Ready(_) => LayerState::Ready,
            State::Failed(why) => LayerState::Failed(why.clone()),
            State::Making(read) => LayerState::Making(*read),
        },
    }
}

fn path(text: &str) -> Result<Vec<u8>, Error> {
    path::parse(text.trim_start_matches('/')).ok_or_else(|| {
        Error::Invalid(
            r"a path holds no .., and \ only as \\ or before the two digits of a byte, as in \x0a".to_owned(),
        )
    })
}

fn unknown(path: &str) -> Error {
    let shown = berth_oci::excerpt::shown(path);
    Error::Unknown(format!("a file at {shown}"))
}

#[cfg(test)]
mod tests;
