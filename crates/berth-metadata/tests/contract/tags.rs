//! Lists of tags, their moves, and what belongs to what they name.

use crate::world::{World, conflict, digest, kept, manifest, new_user, tagged, unkept};
use berth_metadata::{
    AccessoriesPage, By, Conflict, Deletion, Expected, ManifestFacts, MissingReferences, MoveTag,
    PutManifest, TagChange, TagColumn, TagMovesPage, TagOrder, TagRow, TagSource, TagStart, TagsPage,
};

fn page(repository_id: i64, column: TagColumn, descending: bool, start: TagStart) -> TagsPage {
    TagsPage {
        repository_id,
        search: String::new(),
        order: TagOrder { column, descending },
        start,
        limit: 100,
    }
}

fn image(repository_id: i64, word: &str, image_bytes: i64) -> PutManifest {
    PutManifest {
        facts: ManifestFacts {
            is_index: false,
            config_digest: Some(digest("config")),
            image_bytes,
        },
        ..manifest(repository_id, word, &[])
    }
}

fn index(repository_id: i64, word: &str, children: &[&str]) -> PutManifest {
    PutManifest {
        facts: ManifestFacts {
            is_index: true,
            ..ManifestFacts::default()
        },
        manifests: children.iter().map(|child| digest(child)).collect(),
        missing: MissingReferences::AcceptManifests,
        ..manifest(repository_id, word, &[])
    }
}

async fn size(world: &World, repository_id: i64, tag: &str) -> i64 {
    let row = world.metadata.tag_row(repository_id, tag).await.unwrap();
    row.unwrap().facts.image_bytes
}

pub(crate) async fn a_page_of_tags_shows_what_they_name(world: World) {
    let (repository, other) = (world.repository().await, world.repository().await);
    for id in [repository.id, other.id] {
        let put = tagged(image(id, "m", 77), &["v1"]);
        world.metadata.put_manifest(put).await.unwrap();
    }
    let again = PutManifest {
        now: 250,
        ..tagged(image(repository.id, "m", 77), &["v1"])
    };
    world.metadata.put_manifest(again).await.unwrap();
    let wanted = page(repository.id, TagColumn::UpdatedAt, true, TagStart::Offset(0));
    let rows = world.metadata.tag_rows(wanted).await.unwrap();
    let expected = TagRow {
        id: rows[0].id,
        tag: "v1".to_owned(),
        digest: digest("m"),
        facts: image(0, "m", 77).facts,
        manifest_bytes: 1,
        created_at: 100,
        updated_at: 250,
    };
    assert_eq!(rows, [expected]);
    let one = world.metadata.tag_row(repository.id, "v1").await.unwrap();
    assert_eq!(one.as_ref(), rows.first());
    assert_eq!(world.metadata.tag_row(repository.id, "V1").await.unwrap(), None);
    let elsewhere = world.metadata.tag_row(other.id, "v1").await.unwrap().unwrap();
    assert_ne!(elsewhere.id, rows[0].id);
}

pub(crate) async fn tags_are_ordered_and_paged(world: World) {
    use TagColumn::{Tag, UpdatedAt};
    let repository = world.repository().await.id;
    for (tag, now) in [
        ("b", 10),
        ("a_x", 20),
        ("C-RC", 20),
        ("rc1", 5),
        ("a%x", 30),
        ("aax", 7),
    ] {
        let put = PutManifest {
            now,
            ..tagged(manifest(repository, "m", &[]), &[tag])
        };
        world.metadata.put_manifest(put).await.unwrap();
    }
    let check = async |wanted: TagsPage, expected: &[&str]| {
        let shown = format!("{wanted:?}");
        let rows = world.metadata.tag_rows(wanted).await.unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row.tag.as_str()).collect();
        assert_eq!(names, expected, "{shown}");
    };
    let by_time = ["rc1", "aax", "b", "C-RC", "a_x", "a%x"];
    let by_tag = ["C-RC", "a%x", "a_x", "aax", "b", "rc1"];
    for (column, ascending) in [(UpdatedAt, by_time), (Tag, by_tag)] {
        let mut descending = ascending;
        descending.reverse();
        for (is_descending, order) in [(false, ascending), (true, descending)] {
            let whole = page(repository, column, is_descending, TagStart::Offset(0));
            check(whole.clone(), &order).await;
            let middle = TagsPage {
                start: TagStart::Offset(2),
                limit: 3,
                ..whole.clone()
            };
            check(middle, &order[2..5]).await;
            let rows = world.metadata.tag_rows(whole.clone()).await.unwrap();
            for (seen, row) in rows.into_iter().enumerate() {
                let rest = TagsPage {
                    start: TagStart::After {
                        updated_at: row.updated_at,
                        tag: row.tag,
                    },
                    ..whole.clone()
                };
                check(rest, &order[seen + 1..]).await;
            }
        }
    }
    let none = TagsPage {
        limit: 0,
        ..page(repository, Tag, false, TagStart::Offset(0))
    };
    check(none, &[]).await;
}

pub(crate) async fn tags_are_searched_without_regard_to_case(world: World) {
    let repository = world.repository().await.id;
    let put = tagged(
        manifest(repository, "m", &[]),
        &["b", "a_x", "C-RC", "rc1", "a%x", "aax"],
    );
    world.metadata.put_manifest(put).await.unwrap();
    for (search, expected) in [
        ("rc", &["C-RC", "rc1"][..]),
        ("RC", &["C-RC", "rc1"]),
        ("a_x", &["a_x"]),
        ("%", &["a%x"]),
        ("x", &["a%x", "a_x", "aax"]),
        ("none", &[]),
        ("\\", &[]),
        ("\0", &[]),
    ] {
        let wanted = TagsPage {
            search: search.to_owned(),
            ..page(repository, TagColumn::Tag, false, TagStart::Offset(0))
        };
        let rows = world.metadata.tag_rows(wanted).await.unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row.tag.as_str()).collect();
        assert_eq!(names, expected, "{search}");
        let count = world.metadata.count_tags_found(repository, search).await.unwrap();
        assert_eq!(count, i64::try_from(expected.len()).unwrap(), "{search}");
    }
    assert_eq!(world.metadata.count_tags_found(repository, "").await.unwrap(), 6);
}

pub(crate) async fn the_size_of_an_index_follows_its_images(world: World) {
    let repository = world.repository().await.id;
    let put = async |put: PutManifest, tag: &str| {
        world.metadata.put_manifest(tagged(put, &[tag])).await.unwrap();
    };
    put(image(repository, "one", 10), "one").await;
    put(index(repository, "i", &["one", "two"]), "i").await;
    assert_eq!(size(&world, repository, "i").await, 10, "one is missing");
    put(image(repository, "two", 5), "two").await;
    assert_eq!(size(&world, repository, "i").await, 15);
    put(index(repository, "nested", &["i", "two"]), "nested").await;
    assert_eq!(size(&world, repository, "nested").await, 5, "images only");
    world
        .metadata
        .delete_manifest(repository, &digest("one"), unkept(7))
        .await
        .unwrap();
    assert_eq!(size(&world, repository, "i").await, 5);
    let retyped = PutManifest {
        media_type: "application/other".to_owned(),
        ..image(repository, "two", 6)
    };
    put(retyped, "two").await;
    assert_eq!(size(&world, repository, "two").await, 6);
    assert_eq!(size(&world, repository, "i").await, 6);
    put(image(repository, "huge", i64::MAX), "huge").await;
    put(image(repository, "giant", i64::MAX), "giant").await;
    put(index(repository, "both", &["huge", "giant"]), "both").await;
    let huge = size(&world, repository, "huge").await;
    assert_eq!(huge, 32 << 40, "more than anybody can push");
    assert_eq!(size(&world, repository, "both").await, 2 * huge);
    let facts = world
        .metadata
        .manifest_facts(repository, &[digest("i"), digest("two"), digest("one")])
        .await
        .unwrap();
    let mut found: Vec<_> = facts
        .into_iter()
        .map(|(digest, facts)| (digest, facts.is_index))
        .collect();
    found.sort();
    assert_eq!(found, [(digest("i"), true), (digest("two"), false)]);
}

pub(crate) async fn a_tag_keeps_its_id_until_it_is_deleted(world: World) {
    let repository = world.repository().await.id;
    let id = async |word: &str, now| {
        let put = PutManifest {
            now,
            ..tagged(manifest(repository, word, &[]), &["v1"])
        };
        world.metadata.put_manifest(put).await.unwrap();
        let row = world.metadata.tag_row(repository, "v1").await.unwrap().unwrap();
        (row.id, row.created_at, row.updated_at)
    };
    let (first, ..) = id("one", 10).await;
    assert_eq!(id("two", 20).await, (first, 10, 20));
    assert_eq!(id("two", 30).await, (first, 10, 30));
    let deleted = world
        .metadata
        .delete_tag(repository, "v1", None, unkept(40))
        .await;
    assert!(deleted.unwrap());
    let (second, created, updated) = id("two", 50).await;
    assert!(second > first, "{second} after {first}");
    assert_eq!((created, updated), (50, 50));
}

/// A move of a tag by user `u` at 300.
fn moving(repository_id: i64, tag: &str, to: TagSource, expected: Option<Expected>) -> MoveTag {
    MoveTag {
        guard: berth_metadata::Guard::Off,
        repository_id,
        tag: tag.to_owned(),
        to,
        expected,
        by: By {
            user_id: Some("u".to_owned()),
            now: 300,
        },
        why: TagChange::Retag,
    }
}

pub(crate) async fn a_tag_is_moved_to_what_is_there(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    for (word, tag) in [("one", "v1"), ("two", "v2")] {
        let put = tagged(manifest(repository, word, &[]), &[tag]);
        metadata.put_manifest(put).await.unwrap();
    }
    let wanted = |tag: &str, to, expected| moving(repository, tag, to, expected);
    let tag = |tag: &str| TagSource::Tag(tag.to_owned());
    let stored = |word: &str| TagSource::Digest(digest(word));
    let nothing = || Some(Expected::Nothing);
    assert!(
        metadata
            .move_tag(wanted("new", tag("v1"), nothing()))
            .await
            .unwrap()
    );
    let refused = metadata.move_tag(wanted("new", tag("v2"), nothing())).await;
    let now = Some(digest("one"));
    assert_eq!(conflict(refused), Conflict::TagMoved { now });
    assert!(metadata.move_tag(wanted("new", tag("v2"), None)).await.unwrap());
    assert!(
        !metadata
            .move_tag(wanted("new", tag("v3"), nothing()))
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .move_tag(wanted("new", stored("three"), None))
            .await
            .unwrap()
    );
    assert!(
        metadata
            .move_tag(wanted("new", stored("one"), None))
            .await
            .unwrap()
    );
    let gone = MoveTag {
        repository_id: -1,
        ..wanted("new", tag("v1"), None)
    };
    assert_eq!(conflict(metadata.move_tag(gone).await), Conflict::RepositoryGone);
    let moves = world.moves(repository, "new").await;
    let shown: Vec<_> = moves
        .iter()
        .map(|noted| (noted.digest.clone().unwrap(), noted.at, noted.user_id.as_deref()))
        .collect();
    let by = |word: &str| (digest(word), 300, Some("u"));
    assert_eq!(shown, [by("one"), by("two"), by("one")]);
    let row = metadata.tag_row(repository, "new").await.unwrap().unwrap();
    assert_eq!((row.digest, row.updated_at), (digest("one"), 300));
    assert_eq!(metadata.count_tags_found(repository, "").await.unwrap(), 3);
    assert!(
        metadata
            .delete_tag(repository, "new", None, unkept(400))
            .await
            .unwrap()
    );
    assert_eq!(metadata.count_tags_found(repository, "").await.unwrap(), 2);
}

pub(crate) async fn the_history_is_paged_and_names_people(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let account = world.account().await;
    let user = metadata.create_user(new_user(&account, "mary")).await.unwrap();
    for (word, now) in [("one", 10), ("two", 20)] {
        let put = PutManifest {
            user_id: Some(user.id.clone()),
            now,
            ..tagged(manifest(repository, word, &[]), &["v1"])
        };
        metadata.put_manifest(put).await.unwrap();
    }
    let by = By {
        user_id: Some("gone".to_owned()),
        now: 30,
    };
    let deletion = Deletion { by, ..kept(30, 100) };
    assert!(
        metadata
            .delete_tag(repository, "v1", None, deletion)
            .await
            .unwrap()
    );
    metadata
        .delete_manifest(repository, &digest("one"), unkept(40))
        .await
        .unwrap();
    let all = world.moves(repository, "v1").await;
    let shown: Vec<_> = all
        .iter()
        .map(|noted| {
            let name = noted.user_name.as_deref();
            (
                noted.digest.clone(),
                noted.is_stored,
                noted.at,
                name,
                noted.why.as_str(),
            )
        })
        .collect();
    let expected = [
        (None, false, 30, None, "delete"),
        (Some(digest("two")), true, 20, Some("mary"), "push"),
        (Some(digest("one")), false, 10, Some("mary"), "push"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(all[0].user_id.as_deref(), Some("gone"));
    let after = TagMovesPage {
        repository_id: repository,
        tag: "v1".to_owned(),
        before: Some(all[0].id),
        limit: 1,
    };
    assert_eq!(metadata.tag_moves(after).await.unwrap(), all[1..2]);
    assert_eq!(world.moves(repository, "V1").await, []);
    for (tag, word, expected) in [("v1", "one", true), ("v1", "three", false), ("V1", "one", false)] {
        let named = metadata.tag_named(repository, tag, &digest(word)).await;
        assert_eq!(named.unwrap(), expected, "{tag} {word}");
    }
}

pub(crate) async fn accessories_are_found_by_tag_and_by_subject(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let put = |word: &str, subject: Option<&str>, tags: &[&str]| PutManifest {
        subject: subject.map(digest),
        artifact_type: Some(format!("application/{word}")),
        ..tagged(image(repository, word, 3), tags)
    };
    for put in [
        put("image", None, &["v1"]),
        put("1-signature", None, &["x.sig"]),
        put("2-both", Some("image"), &["x.att", "early"]),
        put("3-referrer", Some("image"), &["named", "later"]),
        put("4-bare", Some("image"), &[]),
        put("5-other", Some("other"), &["y.sig"]),
    ] {
        metadata.put_manifest(put).await.unwrap();
    }
    let again = PutManifest {
        now: 400,
        ..put("1-signature", None, &["x.sig"])
    };
    metadata.put_manifest(again).await.unwrap();
    let page = |offset, limit| AccessoriesPage {
        repository_id: repository,
        digest: digest("image"),
        tags: ["x.sig", "x.att", "x.sbom"].map(str::to_owned),
        offset,
        limit,
    };
    let (all, total) = metadata.accessories(page(0, 10)).await.unwrap();
    let shown: Vec<_> = all
        .iter()
        .map(|found| (found.digest.as_str(), found.tag.as_deref(), found.updated_at))
        .collect();
    let expected = [
        ("sha256:1-signature", Some("x.sig"), 400),
        ("sha256:2-both", Some("x.att"), 100),
        ("sha256:3-referrer", Some("later"), 100),
        ("sha256:4-bare", None, 100),
    ];
    assert_eq!((shown.as_slice(), total), (&expected[..], 4));
    assert_eq!(all[3].artifact_type.as_deref(), Some("application/4-bare"));
    assert_eq!((all[3].image_bytes, all[0].created_at), (3, 100));
    let (part, total) = metadata.accessories(page(1, 2)).await.unwrap();
    assert_eq!((part.as_slice(), total), (&all[1..3], 4));
    assert_eq!(metadata.accessories(page(9, 2)).await.unwrap(), (Vec::new(), 4));
}

pub(crate) async fn tags_are_found_by_what_they_name(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    for (word, tags) in [
        ("one", &["a", "c", "e"][..]),
        ("two", &["b", "d"]),
        ("three", &["f"]),
    ] {
        let put = tagged(manifest(repository, word, &[]), tags);
        metadata.put_manifest(put).await.unwrap();
    }
    let check = async |words: [&str; 2], last, limit, expected: &[&str]| {
        let digests = words.map(digest);
        let found = metadata.tags_naming(repository, digests, last, limit).await;
        assert_eq!(found.unwrap(), expected);
    };
    check(["one", "two"], None, 10, &["a", "b", "c", "d", "e"]).await;
    check(["one", "two"], Some("b"), 2, &["c", "d"]).await;
    check(["one", "one"], None, 10, &["a", "c", "e"]).await;
    check(["none", "none"], None, 10, &[]).await;
}

pub(crate) async fn many_manifests_are_read_at_once(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let words: Vec<String> = (0..70).map(|n| format!("m{n:02}")).collect();
    for word in &words {
        metadata
            .put_manifest(manifest(repository, word, &[]))
            .await
            .unwrap();
    }
    let mut asked: Vec<String> = words.iter().map(|word| digest(word)).collect();
    asked.push(digest("none"));
    let mut found = metadata.manifest_bytes(repository, &asked).await.unwrap();
    found.sort();
    let expected: Vec<_> = words
        .iter()
        .map(|word| (digest(word), word.clone().into_bytes()))
        .collect();
    assert_eq!(found, expected);
}
