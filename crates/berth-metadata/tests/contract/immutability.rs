//! Rules about immutable tags, and what they stop.

use crate::world::{World, at, conflict, digest, id, kept, manifest, new_repository, tagged};
use berth_metadata::{
    BinPage, BinRestore, BinViewer, Conflict, Deletion, Guard, ImmutabilityTerms, MoveTag,
    NewImmutabilityRule, PutManifest, Repository, TagChange, TagSource,
};
use futures_util::future::join_all;
use std::sync::Arc;

fn terms(pattern: &str) -> ImmutabilityTerms {
    ImmutabilityTerms {
        images: None,
        kind: "glob".to_owned(),
        pattern: pattern.to_owned(),
        except: None,
    }
}

fn new_rule(organization_id: i64, repository_id: Option<i64>, pattern: &str) -> NewImmutabilityRule {
    NewImmutabilityRule {
        organization_id,
        repository_id,
        terms: terms(pattern),
        creator_id: id(),
        creator_name: "maria".to_owned(),
        limit: 3,
        now: 7,
    }
}

/// What somebody knows who read at this version that rule 9 covers the tags that begin with `v`.
fn guard(version: i64) -> Guard {
    Guard::Rules {
        version,
        covers: Some(Arc::new(|tag| tag.starts_with('v').then_some(9))),
    }
}

/// What the metadata refuses a change of a tag for that names the manifest made of a word.
fn immutable(tag: &str, word: &str) -> Conflict {
    Conflict::TagImmutable {
        tag: tag.to_owned(),
        digest: digest(word),
        rule: 9,
    }
}

async fn version(world: &World, repository: &Repository) -> i64 {
    let standing = world
        .metadata
        .standing(&repository.organization, Some(&repository.image), None, 1);
    standing.await.unwrap().rules_version
}

pub(crate) async fn rules_are_kept_and_their_changes_counted(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let organization = repository.organization_id;
    let other = world.repository().await;
    assert_eq!(version(&world, &repository).await, 0);
    let mut whole = new_rule(organization, None, "v*");
    whole.terms.images = Some("a/**".to_owned());
    whole.terms.except = Some("vnext".to_owned());
    let whole = metadata.create_immutability_rule(whole).await.unwrap();
    assert_eq!((whole.creator_name.as_str(), whole.created_at), ("maria", 7));
    let own = new_rule(organization, Some(repository.id), "stable");
    let own = metadata.create_immutability_rule(own).await.unwrap();
    assert_eq!(version(&world, &repository).await, 2);
    assert_eq!(version(&world, &other).await, 0);
    let rules = async |repository| {
        metadata
            .immutability_rules(organization, repository)
            .await
            .unwrap()
    };
    assert_eq!(rules(None).await, std::slice::from_ref(&whole));
    assert_eq!(rules(Some(repository.id)).await, [whole.clone(), own.clone()]);
    assert_eq!(rules(Some(other.id)).await, std::slice::from_ref(&whole));

    let again = new_rule(organization, Some(repository.id), "stable");
    let again = metadata.create_immutability_rule(again).await;
    assert_eq!(conflict(again), Conflict::Taken);
    for pattern in ["one", "two"] {
        let rule = new_rule(organization, Some(repository.id), pattern);
        metadata.create_immutability_rule(rule).await.unwrap();
    }
    let fourth = new_rule(organization, Some(repository.id), "three");
    let fourth = metadata.create_immutability_rule(fourth).await;
    assert_eq!(conflict(fourth), Conflict::TooMany);
    let nowhere = metadata.create_immutability_rule(new_rule(-1, None, "x")).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
    let nothing = new_rule(organization, Some(-1), "x");
    let nothing = metadata.create_immutability_rule(nothing).await;
    assert_eq!(conflict(nothing), Conflict::RepositoryGone);
    assert_eq!(
        version(&world, &repository).await,
        4,
        "what was refused counts nothing"
    );

    let delete = async |repository, id| {
        metadata
            .delete_immutability_rule(organization, repository, id)
            .await
            .unwrap()
    };
    assert!(!delete(None, own.id).await, "it is the image's");
    assert!(!delete(Some(other.id), own.id).await);
    assert!(delete(Some(repository.id), own.id).await);
    assert!(!delete(Some(repository.id), own.id).await);
    assert!(delete(None, whole.id).await);
    assert!(version(&world, &repository).await > 4);
    assert_eq!(rules(None).await, []);
}

pub(crate) async fn rules_go_with_what_they_are_on(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let organization = repository.organization_id;
    for repository_id in [None, Some(repository.id)] {
        let rule = new_rule(organization, repository_id, "v*");
        metadata.create_immutability_rule(rule).await.unwrap();
    }
    let deletion = kept(5, 100);
    assert!(metadata.delete_repository(repository.id, deletion).await.unwrap());
    let rules = metadata
        .immutability_rules(organization, Some(repository.id))
        .await;
    assert_eq!(rules.unwrap().len(), 2, "the image may come back");
    assert!(
        metadata
            .delete_organization(&repository.organization, 6)
            .await
            .unwrap()
    );
    let rules = metadata
        .immutability_rules(organization, Some(repository.id))
        .await;
    assert_eq!(rules.unwrap(), []);
}

pub(crate) async fn names_of_repositories_are_listed_by_id(world: World) {
    let first = world.repository().await;
    let organization = first.organization_id;
    let second = world.repository_in(organization, "second").await;
    // One that a push has only begun is not there yet.
    let begun = new_repository(organization, "begun");
    world.metadata.ensure_repository(begun).await.unwrap();
    let names = async |after, limit| {
        let names = world.metadata.repository_names(organization, after, limit).await;
        names.unwrap()
    };
    let both = [(first.id, first.image.clone()), (second.id, "second".to_owned())];
    assert_eq!(names(0, 10).await, both);
    assert_eq!(names(0, 1).await, both[..1]);
    assert_eq!(names(first.id, 10).await, both[1..]);
}

/// A repository in which `v1` and `latest` name the manifest `one`, and `two` is stored; its rules are at version 1.
async fn protected(world: &World) -> Repository {
    let repository = world.repository().await;
    let one = tagged(manifest(repository.id, "one", &[]), &["latest", "v1"]);
    world.metadata.put_manifest(one).await.unwrap();
    world
        .metadata
        .put_manifest(manifest(repository.id, "two", &[]))
        .await
        .unwrap();
    let rule = new_rule(repository.organization_id, None, "v*");
    world.metadata.create_immutability_rule(rule).await.unwrap();
    repository
}

fn push(repository: &Repository, word: &str, tags: &[&str], guard: Guard) -> PutManifest {
    PutManifest {
        guard,
        ..tagged(manifest(repository.id, word, &[]), tags)
    }
}

fn retag(repository: &Repository, tag: &str, word: &str, guard: Guard) -> MoveTag {
    MoveTag {
        repository_id: repository.id,
        tag: tag.to_owned(),
        to: TagSource::Digest(digest(word)),
        expected: None,
        by: at(20),
        why: TagChange::SetBack,
        guard,
    }
}

fn deletion(guard: Guard) -> Deletion {
    Deletion {
        guard,
        ..kept(20, 1000)
    }
}

#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
pub(crate) async fn an_immutable_tag_neither_moves_nor_goes(world: World) {
    let metadata = &world.metadata;
    let repository = protected(&world).await;
    let history = world.moves(repository.id, "v1").await;
    for pushed in [
        push(&repository, "two", &["v1"], guard(1)),
        push(&repository, "new", &["latest", "v1"], guard(1)),
    ] {
        let refused = metadata.put_manifest(pushed).await;
        assert_eq!(conflict(refused), immutable("v1", "one"));
    }
    let moved = metadata.move_tag(retag(&repository, "v1", "two", guard(1))).await;
    assert_eq!(conflict(moved), immutable("v1", "one"));
    let deleted = metadata
        .delete_tag(repository.id, "v1", None, deletion(guard(1)))
        .await;
    assert_eq!(conflict(deleted), immutable("v1", "one"));
    let deleted = metadata
        .delete_manifest(repository.id, &digest("one"), deletion(guard(1)))
        .await;
    assert_eq!(conflict(deleted), immutable("v1", "one"));
    let deleted = metadata
        .delete_repository(repository.id, deletion(guard(1)))
        .await;
    assert_eq!(conflict(deleted), immutable("v1", "one"));
    assert_eq!(
        world.moves(repository.id, "v1").await,
        history,
        "nothing happened"
    );
    assert_eq!(
        world.moves(repository.id, "latest").await.len(),
        1,
        "all or nothing"
    );

    // What it names is pushed again, other tags move and go, and new ones come.
    metadata
        .put_manifest(push(&repository, "one", &["v1"], guard(1)))
        .await
        .unwrap();
    metadata
        .put_manifest(push(&repository, "two", &["latest", "v2"], guard(1)))
        .await
        .unwrap();
    assert!(
        metadata
            .move_tag(retag(&repository, "v1", "one", guard(1)))
            .await
            .unwrap()
    );
    assert!(
        metadata
            .delete_tag(repository.id, "latest", None, deletion(guard(1)))
            .await
            .unwrap()
    );
    let refused = metadata
        .put_manifest(push(&repository, "one", &["v2"], guard(1)))
        .await;
    assert_eq!(
        conflict(refused),
        immutable("v2", "two"),
        "from its first push on"
    );

    // What tells again what happened is not stopped.
    let told = push(&repository, "two", &["v1"], Guard::Off);
    metadata.put_manifest(told).await.unwrap();
    assert!(
        metadata
            .delete_repository(repository.id, deletion(Guard::Off))
            .await
            .unwrap()
    );
}

pub(crate) async fn what_an_immutable_index_lists_stays(world: World) {
    let metadata = &world.metadata;
    let repository = protected(&world).await;
    for (word, lists, tags) in [
        ("inner", "two", &[] as &[&str]),
        ("outer", "inner", &["v2"]),
        ("free", "leaf", &["edge"]),
    ] {
        let leaf = manifest(repository.id, "leaf", &[]);
        metadata.put_manifest(leaf).await.unwrap();
        let mut index = push(&repository, word, tags, guard(1));
        index.manifests = vec![digest(lists)];
        metadata.put_manifest(index).await.unwrap();
    }
    for (word, refused) in [
        ("two", true),
        ("inner", true),
        ("outer", true),
        ("leaf", false),
        ("free", false),
    ] {
        let deleted = metadata
            .delete_manifest(repository.id, &digest(word), deletion(guard(1)))
            .await;
        if refused {
            assert_eq!(conflict(deleted), immutable("v2", "outer"), "{word}");
        } else {
            assert!(deleted.unwrap(), "{word}");
        }
    }
}

pub(crate) async fn the_bin_gives_nothing_back_over_an_immutable_tag(world: World) {
    let metadata = &world.metadata;
    let repository = protected(&world).await;
    assert!(
        metadata
            .delete_tag(repository.id, "v1", None, deletion(Guard::Off))
            .await
            .unwrap()
    );
    metadata
        .put_manifest(push(&repository, "two", &["v1"], guard(1)))
        .await
        .unwrap();
    let account = metadata
        .organization(&repository.organization)
        .await
        .unwrap()
        .unwrap();
    let page = BinPage {
        viewer: BinViewer {
            user_id: id(),
            account_id: account.account_id,
            administrator: true,
        },
        organization_id: Some(repository.organization_id),
        image: None,
        kind: None,
        tag: None,
        before: None,
        limit: 10,
        now: 20,
    };
    let entry = metadata.list_bin(page).await.unwrap().remove(0);
    let restore = |guard| BinRestore {
        id: entry.id,
        overwrite: true,
        image: None,
        by: at(30),
        guard,
    };
    let refused = metadata.restore_from_bin(restore(guard(1))).await;
    assert_eq!(conflict(refused), immutable("v1", "two"));
    let restored = metadata.restore_from_bin(restore(Guard::Off)).await.unwrap();
    assert_eq!(restored.unwrap().tags, ["v1"]);
}

pub(crate) async fn whoever_read_other_rules_reads_them_again(world: World) {
    let metadata = &world.metadata;
    let repository = protected(&world).await;
    for stale in [
        guard(0),
        guard(2),
        Guard::Rules {
            version: 0,
            covers: None,
        },
    ] {
        let new = push(&repository, "two", &["new"], stale.clone());
        metadata.put_manifest(new).await.unwrap();
        let moved = metadata
            .put_manifest(push(&repository, "two", &["latest"], stale.clone()))
            .await;
        assert_eq!(conflict(moved), Conflict::RulesChanged);
        let moved = metadata
            .move_tag(retag(&repository, "latest", "two", stale.clone()))
            .await;
        assert_eq!(conflict(moved), Conflict::RulesChanged);
        let deleted = metadata
            .delete_tag(repository.id, "latest", None, deletion(stale.clone()))
            .await;
        assert_eq!(conflict(deleted), Conflict::RulesChanged);
        let deleted = metadata.delete_repository(repository.id, deletion(stale)).await;
        assert_eq!(conflict(deleted), Conflict::RulesChanged);
    }
}

pub(crate) async fn one_of_many_first_pushes_of_an_immutable_tag_wins(world: World) {
    let repository = protected(&world).await;
    let other = world.again().await;
    for round in 0..3 {
        let tag = format!("v-{round}");
        let pushes = (0..32).map(|task| {
            let metadata = if task % 2 == 0 {
                &world.metadata
            } else {
                &other.metadata
            };
            let metadata = metadata.clone();
            let put = push(&repository, &format!("r{round}t{task}"), &[&tag], guard(1));
            tokio::spawn(async move { (put.digest.clone(), metadata.put_manifest(put).await) })
        });
        let results = join_all(pushes).await.into_iter().map(Result::unwrap);
        let (won, lost): (Vec<_>, Vec<_>) = results.partition(|(_, result)| result.is_ok());
        assert_eq!(won.len(), 1, "exactly one wins round {round}");
        let expected = Conflict::TagImmutable {
            tag: tag.clone(),
            digest: won[0].0.clone(),
            rule: 9,
        };
        for (_, result) in lost {
            assert_eq!(conflict(result), expected);
        }
        let moves = world.moves(repository.id, &tag).await;
        assert_eq!(moves.len(), 1);
        assert_eq!(moves[0].digest.as_ref(), Some(&won[0].0));
    }
    other.metadata.close().await;
}
