//! The bin: what goes in, what comes back, what stays out of sight, and what is gone in the end.

use crate::world::{
    World, at, conflict, digest, kept, manifest, name, new_organization, new_repository, tagged, unkept,
};
use berth_metadata::{
    BinEntry, BinKind, BinOwner, BinPage, BinRestore, BinRestored, BinViewer, Conflict, Deletion, MoveTag,
    PutManifest, Quotas, ReferrersPage, RepositoryEdit, TagChange, TagSource, Untagged, User,
};

const DAY: i64 = 24 * 3600 * 1000;

/// A repository with its organisation and a user who sees both.
struct Place {
    world: World,
    user: User,
    organization: String,
    organization_id: i64,
    id: i64,
    image: String,
}

impl Place {
    async fn new(world: &World) -> Self {
        let account = world.account().await;
        let user = world.user(&account).await;
        let organization = name("org");
        let made = world
            .metadata
            .create_organization(new_organization(&organization, &user))
            .await
            .unwrap();
        let image = name("image");
        let new = berth_metadata::NewRepository {
            full_name: format!("{organization}/{image}"),
            ..new_repository(made.id, &image)
        };
        let made = world
            .metadata
            .create_repository(new, RepositoryEdit::default())
            .await
            .unwrap();
        Self {
            world: world.clone(),
            user,
            organization,
            organization_id: made.organization_id,
            id: made.id,
            image,
        }
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.organization, self.image)
    }

    fn page(&self) -> BinPage {
        BinPage {
            viewer: BinViewer {
                user_id: self.user.id.clone(),
                account_id: self.user.account_id.clone(),
                administrator: false,
            },
            organization_id: None,
            image: None,
            kind: None,
            tag: None,
            before: None,
            limit: 100,
            now: 1000,
        }
    }

    async fn bin(&self) -> Vec<BinEntry> {
        self.world.metadata.list_bin(self.page()).await.unwrap()
    }

    async fn blob(&self, word: &str, now: i64) -> String {
        let digest = digest(word);
        self.world.push(self.id, &digest, &name("key"), now).await;
        digest
    }

    async fn put(&self, word: &str, blobs: &[&str], tags: &[&str]) {
        let blobs: Vec<String> = blobs.iter().map(|blob| digest(blob)).collect();
        let put = PutManifest {
            blobs,
            ..tagged(manifest(self.id, word, &[]), tags)
        };
        self.world.metadata.put_manifest(put).await.unwrap();
    }

    async fn delete_tag(&self, tag: &str) {
        let deleted = self
            .world
            .metadata
            .delete_tag(self.id, tag, None, kept(100, DAY))
            .await;
        assert!(deleted.unwrap(), "{tag} is deleted");
    }

    async fn delete_manifest(&self, word: &str) {
        let deleted = self
            .world
            .metadata
            .delete_manifest(self.id, &digest(word), kept(100, DAY))
            .await;
        assert!(deleted.unwrap(), "{word} is deleted");
    }

    fn restore(&self, id: i64) -> BinRestore {
        BinRestore {
            guard: berth_metadata::Guard::Off,
            id,
            overwrite: false,
            image: Some((self.image.clone(), self.full_name())),
            by: at(200),
        }
    }

    async fn restored(&self, id: i64) -> BinRestored {
        let restored = self.world.metadata.restore_from_bin(self.restore(id)).await;
        restored.unwrap().expect("an entry to restore")
    }

    async fn holds(&self, word: &str) -> bool {
        let found = self
            .world
            .metadata
            .manifest_by_digest(self.id, &digest(word))
            .await;
        found.unwrap().is_some()
    }

    async fn tag(&self, tag: &str) -> Option<String> {
        let found = self.world.metadata.manifest_by_tag(self.id, tag).await.unwrap();
        found.map(|found| found.digest.clone())
    }

    async fn is_linked(&self, word: &str) -> bool {
        let found = self.world.metadata.linked_blob(self.id, &digest(word)).await;
        found.unwrap().is_some()
    }

    /// Sweeps links long idle, and answers whether the blob's bytes are stored still.
    async fn outlives_a_sweep(&self, word: &str) -> bool {
        let metadata = &self.world.metadata;
        metadata
            .sweep_unreferenced(10 * DAY, 10 * DAY, 1000)
            .await
            .unwrap();
        let all = metadata.blob_keys(None, 1000).await.unwrap();
        all.iter().any(|blob| blob.digest == digest(word))
    }

    async fn purge(&self, now: i64) {
        while self.world.metadata.purge_bin(now, 2).await.unwrap() {}
    }
}

pub(crate) async fn a_deleted_tag_comes_back_with_its_manifest(world: World) {
    let place = Place::new(&world).await;
    place.blob("layer", 5).await;
    place.put("m", &["layer"], &["v1"]).await;
    let before = world.metadata.tag_row(place.id, "v1").await.unwrap().unwrap();
    place.delete_tag("v1").await;
    assert!(!place.holds("m").await, "nothing else named it");
    assert_eq!(place.tag("v1").await, None);
    let [entry] = place.bin().await.try_into().unwrap();
    assert_eq!((entry.kind, entry.why), (BinKind::Tag, TagChange::Delete));
    assert_eq!((entry.at, entry.expires_at), (100, 100 + DAY));
    assert_eq!(
        (entry.tags.as_slice(), entry.tag_count),
        (&["v1".to_owned()][..], 1)
    );
    assert_eq!(entry.digest, Some(digest("m")));
    assert_eq!(
        (&entry.organization, &entry.image),
        (&place.organization, &place.image)
    );
    assert!(place.outlives_a_sweep("layer").await, "the bin keeps its blobs");
    assert!(!place.is_linked("layer").await, "but shows them to nobody");

    let usage = world
        .metadata
        .bin_usage(place.organization_id, 200)
        .await
        .unwrap();
    assert_eq!((usage.entries, usage.bytes), (1, 10));
    let restored = place.restored(entry.id).await;
    assert_eq!(
        (restored.tags.as_slice(), restored.already),
        (&["v1".to_owned()][..], false)
    );
    assert_eq!(place.tag("v1").await, Some(digest("m")));
    assert!(place.is_linked("layer").await);
    let after = world.metadata.tag_row(place.id, "v1").await.unwrap().unwrap();
    assert_eq!((after.id, after.created_at), (before.id, before.created_at));
    let reasons: Vec<_> = world
        .moves(place.id, "v1")
        .await
        .iter()
        .map(|noted| noted.why)
        .collect();
    let expected = [TagChange::BinRestore, TagChange::Delete, TagChange::Push];
    assert_eq!(reasons, expected);
    assert_eq!(place.bin().await, []);
    let usage = world
        .metadata
        .bin_usage(place.organization_id, 200)
        .await
        .unwrap();
    assert_eq!((usage.entries, usage.bytes), (0, 0));
    let again = place.restored(entry.id).await;
    assert!(again.already, "the same request once more: {again:?}");
    place.delete_tag("v1").await;
    let undone = world.metadata.restore_from_bin(place.restore(entry.id)).await;
    assert_eq!(
        undone.unwrap(),
        None,
        "what was deleted once more is another entry"
    );
}

pub(crate) async fn a_manifest_stays_while_something_live_names_it(world: World) {
    let place = Place::new(&world).await;
    place.put("m", &[], &["a", "b"]).await;
    place.put("child", &[], &["c"]).await;
    let index = PutManifest {
        manifests: vec![digest("child")],
        ..tagged(manifest(place.id, "index", &[]), &["all"])
    };
    world.metadata.put_manifest(index).await.unwrap();
    place.put("subject", &[], &["s"]).await;
    let signature = PutManifest {
        subject: Some(digest("subject")),
        ..tagged(manifest(place.id, "signature", &[]), &["sig"])
    };
    world.metadata.put_manifest(signature).await.unwrap();
    for (tag, word) in [("a", "m"), ("c", "child"), ("sig", "signature")] {
        place.delete_tag(tag).await;
        assert!(place.holds(word).await, "{word} after {tag}");
    }
    let only_the_name = Deletion {
        untagged: Untagged::Stays,
        ..kept(100, DAY)
    };
    let deleted = world
        .metadata
        .delete_tag(place.id, "b", None, only_the_name)
        .await;
    assert!(deleted.unwrap());
    assert!(place.holds("m").await, "as was asked for");
    for entry in place.bin().await {
        place.restored(entry.id).await;
    }
    for (tag, word) in [("a", "m"), ("b", "m"), ("c", "child"), ("sig", "signature")] {
        assert_eq!(place.tag(tag).await, Some(digest(word)), "{tag}");
    }
}

/// An index of two images, one with a tag of its own, and a signature of the index.
async fn family(place: &Place) {
    let metadata = &place.world.metadata;
    for (word, tags) in [("one", &[][..]), ("two", &["two"][..])] {
        place.blob(&format!("layer-{word}"), 5).await;
        place.put(word, &[&format!("layer-{word}")], tags).await;
    }
    let index = PutManifest {
        manifests: vec![digest("one"), digest("two")],
        ..tagged(manifest(place.id, "index", &[]), &["v1"])
    };
    metadata.put_manifest(index).await.unwrap();
    place.blob("payload", 5).await;
    let signature = PutManifest {
        subject: Some(digest("index")),
        blobs: vec![digest("payload")],
        ..manifest(place.id, "signature", &[])
    };
    metadata.put_manifest(signature).await.unwrap();
}

async fn referrers(place: &Place, word: &str) -> usize {
    let page = ReferrersPage {
        repository_id: place.id,
        subject: digest(word),
        artifact_type: None,
        last: None,
        limit: 100,
        bytes_max: 1 << 20,
    };
    place.world.metadata.referrers(page).await.unwrap().0.len()
}

pub(crate) async fn an_index_takes_along_what_only_it_reaches(world: World) {
    for by_digest in [false, true] {
        let place = Place::new(&world).await;
        family(&place).await;
        if by_digest {
            place.delete_manifest("index").await;
        } else {
            place.delete_tag("v1").await;
        }
        for (word, stays) in [
            ("index", false),
            ("one", false),
            ("two", true),
            ("signature", false),
        ] {
            assert_eq!(place.holds(word).await, stays, "{word} (by digest: {by_digest})");
        }
        assert_eq!(referrers(&place, "index").await, 0);
        assert!(place.outlives_a_sweep("layer-one").await);
        assert!(place.outlives_a_sweep("payload").await);
        let [entry] = place.bin().await.try_into().unwrap();
        place.restored(entry.id).await;
        for word in ["index", "one", "two", "signature"] {
            assert!(place.holds(word).await, "{word} is back (by digest: {by_digest})");
        }
        assert_eq!(place.tag("v1").await, Some(digest("index")));
        assert_eq!(referrers(&place, "index").await, 1);
        for word in ["layer-one", "layer-two", "payload"] {
            assert!(place.is_linked(word).await, "{word} is linked");
        }
    }
}

pub(crate) async fn what_an_entry_needs_stays_whatever_else_is_purged(world: World) {
    let place = Place::new(&world).await;
    family(&place).await;
    // The index goes by its tag; its other image goes with an entry of its own, which is purged first.
    place.delete_tag("v1").await;
    place.delete_tag("two").await;
    assert!(!place.holds("two").await, "no live index lists it");
    let [second, first] = place.bin().await.try_into().unwrap();
    assert!(world.metadata.purge_bin_entry(second.id).await.unwrap());
    assert!(!world.metadata.purge_bin_entry(second.id).await.unwrap(), "once");
    place.purge(200).await;
    place.restored(first.id).await;
    for word in ["index", "one", "two", "signature"] {
        assert!(place.holds(word).await, "{word} is back");
    }
    assert!(place.is_linked("layer-two").await);
    assert_eq!(place.tag("two").await, None, "that tag was purged");
}

pub(crate) async fn what_is_purged_is_gone_with_its_blobs(world: World) {
    let place = Place::new(&world).await;
    family(&place).await;
    place.blob("shared", 5).await;
    place.put("other", &["shared", "layer-one"], &["other"]).await;
    place.delete_tag("v1").await;
    place.delete_tag("other").await;
    place.purge(100 + DAY - 1).await;
    assert_eq!(place.bin().await.len(), 2, "not yet");
    place.purge(100 + DAY).await;
    assert_eq!(world.metadata.bin_entry(1, 0).await.unwrap(), None);
    assert_eq!(world.metadata.list_bin(place.page()).await.unwrap(), []);
    for (word, stays) in [
        ("layer-one", false),
        ("payload", false),
        ("shared", false),
        ("layer-two", true),
    ] {
        assert_eq!(place.outlives_a_sweep(word).await, stays, "{word}");
    }
    let usage = world.metadata.bin_usage(place.organization_id, 0).await.unwrap();
    assert_eq!((usage.entries, usage.bytes), (0, 0));
}

pub(crate) async fn without_a_time_to_live_nothing_is_kept(world: World) {
    let place = Place::new(&world).await;
    family(&place).await;
    let metadata = &world.metadata;
    assert!(
        metadata
            .delete_tag(place.id, "v1", None, unkept(100))
            .await
            .unwrap()
    );
    assert!(metadata.delete_repository(place.id, unkept(100)).await.unwrap());
    assert_eq!(place.bin().await, []);
    place.purge(100).await;
    for word in ["layer-one", "layer-two", "payload"] {
        assert!(!place.outlives_a_sweep(word).await, "{word}");
    }
}

pub(crate) async fn what_is_in_the_way_is_told_and_overwritten_when_asked(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    place.put("old", &[], &["v1", "v2"]).await;
    place.delete_manifest("old").await;
    place.put("new", &[], &["v1"]).await;
    let [entry] = place.bin().await.try_into().unwrap();
    assert_eq!((entry.kind, entry.tags.len()), (BinKind::Manifest, 2));
    let refused = metadata.restore_from_bin(place.restore(entry.id)).await;
    let taken = vec![("v1".to_owned(), digest("new"))];
    assert_eq!(conflict(refused), Conflict::TagsTaken(taken));
    assert!(!place.holds("old").await, "nothing was changed");
    let [obstacle] = metadata
        .bin_obstacles(entry.id)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!((obstacle.tag, obstacle.digest), ("v1".to_owned(), digest("new")));
    let overwrite = BinRestore {
        overwrite: true,
        ..place.restore(entry.id)
    };
    let restored = metadata.restore_from_bin(overwrite).await.unwrap().unwrap();
    assert_eq!(restored.tags, ["v1", "v2"]);
    assert_eq!(place.tag("v1").await, Some(digest("old")));
    assert!(
        place.holds("new").await,
        "what was overwritten stays, without a tag"
    );
}

pub(crate) async fn a_tag_is_set_back_to_what_the_bin_holds(world: World) {
    let place = Place::new(&world).await;
    family(&place).await;
    place.delete_tag("v1").await;
    let back = MoveTag {
        guard: berth_metadata::Guard::Off,
        repository_id: place.id,
        tag: "v1".to_owned(),
        to: TagSource::Digest(digest("index")),
        expected: None,
        by: at(300),
        why: TagChange::SetBack,
    };
    assert!(world.moves(place.id, "v1").await[1].is_stored, "the bin holds it");
    assert!(world.metadata.move_tag(back.clone()).await.unwrap());
    assert_eq!(place.tag("v1").await, Some(digest("index")));
    assert!(place.holds("one").await && place.holds("signature").await);
    assert_eq!(place.bin().await, [], "there is nothing left to restore");
    assert_eq!(world.moves(place.id, "v1").await[0].why, TagChange::SetBack);
    place.delete_tag("v1").await;
    assert_eq!(
        world
            .metadata
            .purge_bin_of(BinOwner::Repository(place.id))
            .await
            .unwrap(),
        1
    );
    place.purge(300).await;
    assert!(!world.moves(place.id, "v1").await[1].is_stored);
    assert!(!world.metadata.move_tag(back).await.unwrap(), "it is gone");
}

pub(crate) async fn what_is_pushed_again_is_live_and_in_the_bin(world: World) {
    let place = Place::new(&world).await;
    place.blob("layer", 5).await;
    place.put("m", &["layer"], &["v1"]).await;
    place.delete_tag("v1").await;
    place.put("m", &["layer"], &["v1"]).await;
    let usage = world
        .metadata
        .bin_usage(place.organization_id, 200)
        .await
        .unwrap();
    assert_eq!((usage.entries, usage.bytes), (1, 0), "its bytes are used again");
    place.delete_tag("v1").await;
    let entries = place.bin().await;
    assert_eq!(entries.len(), 2);
    world.metadata.purge_bin_entry(entries[0].id).await.unwrap();
    place.purge(200).await;
    assert!(place.outlives_a_sweep("layer").await, "the other entry needs it");
    place.restored(entries[1].id).await;
    assert_eq!(place.tag("v1").await, Some(digest("m")));
    assert!(place.is_linked("layer").await);
}

pub(crate) async fn an_image_in_the_bin_frees_its_name(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    place.blob("layer", 5).await;
    place.put("m", &["layer"], &["v1"]).await;
    assert!(
        metadata
            .delete_repository(place.id, kept(100, DAY))
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .delete_repository(place.id, kept(100, DAY))
            .await
            .unwrap(),
        "once"
    );
    assert_eq!(metadata.repository(&place.full_name()).await.unwrap(), None);
    let late = PutManifest {
        blobs: vec![],
        ..tagged(manifest(place.id, "late", &[]), &["v2"])
    };
    let refused = metadata.put_manifest(late).await;
    assert_eq!(
        conflict(refused),
        Conflict::RepositoryGone,
        "a push in the middle"
    );
    let new = berth_metadata::NewRepository {
        full_name: place.full_name(),
        ..new_repository(place.organization_id, &place.image)
    };
    let taken = metadata
        .create_repository(new, RepositoryEdit::default())
        .await
        .unwrap();
    assert_ne!(taken.id, place.id);
    let [entry] = place.bin().await.try_into().unwrap();
    assert_eq!(
        (entry.kind, &entry.image, entry.tag_count),
        (BinKind::Image, &place.image, 1)
    );
    assert_eq!(entry.size_bytes, 10);
    let usage = metadata.bin_usage(place.organization_id, 200).await.unwrap();
    assert_eq!((usage.entries, usage.bytes), (1, 10));

    let refused = metadata.restore_from_bin(place.restore(entry.id)).await;
    assert_eq!(conflict(refused), Conflict::RepositoryExists);
    let other = format!("{}/other", place.organization);
    let renamed = BinRestore {
        image: Some(("other".to_owned(), other.clone())),
        ..place.restore(entry.id)
    };
    let restored = metadata.restore_from_bin(renamed.clone()).await.unwrap().unwrap();
    assert!(!restored.already);
    assert!(metadata.restore_from_bin(renamed).await.unwrap().unwrap().already);
    let details = metadata.repository_details(&other).await.unwrap().unwrap();
    assert_eq!(
        (details.repository.id, details.tag_count, details.size_bytes),
        (place.id, 1, 10)
    );
    assert_eq!(place.tag("v1").await, Some(digest("m")));
    assert_eq!(place.bin().await, []);
}

pub(crate) async fn an_image_is_purged_in_small_steps(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    for n in 0..7 {
        place.blob(&format!("layer{n}"), 5).await;
        let layer = format!("layer{n}");
        place.put(&format!("m{n}"), &[&layer], &[&format!("v{n}")]).await;
    }
    place.delete_tag("v0").await;
    assert!(
        metadata
            .delete_repository(place.id, kept(100, DAY))
            .await
            .unwrap()
    );
    let [entry] = place.bin().await.try_into().unwrap();
    let now = 100 + DAY;
    let mut steps = 0;
    while metadata.purge_bin(now, 2).await.unwrap() {
        steps += 1;
        let restored = metadata.restore_from_bin(place.restore(entry.id)).await;
        assert_eq!(restored.unwrap(), None, "a part is gone");
    }
    assert!(steps > 10, "{steps} steps of two rows");
    for n in 0..7 {
        assert!(!place.outlives_a_sweep(&format!("layer{n}")).await, "layer{n}");
    }
}

pub(crate) async fn an_organization_goes_with_its_bin(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    place.blob("layer", 5).await;
    place.put("m", &["layer"], &["v1"]).await;
    place.delete_tag("v1").await;
    let refused = metadata.delete_organization(&place.organization, 150).await;
    assert_eq!(conflict(refused), Conflict::OrganizationNotEmpty);
    assert_eq!(place.bin().await.len(), 1, "nothing was purged for a refusal");
    assert!(
        metadata
            .delete_repository(place.id, kept(100, DAY))
            .await
            .unwrap()
    );
    assert!(
        metadata
            .delete_organization(&place.organization, 150)
            .await
            .unwrap()
    );
    assert_eq!(place.bin().await, []);
    assert!(!place.outlives_a_sweep("layer").await);
}

pub(crate) async fn the_bin_is_listed_for_those_with_a_right(world: World) {
    let place = Place::new(&world).await;
    let stranger = Place::new(&world).await;
    for n in 0..3 {
        place.put(&format!("m{n}"), &[], &[&format!("v{n}")]).await;
        place.delete_tag(&format!("v{n}")).await;
    }
    assert_eq!(stranger.bin().await, []);
    let check = async |page: BinPage, tags: &[&str]| {
        let found = world.metadata.list_bin(page).await.unwrap();
        let found: Vec<&str> = found.iter().map(|entry| entry.tags[0].as_str()).collect();
        assert_eq!(found, tags);
    };
    check(place.page(), &["v2", "v1", "v0"]).await;
    let organization_id = Some(place.organization_id);
    let all = BinPage {
        organization_id,
        ..place.page()
    };
    check(all.clone(), &["v2", "v1", "v0"]).await;
    let limit = 1;
    let first = BinPage { limit, ..all.clone() };
    check(first.clone(), &["v2"]).await;
    let before = world.metadata.list_bin(first).await.unwrap()[0].id;
    let before = Some(before);
    check(
        BinPage {
            before,
            ..all.clone()
        },
        &["v1", "v0"],
    )
    .await;
    let tag = Some("v1".to_owned());
    check(BinPage { tag, ..all.clone() }, &["v1"]).await;
    let image = Some("other".to_owned());
    check(BinPage { image, ..all.clone() }, &[]).await;
    let kind = Some(BinKind::Image);
    check(BinPage { kind, ..all.clone() }, &[]).await;
    let now = 100 + DAY;
    check(BinPage { now, ..all }, &[]).await;
}

pub(crate) async fn quotas_hold_for_what_comes_back(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let quotas = Quotas {
        repositories: Some(1),
        tags_per_repository: Some(1),
        ..Quotas::default()
    };
    metadata
        .set_quotas(&place.user.account_id, quotas, 1)
        .await
        .unwrap();
    place.put("one", &[], &["v1"]).await;
    place.delete_tag("v1").await;
    place.put("two", &[], &["v2"]).await;
    let [entry] = place.bin().await.try_into().unwrap();
    let refused = metadata.restore_from_bin(place.restore(entry.id)).await;
    assert_eq!(conflict(refused), Conflict::TagQuota { limit: 1 });
    assert!(
        metadata
            .delete_repository(place.id, kept(100, DAY))
            .await
            .unwrap()
    );
    let [entry] = place.bin().await.try_into().unwrap();
    let other = berth_metadata::NewRepository {
        full_name: format!("{}/other", place.organization),
        ..new_repository(place.organization_id, "other")
    };
    metadata
        .create_repository(other, RepositoryEdit::default())
        .await
        .unwrap();
    let refused = metadata.restore_from_bin(place.restore(entry.id)).await;
    assert_eq!(conflict(refused), Conflict::RepositoryQuota { limit: 1 });
}

pub(crate) async fn a_blob_that_was_never_linked_does_not_come_back(world: World) {
    let (place, other) = (Place::new(&world).await, Place::new(&world).await);
    other.blob("secret", 5).await;
    let put = PutManifest {
        foreign_layers: vec![digest("secret")],
        ..tagged(manifest(place.id, "m", &[]), &["v1"])
    };
    world.metadata.put_manifest(put).await.unwrap();
    place.delete_tag("v1").await;
    let [entry] = place.bin().await.try_into().unwrap();
    place.restored(entry.id).await;
    assert!(!place.is_linked("secret").await);
    other.put("n", &["secret"], &["v1"]).await;
    other.delete_manifest("n").await;
    assert_eq!(
        world
            .metadata
            .purge_bin_of(BinOwner::Organization(other.organization_id))
            .await
            .unwrap(),
        1
    );
    other.purge(200).await;
    assert!(
        !other.outlives_a_sweep("secret").await,
        "a name alone keeps nobody's bytes"
    );
}

pub(crate) async fn many_restore_one_entry_at_once(world: World) {
    let place = Place::new(&world).await;
    place.blob("layer", 5).await;
    place.put("m", &["layer"], &["v1"]).await;
    place.delete_tag("v1").await;
    let [entry] = place.bin().await.try_into().unwrap();
    let restores = (0..8).map(|_| {
        let (metadata, restore) = (world.metadata.clone(), place.restore(entry.id));
        tokio::spawn(async move { metadata.restore_from_bin(restore).await.unwrap().unwrap() })
    });
    let mut first = 0;
    for restore in restores.collect::<Vec<_>>() {
        first += usize::from(!restore.await.unwrap().already);
    }
    assert_eq!(first, 1);
    assert_eq!(place.tag("v1").await, Some(digest("m")));
    let found = world
        .metadata
        .repository_details(&place.full_name())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.tag_count, found.size_bytes), (1, 10));
}
