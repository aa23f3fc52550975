//! Quotas of bytes: what they count, reserve and refuse, also where many push at once.

use crate::world::{World, conflict, digest, erase, finish, id, manifest, name, new_upload, unkept};
use berth_metadata::{
    ByteQuota, Conflict, Error, FinishUpload, QuotaFull, QuotaPlace, Quotas, Repository, SaveUpload,
    UploadRow,
};
use futures_util::future::join_all;

/// An organisation under a quota, in an account under one.
struct Place {
    world: World,
    account: String,
    organization: i64,
}

impl Place {
    async fn new(world: &World) -> Place {
        let user = world.user(&world.account().await).await;
        Place {
            world: world.clone(),
            account: user.account_id.clone(),
            organization: world.organization(&user).await,
        }
    }

    async fn limits(&self, organization: Option<i64>, account: Option<i64>) {
        let metadata = &self.world.metadata;
        metadata
            .set_organization_byte_quota(self.organization, organization, 1)
            .await
            .unwrap();
        let bytes = Quotas {
            bytes: account,
            ..Quotas::default()
        };
        metadata.set_quotas(&self.account, bytes, 1).await.unwrap();
    }

    async fn image(&self) -> Repository {
        self.world.repository_in(self.organization, &name("image")).await
    }

    /// Both quotas count the same here, and what is there.
    #[track_caller]
    fn holds(&self, used: i64, reserved: i64) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let metadata = &self.world.metadata;
            let organization = metadata.organization_byte_quota(self.organization).await.unwrap();
            let account = metadata.account_byte_quota(&self.account).await.unwrap();
            for quota in [organization, account] {
                let quota = quota.unwrap();
                assert_eq!((quota.used, quota.reserved), (used, reserved), "{place}");
            }
            assert_eq!(metadata.compare_byte_quotas().await.unwrap(), [], "{place}");
        }
    }

    async fn upload(&self, repository: i64) -> UploadRow {
        let row = new_upload(&id(), repository, 5);
        let under_quota = self.world.metadata.create_upload(row.clone()).await.unwrap();
        UploadRow { under_quota, ..row }
    }
}

/// A refusal, but for the name in it.
fn full(place: QuotaPlace, (limit, used, reserved, wanted): (i64, i64, i64, i64)) -> QuotaFull {
    QuotaFull {
        place,
        name: String::new(),
        limit,
        used,
        reserved,
        wanted,
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> QuotaFull {
    match conflict(result) {
        Conflict::BytesQuota(full) => nameless(full),
        other => panic!("{other:?}"),
    }
}

fn nameless(mut full: QuotaFull) -> QuotaFull {
    assert!(
        full.name.starts_with("org") || full.name.starts_with("account"),
        "{full:?}"
    );
    full.name.clear();
    full
}

pub(crate) async fn a_quota_counts_what_each_image_holds(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let (one, two) = (place.image().await.id, place.image().await.id);
    world.push(one, &digest("a"), "a1", 10).await;
    metadata
        .put_manifest(manifest(one, "m", &[&digest("a")]))
        .await
        .unwrap();
    place.limits(Some(1000), Some(2000)).await;
    place.holds(10 + 1, 0).await;

    world.push(one, &digest("a"), "a2", 10).await;
    place.holds(11, 0).await;
    metadata.mount_blob(one, two, &digest("a"), 11).await.unwrap();
    metadata.mount_blob(one, two, &digest("a"), 11).await.unwrap();
    place.holds(21, 0).await;
    world.push(two, &digest("b"), "b1", 11).await;
    let named = manifest(two, "name", &[&digest("a"), &digest("b")]);
    metadata.put_manifest(named.clone()).await.unwrap();
    metadata.put_manifest(named).await.unwrap();
    place.holds(35, 0).await;

    metadata
        .delete_manifest(two, &digest("name"), unkept(12))
        .await
        .unwrap();
    place.holds(31, 0).await;
    metadata.unlink_blob(two, &digest("a"), 13).await.unwrap();
    place.holds(21, 0).await;
    metadata.sweep_unreferenced(100, 100, 10).await.unwrap();
    place.holds(11, 0).await;
    erase(metadata, one, 101).await;
    place.holds(0, 0).await;

    place.limits(None, None).await;
    assert_eq!(
        metadata
            .organization_byte_quota(place.organization)
            .await
            .unwrap(),
        None
    );
    assert_eq!(metadata.account_byte_quota(&place.account).await.unwrap(), None);
    let nowhere = metadata.set_organization_byte_quota(-1, Some(1), 1).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
}

pub(crate) async fn an_upload_reserves_and_gives_back(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let image = place.image().await.id;
    assert!(!place.upload(image).await.under_quota);
    place.limits(Some(100), Some(1000)).await;
    let upload = place.upload(image).await;
    assert!(upload.under_quota);
    assert!(
        metadata
            .upload(image, &upload.id)
            .await
            .unwrap()
            .unwrap()
            .under_quota
    );

    let reserve = async |id: &str, bytes| metadata.reserve_upload(id, image, bytes).await.unwrap();
    assert_eq!(reserve(&upload.id, 60).await, None);
    place.holds(0, 60).await;
    assert_eq!(reserve(&upload.id, 80).await, None);
    place.holds(0, 80).await;
    let save = SaveUpload {
        id: upload.id.clone(),
        expected_offset: 0,
        offset: 30,
        hash_state: Vec::new(),
        backend: String::new(),
        turn: String::new(),
        goes_on: false,
        now: 6,
    };
    metadata.save_upload(save).await.unwrap();
    place.holds(0, 30).await;

    let other = place.upload(image).await;
    assert_eq!(reserve(&other.id, 20).await, None);
    let refused = reserve(&other.id, 71).await.map(nameless);
    assert_eq!(refused, Some(full(QuotaPlace::Organization, (100, 0, 50, 51))));
    assert!(!metadata.upload_exists(&other.id).await.unwrap());
    place.holds(0, 30).await;
    let gone = metadata.reserve_upload(&other.id, image, 1).await;
    assert_eq!(conflict(gone), Conflict::UploadGone);

    let finished = FinishUpload {
        size: 30,
        ..finish(&upload.id, image, &digest("x"), 7)
    };
    metadata.finish_upload(finished).await.unwrap();
    place.holds(30, 0).await;
    let cancelled = place.upload(image).await;
    assert_eq!(reserve(&cancelled.id, 70).await, None);
    place.holds(30, 70).await;
    assert!(metadata.delete_upload(&cancelled.id).await.unwrap());
    place.holds(30, 0).await;
    let left = place.upload(image).await;
    assert_eq!(reserve(&left.id, 70).await, None);
    erase(metadata, image, 8).await;
    place.holds(0, 0).await;
}

pub(crate) async fn a_full_quota_refuses_and_stores_nothing(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let (image, other) = (place.image().await.id, world.repository().await.id);
    world.push(other, &digest("far"), "far", 5).await;
    world.push(image, &digest("a"), "a", 5).await;
    place.limits(Some(1000), Some(14)).await;

    let no_room = full(QuotaPlace::Account, (14, 10, 0, 10));
    let upload = place.upload(image).await;
    let pushed = metadata
        .finish_upload(finish(&upload.id, image, &digest("b"), 6))
        .await;
    assert_eq!(refused(pushed), no_room);
    assert!(
        metadata.upload_exists(&upload.id).await.unwrap(),
        "it is the caller's to give up"
    );
    assert_eq!(metadata.linked_blob(image, &digest("b")).await.unwrap(), None);
    let mounted = metadata.mount_blob(other, image, &digest("far"), 6).await;
    assert_eq!(refused(mounted), no_room);
    let put = metadata
        .put_manifest(manifest(image, "five5", &[&digest("a")]))
        .await;
    assert_eq!(refused(put), full(QuotaPlace::Account, (14, 10, 0, 5)));
    assert_eq!(
        metadata
            .manifest_by_digest(image, &digest("five5"))
            .await
            .unwrap(),
        None
    );
    metadata
        .put_manifest(manifest(image, "four", &[&digest("a")]))
        .await
        .unwrap();
    place.holds(14, 0).await;

    // Below what is there: nothing new, and what is there stays and can be pushed again.
    place.limits(Some(3), Some(14)).await;
    world.push(image, &digest("a"), "again", 7).await;
    metadata
        .put_manifest(manifest(image, "four", &[&digest("a")]))
        .await
        .unwrap();
    let put = metadata.put_manifest(manifest(image, "x", &[])).await;
    assert_eq!(refused(put), full(QuotaPlace::Organization, (3, 14, 0, 1)));
    metadata
        .delete_manifest(image, &digest("four"), unkept(8))
        .await
        .unwrap();
    place.holds(10, 0).await;
}

/// Of those that push at once into the last room as many get in as fit, whatever they know of their size.
pub(crate) async fn as_many_get_in_as_fit(world: World) {
    const ROOM: i64 = 105;
    let place = Place::new(&world).await;
    place.limits(Some(ROOM), Some(1000)).await;
    let images = [place.image().await.id, place.image().await.id];
    let replicas = [world.again().await, world.again().await];
    let push = async |n: usize| {
        let (metadata, image) = (&replicas[n % 2].metadata, images[n / 2 % 2]);
        let upload = new_upload(&id(), image, 5);
        metadata.create_upload(upload.clone()).await.unwrap();
        // One tells its size before, one brings its bytes bit by bit, one tells nothing.
        let steps: &[i64] = [&[10][..], &[2, 5, 7, 10], &[]][n % 3];
        for bytes in steps {
            let full = metadata.reserve_upload(&upload.id, image, *bytes).await.unwrap();
            if full.is_some() {
                return false;
            }
        }
        let finish = finish(
            &upload.id,
            image,
            &digest(&format!("{}{n}", place.organization)),
            6,
        );
        match metadata.finish_upload(finish).await {
            Ok(_) => true,
            refused => {
                assert!(matches!(conflict(refused), Conflict::BytesQuota(_)));
                metadata.delete_upload(&upload.id).await.unwrap();
                false
            }
        }
    };
    let stored = join_all((0..32).map(push)).await;
    let stored = stored.into_iter().filter(|stored| *stored).count();
    place.holds(10 * i64::try_from(stored).unwrap(), 0).await;
    assert_eq!(stored, 10);
    for replica in replicas {
        replica.metadata.close().await;
    }
}

pub(crate) async fn a_quota_set_amid_pushes_counts_them_all(world: World) {
    let place = Place::new(&world).await;
    let image = place.image().await.id;
    let replica = world.again().await;
    let push = async |n: usize| {
        let metadata = &replica.metadata;
        let key = id();
        metadata.create_upload(new_upload(&key, image, 5)).await.unwrap();
        metadata.reserve_upload(&key, image, 10).await.unwrap();
        let blob = digest(&format!("{}{n}", place.organization));
        metadata
            .finish_upload(finish(&key, image, &blob, 6))
            .await
            .unwrap();
        let four = format!("{n:4}");
        metadata
            .put_manifest(manifest(image, &four, &[&blob]))
            .await
            .unwrap();
        if n.is_multiple_of(3) {
            metadata
                .delete_manifest(image, &digest(&four), unkept(7))
                .await
                .unwrap();
        }
    };
    let pushes = join_all((0..40).map(push));
    let settings = async {
        for _ in 0..5 {
            place.limits(Some(100_000), None).await;
            place.limits(None, Some(100_000)).await;
        }
        place.limits(Some(100_000), Some(100_000)).await;
    };
    tokio::join!(pushes, settings);
    place.holds(40 * 10 + 26 * 4, 0).await;
    replica.metadata.close().await;
}

pub(crate) async fn what_a_quota_counts_wrongly_is_found_and_put_right(world: World) {
    let place = Place::new(&world).await;
    let image = place.image().await.id;
    world.push(image, &digest("a"), "a", 5).await;
    place.limits(Some(50), Some(60)).await;
    world
        .run("UPDATE byte_quotas SET used_bytes = 3, reserved_bytes = 4 WHERE organization_id IS NOT NULL")
        .await;
    let metadata = &world.metadata;
    let differing = metadata.compare_byte_quotas().await.unwrap();
    assert_eq!(differing, metadata.recount_byte_quotas(9).await.unwrap());
    let [differing] = &differing[..] else {
        panic!("{differing:?}");
    };
    assert!(differing.of.starts_with("organization org"), "{differing:?}");
    let quota = |used, reserved| ByteQuota {
        limit: 50,
        used,
        reserved,
    };
    assert_eq!((differing.counted, differing.found), (quota(3, 4), quota(10, 0)));
    place.holds(10, 0).await;
}
