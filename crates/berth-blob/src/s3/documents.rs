//! Documents: an object for each, which appears whole or not at all, as the store promises for every write.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use object_store::path::Path;

use super::bucket::Bucket;
use super::failure::translated;
use super::layout::RECORD;
use super::read;
use super::state::State;
use super::uploads::{abort, remove};
use super::writer::Writer;
use crate::document::check_name;
use crate::{ByteStream, Error, StoredDocument, Upload};

pub(super) async fn write(bucket: &Arc<Bucket>, name: &str, body: ByteStream) -> Result<(), Error> {
    let target = path(bucket, name)?;
    // A document is written like an upload, so what a crash leaves of it is found among the unfinished uploads.
    let upload = Upload::new(format!("document-{:032x}", rand::random::<u128>()));
    let folder = bucket.layout.folder(&upload.key)?;
    let writer = Writer::new(Arc::clone(bucket), folder.clone(), target, State::default());
    match copy(writer, body).await {
        Ok(state) => {
            let mut garbage = state.spent;
            garbage.extend(state.multipart.map(|_| RECORD.to_owned()));
            remove(bucket, &folder, garbage).await;
            Ok(())
        }
        Err(error) => {
            if let Err(error) = abort(bucket, &upload).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a part of a document was left behind"
                );
            }
            Err(error)
        }
    }
}

async fn copy(mut writer: Writer, mut body: ByteStream) -> Result<State, Error> {
    while let Some(chunk) = body.next().await {
        writer.write(chunk.map_err(Error::Body)?).await?;
    }
    writer.finish().await
}

pub(super) async fn open(bucket: &Arc<Bucket>, name: &str) -> Result<ByteStream, Error> {
    read::open_whole(bucket, path(bucket, name)?).await
}

pub(super) async fn delete(bucket: &Bucket, name: &str) -> Result<(), Error> {
    let path = path(bucket, name)?;
    bucket.delete("delete a document", &path).await
}

pub(super) fn list(bucket: &Arc<Bucket>, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
    let root = bucket.layout.documents();
    // The client lists below whole parts of a name; what is more of the prefix is compared here.
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder: Path = folder
        .split('/')
        .filter(|part| !part.is_empty())
        .fold(root.clone(), Path::join);
    let prefix = prefix.to_owned();
    let listed = bucket.client.list(Some(&folder));
    let documents = listed
        .map_err(|error| translated("list documents", error))
        .try_filter_map(move |object| {
            let name = object.location.as_ref().strip_prefix(root.as_ref());
            let name = name.and_then(|name| name.strip_prefix('/')).map(str::to_owned);
            let name = name.filter(|name| name.starts_with(&prefix) && check_name(name).is_ok());
            async move {
                Ok(name.map(|name| StoredDocument {
                    name,
                    size: object.size,
                    modified_at: object.last_modified.timestamp_millis(),
                }))
            }
        });
    documents.boxed()
}

fn path(bucket: &Bucket, name: &str) -> Result<Path, Error> {
    check_name(name)?;
    Ok(name.split('/').fold(bucket.layout.documents(), Path::join))
}
