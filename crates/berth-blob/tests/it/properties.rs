//! Any body in any pieces, any range of it: the same bytes.

use berth_blob::contract::{bytes, read};
use berth_blob::{BlobStore, ByteStream, FileStore, Upload};
use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::Runtime;

/// Pieces as networks and hostile clients make them: none, tiny, usual, large.
fn piece() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        1..100_usize,
        1000..70_000_usize,
        500_000..1_500_000_usize
    ]
}

fn in_pieces(content: &[u8], pieces: &[usize]) -> ByteStream {
    let mut rest = content;
    let mut items = Vec::new();
    for piece in pieces {
        let (item, after) = rest.split_at(*piece);
        items.push(Ok(Bytes::copy_from_slice(item)));
        rest = after;
    }
    stream::iter(items).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn appends_in_any_pieces_are_the_body(appends in vec(vec(piece(), 0..8), 1..5)) {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        let length = appends.iter().flatten().sum();
        let content = bytes(length, 1);
        let found = runtime.block_on(async {
            let mut upload = Upload::new("pieces");
            for pieces in &appends {
                let from = usize::try_from(upload.offset).unwrap();
                store.append(&mut upload, in_pieces(&content[from..], pieces)).await.unwrap();
            }
            let key = store.commit(&upload, &Digest::of(Algorithm::Sha256, &content)).await.unwrap();
            read(&store, &key, 0, length as u64).await
        });
        prop_assert!(found == content);
    }

    #[test]
    fn any_range_is_that_part(length in 1..2_000_000_usize, ends in vec((any::<Index>(), any::<Index>()), 1..20)) {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        let content = bytes(length, 2);
        runtime.block_on(async {
            let mut upload = Upload::new("ranges");
            store.append(&mut upload, in_pieces(&content, &[length])).await.unwrap();
            let key = store.commit(&upload, &Digest::of(Algorithm::Sha256, &content)).await.unwrap();
            for (one, other) in ends {
                let (one, other) = (one.index(length + 1), other.index(length + 1));
                let (start, end) = (one.min(other), one.max(other));
                assert!(read(&store, &key, start as u64, end as u64).await == content[start..end]);
            }
        });
    }
}
