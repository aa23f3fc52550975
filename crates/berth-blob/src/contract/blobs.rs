//! The clauses about what was committed, and about names.

use std::future::poll_fn;
use std::io::Read as _;
use std::os::unix::net::UnixStream;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use super::{append, body, bytes, delete as delete_one, keys, read, sha256, stored, unfinished, upload};
use crate::{BlobStore, Error, FilePart, Piece, Upload};

/// Milliseconds since the epoch.
const AFTER_2020: i64 = 1_577_836_800_000;

pub(super) async fn read_back(store: &dyn BlobStore) {
    for length in [
        1,
        10_240,
        (256 << 10) - 1,
        256 << 10,
        (256 << 10) + 1,
        (5 << 20) + 17,
    ] {
        let bytes = bytes(length, 1);
        let key = stored(store, &bytes).await;
        assert_eq!(
            store.size(&key).await.expect("the blob has a size"),
            length as u64
        );
        assert!(
            read(store, &key, 0, length as u64).await == bytes,
            "{length} bytes are the same"
        );
    }
}

pub(super) async fn stored_whole(store: &dyn BlobStore) {
    for length in [1, 10_240, 256 << 10] {
        let (upload, content) = (upload(), bytes(length, 3));
        let parts = content.chunks(1000).map(bytes::Bytes::copy_from_slice).collect();
        let key = store.store(&upload.key, &sha256(&content), parts).await;
        let key = key.expect("the blob is stored");
        assert!(
            read(store, &key, 0, length as u64).await == content,
            "{length} bytes"
        );
        assert!(
            !unfinished(store).await.contains(&upload.key),
            "nothing is left of it"
        );
    }
}

pub(super) async fn ranges(store: &dyn BlobStore) {
    let bytes = bytes((1 << 20) + 333, 5);
    let key = stored(store, &bytes).await;
    let length = bytes.len();
    for (start, end) in [
        (0, 1),
        (length - 1, length),
        (5, 5),
        (262_143, 262_145),
        (1000, 900_000),
        (77, length),
    ] {
        let found = read(store, &key, start as u64, end as u64).await;
        assert!(found == bytes[start..end], "bytes {start}..{end}");
    }
}

pub(super) async fn parts(store: &dyn BlobStore) {
    let bytes = bytes((2 << 20) + 333, 9);
    let key = stored(store, &bytes).await;
    let length = bytes.len();
    for ranges in [
        vec![0..1, 1..2, length - 1..length],
        vec![500..600_000, 600_000..600_001, 700_000..length],
        vec![1_500_000..1_500_100, 5..9, 7..11, 0..length],
    ] {
        let parts: Vec<_> = ranges
            .iter()
            .map(|range| range.start as u64..range.end as u64)
            .collect();
        let opened = store
            .open_parts(&key, parts.clone())
            .await
            .expect("the blob opens");
        let items: Vec<Bytes> = opened.try_collect().await.expect("the blob is read");
        let mut opened = store.open_parts(&key, parts).await.expect("the blob opens");
        let mut pieces = Vec::new();
        while let Some(piece) = poll_fn(|context| opened.poll_piece(context)).await {
            pieces.push(match piece.expect("the blob is read") {
                Piece::Read(bytes) => bytes,
                Piece::Part(part) => sent(&part).into(),
            });
        }
        for found in [items, pieces] {
            let mut found = found.into_iter();
            for range in &ranges {
                let mut part = Vec::new();
                while part.len() < range.len() {
                    part.extend(found.next().expect("another item"));
                }
                assert!(part == bytes[range.clone()], "bytes {range:?} and no more");
            }
            assert_eq!(found.next(), None);
        }
    }
    let beyond = store
        .open_parts(&key, vec![0..1, length as u64..length as u64 + 1])
        .await;
    if let Ok(stream) = beyond {
        let items: Vec<_> = stream.collect().await;
        assert!(items.last().is_some_and(Result::is_err), "it ends in an error");
    }
    delete_one(store, &key).await.expect("the delete succeeds");
    let opened = store.open_parts(&key, vec![0..1, 5..6]).await.map(|_| ());
    assert!(matches!(opened, Err(Error::NotFound)), "{opened:?}");
}

pub(super) async fn pieces(store: &dyn BlobStore) {
    let bytes = bytes((3 << 20) + 333, 8);
    let key = stored(store, &bytes).await;
    let length = bytes.len();
    for (start, end) in [
        (0, length),
        (0, 1),
        (length - 1, length),
        (5, 5),
        (4097, 262_145),
        (1 << 20, 2 << 20),
        (77, length),
    ] {
        let mut opened = store
            .open(&key, start as u64..end as u64)
            .await
            .expect("the blob opens");
        let mut found = Vec::new();
        while let Some(piece) = poll_fn(|context| opened.poll_piece(context)).await {
            match piece.expect("the blob is read") {
                Piece::Read(bytes) => found.extend_from_slice(&bytes),
                Piece::Part(part) => found.append(&mut sent(&part)),
            }
        }
        assert!(found == bytes[start..end], "bytes {start}..{end}");
    }
}

/// What the other end of a socket gets of a part.
fn sent(part: &FilePart) -> Vec<u8> {
    assert!((1..=FilePart::BYTES_MAX).contains(&part.len()), "{part:?}");
    let (near, mut far) = UnixStream::pair().expect("two sockets");
    let part = part.clone();
    let sending = std::thread::spawn(move || {
        let mut done = 0;
        while done < part.len() {
            done += part.send(done, &near).expect("the part is sent");
        }
    });
    let mut received = Vec::new();
    far.read_to_end(&mut received).expect("the part is received");
    sending.join().expect("the part is sent");
    received
}

pub(super) async fn beyond_end(store: &dyn BlobStore) {
    for length in [1000_u64, (256 << 10) * 3] {
        let key = stored(store, &bytes(usize::try_from(length).expect("small"), 6)).await;
        for range in [
            0..length + 1,
            length - 1..length + 9,
            length..length + 1,
            length + 5..length + 6,
        ] {
            // A store may notice at once or on the way; it never ends the stream as if all were there.
            let Ok(stream) = store.open(&key, range.clone()).await else {
                continue;
            };
            let items: Vec<_> = stream.collect().await;
            assert!(
                items.last().is_some_and(Result::is_err),
                "{range:?} of {length} ends in an error"
            );
        }
    }
}

pub(super) async fn missing(store: &dyn BlobStore) {
    let key = stored(store, b"gone").await;
    delete_one(store, &key).await.expect("the delete succeeds");
    for range in [0..4, 0..0] {
        let opened = store.open(&key, range).await.map(|_| ());
        assert!(matches!(opened, Err(Error::NotFound)), "{opened:?}");
    }
    let size = store.size(&key).await;
    assert!(matches!(size, Err(Error::NotFound)), "{size:?}");
}

pub(super) async fn delete(store: &dyn BlobStore) {
    let key = stored(store, b"gone").await;
    for _ in 0..2 {
        delete_one(store, &key).await.expect("the delete succeeds");
    }
    let keys = keys(store).await;
    assert!(!keys.contains(&key));
}

pub(super) async fn delete_many(store: &dyn BlobStore) {
    let mut wanted = Vec::new();
    for text in ["one", "two", "three"] {
        wanted.push(stored(store, text.as_bytes()).await);
    }
    let kept = stored(store, b"kept").await;
    wanted.insert(1, "../hostile".to_owned());
    let failed = store.delete(&wanted).await;
    let failed: Vec<_> = failed.into_iter().map(|(key, _)| key).collect();
    assert_eq!(failed, ["../hostile"]);
    let left = keys(store).await;
    assert!(left.contains(&kept) && wanted.iter().all(|key| !left.contains(key)));
    assert!(store.delete(&[]).await.is_empty());
}

pub(super) async fn download_outlives(store: &dyn BlobStore) {
    let bytes = bytes(4 << 20, 7);
    let key = stored(store, &bytes).await;
    let mut stream = store
        .open(&key, 0..bytes.len() as u64)
        .await
        .expect("the blob opens");
    let mut found = stream
        .next()
        .await
        .expect("a first item")
        .expect("it is read")
        .to_vec();
    delete_one(store, &key).await.expect("the delete succeeds");
    while let Some(item) = stream.next().await {
        found.extend_from_slice(&item.expect("the rest is read"));
    }
    assert!(found == bytes);
}

pub(super) async fn lists(store: &dyn BlobStore) {
    let key = stored(store, b"listed").await;
    let mut begun = upload();
    append(store, &mut begun, b"begun").await;
    let listed: Vec<_> = store.list().try_collect().await.expect("blobs are listed");
    let ours: Vec<_> = listed.iter().filter(|blob| blob.key == key).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!(
        (ours[0].digest.as_ref(), ours[0].size),
        (Some(&sha256(b"listed")), 6)
    );
    assert!(ours[0].modified_at > AFTER_2020, "{ours:?}");
    assert!(unfinished(store).await.contains(&begun.key));
    let uploads: Vec<_> = store
        .list_uploads()
        .try_collect()
        .await
        .expect("uploads are listed");
    assert!(
        uploads.iter().all(|upload| upload.modified_at > AFTER_2020),
        "{uploads:?}"
    );
    let key = store
        .commit(&begun, &sha256(b"begun"))
        .await
        .expect("the commit succeeds");
    assert!(!unfinished(store).await.contains(&begun.key));
    let listed: Vec<_> = store.list().try_collect().await.expect("blobs are listed");
    let ours = listed.iter().find(|blob| blob.key == key).expect("it is listed");
    assert_eq!(ours.upload_id, begun.key);
}

pub(super) async fn hostile_names(store: &dyn BlobStore) {
    let hex = "ab".repeat(32);
    let good = format!("sha256/ab/{hex}.id");
    let names = [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\0b",
        ".check",
        "a.b",
        "ü",
        "a b",
        &"a".repeat(129),
    ];
    for name in names {
        let mut upload = Upload::new(name);
        assert!(
            store.append(&mut upload, body(b"x", 1)).await.is_err(),
            "append {name:?}"
        );
        assert!(
            store.commit(&upload, &sha256(b"")).await.is_err(),
            "commit {name:?}"
        );
        assert!(store.abort(&upload).await.is_err(), "abort {name:?}");
    }
    let long = format!("{good}{good}");
    let keys = [
        format!("../{good}"),
        format!("/{good}"),
        format!("{good}/../x"),
        good.replace(".id", "./../id"),
        good.replace("/ab/", "/../"),
        good.replace("sha256", ".."),
        good.to_uppercase(),
        long,
    ];
    for key in keys.iter().map(String::as_str).chain(names) {
        assert!(store.open(key, 0..1).await.is_err(), "open {key:?}");
        assert!(store.size(key).await.is_err(), "size {key:?}");
        assert!(delete_one(store, key).await.is_err(), "delete {key:?}");
    }
}

pub(super) async fn works(store: &dyn BlobStore) {
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    let before = sorted(unfinished(store).await);
    store.check().await.expect("the store works");
    assert_eq!(sorted(unfinished(store).await), before);
}
