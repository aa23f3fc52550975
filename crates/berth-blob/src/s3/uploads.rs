//! Uploads: bytes are appended, and become a blob or are forgotten. Each step may be repeated after a crash.

use std::sync::Arc;

use berth_oci::Digest;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, PutPayload};

use super::bucket::Bucket;
use super::failure::{internal, says, translated};
use super::layout::{self, Name, RECORD, WHOLE};
use super::memory::Load;
use super::state::State;
use super::writer::{Record, Writer, read_pieces};
use crate::{ByteStream, Error, Upload, Written};

pub(super) async fn write(
    bucket: &Arc<Bucket>,
    upload: &mut Upload,
    mut body: ByteStream,
) -> Result<Written, Error> {
    let folder = bucket.layout.folder(&upload.key)?;
    let mut state = State::of(upload)?;
    // The caller has saved the state in which these are garbage.
    let garbage = std::mem::take(&mut state.spent);
    let target = folder.clone().join(WHOLE);
    let mut writer = Writer::new(Arc::clone(bucket), folder.clone(), target, state);
    let mut broken = None;
    while let Some(item) = body.next().await {
        match item {
            Ok(chunk) => writer.write(chunk).await?,
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    let state = writer.park_all().await?;
    upload.offset = state.length();
    upload.backend = state.text();
    remove(bucket, &folder, garbage).await;
    // What a bucket has taken is durable.
    Ok(Written {
        durable: None,
        broken,
    })
}

/// Makes the upload's bytes a blob: an object that is there already, or parts that become one where they lie.
pub(super) async fn commit(bucket: &Bucket, upload: &Upload, digest: &Digest) -> Result<String, Error> {
    let folder = bucket.layout.folder(&upload.key)?;
    let state = State::of(upload)?;
    let object = match state.pieces.as_slice() {
        [only] if state.multipart.is_none() => only.name.as_str(),
        _ => WHOLE,
    };
    let key = layout::key(&upload.key, object, digest);
    let (bytes, marker) = bucket.layout.blob(&key)?;
    let made = async {
        match &state.multipart {
            Some(id) => complete(bucket, (&folder, &bytes), id, &state).await,
            None if object == WHOLE => join_pieces(bucket, (&folder, &bytes), &state).await,
            None => is_there(bucket, &bytes, upload.offset).await,
        }
    };
    let noted = bucket.put("mark a blob", &marker, PutPayload::default());
    tokio::try_join!(made, noted)?;
    let mut garbage = state.spent;
    garbage.extend(
        state
            .pieces
            .iter()
            .map(|piece| piece.name.clone())
            .filter(|name| name != object),
    );
    garbage.extend(state.multipart.map(|_| RECORD.to_owned()));
    remove(bucket, &folder, garbage).await;
    Ok(key)
}

/// Makes the parts of a multipart upload one object.
async fn complete(
    bucket: &Bucket,
    (folder, whole): (&Path, &Path),
    id: &str,
    state: &State,
) -> Result<(), Error> {
    let doing = "complete a multipart upload";
    if let Some(last) = &state.last_part {
        let parts: Vec<String> = state.parts.iter().chain([last]).cloned().collect();
        match bucket.complete(whole, id, &parts).await {
            // An append whose outcome was lost has put another part in the last one's place; its bytes are parked.
            Err(error) if says(&error, &["InvalidPart", "EntityTooSmall"]) => {}
            done => return completed(bucket, (whole, state.length()), done).await,
        }
    }
    let mut parts = state.parts.clone();
    if !state.pieces.is_empty() {
        let memory = bucket.memory.take(state.waiting()).await;
        match read_pieces(bucket, folder, &state.pieces).await {
            Ok(bytes) => {
                let load = Load::new(bytes, memory);
                match bucket.put_part(whole, id, parts.len(), load.payload()).await {
                    Err(Error::NotFound) => return is_there(bucket, whole, state.length()).await,
                    part => parts.push(part?),
                }
            }
            // A commit before this one may have got so far that nothing waits any more.
            Err(Error::NotFound) => return is_there(bucket, whole, state.length()).await,
            Err(error) => return Err(error),
        }
    }
    match bucket.complete(whole, id, &parts).await {
        Err(error) if says(&error, &["InvalidPart", "InvalidPartOrder", "EntityTooSmall"]) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                doing,
                "the parts of an upload are not those that were sent"
            );
            Err(Error::NotFound)
        }
        done => completed(bucket, (whole, state.length()), done).await,
    }
}

/// What came of a completion. One that was carried out before, its answer lost, finds no upload any more.
async fn completed(
    bucket: &Bucket,
    (whole, length): (&Path, u64),
    done: Result<(), object_store::Error>,
) -> Result<(), Error> {
    match done.map_err(|error| translated("complete a multipart upload", error)) {
        Err(Error::NotFound) => is_there(bucket, whole, length).await,
        done => done,
    }
}

/// Writes an object of bytes that never filled a part.
async fn join_pieces(bucket: &Bucket, (folder, whole): (&Path, &Path), state: &State) -> Result<(), Error> {
    let doing = "write a blob";
    if state.pieces.is_empty() {
        return bucket.put(doing, whole, PutPayload::default()).await;
    }
    let memory = bucket.memory.take(state.waiting()).await;
    match read_pieces(bucket, folder, &state.pieces).await {
        Ok(bytes) => bucket.put(doing, whole, Load::new(bytes, memory).payload()).await,
        Err(Error::NotFound) => is_there(bucket, whole, state.length()).await,
        Err(error) => Err(error),
    }
}

async fn is_there(bucket: &Bucket, path: &Path, length: u64) -> Result<(), Error> {
    if bucket.size("look for a blob", path).await? == length {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// Removes what an upload does not need any more. What stays is found by [`super::list`] like any unfinished upload.
pub(super) async fn remove(bucket: &Bucket, folder: &Path, names: Vec<String>) {
    if names.is_empty() {
        return;
    }
    let paths = names.into_iter().map(|name| Ok(folder.clone().join(name)));
    let mut removed = bucket
        .client
        .delete_stream(futures_util::stream::iter(paths.collect::<Vec<_>>()).boxed());
    while let Some(done) = removed.next().await {
        if let Err(error) = done {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "bytes that a finished upload left could not be removed; the upkeep tries again"
            );
        }
    }
}

/// Forgets all that belongs to an upload, except a blob that it has become.
pub(super) async fn abort(bucket: &Bucket, upload: &Upload) -> Result<(), Error> {
    let doing = "forget an upload";
    let folder = bucket.layout.folder(&upload.key)?;
    if let Ok(State {
        multipart: Some(id), ..
    }) = State::of(upload)
    {
        bucket.forget_multipart(&folder.clone().join(WHOLE), &id).await?;
    }
    let listed: Result<Vec<_>, _> = bucket.client.list(Some(&folder)).try_collect().await;
    let listed = listed.map_err(|error| translated(doing, error))?;
    let names: Vec<String> = listed
        .iter()
        .filter_map(|object| bucket.layout.parts(&object.location))
        .map(|(_, name)| name.to_owned())
        .collect();
    if names.iter().any(|name| name == RECORD) {
        forget_recorded(bucket, &folder).await?;
    }
    let is_blob = |name: &String| match Name::of(name) {
        Name::Object => names
            .iter()
            .any(|other| matches!(Name::of(other), Name::Marker(object, _) if object == *name)),
        Name::Marker(object, _) => names.contains(&object),
        Name::Other => false,
    };
    // The record goes last, so that an abort that is cut short is found again.
    let (record, others): (Vec<_>, Vec<_>) = names
        .iter()
        .filter(|name| !is_blob(name))
        .cloned()
        .partition(|name| name == RECORD);
    for names in [others, record] {
        delete_all(bucket, doing, &folder, names).await?;
    }
    Ok(())
}

async fn forget_recorded(bucket: &Bucket, folder: &Path) -> Result<(), Error> {
    let doing = "read the note of a multipart upload";
    let text = match bucket.read(doing, &folder.clone().join(RECORD)).await {
        Err(Error::NotFound) => return Ok(()),
        text => text?,
    };
    let record: Record =
        serde_json::from_slice(&text).map_err(|source| internal(doing, std::io::Error::other(source)))?;
    bucket
        .forget_multipart(&Path::from(record.path), &record.id)
        .await
}

async fn delete_all(bucket: &Bucket, doing: &str, folder: &Path, names: Vec<String>) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let paths: Vec<_> = names
        .into_iter()
        .map(|name| Ok(folder.clone().join(name)))
        .collect();
    let removed = bucket
        .client
        .delete_stream(futures_util::stream::iter(paths).boxed());
    let removed: Result<Vec<_>, _> = removed.try_collect().await;
    removed.map(drop).map_err(|error| translated(doing, error))
}
