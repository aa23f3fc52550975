//! The hashes of blobs' chunks.

use crate::world::{World, digest};
use berth_metadata::ChunkTable;

pub(crate) async fn hashes_of_chunks_are_kept_as_long_as_their_blob(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    world.push(repository, &digest("layer"), "layer", 1).await;
    let table = |word: &str, chunk_bytes, hash| ChunkTable {
        digest: digest(word),
        chunk_bytes,
        hashes: vec![hash; 64],
    };
    assert_eq!(metadata.chunk_table(&digest("layer"), 4).await.unwrap(), None);
    assert!(!metadata.save_chunk_table(table("nothing", 4, 1)).await.unwrap());
    assert!(metadata.save_chunk_table(table("layer", 4, 1)).await.unwrap());
    assert_eq!(
        metadata.chunk_table(&digest("layer"), 4).await.unwrap(),
        Some(vec![1; 64])
    );
    // Another length of chunks is another table, and one is kept.
    assert_eq!(metadata.chunk_table(&digest("layer"), 8).await.unwrap(), None);
    assert!(metadata.save_chunk_table(table("layer", 8, 2)).await.unwrap());
    assert_eq!(metadata.chunk_table(&digest("layer"), 4).await.unwrap(), None);
    metadata
        .unlink_blob(repository, &digest("layer"), 60)
        .await
        .unwrap();
    assert_eq!(metadata.chunk_table(&digest("layer"), 8).await.unwrap(), None);
    assert!(!metadata.save_chunk_table(table("layer", 8, 2)).await.unwrap());
}
