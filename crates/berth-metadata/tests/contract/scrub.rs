//! What is due to be verified.

use crate::world::{World, digest, manifest};
use berth_metadata::{BlobsDue, Damage, DamageFound};

pub(crate) async fn the_oldest_are_due_first_and_once(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    for (word, at) in [("a", 30), ("b", 10), ("c", 20), ("d", 20), ("young", 50)] {
        world.push(repository, &digest(word), word, at).await;
    }
    let due = async |before: i64, last: Option<(i64, String)>, limit: i64| {
        let last = last.as_ref().map(|(at, digest)| (*at, digest.as_str()));
        let found = metadata.blobs_due(before, last, limit).await.unwrap();
        found
            .into_iter()
            .map(|(at, blob)| (at, blob.key))
            .collect::<Vec<_>>()
    };
    let entry = |at: i64, key: &str| (at, key.to_owned());
    let mut twenty = [entry(20, "c"), entry(20, "d")];
    twenty.sort_by_key(|(_, key)| digest(key));
    let [first, second] = twenty;
    let all = [entry(10, "b"), first.clone(), second.clone(), entry(30, "a")];
    assert_eq!(due(50, None, 10).await, all);
    assert_eq!(due(50, None, 2).await, all[..2]);
    let last = Some((20, digest(&first.1)));
    assert_eq!(
        due(50, last, 10).await,
        all[2..],
        "those after the last of a page"
    );
    let expected = BlobsDue { blobs: 4, bytes: 40 };
    assert_eq!(metadata.count_blobs_due(50).await.unwrap(), expected);

    let verified = vec![digest("b"), digest("young")];
    metadata.note_verified(verified, 40).await.unwrap();
    let young = metadata.linked_blob(repository, &digest("young")).await;
    assert_eq!(young.unwrap().unwrap().verified_at, 50, "never back");
    let damaged = DamageFound {
        digest: digest("a"),
        key: "a".to_owned(),
        damage: Damage::Missing,
        size: 0,
        now: 40,
    };
    assert!(metadata.mark_damaged(damaged).await.unwrap());
    assert_eq!(due(40, None, 10).await, [first, second]);
}

pub(crate) async fn manifests_are_read_in_pages(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (world.repository().await.id, world.repository().await.id);
    for (repository, word) in [(one, "m"), (one, "n"), (two, "m")] {
        metadata
            .put_manifest(manifest(repository, word, &[]))
            .await
            .unwrap();
    }
    let mut last: Option<(i64, String)> = None;
    let mut read = Vec::new();
    loop {
        let from = last.as_ref().map(|(id, digest)| (*id, digest.as_str()));
        let page = metadata.manifests_to_verify(from, 2).await.unwrap();
        let Some(end) = page.last() else { break };
        last = Some((end.repository_id, end.digest.clone()));
        read.extend(
            page.into_iter()
                .map(|row| (row.repository_id, row.digest, row.bytes)),
        );
    }
    let mut expected = vec![
        (one, digest("m"), b"m".to_vec()),
        (one, digest("n"), b"n".to_vec()),
        (two, digest("m"), b"m".to_vec()),
    ];
    expected.sort();
    assert_eq!(read, expected);
}
