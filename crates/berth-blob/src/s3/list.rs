//! What the bucket holds: blobs are objects with their marker beside them, all else is left of unfinished uploads.

use std::sync::Arc;

use berth_oci::Digest;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::bucket::Bucket;
use super::failure::translated;
use super::layout::Name;
use crate::{Error, StoredBlob, UnfinishedUpload};

/// How many shards are listed at once.
const SHARDS_AT_ONCE: usize = 8;

/// All objects of one upload.
struct Group {
    id: String,
    objects: Vec<Found>,
}

struct Found {
    name: String,
    size: u64,
    modified_at: i64,
}

pub(super) fn blobs(bucket: &Arc<Bucket>) -> BoxStream<'static, Result<StoredBlob, Error>> {
    let bucket = Arc::clone(bucket);
    groups(&bucket)
        .map_ok(|group| stream::iter(group.blobs().into_iter().map(Ok)))
        .try_flatten()
        .boxed()
}

pub(super) fn uploads(bucket: &Arc<Bucket>) -> BoxStream<'static, Result<UnfinishedUpload, Error>> {
    let unfinished = groups(bucket).try_filter_map(|group| async move { Ok(group.unfinished()) });
    unfinished.boxed()
}

/// The objects below each upload's folder, which a store lists one after the other.
fn groups(bucket: &Arc<Bucket>) -> BoxStream<'static, Result<Group, Error>> {
    let bucket = Arc::clone(bucket);
    let shards = {
        let bucket = Arc::clone(&bucket);
        stream::once(async move {
            let listed = bucket
                .client
                .list_with_delimiter(Some(&bucket.layout.blobs()))
                .await;
            let listed = listed.map_err(|error| translated("list shards", error))?;
            Ok::<_, Error>(stream::iter(listed.common_prefixes.into_iter().map(Ok)))
        })
        .try_flatten()
    };
    shards
        .map_ok(move |shard| groups_of(Arc::clone(&bucket), &shard))
        .try_flatten_unordered(SHARDS_AT_ONCE)
        .boxed()
}

fn groups_of(bucket: Arc<Bucket>, shard: &Path) -> BoxStream<'static, Result<Group, Error>> {
    let objects = bucket.client.list(Some(shard)).fuse();
    let start = (bucket, objects, None::<Group>);
    let groups = stream::try_unfold(start, |(bucket, mut objects, mut group)| async move {
        loop {
            let Some(object) = objects.next().await else {
                return Ok(group.map(|group| (group, (bucket, objects, None))));
            };
            let object = object.map_err(|error| translated("list blobs", error))?;
            let Some((id, found)) = found(&bucket, &object) else {
                continue;
            };
            match &mut group {
                Some(current) if current.id == id => current.objects.push(found),
                _ => {
                    let begun = Group {
                        id,
                        objects: vec![found],
                    };
                    if let Some(ended) = group.replace(begun) {
                        return Ok(Some((ended, (bucket, objects, group))));
                    }
                }
            }
        }
    });
    groups.boxed()
}

fn found(bucket: &Bucket, object: &ObjectMeta) -> Option<(String, Found)> {
    let (id, name) = bucket.layout.parts(&object.location)?;
    let found = Found {
        name: name.to_owned(),
        size: object.size,
        modified_at: object.last_modified.timestamp_millis(),
    };
    Some((id.to_owned(), found))
}

impl Group {
    /// The object and marker of each blob.
    fn pairs(&self) -> impl Iterator<Item = (&Found, &Found, Digest)> {
        self.objects
            .iter()
            .filter_map(|marker| match Name::of(&marker.name) {
                Name::Marker(object, digest) => {
                    let object = self.objects.iter().find(|found| found.name == object)?;
                    Some((object, marker, digest))
                }
                Name::Object | Name::Other => None,
            })
    }

    fn blobs(&self) -> Vec<StoredBlob> {
        let shard = super::layout::shard(&self.id);
        let blob = |(object, marker, digest): (&Found, &Found, Digest)| StoredBlob {
            key: format!("{shard}/{}/{}", self.id, marker.name),
            upload_id: self.id.clone(),
            digest: Some(digest),
            size: object.size,
            // An object that was uploaded in parts has the time of its beginning.
            modified_at: object.modified_at.max(marker.modified_at),
        };
        self.pairs().map(blob).collect()
    }

    /// The upload, when there is more than its blob.
    fn unfinished(&self) -> Option<UnfinishedUpload> {
        let known = self.pairs().count() * 2;
        (self.objects.len() > known).then(|| UnfinishedUpload {
            id: self.id.clone(),
            modified_at: self
                .objects
                .iter()
                .map(|found| found.modified_at)
                .max()
                .unwrap_or_default(),
        })
    }
}
