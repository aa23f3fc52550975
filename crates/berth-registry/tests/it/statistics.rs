//! What is counted: what really happened, once, also across the end of a process.

use berth_metadata::Permission;
use berth_oci::{Digest, RangeRequest, Reference};
use berth_registry::{
    BlobRead, Caller, CountedDay, Counts, Error, Frequency, Limits, Measure, Overview, Statistics,
    StatisticsOf,
};
use futures_util::StreamExt as _;

use crate::harness::{TestRegistry, admin, broken, image, member, name, sha256};

const CONFIG: &[u8] = b"{}";
const LAYER: &[u8] = b"a layer of 24 bytes long";

/// Pushes an image and answers its manifest.
async fn push_image(test: &TestRegistry, repository: &str) -> Vec<u8> {
    test.push(repository, CONFIG).await;
    test.push(repository, LAYER).await;
    let manifest = image(CONFIG, &[LAYER]);
    test.put(repository, "v1", &manifest)
        .await
        .expect("a pushed manifest");
    manifest
}

async fn pull_manifest(test: &TestRegistry, caller: &Caller, repository: &str, reference: &str) {
    let reference: Reference = reference.parse().expect("a reference");
    let found = test
        .registry
        .manifest(caller, &name(repository), &reference)
        .await;
    found.expect("a manifest").pull();
}

async fn statistics(test: &TestRegistry, caller: &Caller, of: StatisticsOf) -> Statistics {
    let found = test.registry.statistics(caller, &of, 30).await;
    found.expect("statistics")
}

fn organization(organization: &str) -> StatisticsOf {
    StatisticsOf::Organization(organization.parse().expect("a name"))
}

/// What happened today, after a check that there is no other day.
fn today(statistics: &Statistics) -> Counts {
    let [CountedDay { counts, .. }] = statistics.days[..] else {
        panic!("the installation is of today, its days are {:?}", statistics.days);
    };
    counts
}

/// Opens a blob and takes so many of its chunks.
async fn take(test: &TestRegistry, digest: &Digest, range: RangeRequest<'_>, chunks: usize) {
    let opened = test
        .registry
        .open_blob(&admin(), &name("team/app"), digest, range)
        .await;
    let Ok(BlobRead::Opened(blob)) = opened else {
        panic!("not opened")
    };
    for chunk in blob.stream.take(chunks).collect::<Vec<_>>().await {
        chunk.expect("bytes");
    }
}

#[tokio::test]
async fn what_happens_is_counted_for_image_organization_and_account() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = push_image(&test, "team/app").await;
    test.put("team/app", "v2", &manifest)
        .await
        .expect("the same manifest again");
    pull_manifest(&test, &admin(), "team/app", "v1").await;
    pull_manifest(&test, &admin(), "team/app", sha256(&manifest).as_str()).await;
    // To look at it is no pull.
    let v1 = "v1".parse().expect("a reference");
    let looked = test
        .registry
        .manifest_descriptor(&admin(), &name("team/app"), &v1)
        .await;
    looked.expect("a descriptor");
    let kept = test.registry.manifest(&admin(), &name("team/app"), &v1).await;
    drop(kept.expect("a manifest that the client had"));
    test.pull(&admin(), "team/app", &sha256(LAYER))
        .await
        .expect("a layer");
    let expected = Counts {
        pulls: 2,
        pushes: 2,
        bytes_out: 24,
        bytes_in: 26,
    };
    let app = StatisticsOf::Repository(name("team/app"));
    for of in [app.clone(), organization("team"), StatisticsOf::Account] {
        let found = statistics(&test, &admin(), of.clone()).await;
        assert_eq!(today(&found), expected, "{of:?}");
        // A second look counts nothing twice.
        let found = statistics(&test, &admin(), of.clone()).await;
        assert_eq!(today(&found), expected, "{of:?}");
        let stored = (of != app).then_some(26);
        assert_eq!(found.days[0].stored_bytes, stored, "{of:?}");
    }
    let found = test
        .metadata
        .repository("team/app")
        .await
        .expect("metadata")
        .expect("the image");
    let pulled = test
        .metadata
        .manifest_pulls(found.id, sha256(&manifest).as_str())
        .await;
    assert_eq!(pulled.expect("metadata").expect("it was pulled").pulls, 2);
}

#[tokio::test]
async fn an_overview_and_reports_tell_what_was_counted() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = push_image(&test, "team/app").await;
    test.put("team/app", "v2", &manifest)
        .await
        .expect("the same manifest again");
    pull_manifest(&test, &admin(), "team/app", "v1").await;
    pull_manifest(&test, &admin(), "team/app", "v2").await;
    test.pull(&admin(), "team/app", &sha256(LAYER))
        .await
        .expect("a layer");
    let overview = test.registry.overview(&admin()).await.expect("an overview");
    let expected = Overview {
        account_id: "000000000000000000000000000000aa".to_owned(),
        account_name: "berth".to_owned(),
        organizations: 1,
        repositories: 1,
        tags: 2,
        stored_bytes: 26,
        bytes_out: 24,
    };
    assert_eq!(overview, expected);
    for (measure, value) in [
        (Measure::Stored, 26),
        (Measure::BytesOut, 24),
        (Measure::Pulls, 2),
        (Measure::Pushes, 2),
    ] {
        for frequency in [Frequency::Daily, Frequency::Monthly] {
            let report = test
                .registry
                .report(&admin(), measure, frequency)
                .await
                .expect("a report");
            let values: Vec<i64> = report.iter().map(|entry| entry.value).collect();
            assert_eq!(values, [value], "{measure:?} {frequency:?}");
        }
    }
}

#[tokio::test]
async fn bytes_count_as_far_as_they_came() {
    let test = TestRegistry::open(Limits::default()).await;
    let large = vec![7_u8; 3 << 20];
    let digest = test.push("team/app", &large).await;
    let pushed = today(&statistics(&test, &admin(), StatisticsOf::Account).await);
    assert_eq!((pushed.bytes_in, pushed.bytes_out), (3 << 20, 0));
    // A client that goes away after the first chunk.
    take(&test, &digest, RangeRequest::Whole, 1).await;
    let some = today(&statistics(&test, &admin(), StatisticsOf::Account).await).bytes_out;
    assert!(some > 0 && some < 3 << 20, "{some} bytes");
    take(
        &test,
        &digest,
        RangeRequest::parse(Some("bytes=10-109")).expect("one range"),
        usize::MAX,
    )
    .await;
    let more = today(&statistics(&test, &admin(), StatisticsOf::Account).await).bytes_out;
    assert_eq!(more, some + 100);
    let several = RangeRequest::parse(Some("bytes=0-9,90-109")).expect("two ranges");
    take(&test, &digest, several, usize::MAX).await;
    let more = today(&statistics(&test, &admin(), StatisticsOf::Account).await).bytes_out;
    assert_eq!(
        more,
        some + 130,
        "what stands between the parts is no byte of the blob"
    );
    let id = test.start(&admin(), "team/app").await.expect("an upload");
    let (app, lost) = (name("team/app"), broken(b"lost"));
    let ended = test.registry.append_upload(&admin(), &app, &id, lost).await;
    assert!(matches!(ended, Err(Error::BodyInterrupted(_))), "{ended:?}");
    let received = today(&statistics(&test, &admin(), StatisticsOf::Account).await).bytes_in;
    assert_eq!(received, (3 << 20) + 4);
}

#[tokio::test]
async fn a_mounted_blob_was_not_received() {
    let test = TestRegistry::open(Limits::default()).await;
    push_image(&test, "team/app").await;
    let start = berth_oci::endpoint::StartUpload {
        mount: Some(sha256(LAYER)),
        from: Some(name("team/app")),
        ..Default::default()
    };
    let mounted = test
        .registry
        .start_upload(&admin(), &name("team/copy"), &start)
        .await;
    mounted.expect("a mounted blob");
    assert_eq!(
        today(&statistics(&test, &admin(), StatisticsOf::Account).await).bytes_in,
        26
    );
}

#[tokio::test]
async fn counts_outlive_the_process() {
    let test = TestRegistry::open(Limits::default()).await;
    push_image(&test, "team/app").await;
    pull_manifest(&test, &admin(), "team/app", "v1").await;
    test.registry.close().await;
    let test = test.reopen().await;
    pull_manifest(&test, &admin(), "team/app", "v1").await;
    let counts = today(&statistics(&test, &admin(), StatisticsOf::Account).await);
    assert_eq!((counts.pulls, counts.pushes, counts.bytes_in), (2, 1, 26));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pulls_at_the_same_time_all_count() {
    let test = std::sync::Arc::new(TestRegistry::open(Limits::default()).await);
    push_image(&test, "team/app").await;
    push_image(&test, "team/other").await;
    let mut pulling = Vec::new();
    for n in 0..8 {
        let test = std::sync::Arc::clone(&test);
        let repository = if n % 2 == 0 { "team/app" } else { "team/other" };
        pulling.push(tokio::spawn(async move {
            for _ in 0..50 {
                pull_manifest(&test, &admin(), repository, "v1").await;
                // A look writes what is counted, while the others count.
                test.registry.overview(&admin()).await.expect("an overview");
            }
        }));
    }
    for pulls in pulling {
        pulls.await.expect("pulls");
    }
    assert_eq!(
        today(&statistics(&test, &admin(), organization("team")).await).pulls,
        400
    );
    let app = StatisticsOf::Repository(name("team/app"));
    assert_eq!(today(&statistics(&test, &admin(), app).await).pulls, 200);
}

#[tokio::test]
async fn statistics_are_for_those_with_a_right() {
    let test = TestRegistry::open(Limits::default()).await;
    push_image(&test, "team/app").await;
    let app = StatisticsOf::Repository(name("team/app"));
    for of in [organization("team"), app.clone()] {
        let hidden = test.registry.statistics(&member(), &of, 30).await;
        assert!(
            matches!(hidden, Err(Error::Unknown(_) | Error::RepositoryUnknown(_))),
            "{hidden:?}"
        );
        let nobody = test.registry.statistics(&Caller::Anonymous, &of, 30).await;
        assert!(matches!(nobody, Err(Error::Unauthenticated)), "{nobody:?}");
    }
    // Without a right on any organization, there is nothing to tell of.
    let overview = test.registry.overview(&member()).await.expect("an overview");
    let numbers = (overview.organizations, overview.repositories, overview.tags);
    assert_eq!((numbers, overview.stored_bytes), ((0, 0, 0), 0));
    let found = test
        .metadata
        .repository("team/app")
        .await
        .expect("metadata")
        .expect("the image");
    let public = test.metadata.set_repository_public(found.id, true, 0).await;
    assert!(public.expect("metadata"));
    pull_manifest(&test, &member(), "team/app", "v1").await;
    let public = test.registry.statistics(&member(), &app, 30).await;
    assert!(
        matches!(public, Err(Error::Denied(_))),
        "who may only pull does not see: {public:?}"
    );

    test.grant(Permission::Read).await;
    let expected = Counts {
        pulls: 1,
        pushes: 1,
        bytes_out: 0,
        bytes_in: 26,
    };
    for of in [app, organization("team"), StatisticsOf::Account] {
        assert_eq!(today(&statistics(&test, &member(), of).await), expected);
    }
    let overview = test.registry.overview(&member()).await.expect("an overview");
    let numbers = (overview.organizations, overview.repositories, overview.tags);
    assert_eq!((numbers, overview.stored_bytes), ((1, 1, 1), 26));
}

#[tokio::test]
async fn days_are_bounded() {
    let test = TestRegistry::open(Limits::default()).await;
    for days in [i64::MIN, 0, 367, i64::MAX] {
        let refused = test
            .registry
            .statistics(&admin(), &StatisticsOf::Account, days)
            .await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{days}: {refused:?}");
    }
}

#[tokio::test]
async fn what_is_deleted_stays_counted_for_the_account() {
    let test = TestRegistry::open(Limits::default()).await;
    push_image(&test, "team/app").await;
    pull_manifest(&test, &admin(), "team/app", "v1").await;
    test.registry
        .delete_repository(&admin(), &name("team/app"))
        .await
        .expect("deleted");
    let team = "team".parse().expect("a name");
    test.registry
        .delete_organization(&admin(), &team)
        .await
        .expect("deleted");
    let counts = today(&statistics(&test, &admin(), StatisticsOf::Account).await);
    assert_eq!((counts.pulls, counts.pushes, counts.bytes_in), (1, 1, 26));
    let overview = test.registry.overview(&admin()).await.expect("an overview");
    assert_eq!((overview.organizations, overview.stored_bytes), (0, 0));
}
