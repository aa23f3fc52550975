//! The lists of layers' files, and who uses a layer.

use crate::world::{World, digest, manifest, tagged};
use berth_metadata::{LayerUse, NewLayerIndex, Viewer};

fn list(word: &str, bytes: usize, now: i64) -> NewLayerIndex {
    NewLayerIndex {
        digest: digest(word),
        format: 1,
        problem: None,
        bytes: vec![7; bytes],
        total_max: 100,
        now,
    }
}

pub(crate) async fn lists_of_files_are_kept_within_their_bound(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    for word in ["list1", "list2", "list3"] {
        world.push(repository, &digest(word), word, 1).await;
    }
    // Of no blob nothing is kept.
    assert!(!metadata.save_layer_index(list("nothing", 1, 1)).await.unwrap());
    assert!(metadata.save_layer_index(list("list1", 40, 10)).await.unwrap());
    assert!(metadata.save_layer_index(list("list2", 40, 20)).await.unwrap());
    metadata.touch_layer_index(&digest("list1"), 30).await.unwrap();
    let kept = metadata.layer_index(&digest("list1")).await.unwrap().unwrap();
    assert_eq!((kept.made_at, kept.used_at, kept.bytes.len()), (10, 30, 40));
    // The one that nobody asked for longest goes.
    assert!(metadata.save_layer_index(list("list3", 40, 40)).await.unwrap());
    assert_eq!(metadata.layer_index(&digest("list2")).await.unwrap(), None);
    assert!(metadata.layer_index(&digest("list1")).await.unwrap().is_some());
    let failed = NewLayerIndex {
        problem: Some("it is broken".to_owned()),
        bytes: Vec::new(),
        ..list("list3", 0, 50)
    };
    assert!(metadata.save_layer_index(failed).await.unwrap());
    let kept = metadata.layer_index(&digest("list3")).await.unwrap().unwrap();
    assert_eq!(
        (kept.problem.as_deref(), kept.bytes.len()),
        (Some("it is broken"), 0)
    );
    metadata
        .unlink_blob(repository, &digest("list1"), 60)
        .await
        .unwrap();
    assert_eq!(metadata.layer_index(&digest("list1")).await.unwrap(), None);
}

pub(crate) async fn who_uses_a_layer_is_counted_as_far_as_the_viewer_sees(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    let (mine, beside) = (
        world.repository_in(organization, "mine").await.id,
        world.repository_in(organization, "beside").await.id,
    );
    let strange = world.repository().await.id;
    let layer = digest("used-by-many");
    for (repository, key) in [(mine, "used1"), (beside, "used2"), (strange, "used3")] {
        world.push(repository, &layer, key, 1).await;
        for word in [format!("{key}a"), format!("{key}b")] {
            let put = tagged(manifest(repository, &word, &[layer.as_str()]), &[word.as_str()]);
            metadata.put_manifest(put).await.unwrap();
        }
    }
    let check = async |viewer: Viewer<'_>, expected: i64| {
        let digests = [layer.clone(), digest("of nobody")];
        let counted = metadata.layer_uses(mine, &digests, viewer, 5).await.unwrap();
        let expected = LayerUse {
            digest: layer.clone(),
            manifests: 2,
            repositories: expected,
        };
        assert_eq!(counted, [expected]);
    };
    let seen_by = |account_id, administrator| Viewer::User {
        user_id: &user.id,
        account_id,
        administrator,
    };
    check(seen_by(&account, true), 1).await;
    check(seen_by("elsewhere", true), 1).await;
    check(Viewer::Anonymous, 0).await;
    let linked = metadata
        .linked_layers(mine, &[layer.clone(), digest("of nobody")])
        .await
        .unwrap();
    assert_eq!(linked.len(), 1);
    assert_eq!(linked[0].digest, layer);
}
