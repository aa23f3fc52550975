//! How far archives came, and who may move them on.

use crate::world::{World, conflict};
use berth_metadata::{
    ARCHIVE, ArchiveChunk, ArchiveState, ArchiveStep, Conflict, JobClaim, NewArchive, NewJob,
};

fn new_archive(id: &str, organization_id: i64, user_id: &str) -> NewArchive {
    NewArchive {
        id: id.to_owned(),
        organization_id,
        user_id: user_id.to_owned(),
        actor: "{}".to_owned(),
        file_name: "a.tar".to_owned(),
        size: 10,
        chunk_size: 8,
        fingerprint: String::new(),
        wanted: "{}".to_owned(),
        found: "{}".to_owned(),
        limit: 2,
        now: 5,
    }
}

fn chunk(number: i64, from: i64, to: i64) -> ArchiveChunk {
    ArchiveChunk {
        number,
        from,
        to,
        found: (to == 8).then(|| "found".to_owned()),
        job: (to == 10).then(|| job(number)),
        now: 6,
    }
}

fn job(number: i64) -> NewJob {
    NewJob {
        kind: ARCHIVE,
        subject: number,
        lane: "lane".to_owned(),
        due_at: 6,
    }
}

fn step(number: i64, from: ArchiveState, to: ArchiveState) -> ArchiveStep {
    ArchiveStep {
        number,
        from,
        to,
        wanted: None,
        found: None,
        job: None,
        now: 7,
    }
}

async fn organization(world: &World) -> (i64, String) {
    let account = world.account().await;
    let user = world.user(&account).await;
    (world.organization(&user).await, user.id)
}

pub(crate) async fn chunks_follow_one_another_and_the_last_one_queues_the_work(world: World) {
    let (organization, user) = organization(&world).await;
    let metadata = &world.metadata;
    let made = metadata
        .create_archive(new_archive("a", organization, &user))
        .await
        .unwrap();
    assert_eq!((made.offset, made.state), (0, ArchiveState::Receiving));
    let add = async |from, to| {
        metadata
            .add_archive_chunk(chunk(made.number, from, to))
            .await
            .unwrap()
    };
    assert!(!add(8, 10).await, "it does not stand there");
    assert!(add(0, 8).await);
    assert!(!add(0, 8).await, "it came already");
    assert!(add(8, 10).await);
    let found = metadata.archive("a").await.unwrap().unwrap();
    assert_eq!(
        (found.offset, found.state, found.found.as_str()),
        (10, ArchiveState::Processing, "found")
    );
    assert!(!add(10, 11).await, "nothing comes any more");
    let claim = JobClaim {
        kind: ARCHIVE,
        holder: "process".to_owned(),
        held_ms: 1000,
        lane_max: 1,
        now: 6,
    };
    let job = metadata.claim_job(claim).await.unwrap().unwrap();
    assert_eq!(job.subject, made.number);
}

pub(crate) async fn an_archive_moves_on_from_the_state_that_it_is_in(world: World) {
    let (organization, user) = organization(&world).await;
    let metadata = &world.metadata;
    let made = metadata
        .create_archive(new_archive("a", organization, &user))
        .await
        .unwrap();
    let moves = async |from, to| metadata.step_archive(step(made.number, from, to)).await.unwrap();
    assert!(!moves(ArchiveState::Asking, ArchiveState::Processing).await);
    assert!(moves(ArchiveState::Receiving, ArchiveState::Cancelled).await);
    assert!(!moves(ArchiveState::Receiving, ArchiveState::Done).await);
    assert!(
        !metadata
            .add_archive_chunk(chunk(made.number, 0, 8))
            .await
            .unwrap()
    );
    assert_eq!(metadata.archives_of(&user, i64::MAX, 10).await.unwrap(), []);
    assert_eq!(metadata.old_archives(7, 10).await.unwrap(), []);
    let old = metadata.old_archives(8, 10).await.unwrap();
    assert_eq!(old.len(), 1);
    metadata.archive_has_no_bytes(made.number).await.unwrap();
    assert!(
        !metadata
            .archive_by_number(made.number)
            .await
            .unwrap()
            .unwrap()
            .has_bytes
    );
    metadata.delete_archive(made.number).await.unwrap();
    assert_eq!(metadata.archive("a").await.unwrap(), None);
}

pub(crate) async fn a_user_has_so_many_archives_under_way(world: World) {
    let (organization, user) = organization(&world).await;
    let metadata = &world.metadata;
    let begin = async |id: &str| {
        metadata
            .create_archive(new_archive(id, organization, &user))
            .await
    };
    let first = begin("a").await.unwrap();
    begin("b").await.unwrap();
    assert_eq!(conflict(begin("c").await), Conflict::TooMany);
    let ended = step(first.number, ArchiveState::Receiving, ArchiveState::Failed);
    metadata.step_archive(ended).await.unwrap();
    begin("c").await.unwrap();
    let mine = metadata.archives_of(&user, i64::MAX, 2).await.unwrap();
    let ids: Vec<_> = mine.iter().map(|archive| archive.id.as_str()).collect();
    assert_eq!(ids, ["c", "b"]);
    let nowhere = metadata
        .create_archive(new_archive("d", i64::MAX, "nobody"))
        .await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
}
