//! The parent: a folder for one image, a child process for each layer and one for the whole. What a child leaves is checked,
//! measured and taken; a child that is killed, crashes or stands still costs its image the index and nobody anything else.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use berth_oci::excerpt::shown;
use berth_oci::{Algorithm, Digest, Hasher};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use crate::Error;
use crate::child::{Answer, BOOTSTRAP, INDEX, META, Order, Task};
use crate::make::Lower;

/// How a folder of ours begins.
const FOLDER: &str = "berth-lazy-";
/// The file in it that is locked while somebody works there.
const LOCK: &str = "lock";
/// What of a child's words is heard.
const HEARD_BYTES_MAX: u64 = 64 << 10;
/// Bytes that are hashed at a time.
const BLOCK: usize = 64 << 10;

/// What the work on one image may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Memory of a child.
    pub memory_bytes: u64,
    /// Processor time of a child.
    pub cpu: Duration,
    /// Time of a child on the clock.
    pub time: Duration,
    /// Bytes of all files of an image in the folder.
    pub folder_bytes: u64,
}

/// How indexes are made: which program is the child, where folders are, and what may be used.
#[derive(Clone, Debug)]
pub struct Indexer {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
    bounds: Bounds,
}

/// A file that was made, not longer than [`Work`].
#[derive(Clone, Debug)]
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// An image whose index is being made.
#[derive(Debug)]
pub struct Work {
    indexer: Indexer,
    folder: TempDir,
    _lock: File,
    layers: Vec<Done>,
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Done {
    layer: Digest,
    bootstrap: PathBuf,
    meta: Option<Made>,
}

impl Indexer {
    /// `program` with `arguments` and one more calls [`child::run`](crate::child::run) with that; folders are made in `folder`.
    pub fn new(program: PathBuf, arguments: Vec<OsString>, (folder, bounds): (PathBuf, Bounds)) -> Self {
        Self {
            program,
            arguments,
            folder,
            bounds,
        }
    }

    /// Begins an image, and removes what processes left that were killed.
    pub fn begin(&self) -> Result<Work, Error> {
        sweep(&self.folder);
        let made = || {
            let folder = tempfile::Builder::new().prefix(FOLDER).tempdir_in(&self.folder)?;
            let lock = File::create(folder.path().join(LOCK))?;
            lock.lock()?;
            Ok((folder, lock))
        };
        let (folder, lock) = made().map_err(Error::internal("making a folder for an index"))?;
        Ok(Work {
            indexer: self.clone(),
            folder,
            _lock: lock,
            layers: Vec::new(),
            bytes: 0,
        })
    }
}

impl Work {
    /// Reads the next layer, from the lowest up. Answers what tells where its files are; none when it has none.
    pub async fn layer<E: std::error::Error + Send + Sync + 'static>(
        &mut self,
        digest: &Digest,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Option<Made>, Error> {
        if let Some(same) = self.layers.iter().find(|done| done.layer == *digest).cloned() {
            self.layers.push(same.clone());
            return Ok(same.meta);
        }
        let folder = self.folder.path().join(self.layers.len().to_string());
        std::fs::create_dir(&folder).map_err(Error::internal("making a folder for a layer"))?;
        let Answer::Done(Some(read)) = self.run(Task::Layer, &folder, Some(bytes)).await? else {
            return Err(Error::Unfit("the layer's reader gave no answer".to_owned()));
        };
        let meta = match read.digest {
            Some(hex) if hex == digest.hex() && digest.algorithm() == Algorithm::Sha256 => {
                Some(self.measure(folder.join(META)).await?)
            }
            Some(_) => {
                return Err(Error::Unfit(format!(
                    "the layer {digest} has bytes that belong to no archive, or is not named by a sha256 digest"
                )));
            }
            None => None,
        };
        let bootstrap = self.measure(folder.join(BOOTSTRAP)).await?;
        self.layers.push(Done {
            layer: digest.clone(),
            bootstrap: bootstrap.path,
            meta: meta.clone(),
        });
        Ok(meta)
    }

    /// The index over all layers.
    pub async fn finish(&mut self) -> Result<Made, Error> {
        if self.layers.iter().all(|done| done.meta.is_none()) {
            return Err(Error::Unfit("no layer has a file with a byte in it".to_owned()));
        }
        let lower = |done: &Done| Lower {
            bootstrap: done.bootstrap.clone(),
            layer: done.layer.hex().to_owned(),
            meta: done
                .meta
                .as_ref()
                .map(|meta| (meta.digest.hex().to_owned(), meta.size)),
        };
        let task = Task::Merge(self.layers.iter().map(lower).collect());
        let folder = self.folder.path().to_owned();
        let nothing: Option<futures_util::stream::Empty<Result<Bytes, io::Error>>> = None;
        self.run(task, &folder, nothing).await?;
        self.measure(folder.join(INDEX)).await
    }

    async fn run<E: std::error::Error + Send + Sync + 'static>(
        &self,
        task: Task,
        folder: &Path,
        input: Option<impl Stream<Item = Result<Bytes, E>> + Send>,
    ) -> Result<Answer, Error> {
        let mut child = self.spawn(task, folder)?;
        let stdin = child.stdin.take().filter(|_| input.is_some());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let all = async {
            let (fed, said, complained, ended) =
                tokio::join!(feed(stdin, input), hear(out), hear(err), child.wait());
            (fed, said, complained, ended)
        };
        let time = self.indexer.bounds.time;
        let Ok((fed, said, complained, ended)) = tokio::time::timeout(time, all).await else {
            return Err(Error::Unfit(format!("it took longer than {} s", time.as_secs())));
        };
        fed?;
        let ended = ended.map_err(Error::internal("waiting for the reader of a layer"))?;
        match serde_json::from_slice(&said) {
            Ok(Answer::Unfit(why)) => Err(Error::Unfit(shown(&why))),
            Ok(answer) if ended.success() => Ok(answer),
            _ => Err(Error::Unfit(died(ended, &complained))),
        }
    }

    fn spawn(&self, task: Task, folder: &Path) -> Result<Child, Error> {
        let bounds = self.indexer.bounds;
        let order = Order {
            task,
            memory_bytes: bounds.memory_bytes,
            cpu_seconds: bounds.cpu.as_secs(),
            file_bytes: bounds.folder_bytes.saturating_sub(self.bytes),
        };
        let order = serde_json::to_string(&order)
            .map_err(|error| Error::internal("writing down what to index")(error.into()))?;
        Command::new(&self.indexer.program)
            .args(&self.indexer.arguments)
            .arg(order)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::internal("starting the reader of a layer"))
    }

    /// Measures a file that a child left, and counts it.
    async fn measure(&mut self, path: PathBuf) -> Result<Made, Error> {
        let measured = tokio::task::spawn_blocking(move || measure(path)).await;
        let made = measured
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
            .map_err(Error::internal("reading what was made of a layer"))?;
        self.bytes = self.bytes.saturating_add(made.size);
        if self.bytes > self.indexer.bounds.folder_bytes {
            return Err(Error::Unfit(format!(
                "the index would be larger than {} bytes",
                self.indexer.bounds.folder_bytes
            )));
        }
        Ok(made)
    }
}

fn measure(path: PathBuf) -> io::Result<Made> {
    let mut file = File::open(&path)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut block = vec![0; BLOCK];
    let mut size = 0;
    loop {
        let read = io::Read::read(&mut file, &mut block)?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
        size += read as u64;
    }
    Ok(Made {
        path,
        digest: hasher.finish(),
        size,
    })
}

/// Sends a layer to a child. One that has seen enough and leaves tells so by its answer.
async fn feed<E: std::error::Error + Send + Sync + 'static>(
    stdin: Option<ChildStdin>,
    input: Option<impl Stream<Item = Result<Bytes, E>> + Send>,
) -> Result<(), Error> {
    let (Some(mut stdin), Some(input)) = (stdin, input) else {
        return Ok(());
    };
    let mut input = std::pin::pin!(input);
    while let Some(bytes) = input.next().await {
        let bytes = bytes.map_err(|error| Error::Source(io::Error::other(error)))?;
        if stdin.write_all(&bytes).await.is_err() {
            return Ok(());
        }
    }
    stdin.shutdown().await.ok();
    Ok(())
}

/// The first of what a child says; the rest is read and forgotten, so that it is not held up.
async fn hear(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut heard = Vec::new();
    if let Some(mut from) = from {
        (&mut from)
            .take(HEARD_BYTES_MAX)
            .read_to_end(&mut heard)
            .await
            .ok();
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await.ok();
    }
    heard
}

/// What is told of a child that gave no answer; its own words are for the log.
fn died(ended: ExitStatus, complained: &[u8]) -> String {
    let words = String::from_utf8_lossy(complained);
    tracing::warn!(%ended, words = %shown(words.trim()), "the reader of a layer ended without an answer");
    "reading the layers took more memory or time than is given to it, or they are broken".to_owned()
}

/// Removes folders that nobody works in any more.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(FOLDER);
        // Without a lock it was made a moment ago, or is half removed.
        let lock = is_ours
            .then(|| File::open(entry.path().join(LOCK)).ok())
            .flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests;
