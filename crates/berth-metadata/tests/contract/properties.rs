//! Random sequences of operations against a model of a few lines.

use crate::world::{World, at, digest, erase, finish, manifest, name, unkept};
use berth_metadata::{
    Damage, DamageFound, FinishUpload, MoveTag, PutManifest, Quotas, TagChange, TagSource, UnlinkOutcome,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Handle;

const REPOSITORIES: usize = 3;
const DIGESTS: usize = 4;
const MANIFESTS: usize = 3;
const TAGS: usize = 3;
/// How long an unreferenced link is spared, in operations.
const GRACE: i64 = 6;

#[derive(Clone, Debug)]
enum Operation {
    Push {
        to: usize,
        blob: usize,
    },
    Mount {
        from: usize,
        to: usize,
        blob: usize,
    },
    Unlink {
        from: usize,
        blob: usize,
    },
    Put {
        to: usize,
        manifest: usize,
        blobs: BTreeSet<usize>,
        /// Blobs that need not be there.
        foreign: BTreeSet<usize>,
        tags: BTreeSet<usize>,
    },
    MoveTag {
        within: usize,
        from: usize,
        to: usize,
    },
    DeleteTag {
        from: usize,
        tag: usize,
    },
    DeleteManifest {
        from: usize,
        manifest: usize,
    },
    DeleteRepository {
        which: usize,
    },
    Damage {
        blob: usize,
    },
    Sweep,
    Reclaim,
    /// Sets or takes away a quota that refuses nothing.
    Quota {
        organization: bool,
        limit: Option<i64>,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let (repository, blob, manifest) = (0..REPOSITORIES, 0..DIGESTS, 0..MANIFESTS);
    let blobs = prop::collection::btree_set(0..DIGESTS, 0..3);
    let foreign = prop::collection::btree_set(0..DIGESTS, 0..2);
    let tags = prop::collection::btree_set(0..TAGS, 0..3);
    prop_oneof![
        6 => (repository.clone(), blob.clone()).prop_map(|(to, blob)| Operation::Push { to, blob }),
        3 => (repository.clone(), repository.clone(), blob.clone())
            .prop_map(|(from, to, blob)| Operation::Mount { from, to, blob }),
        3 => (repository.clone(), blob.clone()).prop_map(|(from, blob)| Operation::Unlink { from, blob }),
        2 => blob.prop_map(|blob| Operation::Damage { blob }),
        5 => (repository.clone(), manifest.clone(), blobs, foreign, tags).prop_map(
            |(to, manifest, blobs, foreign, tags)| Operation::Put { to, manifest, blobs, foreign, tags }
        ),
        1 => (repository.clone(), 0..TAGS, 0..TAGS)
            .prop_map(|(within, from, to)| Operation::MoveTag { within, from, to }),
        1 => (repository.clone(), 0..TAGS).prop_map(|(from, tag)| Operation::DeleteTag { from, tag }),
        2 => (repository.clone(), manifest)
            .prop_map(|(from, manifest)| Operation::DeleteManifest { from, manifest }),
        1 => repository.prop_map(|which| Operation::DeleteRepository { which }),
        2 => Just(Operation::Sweep),
        2 => Just(Operation::Reclaim),
        1 => (any::<bool>(), prop::option::of(1_000_000..1_000_002_i64))
            .prop_map(|(organization, limit)| Operation::Quota { organization, limit }),
    ]
}

/// What should be stored.
#[derive(Default)]
struct Model {
    /// Blob to key.
    keys: BTreeMap<usize, String>,
    /// Repository and blob to since when it is idle.
    links: BTreeMap<(usize, usize), Option<i64>>,
    /// Repository and manifest to blobs.
    manifests: BTreeMap<(usize, usize), BTreeSet<usize>>,
    /// Repository and tag to manifest.
    tags: BTreeMap<(usize, usize), usize>,
    queue: BTreeSet<String>,
    /// Blobs whose bytes are known to be wrong; their keys are in quarantine and not in the queue.
    damaged: BTreeSet<usize>,
}

impl Model {
    fn is_seen(&self, repository: usize, blob: usize) -> bool {
        self.links.contains_key(&(repository, blob)) && !self.damaged.contains(&blob)
    }

    fn in_use(&self, repository: usize, blob: usize) -> bool {
        self.manifests
            .iter()
            .any(|((holder, _), blobs)| *holder == repository && blobs.contains(&blob))
    }

    fn link(&mut self, repository: usize, blob: usize, now: i64) {
        let idle_since = if self.in_use(repository, blob) {
            None
        } else {
            Some(now)
        };
        self.links.insert((repository, blob), idle_since);
    }

    fn unlink(&mut self, repository: usize, blob: usize) {
        self.links.remove(&(repository, blob));
        if !self.links.keys().any(|(_, linked)| *linked == blob) {
            let key = self.keys.remove(&blob);
            if !self.damaged.remove(&blob) {
                self.queue.extend(key);
            }
        }
    }

    fn unreference(&mut self, repository: usize, blobs: BTreeSet<usize>, now: i64) {
        for blob in blobs {
            if !self.in_use(repository, blob) && self.links.contains_key(&(repository, blob)) {
                self.links.insert((repository, blob), Some(now));
            }
        }
    }
}

/// One run: a model, and the repositories and words of its own in a database that others use as well.
struct Run<'a> {
    world: &'a World,
    model: Model,
    account: String,
    organization: i64,
    repositories: Vec<i64>,
    /// Their names within the organisation.
    images: Vec<String>,
    word: String,
    now: i64,
}

impl Run<'_> {
    async fn start(world: &World) -> Run<'_> {
        let account = world.account().await;
        let organization = world.organization(&world.user(&account).await).await;
        let mut run = Run {
            world,
            model: Model::default(),
            account,
            organization,
            repositories: Vec::new(),
            images: Vec::new(),
            word: name("run"),
            now: 1000,
        };
        for _ in 0..REPOSITORIES {
            let (id, image) = run.new_repository().await;
            run.repositories.push(id);
            run.images.push(image);
        }
        run
    }

    async fn new_repository(&self) -> (i64, String) {
        let made = self.world.repository_in(self.organization, &name("image")).await;
        (made.id, made.image)
    }

    fn digest(&self, blob: usize) -> String {
        digest(&format!("{}b{blob}", self.word))
    }

    async fn apply(&mut self, operation: Operation) {
        self.now += 1;
        match operation {
            Operation::Push { to, blob } => self.push(to, blob).await,
            Operation::Mount { from, to, blob } => self.mount(from, to, blob).await,
            Operation::Unlink { from, blob } => self.unlink(from, blob).await,
            Operation::Put {
                to,
                manifest,
                blobs,
                foreign,
                tags,
            } => self.put(to, manifest, (blobs, foreign), tags).await,
            Operation::MoveTag { within, from, to } => self.move_tag(within, from, to).await,
            Operation::DeleteTag { from, tag } => self.delete_tag(from, tag).await,
            Operation::DeleteManifest { from, manifest } => self.delete_manifest(from, manifest).await,
            Operation::DeleteRepository { which } => self.delete_repository(which).await,
            Operation::Damage { blob } => self.damage(blob).await,
            Operation::Sweep => self.sweep().await,
            Operation::Reclaim => self.reclaim().await,
            Operation::Quota { organization, limit } => self.set_quota(organization, limit).await,
        }
    }

    async fn push(&mut self, to: usize, blob: usize) {
        let key = format!("{}k{}", self.word, self.now);
        let row = finish(&key, self.repositories[to], &self.digest(blob), self.now);
        let row = FinishUpload {
            upload_id: None,
            ..row
        };
        let outcome = self.world.metadata.finish_upload(row).await.unwrap();
        let replaced = self.model.keys.insert(blob, key);
        assert_eq!(outcome.replaced, replaced);
        if !self.model.damaged.remove(&blob) {
            self.model.queue.extend(replaced);
        }
        self.model.link(to, blob, self.now);
    }

    async fn mount(&mut self, from: usize, to: usize, blob: usize) {
        let (source, target) = (self.repositories[from], self.repositories[to]);
        let digest = self.digest(blob);
        let mounted = self
            .world
            .metadata
            .mount_blob(source, target, &digest, self.now)
            .await
            .unwrap();
        assert_eq!(mounted, self.model.is_seen(from, blob));
        if mounted {
            self.model.link(to, blob, self.now);
        }
    }

    async fn unlink(&mut self, from: usize, blob: usize) {
        let digest = self.digest(blob);
        let outcome = self
            .world
            .metadata
            .unlink_blob(self.repositories[from], &digest, self.now)
            .await
            .unwrap();
        if self.model.in_use(from, blob) {
            assert!(matches!(outcome, UnlinkOutcome::InUse { .. }), "{outcome:?}");
        } else if self.model.links.contains_key(&(from, blob)) {
            assert_eq!(outcome, UnlinkOutcome::Unlinked);
            self.model.unlink(from, blob);
        } else {
            assert_eq!(outcome, UnlinkOutcome::Missing);
        }
    }

    async fn delete_manifest(&mut self, from: usize, manifest: usize) {
        let digest = digest(&format!("{}m{manifest}", self.word));
        let metadata = &self.world.metadata;
        let deleted = metadata
            .delete_manifest(self.repositories[from], &digest, unkept(self.now))
            .await
            .unwrap();
        let blobs = self.model.manifests.remove(&(from, manifest));
        self.model
            .tags
            .retain(|(holder, _), named| (*holder, *named) != (from, manifest));
        assert_eq!(deleted, blobs.is_some());
        self.model.unreference(from, blobs.unwrap_or_default(), self.now);
    }

    async fn delete_repository(&mut self, which: usize) {
        let metadata = &self.world.metadata;
        assert!(erase(metadata, self.repositories[which], self.now).await);
        (self.repositories[which], self.images[which]) = self.new_repository().await;
        self.model.manifests.retain(|(holder, _), _| *holder != which);
        self.model.tags.retain(|(holder, _), _| *holder != which);
        for blob in 0..DIGESTS {
            self.model.unlink(which, blob);
        }
    }

    async fn damage(&mut self, blob: usize) {
        let key = self.model.keys.get(&blob).cloned();
        let found = DamageFound {
            digest: self.digest(blob),
            key: key.clone().unwrap_or_default(),
            damage: Damage::Wrong,
            size: 10,
            now: self.now,
        };
        let marked = self.world.metadata.mark_damaged(found).await.unwrap();
        assert_eq!(marked, key.is_some() && self.model.damaged.insert(blob));
    }

    async fn sweep(&mut self) {
        let before = self.now - GRACE;
        self.world
            .metadata
            .sweep_unreferenced(before, self.now, 1000)
            .await
            .unwrap();
        let links = self.model.links.iter();
        let old = links.filter(|(_, idle_since)| idle_since.is_some_and(|since| since < before));
        for (repository, blob) in old.map(|(link, _)| *link).collect::<Vec<_>>() {
            self.model.unlink(repository, blob);
        }
    }

    async fn reclaim(&mut self) {
        for row in self.world.metadata.take_reclaim(i64::MAX, 2).await.unwrap() {
            self.world
                .metadata
                .reclaimed(vec![row.key.clone()])
                .await
                .unwrap();
            assert!(
                self.model.queue.remove(&row.key),
                "{} was not to be reclaimed",
                row.key
            );
        }
    }

    async fn set_quota(&self, organization: bool, limit: Option<i64>) {
        let metadata = &self.world.metadata;
        if organization {
            let set = metadata.set_organization_byte_quota(self.organization, limit, self.now);
            set.await.unwrap();
        } else {
            let bytes = Quotas {
                bytes: limit,
                ..Quotas::default()
            };
            metadata.set_quotas(&self.account, bytes, self.now).await.unwrap();
        }
    }

    /// Quotas count each link of an image and each manifest.
    async fn compare_quotas(&self) {
        let metadata = &self.world.metadata;
        let held: i64 = self
            .model
            .manifests
            .keys()
            .map(|(_, word)| self.bytes_of(*word))
            .sum();
        let held = held + 10 * i64::try_from(self.model.links.len()).unwrap();
        let organization = metadata.organization_byte_quota(self.organization).await.unwrap();
        let account = metadata.account_byte_quota(&self.account).await.unwrap();
        for quota in [organization, account].into_iter().flatten() {
            assert_eq!((quota.used, quota.reserved), (held, 0), "bytes held");
        }
        assert_eq!(
            metadata.compare_byte_quotas().await.unwrap(),
            [],
            "bytes of quotas"
        );
    }

    fn bytes_of(&self, manifest: usize) -> i64 {
        i64::try_from(format!("{}m{manifest}", self.word).len()).unwrap()
    }

    async fn move_tag(&mut self, within: usize, from: usize, to: usize) {
        let wanted = MoveTag {
            guard: berth_metadata::Guard::Off,
            repository_id: self.repositories[within],
            tag: format!("t{to}"),
            to: TagSource::Tag(format!("t{from}")),
            expected: None,
            by: at(self.now),
            why: TagChange::Retag,
        };
        let moved = self.world.metadata.move_tag(wanted).await.unwrap();
        let named = self.model.tags.get(&(within, from)).copied();
        assert_eq!(moved, named.is_some());
        self.model.tags.extend(named.map(|named| ((within, to), named)));
    }

    async fn delete_tag(&mut self, from: usize, tag: usize) {
        let metadata = &self.world.metadata;
        let deleted = metadata
            .delete_tag(
                self.repositories[from],
                &format!("t{tag}"),
                None,
                unkept(self.now),
            )
            .await
            .unwrap();
        let named = self.model.tags.remove(&(from, tag));
        assert_eq!(deleted, named.is_some());
        let Some(named) = named else { return };
        let mut tags = self.model.tags.iter();
        if tags.any(|((holder, _), other)| (*holder, *other) == (from, named)) {
            return;
        }
        let blobs = self.model.manifests.remove(&(from, named));
        self.model.unreference(from, blobs.unwrap_or_default(), self.now);
    }

    async fn put(
        &mut self,
        to: usize,
        word: usize,
        (blobs, foreign): (BTreeSet<usize>, BTreeSet<usize>),
        tags: BTreeSet<usize>,
    ) {
        let names = |blobs: &BTreeSet<usize>| blobs.iter().map(|blob| self.digest(*blob)).collect();
        let put = PutManifest {
            blobs: names(&blobs),
            foreign_layers: names(&foreign),
            tags: tags.iter().map(|tag| format!("t{tag}")).collect(),
            // The same manifest with other references is one of another type.
            media_type: format!("{blobs:?}{foreign:?}"),
            now: self.now,
            ..manifest(self.repositories[to], &format!("{}m{word}", self.word), &[])
        };
        let result = self.world.metadata.put_manifest(put).await;
        assert_eq!(
            result.is_ok(),
            blobs.iter().all(|blob| self.model.is_seen(to, *blob))
        );
        if result.is_ok() {
            let uses: BTreeSet<usize> = blobs.union(&foreign).copied().collect();
            let before = self.model.manifests.insert((to, word), uses.clone());
            self.model.unreference(to, before.unwrap_or_default(), self.now);
            for blob in uses {
                if let Some(idle_since) = self.model.links.get_mut(&(to, blob)) {
                    *idle_since = None;
                }
            }
            self.model
                .tags
                .extend(tags.into_iter().map(|tag| ((to, tag), word)));
        }
    }

    /// What is counted beside a repository is what a recount finds.
    async fn compare_counts(&self, which: usize) {
        let used = self.model.links.iter();
        let used = used.filter(|((holder, _), idle_since)| *holder == which && idle_since.is_none());
        let tags = self.model.tags.keys().filter(|(holder, _)| *holder == which);
        let image = self.images[which].clone();
        let name = format!("o{}/{image}", self.organization);
        let found = self
            .world
            .metadata
            .repository_details(&name)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.size_bytes, found.tag_count),
            (
                10 * i64::try_from(used.count()).unwrap(),
                i64::try_from(tags.count()).unwrap()
            ),
            "bytes and tags of {name}"
        );
    }

    async fn compare(&self) {
        let metadata = &self.world.metadata;
        let mut keys = BTreeMap::new();
        for (which, repository) in self.repositories.iter().enumerate() {
            self.compare_counts(which).await;
            for blob in 0..DIGESTS {
                let found = metadata
                    .linked_blob(*repository, &self.digest(blob))
                    .await
                    .unwrap();
                let idle_since = found.as_ref().map(|found| found.idle_since);
                let link = self.model.links.get(&(which, blob)).copied();
                let seen = link.filter(|_| self.model.is_seen(which, blob));
                assert_eq!(idle_since, seen, "link {which} {blob}");
                keys.extend(found.map(|found| (blob, found.key)));
            }
        }
        let mut whole = self.model.keys.clone();
        whole.retain(|blob, _| !self.model.damaged.contains(blob));
        assert_eq!(keys, whole, "a blob is there while it is linked and not damaged");
        let stored = metadata.blob_keys(None, 1000).await.unwrap();
        let stored: BTreeSet<_> = stored.into_iter().map(|row| row.key).collect();
        assert_eq!(stored, self.model.keys.values().cloned().collect());
        let queue = metadata.take_reclaim(i64::MAX, 1000).await.unwrap();
        let queue: BTreeSet<_> = queue.into_iter().map(|row| row.key).collect();
        assert_eq!(queue, self.model.queue, "every other key waits for reclaim");
    }

    /// Leaves nothing behind for the next run.
    async fn clear(self) {
        for repository in &self.repositories {
            erase(&self.world.metadata, *repository, self.now).await;
        }
        for row in self.world.metadata.take_reclaim(i64::MAX, 1000).await.unwrap() {
            self.world
                .metadata
                .reclaimed(vec![row.key.clone()])
                .await
                .unwrap();
        }
    }
}

pub(crate) async fn any_sequence_of_operations_keeps_the_invariants(world: World) {
    let cases = if world.url.starts_with("sqlite") { 48 } else { 16 };
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let sequences = prop::collection::vec(operation(), 1..60);
    let result = runner.run(&sequences, |operations| {
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let mut run = Run::start(&world).await;
                for operation in operations {
                    run.apply(operation).await;
                }
                run.compare_quotas().await;
                run.compare().await;
                run.clear().await;
            });
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
