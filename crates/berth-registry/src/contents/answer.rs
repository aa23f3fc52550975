//! What is asked about the inside of images, and what is answered.

use berth_blob::ByteStream;
use berth_oci::{Digest, Reference};

use super::archive::FileKind;
use super::packages::Package;

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
