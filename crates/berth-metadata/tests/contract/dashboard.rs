//! What runs and what failed, for those with a right on the image.

use crate::policies::new_trigger;
use crate::world::{World, name};
use berth_metadata::{AttentionTimes, DashboardViewer, GrantTarget, Metadata, Permission, User};

/// Runs of the only trigger: two that are open, one that failed and was followed by a success, and one that failed last.
const RUNS: &str = "
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status, ended_at)
        SELECT id, 'v1', 0, 'old', 1, 'failed', 1 FROM triggers;
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status, ended_at)
        SELECT id, 'v1', 0, 'mended', 100, 'failed', 100 FROM triggers;
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status, ended_at)
        SELECT id, 'v1', 1, '', 101, 'success', 101 FROM triggers;
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status, ended_at)
        SELECT id, 'v2', 0, 'refused', 102, 'failed', 102 FROM triggers;
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status)
        SELECT id, 'v3', 0, '', 103, 'running' FROM triggers;
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status)
        SELECT id, 'v4', 0, '', 104, 'waiting' FROM triggers;
    INSERT INTO retention_runs (repository_id, why, created_at, started_at, ended_at, failed)
        SELECT repository_id, 'regular', 1, 100, 110, 'the disk is full' FROM triggers;
    INSERT INTO retention_runs (repository_id, why, created_at)
        SELECT repository_id, 'regular', 1 FROM triggers;
    INSERT INTO sync_jobs (repository_id, tag, region_id, remote_organization, overwrite, status, operator_id,
        operator_name, created_at, updated_at, ended_at)
        SELECT repository_id, 'v1', 'east', 'copies', 0, 'timeout', 'u', 'u', 1, 1, 120 FROM triggers;";

fn viewer(user: &User, administrator: bool) -> DashboardViewer {
    DashboardViewer {
        user_id: user.id.clone(),
        account_id: user.account_id.clone(),
        administrator,
    }
}

pub(crate) async fn runs_are_counted_for_those_with_a_right(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let (owner, member, nobody) = (
        world.user(&account).await,
        world.user(&account).await,
        world.user(&account).await,
    );
    let organization = world.organization(&owner).await;
    let repository = world.repository_in(organization, &name("image")).await;
    world
        .run("UPDATE repositories SET listed = 1, tag_count = 2, size_bytes = 7, pull_count = 3")
        .await;
    metadata
        .create_trigger(new_trigger(repository.id, "roll"), 10)
        .await
        .unwrap();
    world.run(RUNS).await;
    let on = GrantTarget::Repository(repository.id);
    metadata
        .add_grants(on, &[(member.id.clone(), Permission::Read)])
        .await
        .unwrap();
    let administrator = viewer(&nobody, true);
    for (seeing, sees) in [
        (viewer(&owner, false), true),
        (viewer(&member, false), true),
        (administrator, true),
        (viewer(&nobody, false), false),
    ] {
        runs_are_told(metadata, &seeing, sees).await;
        let space = metadata.space_of(&seeing).await.unwrap();
        let held: i64 = space.iter().map(|usage| usage.stored_bytes).sum();
        assert_eq!(held, if sees { 7 } else { 0 });
        let pulled = metadata.most_pulled(&seeing, 5).await.unwrap();
        assert_eq!(pulled.len(), usize::from(sees));
        // Nothing to say, on either database.
        let times = AttentionTimes {
            now: 10,
            soon: 20,
            very_soon: 15,
            unused_since: 0,
        };
        assert_eq!(metadata.ending_shares(&seeing, times, 5).await.unwrap(), []);
        assert_eq!(metadata.stale_logins(&seeing, times, 5).await.unwrap(), []);
        assert_eq!(metadata.full_quotas(&seeing, 5).await.unwrap(), []);
        assert_eq!(metadata.newest_tags(&seeing, 5).await.unwrap(), []);
        metadata.first_steps(&seeing).await.unwrap();
    }
    assert_eq!(metadata.places_away(&account, 5).await.unwrap(), []);
    assert_eq!(metadata.count_damaged().await.unwrap(), 0);
}

/// The runs of [`RUNS`], counted and failed, are told or nothing is.
async fn runs_are_told(metadata: &Metadata, seeing: &DashboardViewer, sees: bool) {
    let counts = metadata.run_counts(seeing, 50).await.unwrap();
    let mut counts: Vec<_> = counts
        .iter()
        .map(|run| (run.kind.as_str(), run.state.as_str(), run.count))
        .collect();
    counts.sort_unstable();
    let expected = [
        ("retention", "failed", 1),
        ("retention", "waiting", 1),
        ("sync", "failed", 1),
        ("trigger", "failed", 2),
        ("trigger", "running", 1),
        ("trigger", "waiting", 1),
    ];
    assert_eq!(counts, if sees { &expected[..] } else { &[] });
    let failed = metadata.failed_runs(seeing, 50, 5).await.unwrap();
    let failed: Vec<_> = failed
        .iter()
        .map(|run| {
            (
                run.kind.as_str(),
                run.name.as_str(),
                run.tag.as_str(),
                run.detail.as_str(),
            )
        })
        .collect();
    let expected = [
        ("trigger", "roll", "v2", "refused"),
        ("sync", "east", "v1", ""),
        ("retention", "", "", "the disk is full"),
    ];
    assert_eq!(failed, if sees { &expected[..] } else { &[] });
}
