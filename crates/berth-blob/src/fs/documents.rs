//! Documents as files below one folder, which is made with the first of them.
//! Only their owner can read them: a snapshot holds what proves who people are.
//! A document is written beside its place and renamed into it, so its name never stands for a part of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::layout::sync_dir;
use super::{blocking, names_in, remove, written};
use crate::document::check_name;
use crate::{ByteStream, Error, StoredDocument};

/// How much one write takes to the disk.
const WRITE_BYTES: usize = 1 << 20;
/// What the name of a document that is being written begins with; no document's name does.
const DRAFT: &str = ".draft-";

/// The folder of the documents.
#[derive(Debug, Clone)]
pub(super) struct Documents {
    folder: PathBuf,
}

impl Documents {
    pub(super) fn below(root: &Path) -> Self {
        Self {
            folder: root.join("documents"),
        }
    }

    pub(super) fn path(&self, name: &str) -> Result<PathBuf, Error> {
        check_name(name)?;
        Ok(self.folder.join(name))
    }

    pub(super) async fn write(&self, name: &str, body: ByteStream) -> Result<(), Error> {
        let path = self.path(name)?;
        let draft = self.draft();
        let written = self.write_draft(&draft, &path, body).await;
        if written.is_err() {
            let _nothing_was_written = blocking(move || remove(&draft)).await;
        }
        written
    }

    async fn write_draft(&self, draft: &Path, path: &Path, mut body: ByteStream) -> Result<(), Error> {
        let failed = |source| Error::from_io("write a document", source);
        let (root, folder) = (self.folder.clone(), parent(path).to_owned());
        let at = draft.to_owned();
        let mut file = blocking(move || {
            create_dirs(&root, &folder).map_err(failed)?;
            let mut options = File::options();
            options.write(true).create_new(true).mode(0o600);
            options.open(&at).map_err(failed)
        })
        .await?;
        let mut gathered = Vec::with_capacity(WRITE_BYTES);
        while let Some(chunk) = body.next().await {
            gathered.extend_from_slice(&chunk.map_err(Error::Body)?);
            if gathered.len() >= WRITE_BYTES {
                let bytes = std::mem::replace(&mut gathered, Vec::with_capacity(WRITE_BYTES));
                file = blocking(move || file.write_all(&bytes).map(|()| file).map_err(failed)).await?;
            }
        }
        let (draft, path) = (draft.to_owned(), path.to_owned());
        blocking(move || {
            let mut finish = || {
                file.write_all(&gathered)?;
                file.sync_all()?;
                fs::rename(&draft, &path)?;
                sync_dir(parent(&path))
            };
            finish().map_err(failed)
        })
        .await
    }

    pub(super) fn list(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
        let (folder, prefix) = (self.folder.clone(), prefix.to_owned());
        let listed = stream::once(blocking(move || {
            let mut found = Vec::new();
            gather(&folder, "", &prefix, &mut found)
                .map(|()| found)
                .map_err(|source| Error::from_io("list documents", source))
        }));
        listed
            .map_ok(|documents| stream::iter(documents).map(Ok))
            .try_flatten()
            .boxed()
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name)?;
        blocking(move || remove(&path)).await
    }

    /// A name that no other writer uses, in this process or another.
    fn draft(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!("{DRAFT}{}-{}-{next}", now.as_nanos(), std::process::id());
        self.folder.join(name)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("a document lies in a folder")
}

/// Creates the folder `to` at or below `root`, and makes that durable from the folder above `root` on.
fn create_dirs(root: &Path, to: &Path) -> io::Result<()> {
    if to.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    let made = to.ancestors().take_while(|folder| folder.starts_with(root));
    for folder in made {
        if let Some(above) = folder.parent() {
            sync_dir(above)?;
        }
    }
    Ok(())
}

/// Adds the documents in `folder`, whose names begin with `above`, to `found`.
fn gather(folder: &Path, above: &str, prefix: &str, found: &mut Vec<StoredDocument>) -> io::Result<()> {
    for part in names_in(folder)? {
        let (path, name) = (folder.join(&part), format!("{above}{part}"));
        if path.is_dir() {
            gather(&path, &format!("{name}/"), prefix, found)?;
        } else if name.starts_with(prefix)
            && check_name(&name).is_ok()
            && let Some((size, modified_at)) = written(&path)?
        {
            found.push(StoredDocument {
                name,
                size,
                modified_at,
            });
        }
    }
    Ok(())
}
