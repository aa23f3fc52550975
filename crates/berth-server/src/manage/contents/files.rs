//! The files of an image or layer: listed, searched, shown, sent. They are strangers': none is sent as anything that a
//! browser would show or run.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use berth_registry::{FileKind, FilePreview, FileRow, FilesPage, FilesWanted, OpenedFile};
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{InContent, Look, LookParameters, PendingContent, answer, refused, rows};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::Path;
use crate::manage::wire::Time;
use crate::state::AppState;

/// Bytes of a file that is no text that are shown.
const HEX_BYTES_MAX: usize = 16 << 10;
/// Seconds since the epoch that a time of this API can tell: to the end of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(download))
}

/// A page of an image's files.
#[derive(Serialize, ToSchema)]
struct ImageFiles {
    /// The digest of the image's manifest.
    image: String,
    /// Folders first, then by name.
    files: Vec<ImageFile>,
    has_more: bool,
    /// Where the next page begins; null on the last page.
    next_marker: Option<String>,
    /// Bytes of all files of the image or layer.
    total_size: u64,
    /// How many files it has.
    total_files: u64,
    /// Bytes of files that a higher layer removes or replaces: pulled, and never seen.
    hidden_size: u64,
    /// What is not shown, and why.
    remarks: Vec<String>,
}

/// What is at a path.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageFile {
    /// Without a leading `/`. Bytes that are no text or could mislead a reader are written `\xNN`, and `\` twice; requests
    /// name files so too.
    path: String,
    kind: ImageFileKind,
    /// Bytes of the file, of the file that this is another name of, or of all files below the folder.
    size: u64,
    /// Files below the folder.
    files: u32,
    /// Permission bits, in octal.
    #[schema(example = "0644")]
    mode: String,
    uid: u32,
    gid: u32,
    /// When it was changed; null when the layer does not say.
    modified: Option<Time>,
    /// What a symbolic link says, or the path that this is another name of.
    link: Option<String>,
    /// The digest of the layer that it is from.
    layer: String,
    /// Whether the folder shows nothing of lower layers.
    opaque: bool,
}

/// What is at a path.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ImageFileKind {
    File,
    Directory,
    Symlink,
    /// Another name of a file.
    Hardlink,
    CharacterDevice,
    BlockDevice,
    Fifo,
    /// What lower layers have here is gone. Only in lists of one layer.
    Whiteout,
}

/// The beginning of a file.
#[derive(Serialize, ToSchema)]
struct ImageFilePreview {
    file: ImageFile,
    encoding: PreviewEncoding,
    /// The beginning of the file: as it is when it is text, else two hexadecimal digits a byte.
    content: String,
    /// Whether that is all of it.
    whole: bool,
    /// Where a symbolic link leads in the image; null when that is nowhere.
    leads_to: Option<String>,
}

/// How the beginning of something is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PreviewEncoding {
    /// As it is.
    Text,
    /// Two hexadecimal digits a byte.
    Hex,
    /// There is nothing to show: it is no file, or empty.
    None,
}

/// List the files of an image
///
/// What is in one folder, or with `text` everything below it that has the text in its path, whatever the case of its letters.
/// What is listed is the image as whoever runs it sees it: what higher layers replace or take away is not there. With
/// `layer` it is what one layer writes and takes away.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/files",
    operation_id = "list_image_files", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent, LookParameters, MarkedParameters,
        ("path" = Option<String>, Query, description = "The folder; the root when it is left out", example = "usr/bin"),
        ("text" = Option<String>, Query, description = "A part of the path")),
    responses((status = 200, body = ImageFiles), (status = 202, body = PendingContent), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Response, Refused> {
    let (repository, reference) = place.names()?;
    let look = Look::of(&call)?;
    let page = Marked::<usize>::of(&call)?;
    let wanted = FilesWanted {
        folder: call.query("path").unwrap_or_default(),
        text: call.query("text"),
        start: page.marker.unwrap_or(0),
        limit: rows(page.limit),
    };
    let found = app
        .registry
        .files(&call.caller, &repository, look.at(&reference), wanted)
        .await
        .map_err(refused)?;
    Ok(answer(found, |page: FilesPage| {
        Json(ImageFiles {
            image: page.image,
            files: page.files.into_iter().map(ImageFile::from).collect(),
            has_more: page.next.is_some(),
            next_marker: page.next.map(|next| next.to_string()),
            total_size: page.total_bytes,
            total_files: page.total_files,
            hidden_size: page.hidden_bytes,
            remarks: page.remarks,
        })
    }))
}

/// Show the beginning of a file
///
/// Of text up to 256 KiB, of anything else up to 16 KiB. Links are not followed: the answer says where they lead.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/file",
    operation_id = "show_image_file", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent, LookParameters, ("path" = String, Query, description = "The file", example = "etc/os-release")),
    responses((status = 200, body = ImageFilePreview), (status = 202, body = PendingContent),
        (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Response, Refused> {
    let (repository, reference) = place.names()?;
    let look = Look::of(&call)?;
    let found = app
        .registry
        .preview_file(&call.caller, &repository, look.at(&reference), &path(&call)?)
        .await
        .map_err(refused)?;
    Ok(answer(found, |preview: FilePreview| {
        let shown = written(&preview.bytes);
        Json(ImageFilePreview {
            file: preview.file.into(),
            whole: preview.is_whole && shown.is_whole,
            encoding: shown.encoding,
            content: shown.content,
            leads_to: preview.leads_to,
        })
    }))
}

/// Download a file
///
/// As bytes to be kept, whatever is in it. Up to the size that the setting `contents.file_size_max` allows.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/download",
    operation_id = "download_image_file", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent, LookParameters, ("path" = String, Query, description = "The file", example = "etc/os-release")),
    responses((status = 200, content_type = "application/octet-stream", description = "The file"),
        (status = 202, body = PendingContent), (status = 404, body = RefusalBody)))]
async fn download(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Response, Refused> {
    let (repository, reference) = place.names()?;
    let look = Look::of(&call)?;
    let found = app
        .registry
        .open_file(&call.caller, &repository, look.at(&reference), &path(&call)?)
        .await
        .map_err(refused)?;
    Ok(answer(found, |file: OpenedFile| {
        let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
        let disposition = format!("attachment; filename*=UTF-8''{name}");
        let head = [
            (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
            (CONTENT_LENGTH, HeaderValue::from(file.bytes)),
            (
                CONTENT_DISPOSITION,
                HeaderValue::try_from(disposition).expect("what is percent-encoded is plain"),
            ),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
            ),
            (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        ];
        (head, Body::from_stream(file.stream)).into_response()
    }))
}

fn path(call: &Call) -> Result<String, Refused> {
    let missing = || Refused::invalid("4001036", "path names the file");
    call.query("path").ok_or_else(missing)
}

/// The beginning of something, as it is shown.
pub(super) struct Shown {
    pub(super) encoding: PreviewEncoding,
    pub(super) content: String,
    /// Whether all bytes are in it.
    pub(super) is_whole: bool,
}

/// Bytes as text when they are, else as digits. The last character of a text may be cut off.
pub(super) fn written(bytes: &[u8]) -> Shown {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    let is_plain = |text: &&str| {
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
        !text.is_empty() && !text.contains(odd)
    };
    match text.filter(is_plain) {
        Some(text) => Shown {
            encoding: PreviewEncoding::Text,
            content: text.to_owned(),
            is_whole: true,
        },
        None if bytes.is_empty() => Shown {
            encoding: PreviewEncoding::None,
            content: String::new(),
            is_whole: true,
        },
        None => {
            let first = &bytes[..bytes.len().min(HEX_BYTES_MAX)];
            let digits = |byte: &u8| [byte >> 4, byte & 0xf].map(|digit| char::from_digit(digit.into(), 16));
            Shown {
                encoding: PreviewEncoding::Hex,
                content: first.iter().flat_map(digits).flatten().collect(),
                is_whole: first.len() == bytes.len(),
            }
        }
    }
}

impl From<FileRow> for ImageFile {
    fn from(row: FileRow) -> Self {
        let modified = row.modified_at.filter(|at| (0..=SECONDS_MAX).contains(at));
        Self {
            path: row.path,
            kind: match row.kind {
                FileKind::File => ImageFileKind::File,
                FileKind::Directory => ImageFileKind::Directory,
                FileKind::Symlink => ImageFileKind::Symlink,
                FileKind::HardLink => ImageFileKind::Hardlink,
                FileKind::CharacterDevice => ImageFileKind::CharacterDevice,
                FileKind::BlockDevice => ImageFileKind::BlockDevice,
                FileKind::Fifo => ImageFileKind::Fifo,
                FileKind::Whiteout => ImageFileKind::Whiteout,
            },
            size: row.bytes,
            files: row.files,
            mode: format!("{:04o}", row.mode),
            uid: row.uid,
            gid: row.gid,
            modified: modified.map(|at| Time(at * 1000)),
            link: row.link,
            layer: row.layer,
            opaque: row.is_opaque,
        }
    }
}
