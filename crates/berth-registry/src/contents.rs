//! What is inside images: the files of their layers, one upon another as whoever runs them sees it, without downloading
//! anything; single files; and what package managers installed.
//!
//! A layer is read once for the list of its files, which belongs to its digest. Only a repository that links the layer
//! shows it.

mod archive;
mod compare;
mod differences;
mod layer;
mod making;
mod packages;
mod path;
mod reading;
mod tree;
mod unpack;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_blob::ByteStream;
use berth_metadata::LayerBlob;
use berth_oci::{Digest, Reference, RepositoryName};
use futures_util::StreamExt as _;

pub use archive::FileKind;
pub use compare::{Compared, ComparedLayer, ComparedStep, ConfigDifference, Side};
pub use differences::{
    Change, Changes, ChangesPage, ChangesWanted, FileChange, PackageChange, PackageChanges,
};
pub(crate) use making::Making;
use making::State;
pub use packages::{Package, PackageManager};
pub(crate) use reading::Files;
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

/// The image, or the layer of it, to look into.
#[derive(Clone, Copy, Debug)]
pub struct ContentWanted<'a> {
    /// The tag or digest.
    pub reference: &'a Reference,
    /// Which image of an index, `os/architecture`.
    pub platform: Option<&'a str>,
    /// One layer alone, as it is written.
    pub layer: Option<&'a Digest>,
}

/// An answer, or how far the lists are that it needs.
#[derive(Debug)]
pub enum Content<T> {
    /// The answer.
    Ready(T),
    /// The lists of the image's layers, some of which are being made.
    Making(Vec<LayerStanding>),
}

/// How far the list of a layer's files is.
#[derive(Clone, Debug)]
pub struct LayerStanding {
    /// The layer.
    pub digest: String,
    /// Bytes as it is stored.
    pub bytes: u64,
    /// How far it is.
    pub state: LayerState,
}

/// How far a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerState {
    /// It is there.
    Ready,
    /// There is none; a sentence says why.
    Failed(String),
    /// It is being made, and so many bytes of the layer were read; none when another process does.
    Making(Option<u64>),
}

/// What part of the files a page shows.
#[derive(Clone, Debug)]
pub struct FilesWanted {
    /// The folder, as [`FileRow::path`] is written; empty for the root.
    pub folder: String,
    /// Shows everything below the folder with this in its path, whatever the case of a-z.
    pub text: Option<String>,
    /// Where the page begins: [`FilesPage::next`] of the page before.
    pub start: usize,
    /// At most so many.
    pub limit: usize,
}

/// A page of files.
#[derive(Clone, Debug)]
pub struct FilesPage {
    /// The digest of the image's manifest.
    pub image: String,
    /// The files: folders first, then by name.
    pub files: Vec<FileRow>,
    /// Where the next page begins; none on the last one.
    pub next: Option<usize>,
    /// Bytes of all files of the image or layer.
    pub total_bytes: u64,
    /// How many files it has.
    pub total_files: u64,
    /// Bytes of files that a higher layer removes or replaces: they are pulled and not seen.
    pub hidden_bytes: u64,
    /// What is not shown, and why; sentences.
    pub remarks: Vec<String>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Where it is, without a leading `/`; what could mislead is written `\xNN`.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes of the file, of the file that this is another name of, or of all files below the folder.
    pub bytes: u64,
    /// Files below the folder.
    pub files: u32,
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// Seconds since the epoch; none of a folder that the layer names only in paths.
    pub modified_at: Option<i64>,
    /// What a symbolic link says, or the path that this is another name of.
    pub link: Option<String>,
    /// The layer it is from.
    pub layer: String,
    /// Whether the folder shows nothing of lower layers.
    pub is_opaque: bool,
}

/// The beginning of a file.
#[derive(Clone, Debug)]
pub struct FilePreview {
    /// The file.
    pub file: FileRow,
    /// Its first bytes; none of what is no file.
    pub bytes: Vec<u8>,
    /// Whether those are all.
    pub is_whole: bool,
    /// Where symbolic links lead, when that is in the image.
    pub leads_to: Option<String>,
}

/// A file to be sent.
pub struct OpenedFile {
    /// Its name without its folder.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// They themselves.
    pub stream: ByteStream,
}

/// Installed packages.
#[derive(Clone, Debug)]
pub struct PackagesPage {
    /// The digest of the image's manifest.
    pub image: String,
    /// The packages by name.
    pub packages: Vec<Package>,
    /// Where the next page begins; none on the last one.
    pub next: Option<usize>,
    /// How many were found on all pages.
    pub total: usize,
    /// What could not be read, and why.
    pub remarks: Vec<String>,
}

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
                    remarks.push(format!("nothing of layer {} is shown: {why}", layer.digest))
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

/// The numbers on a page that begins with the number `start`, and where the next page does.
fn page(numbers: impl Iterator<Item = usize>, start: usize, limit: usize) -> (Vec<usize>, Option<usize>) {
    let mut page: Vec<usize> = numbers
        .skip_while(|number| *number < start)
        .take(limit + 1)
        .collect();
    let next = (page.len() > limit).then(|| page.pop()).flatten();
    (page, next)
}

/// The nodes below a folder whose path below it holds a text.
fn found<'a>(tree: &'a Tree, folder: &'a [u8], text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let text = path::parse(text).unwrap_or_else(|| text.as_bytes().to_vec());
    let below = if folder.is_empty() { 0 } else { folder.len() + 1 };
    (0..tree.nodes().len()).filter(move |number| {
        let path = &tree.show(&tree.nodes()[*number]).1.path;
        let is_below = below == 0 || (path.starts_with(folder) && path.get(below - 1) == Some(&b'/'));
        is_below && holds(&path[below..], &text)
    })
}

fn holds(path: &[u8], text: &[u8]) -> bool {
    text.is_empty()
        || path
            .windows(text.len())
            .any(|part| part.eq_ignore_ascii_case(text))
}

fn row(tree: &Tree, node: &Node) -> FileRow {
    let (part, entry) = tree.show(node);
    let bytes = match entry.kind {
        FileKind::HardLink => tree.named(part, entry).map_or(0, |(_, file)| file.size),
        _ => node.bytes,
    };
    let has_link = matches!(entry.kind, FileKind::HardLink | FileKind::Symlink);
    FileRow {
        path: path::shown(&entry.path),
        kind: entry.kind,
        bytes,
        files: node.files,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        modified_at: (!entry.is_implied).then_some(entry.mtime),
        link: has_link.then(|| path::shown(&entry.link)),
        layer: part.digest.clone(),
        is_opaque: entry.is_opaque,
    }
}

/// The packages that the databases in sight list, by name, and what of them is not read.
fn installed(tree: &Tree) -> (Vec<Package>, Vec<String>) {
    let (mut packages, mut remarks) = (Vec::new(), Vec::new());
    for part in tree.parts() {
        for database in &part.index.databases {
            let seen = tree.get(&database.path).map(|node| tree.show(node).0);
            if seen.is_some_and(|seen| Arc::ptr_eq(&seen.index, &part.index)) {
                packages.extend(database.packages.iter().cloned());
                remarks.extend(database.remark.clone());
            }
        }
    }
    packages.sort_unstable();
    packages.dedup();
    (packages, remarks)
}
