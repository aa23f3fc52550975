//! `berth upload`: files with saved images, sent in chunks, gone on with after a break, waited for until they are images.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, right, shown};
use super::failure::Failure;
use super::names::{organization, organization_path};
use super::server::Server;
use crate::table::Table;

pub(super) const EXAMPLES: &str = "Examples:\n  docker save -o app.tar web/app:v1 && berth upload app.tar --organization team\n  \
    berth upload build.tar.gz --organization team --name app --tag v2 --overwrite\n  berth upload --list";

/// A file is known again by its first bytes, beside its size.
const KNOWN_BY: usize = 64 << 10;
/// Time between two looks at what the server does with a file.
const LOOKED_EVERY: Duration = Duration::from_millis(300);
/// Times that a chunk is sent again after the server could not be reached, and the first pause before that.
const AGAIN_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_millis(500);
/// Time between two pictures of the progress.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// Upload images that were saved to files.
#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// Files of `docker save` or OCI layouts, .tar or .tar.gz
    #[arg(required_unless_present_any = ["list", "cancel"])]
    files: Vec<PathBuf>,
    /// The organization that the images go to
    #[arg(long, short, value_parser = organization, required_unless_present_any = ["list", "cancel"])]
    organization: Option<String>,
    /// The image's name, in place of what the file says
    #[arg(long)]
    name: Option<String>,
    /// The tag, in place of what the file says
    #[arg(long)]
    tag: Option<String>,
    /// Move tags that are there already
    #[arg(long)]
    overwrite: bool,
    /// List your uploads
    #[arg(long, conflicts_with_all = ["files", "cancel"])]
    list: bool,
    /// End an upload, and delete what came of it
    #[arg(long, value_name = "ID", conflicts_with = "files")]
    cancel: Option<String>,
}

const COLUMNS: &[Column] = &[
    shown("file", "/file_name"),
    shown("organization", "/namespace"),
    shown("state", "/state"),
    right("size", "/size"),
    right("offset", "/offset"),
    shown("id", "/id"),
];
const RESULT: &[Column] = &[
    shown("file", "/file"),
    shown("image", "/image"),
    shown("digest", "/digest"),
    right("size", "/size"),
];

pub(super) async fn run(server: &Server, wanted: Upload) -> Result<Table, Failure> {
    if wanted.list {
        return Ok(answer::list(COLUMNS, &all(server).await?));
    }
    if let Some(id) = &wanted.cancel {
        let found = all(server)
            .await?
            .into_iter()
            .find(|upload| upload["id"] == id.as_str());
        let Some(found) = found else {
            return Err(Failure::Usage(format!(
                "there is no upload {id} of yours: see berth upload --list"
            )));
        };
        server.send(Method::DELETE, &path(&found), None).await?;
        return Ok(Table::one(&["id", "cancelled"], [json!(id), json!(true)]));
    }
    let mut stored = Vec::new();
    for file in &wanted.files {
        let upload = Sending::begin(server, file, &wanted).await?.run().await?;
        for image in upload["images"].as_array().into_iter().flatten() {
            for target in image["targets"].as_array().into_iter().flatten() {
                let (name, tag) = (text(&target["repository"]), text(&target["tag"]));
                stored.push(json!({ "file": file.display().to_string(), "digest": image["digest"], "size": image["bytes"],
                    "image": format!("{}/{name}:{tag}", text(&upload["namespace"])) }));
            }
        }
    }
    Ok(answer::list(RESULT, &stored))
}

async fn all(server: &Server) -> Result<Vec<Value>, Failure> {
    server
        .marked_rows("/v2/manage/archives", &[], "uploads", None)
        .await
}

fn path(upload: &Value) -> String {
    organization_path(text(&upload["namespace"]), &["archives", text(&upload["id"])])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A file on its way.
struct Sending<'a> {
    server: &'a Server,
    file: File,
    name: String,
    upload: Value,
    picture: Picture,
}

impl<'a> Sending<'a> {
    /// Begins the upload of a file, or goes on with the one that it had before.
    async fn begin(server: &'a Server, path: &Path, wanted: &Upload) -> Result<Self, Failure> {
        let unreadable =
            |error: std::io::Error| Failure::Here(format!("{} cannot be read: {error}", path.display()));
        let mut file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut first = vec![0; KNOWN_BY.min(usize::try_from(size).unwrap_or(KNOWN_BY))];
        file.read_exact(&mut first).map_err(unreadable)?;
        let fingerprint = Digest::of(Algorithm::Sha256, &first).hex().to_owned();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let organization = wanted.organization.as_deref().unwrap_or_default();
        let before = all(server).await?.into_iter().find(|upload| {
            upload["state"] == "receiving"
                && upload["namespace"] == organization
                && upload["size"] == size
                && upload["fingerprint"] == fingerprint.as_str()
        });
        let said = json!({ "repository": wanted.name, "tag": wanted.tag, "overwrite": wanted.overwrite });
        let begun = if let Some(before) = before {
            server
                .send(Method::PATCH, &self::path(&before), Some(&said))
                .await?
        } else {
            let mut new = said;
            new["file_name"] = json!(name);
            new["size"] = json!(size);
            new["fingerprint"] = json!(fingerprint);
            let target = organization_path(organization, &["archives"]);
            server.send(Method::POST, &target, Some(&new)).await?
        };
        let upload = begun.body;
        Ok(Self {
            server,
            file,
            name,
            upload,
            picture: Picture::new(),
        })
    }

    /// Sends what is missing, waits until it is stored, and answers the upload as it ended.
    async fn run(mut self) -> Result<Value, Failure> {
        while self.upload["state"] == "receiving" {
            self.picture.draw(&self.name, &self.upload, false);
            self.send_chunk().await?;
        }
        while self.upload["state"] == "processing" {
            self.picture.draw(&self.name, &self.upload, false);
            tokio::time::sleep(LOOKED_EVERY).await;
            self.upload = self.server.get(&path(&self.upload)).await?;
        }
        self.picture.draw(&self.name, &self.upload, true);
        match text(&self.upload["state"]) {
            "done" => Ok(self.upload),
            "asking" => Err(self.question().await),
            _ => Err(Failure::Here(format!(
                "{}: {} ({})",
                self.name,
                text(&self.upload["failure"]["error_msg"]),
                text(&self.upload["failure"]["error_code"])
            ))),
        }
    }

    async fn send_chunk(&mut self) -> Result<(), Failure> {
        let number = |name: &str| self.upload[name].as_u64().unwrap_or(0);
        let (offset, size, chunk) = (number("offset"), number("size"), number("chunk_size"));
        let unreadable =
            |error: std::io::Error| Failure::Here(format!("{} cannot be read: {error}", self.name));
        let length = usize::try_from(chunk.min(size.saturating_sub(offset))).unwrap_or(0);
        let mut bytes = vec![0; length];
        self.file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        self.file.read_exact(&mut bytes).map_err(unreadable)?;
        let bytes = Bytes::from(bytes);
        let target = format!("{}/bytes?offset={offset}", path(&self.upload));
        let mut pause = PAUSE;
        for attempt in 1.. {
            match self.server.send_bytes(Method::PUT, &target, bytes.clone()).await {
                Ok(answer) => {
                    self.upload = answer.body;
                    return Ok(());
                }
                Err(error) if error.may_pass() && attempt < AGAIN_MAX => tokio::time::sleep(pause).await,
                Err(error) if error.status() == Some(416) => {
                    self.upload = self.server.get(&path(&self.upload)).await?;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            pause *= 2;
        }
        Ok(())
    }

    /// What the upload asks cannot be answered in the middle of a command; nothing of it stays.
    async fn question(&self) -> Failure {
        let asks = |question: &str| {
            self.upload["questions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|asked| asked == question))
        };
        let what = if asks("name") {
            "has no name for its image: give one with --name and --tag"
        } else {
            "would move a tag that is there already: allow it with --overwrite, or give another with --tag"
        };
        let cancelled = self.server.send(Method::DELETE, &path(&self.upload), None).await;
        let left = cancelled
            .err()
            .map_or("", |_| " (the upload waits: see berth upload --list)");
        Failure::Usage(format!("{} {what}{left}", self.name))
    }
}

/// A line on the terminal that tells how far a file is; nothing where nobody looks.
struct Picture {
    is_seen: bool,
    begun: Instant,
    came_before: Option<u64>,
    drawn_at: Option<Instant>,
}

impl Picture {
    fn new() -> Self {
        Self {
            is_seen: std::io::stderr().is_terminal(),
            begun: Instant::now(),
            came_before: None,
            drawn_at: None,
        }
    }

    fn draw(&mut self, name: &str, upload: &Value, is_last: bool) {
        let is_soon = self.drawn_at.is_some_and(|at| at.elapsed() < DRAWN_EVERY);
        if !self.is_seen || (is_soon && !is_last) {
            return;
        }
        self.drawn_at = Some(Instant::now());
        let line = self.line(name, upload);
        let end = if is_last { "\n" } else { "" };
        // Whoever closed standard error sees no progress.
        let _ = std::io::stderr().write_all(format!("\r\x1b[K{line}{end}").as_bytes());
    }

    fn line(&mut self, name: &str, upload: &Value) -> String {
        const BAR: u64 = 24;
        let number = |field: &str| upload[field].as_u64().unwrap_or(0);
        let (step, done, total) = match text(&upload["state"]) {
            "receiving" => ("sending", number("offset"), number("size")),
            "processing" if number("bytes_to_store") > 0 => {
                ("storing", number("stored_bytes"), number("bytes_to_store"))
            }
            "processing" => ("checking", number("checked_bytes"), number("size")),
            state => return format!("{name}  {state}"),
        };
        let part = |of: u64| (done.min(total) * of).checked_div(total).unwrap_or(0);
        let filled = usize::try_from(part(BAR)).unwrap_or(0);
        let empty = usize::try_from(BAR).unwrap_or(0) - filled;
        let mut line = format!(
            "{name}  {step:<8}  [{}{}] {:>3} %",
            "#".repeat(filled),
            "-".repeat(empty),
            part(100)
        );
        if step == "sending" {
            let before = *self.came_before.get_or_insert(done);
            let rate = u128::from(done - before.min(done)) * 1000 / self.begun.elapsed().as_millis().max(1);
            let tenths = ((rate & 0xf_ffff) * 10) >> 20;
            // Writing into a text does not fail.
            let _ = write!(line, "  {}.{tenths} MiB/s", rate >> 20);
        }
        line
    }
}
