//! What is kept in memory is what is there, also when somebody else changes it.

use crate::world::{World, digest, manifest, name, new_share, new_upload, tagged, unkept};
use berth_metadata::{GrantTarget, Permission, Quotas, Standing, User};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a store answers at each request about one place and one user.
#[derive(Debug, PartialEq)]
struct Answers {
    standing: Standing,
    user: Option<User>,
    by_tag: Option<String>,
    by_digest: Option<String>,
    described: Option<String>,
    blob: Option<String>,
}

struct Place {
    organization: String,
    organization_id: i64,
    owner_account: String,
    image: String,
    repository_id: i64,
    user: User,
}

impl Place {
    async fn seen(&self, world: &World) -> Answers {
        let (metadata, id) = (&world.metadata, self.repository_id);
        let viewer = Some((self.user.id.as_str(), self.user.account_id.as_str()));
        let standing = metadata.standing(&self.organization, Some(&self.image), viewer, 10);
        let (by_tag, by_digest) = (
            metadata.manifest_by_tag(id, "v1").await.unwrap(),
            metadata.manifest_by_digest(id, &digest("one")).await.unwrap(),
        );
        let described = metadata.manifest_descriptor_by_tag(id, "v1").await.unwrap();
        Answers {
            standing: standing.await.unwrap(),
            user: metadata.user_by_id(&self.user.id).await.unwrap(),
            by_tag: by_tag.map(|row| row.digest.clone()),
            by_digest: by_digest.map(|row| row.digest.clone()),
            described: described.map(|row| row.digest),
            blob: metadata
                .linked_blob(id, &digest("b"))
                .await
                .unwrap()
                .map(|row| row.key),
        }
    }
}

/// Everything that changes an answer, in the order in which a story would have it.
#[derive(Clone, Copy, Debug)]
enum Change {
    Publish,
    GrantImage,
    GrantOrganization,
    DisableUser,
    PushBlob,
    PutManifest,
    MoveTag,
    DeleteManifest,
    DeleteTag,
    Share,
    MakeAdministrator,
    LimitBytes,
    UnlimitBytes,
    LimitBytesOfAccount,
}

impl Change {
    const ALL: [Self; 14] = [
        Self::Publish,
        Self::GrantImage,
        Self::GrantOrganization,
        Self::DisableUser,
        Self::PushBlob,
        Self::PutManifest,
        Self::MoveTag,
        Self::DeleteManifest,
        Self::DeleteTag,
        Self::Share,
        Self::MakeAdministrator,
        Self::LimitBytes,
        Self::UnlimitBytes,
        Self::LimitBytesOfAccount,
    ];

    async fn make(self, world: &World, place: &Place) {
        let (metadata, id, user) = (&world.metadata, place.repository_id, &place.user);
        let grants = [(user.id.clone(), Permission::Write)];
        let put = |word| tagged(manifest(id, word, &[&digest("b")]), &["v1"]);
        let made = match self {
            Self::Publish => metadata.set_repository_public(id, true, 11).await.map(drop),
            Self::GrantImage => metadata.add_grants(GrantTarget::Repository(id), &grants).await,
            Self::GrantOrganization => {
                let on = GrantTarget::Organization(place.organization_id);
                metadata.add_grants(on, &grants).await
            }
            Self::DisableUser => metadata.set_user_enabled(&user.id, false).await.map(drop),
            Self::PushBlob => {
                world.push(id, &digest("b"), "key", 12).await;
                Ok(())
            }
            Self::PutManifest => metadata.put_manifest(put("one")).await.map(drop),
            Self::MoveTag => metadata.put_manifest(put("two")).await.map(drop),
            Self::DeleteManifest => {
                let digest = digest("one");
                let deleted = metadata.delete_manifest(id, &digest, unkept(13));
                deleted.await.map(drop)
            }
            Self::DeleteTag => metadata.delete_tag(id, "v1", None, unkept(14)).await.map(drop),
            Self::Share => {
                metadata.set_repository_public(id, false, 15).await.unwrap();
                metadata
                    .create_share(new_share(id, &user.account_id, Some(20)))
                    .await
            }
            Self::MakeAdministrator => metadata.set_user_administrator(&user.id, true).await.map(drop),
            Self::LimitBytes | Self::UnlimitBytes => {
                let limit = matches!(self, Self::LimitBytes).then_some(1 << 30);
                let organization = place.organization_id;
                metadata
                    .set_organization_byte_quota(organization, limit, 16)
                    .await
            }
            Self::LimitBytesOfAccount => {
                let bytes = Quotas {
                    bytes: Some(1 << 30),
                    ..Quotas::default()
                };
                metadata.set_quotas(&place.owner_account, bytes, 17).await
            }
        };
        made.unwrap();
    }
}

/// Each change that another process makes is in the next answer, and a store that was opened after it says the same.
pub(crate) async fn what_another_process_changes_is_in_the_next_answer(world: World) {
    let other = world.again().await;
    every_change_is_in_the_next_answer(&world, &other).await;
    other.metadata.close().await;
}

/// So is each change that the same process makes, also of what it believes that only rights depend on.
pub(crate) async fn what_the_same_process_changes_is_in_the_next_answer(world: World) {
    every_change_is_in_the_next_answer(&world, &world).await;
}

async fn every_change_is_in_the_next_answer(world: &World, maker: &World) {
    let owner = world.user(&world.account().await).await;
    let user = world.user(&world.account().await).await;
    let organization = name("org");
    let new = crate::world::new_organization(&organization, &owner);
    let organization_id = world.metadata.create_organization(new).await.unwrap().id;
    let image = name("image");
    let repository_id = world.repository_in(organization_id, &image).await.id;
    let place = Place {
        organization,
        organization_id,
        owner_account: owner.account_id.clone(),
        image,
        repository_id,
        user,
    };
    let mut before = place.seen(world).await;
    for change in Change::ALL {
        change.make(maker, &place).await;
        let after = place.seen(world).await;
        assert_ne!(after, before, "{change:?} changed nothing");
        let fresh = world.again().await;
        assert_eq!(after, place.seen(&fresh).await, "{change:?}");
        fresh.metadata.close().await;
        // Nothing was written in between: asked again it is the same.
        assert_eq!(after, place.seen(world).await, "{change:?}, asked again");
        before = after;
    }
    assert!(before.standing.shared);
    // A share ends without anybody writing that it did.
    let viewer = Some((place.user.id.as_str(), place.user.account_id.as_str()));
    let later = world
        .metadata
        .standing(&place.organization, Some(&place.image), viewer, 20);
    assert!(!later.await.unwrap().shared);
}

/// While one process moves a tag on and on, nobody in another is answered a manifest older than the newest that was
/// acknowledged when they asked.
pub(crate) async fn nobody_is_answered_what_was_over_when_they_asked(world: World) {
    const MOVES: u64 = 150;
    let repository_id = world.repository().await.id;
    let place = async |n: u64| {
        let mut put = tagged(manifest(repository_id, &format!("m{n}"), &[]), &["v1"]);
        put.now = i64::try_from(n).unwrap();
        put
    };
    world.metadata.put_manifest(place(0).await).await.unwrap();
    let other = world.again().await;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (metadata, acknowledged) = (world.metadata.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut newest = 0;
                while newest < MOVES {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let row = metadata.manifest_by_tag(repository_id, "v1").await.unwrap();
                    let row = row.expect("the tag is always there");
                    newest = row.digest.trim_start_matches("sha256:m").parse().unwrap();
                    assert!(newest >= least, "answered {newest} when {least} was acknowledged");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 1..=MOVES {
        other.metadata.put_manifest(place(n).await).await.unwrap();
        acknowledged.store(n, Ordering::SeqCst);
        // Something else is written by the readers' own process, too.
        let upload = new_upload(&format!("upload{n}"), repository_id, 1);
        world.metadata.create_upload(upload).await.unwrap();
    }
    for reader in readers {
        reader.await.unwrap();
    }
    other.metadata.close().await;
}

/// While pushes go on, a right that anybody changes is in the next answer, and so is what is read at one moment.
pub(crate) async fn pushes_keep_nobody_in_the_dark_about_rights(world: World) {
    const CHANGES: usize = 120;
    let user = world.user(&world.account().await).await;
    let repository_id = world.repository().await.id;
    let other = world.again().await;
    let over = Arc::new(AtomicU64::new(0));
    let pushes: Vec<_> = (0..3)
        .map(|pusher| {
            let (metadata, over) = (world.metadata.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut pushed = 0;
                while over.load(Ordering::SeqCst) == 0 {
                    pushed += 1;
                    let upload = new_upload(&format!("upload{pusher}.{pushed}"), repository_id, 1);
                    metadata.create_upload(upload).await.unwrap();
                }
                pushed
            })
        })
        .collect();
    for n in 0..CHANGES {
        let enabled = n % 2 == 1;
        // Ours and another process's, in every order.
        let who = [&world, &other, &other, &world, &world][n % 5];
        who.metadata.set_user_enabled(&user.id, enabled).await.unwrap();
        let seen = async || {
            let user = world.metadata.user_by_id(&user.id).await.unwrap();
            user.expect("it is always there").enabled
        };
        assert_eq!(seen().await, enabled, "change {n}");
        let read = berth_metadata::at_one_moment(async {
            let first = seen().await;
            who.metadata.set_user_enabled(&user.id, !enabled).await.unwrap();
            berth_metadata::look_again();
            let then = seen().await;
            who.metadata.set_user_enabled(&user.id, enabled).await.unwrap();
            (first, then)
        });
        assert_eq!(read.await, (enabled, !enabled), "change {n}");
    }
    over.store(1, Ordering::SeqCst);
    for pusher in pushes {
        assert!(pusher.await.unwrap() > 0, "nothing was pushed beside");
    }
    other.metadata.close().await;
}
