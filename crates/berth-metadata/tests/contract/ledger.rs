//! Where the bytes are: figures that add up, and what-ifs that come true.

use crate::world::{World, digest, erase, finish, kept, manifest, name, tagged, unkept};
use berth_metadata::{
    Deleted, FinishUpload, Freed, KeyUse, LedgerFigures, LedgerScope, LedgerView, PutManifest, TagFigures,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Handle;

const ALL: &LedgerView = &LedgerView::Everything;

/// Two organisations of an account, one of another, with an image each at first.
struct Place {
    world: World,
    account: String,
    other_account: String,
    organizations: [i64; 3],
    word: String,
}

impl Place {
    async fn new(world: &World) -> Place {
        let (one, other) = (
            world.user(&world.account().await).await,
            world.user(&world.account().await).await,
        );
        Place {
            world: world.clone(),
            account: one.account_id.clone(),
            other_account: other.account_id.clone(),
            organizations: [
                world.organization(&one).await,
                world.organization(&one).await,
                world.organization(&other).await,
            ],
            word: name("ledger"),
        }
    }

    async fn image(&self, organization: usize) -> i64 {
        let organization = self.organizations[organization];
        self.world.repository_in(organization, &name("image")).await.id
    }

    fn digest(&self, blob: &str) -> String {
        digest(&format!("{}{blob}", self.word))
    }

    async fn push(&self, repository: i64, blob: &str, size: i64) {
        let pushed = FinishUpload {
            upload_id: None,
            size,
            ..finish(&name("key"), repository, &self.digest(blob), 5)
        };
        self.world.metadata.finish_upload(pushed).await.unwrap();
    }

    fn manifest(&self, repository: i64, word: &str, blobs: &[&str]) -> PutManifest {
        let blobs: Vec<String> = blobs.iter().map(|blob| self.digest(blob)).collect();
        let blobs: Vec<&str> = blobs.iter().map(String::as_str).collect();
        manifest(repository, &format!("{}{word}", self.word), &blobs)
    }

    async fn put(&self, put: PutManifest) {
        self.world.metadata.put_manifest(put).await.unwrap();
    }

    async fn ledger(&self, scope: LedgerScope, view: &LedgerView) -> LedgerFigures {
        let figures = self.world.metadata.ledger(scope, view).await.unwrap();
        let parts = figures.exclusive_bytes
            + figures.shared_organization_bytes
            + figures.shared_outside_bytes
            + figures.bin_blob_bytes;
        assert_eq!(parts, figures.blob_bytes, "{figures:?}");
        figures
    }

    async fn tag(&self, repository: i64, tag: &str, view: &LedgerView) -> TagFigures {
        let figures = self
            .world
            .metadata
            .tag_ledger(repository, tag, view)
            .await
            .unwrap();
        figures.unwrap()
    }

    async fn freed(&self, deleted: &[(i64, Deleted)]) -> Freed {
        let deleted: BTreeMap<i64, Deleted> = deleted.iter().cloned().collect();
        self.world.metadata.freed(&deleted, ALL).await.unwrap()
    }
}

fn tags(names: &[&str]) -> Deleted {
    Deleted::Tags(names.iter().map(|name| (*name).to_owned()).collect())
}

pub(crate) async fn an_image_says_with_whom_it_shares(world: World) {
    let place = Place::new(&world).await;
    let (image, sister) = (place.image(0).await, place.image(0).await);
    let (near, far) = (place.image(1).await, place.image(2).await);
    for (blob, size, holders) in [
        ("own", 1, vec![image]),
        ("sister", 10, vec![image, sister]),
        ("near", 100, vec![image, near]),
        ("far", 1_000, vec![image, far]),
        ("all", 10_000, vec![image, sister, near, far]),
        ("idle", 100_000, vec![image]),
    ] {
        for holder in holders {
            place.push(holder, blob, size).await;
        }
    }
    let used = ["own", "sister", "near", "far", "all"];
    place.put(place.manifest(image, "m", &used)).await;
    let manifest_bytes = i64::try_from(format!("{}m", place.word).len()).unwrap();

    let everything = place.ledger(LedgerScope::Image(image), ALL).await;
    let expected = LedgerFigures {
        images: 1,
        held_bytes: 111_111 + manifest_bytes,
        blob_bytes: 111_111,
        exclusive_bytes: 100_001,
        shared_organization_bytes: 10,
        shared_outside_bytes: 11_100,
        unreferenced_bytes: 100_000,
        manifest_bytes,
        ..LedgerFigures::default()
    };
    assert_eq!(everything, expected);
    // Whoever does not run the registry learns nothing of another account's images.
    let view = LedgerView::Account(place.account.clone());
    let account = place.ledger(LedgerScope::Image(image), &view).await;
    assert_eq!(
        (account.exclusive_bytes, account.shared_outside_bytes),
        (101_001, 10_100)
    );

    let organization = place
        .ledger(LedgerScope::Organization(place.organizations[0]), ALL)
        .await;
    assert_eq!(organization.images, 2);
    assert_eq!(organization.held_bytes, everything.held_bytes + 10_010);
    assert_eq!(
        (organization.blob_bytes, organization.exclusive_bytes),
        (111_111, 100_011)
    );
    let account = place
        .ledger(LedgerScope::Account(place.account.clone()), ALL)
        .await;
    assert_eq!((account.images, account.blob_bytes), (3, 111_111));
    assert_eq!(
        (account.exclusive_bytes, account.shared_outside_bytes),
        (100_111, 11_000)
    );
    let other = place
        .ledger(LedgerScope::Account(place.other_account.clone()), ALL)
        .await;
    assert_eq!((other.blob_bytes, other.exclusive_bytes), (11_000, 0));
}

pub(crate) async fn a_tag_says_what_goes_with_it(world: World) {
    let place = Place::new(&world).await;
    let (image, sister) = (place.image(0).await, place.image(0).await);
    for (blob, size) in [("base", 1), ("one", 10), ("two", 100), ("both", 1_000)] {
        place.push(image, blob, size).await;
    }
    place.push(sister, "two", 100).await;
    let put = |word: &str, blobs: &[&str], names: &[&str]| {
        place.put(tagged(place.manifest(image, word, blobs), names))
    };
    put("m1", &["base", "one", "both"], &["v1", "also"]).await;
    put("m2", &["base", "two", "both"], &[]).await;
    let index = PutManifest {
        manifests: vec![place.digest("m2")],
        ..place.manifest(image, "index", &[])
    };
    place.put(tagged(index, &["v2"])).await;
    let referrer = PutManifest {
        subject: Some(place.digest("index")),
        ..place.manifest(image, "signature", &["base"])
    };
    place.put(referrer).await;

    // Another tag names the same.
    let one = place.tag(image, "v1", ALL).await;
    assert_eq!((one.blob_bytes, one.shared_image_bytes), (1_011, 1_011));
    let two = place.tag(image, "v2", ALL).await;
    let expected = TagFigures {
        blob_bytes: 1_101,
        shared_image_bytes: 1_001,
        shared_organization_bytes: 100,
        manifest_bytes: two.manifest_bytes,
        ..TagFigures::default()
    };
    assert_eq!(two, expected);
    assert_eq!(world.metadata.tag_ledger(image, "v3", ALL).await.unwrap(), None);

    let freed = place.freed(&[(image, tags(&["v1", "also"]))]).await;
    assert_eq!((freed.blobs, freed.blob_bytes, freed.manifests), (1, 10, 1));
    // The index takes its manifest along, and what refers to it.
    let freed = place.freed(&[(image, tags(&["v2", "v3"]))]).await;
    assert_eq!((freed.blob_bytes, freed.kept_bytes, freed.manifests), (0, 100, 3));
    assert_eq!(freed.held_bytes, 100 + freed.manifest_bytes);
    assert_eq!(freed.unknown_tags, [(image, "v3".to_owned())]);
    let together = [(image, tags(&["v1", "also", "v2"])), (sister, Deleted::Image)];
    let freed = place.freed(&together).await;
    assert_eq!(
        (freed.blob_bytes, freed.kept_bytes, freed.manifests),
        (1_111, 0, 4)
    );
    assert_eq!(freed.held_bytes, 1_211 + freed.manifest_bytes);
}

pub(crate) async fn what_the_bin_holds_goes_by_itself(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let (image, sister) = (place.image(0).await, place.image(0).await);
    for holder in [image, sister] {
        place.push(holder, "shared", 100).await;
        place
            .put(tagged(place.manifest(holder, "m", &["shared"]), &["v1"]))
            .await;
    }
    metadata
        .set_organization_byte_quota(place.organizations[0], Some(1_000), 1)
        .await
        .unwrap();
    let held = place
        .ledger(LedgerScope::Organization(place.organizations[0]), ALL)
        .await
        .held_bytes;
    let used = async || {
        let quota = metadata
            .organization_byte_quota(place.organizations[0])
            .await
            .unwrap();
        assert_eq!(metadata.compare_byte_quotas().await.unwrap(), []);
        quota.unwrap().used
    };
    metadata
        .delete_tag(image, "v1", None, kept(10, 1_000))
        .await
        .unwrap();
    let of_image = place.ledger(LedgerScope::Image(image), ALL).await;
    assert_eq!((of_image.exclusive_bytes, of_image.bin_blob_bytes), (0, 100));
    assert_eq!(of_image.manifest_bytes, 0);
    assert!(of_image.bin_manifest_bytes > 0);
    assert_eq!(used().await, held, "the bin counts");
    // Its bytes are nobody's any more, so the sister's are its own.
    assert_eq!(place.tag(sister, "v1", ALL).await.exclusive_bytes, 100);
    metadata.sweep_unreferenced(500, 500, 10).await.unwrap();
    assert_eq!(used().await, held, "though the link is gone");
    assert_eq!(place.ledger(LedgerScope::Image(image), ALL).await, of_image);
    metadata.delete_repository(sister, kept(20, 1_000)).await.unwrap();
    let organization = place
        .ledger(LedgerScope::Organization(place.organizations[0]), ALL)
        .await;
    assert_eq!((organization.images, organization.bin_blob_bytes), (1, 100));
    assert_eq!((used().await, organization.held_bytes), (held, held));
    while metadata.purge_bin(1_010, 3).await.unwrap() {}
    assert_eq!(used().await, held / 2);
    while metadata.purge_bin(1_020, 3).await.unwrap() {}
    assert_eq!(used().await, 0);
    assert!(metadata.store_figures().await.unwrap().reclaim_bytes >= 100);
}

pub(crate) async fn keys_are_told_by_what_names_them(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let image = place.image(0).await;
    place.push(image, "a", 7).await;
    assert_eq!(metadata.count_stored().await.unwrap(), (1, 0, 0));
    let key = metadata
        .linked_blob(image, &place.digest("a"))
        .await
        .unwrap()
        .unwrap()
        .key;
    let named = async || {
        let named = metadata
            .keys_named(&[key.clone(), "none".to_owned()])
            .await
            .unwrap();
        named
            .into_iter()
            .map(|known| (known.key, known.size, known.kind))
            .collect::<Vec<_>>()
    };
    assert_eq!(named().await, [(key.clone(), 7, KeyUse::Blob)]);
    let blobs = metadata.whole_blobs("", 100).await.unwrap();
    assert!(blobs.iter().any(|known| known.key == key));
    let (differing, _) = metadata.recount_images(image - 1, 1).await.unwrap();
    assert_eq!(differing, []);
    world
        .run("UPDATE repositories SET tag_count = tag_count + 5")
        .await;
    let (differing, next) = metadata.recount_images(image - 1, 1).await.unwrap();
    assert_eq!((differing[0].counted, differing[0].found), ((5, 0), (0, 0)));
    assert_eq!(next, Some(image));
    world
        .run("UPDATE repositories SET tag_count = tag_count - 5")
        .await;
    erase(metadata, image, 9).await;
    assert_eq!(named().await, [(key.clone(), 7, KeyUse::Reclaim)]);
}

/// What an image holds at the start of a random case.
#[derive(Clone, Debug)]
struct Pushed {
    image: usize,
    /// Which blobs its manifest uses.
    blobs: BTreeSet<usize>,
    /// Which manifests pushed before it lists.
    lists: BTreeSet<usize>,
    /// Which manifest pushed before it refers to.
    subject: Option<usize>,
    tags: BTreeSet<usize>,
}

fn pushed() -> impl Strategy<Value = Pushed> {
    let set = |of: usize, most| prop::collection::btree_set(0..of, 0..most);
    (
        0..3_usize,
        set(8, 4),
        set(6, 3),
        prop::option::of(0..6_usize),
        set(4, 3),
    )
        .prop_map(|(image, blobs, lists, subject, tags)| Pushed {
            image,
            blobs,
            lists,
            subject,
            tags,
        })
}

async fn come_true(
    world: &World,
    pushes: &[Pushed],
    images: &BTreeSet<usize>,
    gone: &BTreeSet<(usize, usize)>,
) {
    let place = Place::new(world).await;
    let metadata = &world.metadata;
    let repositories = [place.image(0).await, place.image(0).await, place.image(1).await];
    for (n, push) in pushes.iter().enumerate() {
        let repository = repositories[push.image];
        let blobs: Vec<String> = push.blobs.iter().map(|blob| format!("b{blob}")).collect();
        for (blob, name) in push.blobs.iter().zip(&blobs) {
            place.push(repository, name, 1 << blob).await;
        }
        let names: Vec<&str> = blobs.iter().map(String::as_str).collect();
        let here = |m: &usize| *m < n && pushes[*m].image == push.image;
        let tags: Vec<String> = push.tags.iter().map(|tag| format!("t{tag}")).collect();
        let put = PutManifest {
            manifests: push
                .lists
                .iter()
                .filter(|m| here(m))
                .map(|m| place.digest(&format!("m{m}")))
                .collect(),
            subject: push.subject.filter(here).map(|m| place.digest(&format!("m{m}"))),
            tags,
            ..place.manifest(repository, &format!("m{n}"), &names)
        };
        place.put(put).await;
    }
    let mut deleted: BTreeMap<i64, Deleted> = BTreeMap::new();
    for (image, tag) in gone {
        let entry = deleted.entry(repositories[*image]).or_insert_with(|| tags(&[]));
        if let Deleted::Tags(tags) = entry {
            tags.insert(format!("t{tag}"));
        }
    }
    deleted.extend(images.iter().map(|image| (repositories[*image], Deleted::Image)));
    let before = metadata.store_figures().await.unwrap().blob_bytes;
    let held = place
        .ledger(LedgerScope::Account(place.account.clone()), ALL)
        .await
        .held_bytes;
    let foretold = metadata.freed(&deleted, ALL).await.unwrap();
    for (repository, what) in &deleted {
        match what {
            Deleted::Image => assert!(erase(metadata, *repository, 300).await),
            Deleted::Tags(tags) => {
                for tag in tags {
                    metadata
                        .delete_tag(*repository, tag, None, unkept(300))
                        .await
                        .unwrap();
                }
            }
        }
    }
    while metadata.sweep_unreferenced(1_000, 1_000, 100).await.unwrap() > 0 {}
    let after = metadata.store_figures().await.unwrap().blob_bytes;
    assert_eq!(before - after, foretold.blob_bytes, "bytes of the store");
    let left = place
        .ledger(LedgerScope::Account(place.account.clone()), ALL)
        .await;
    assert_eq!(held - left.held_bytes, foretold.held_bytes, "bytes of quotas");
    for repository in repositories {
        erase(metadata, repository, 400).await;
    }
    let queued = metadata.take_reclaim(i64::MAX, 1_000).await.unwrap();
    let keys = queued.into_iter().map(|row| row.key).collect();
    metadata.reclaimed(keys).await.unwrap();
}

pub(crate) async fn any_deletion_frees_what_was_foretold(world: World) {
    let cases = if world.url.starts_with("sqlite") { 48 } else { 12 };
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let pushes = prop::collection::vec(pushed(), 1..10);
    let images = prop::collection::btree_set(0..3_usize, 0..2);
    let gone = prop::collection::btree_set((0..3_usize, 0..4_usize), 0..8);
    let result = runner.run(&(pushes, images, gone), |(pushes, images, gone)| {
        tokio::task::block_in_place(|| {
            Handle::current().block_on(come_true(&world, &pushes, &images, &gone));
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
