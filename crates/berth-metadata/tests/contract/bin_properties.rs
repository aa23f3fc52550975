//! Random pushes, deletions, restores, purges and sweeps against a model of the bin.

use crate::retentions::{condemned, condemned_tags};
use crate::world::{World, at, digest, erase, kept, manifest, name, tagged};
use berth_metadata::{
    BinEntry, BinKind, BinPage, BinRestore, BinViewer, CondemnedTag, Conflict, Error, KnownLinks, MoveTag,
    PutManifest, ReferrersPage, TagChange, TagSource, User,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::runtime::Handle;

const TAGS: usize = 3;
const BLOBS: usize = 4;
/// How long an unreferenced link is spared, in operations.
const GRACE: i64 = 5;
/// How long what is deleted is kept, in operations.
const KEPT: i64 = 25;

/// What a manifest of this number references: blobs, manifests, and what it refers to.
fn content(manifest: usize) -> (&'static [usize], &'static [usize], Option<usize>) {
    const ALL: [(&[usize], &[usize], Option<usize>); MANIFESTS] = [
        (&[0, 1], &[], None),
        (&[1, 2], &[], None),
        (&[], &[0, 1], None),
        (&[], &[1, 2], None),
        (&[3], &[], Some(2)),
        (&[3], &[], Some(0)),
    ];
    ALL[manifest]
}
const MANIFESTS: usize = 6;

#[derive(Clone, Debug)]
enum Operation {
    Push(usize),
    Put(usize, BTreeSet<usize>),
    DeleteTag(usize),
    DeleteManifest(usize),
    Retain(BTreeSet<usize>),
    Restore(usize, bool),
    SetBack(usize, usize),
    PurgeOne(usize),
    Purge,
    Sweep,
    DeleteImage,
    Wait,
}

fn operation() -> impl Strategy<Value = Operation> {
    let tags = prop::collection::btree_set(0..TAGS, 0..3);
    prop_oneof![
        6 => (0..BLOBS).prop_map(Operation::Push),
        8 => (0..MANIFESTS, tags).prop_map(|(manifest, tags)| Operation::Put(manifest, tags)),
        4 => (0..TAGS).prop_map(Operation::DeleteTag),
        3 => (0..MANIFESTS).prop_map(Operation::DeleteManifest),
        3 => prop::collection::btree_set(0..TAGS, 1..=TAGS).prop_map(Operation::Retain),
        5 => (0..6_usize, any::<bool>()).prop_map(|(entry, overwrite)| Operation::Restore(entry, overwrite)),
        2 => (0..TAGS, 0..MANIFESTS).prop_map(|(tag, manifest)| Operation::SetBack(tag, manifest)),
        1 => (0..6_usize).prop_map(Operation::PurgeOne),
        2 => Just(Operation::Purge),
        3 => Just(Operation::Sweep),
        1 => Just(Operation::DeleteImage),
        1 => Just(Operation::Wait),
    ]
}

#[derive(Clone, Debug)]
struct Entry {
    id: i64,
    is_tag: bool,
    digest: usize,
    tags: BTreeSet<usize>,
    holds: BTreeSet<usize>,
    expires: i64,
}

/// What should be there.
#[derive(Clone, Debug, Default)]
struct Model {
    live: BTreeSet<usize>,
    tags: BTreeMap<usize, usize>,
    binned: BTreeSet<usize>,
    entries: Vec<Entry>,
    /// Blob to since when it is idle.
    links: BTreeMap<usize, Option<i64>>,
    /// Every pair of tag and manifest that ever was.
    named: BTreeSet<(usize, usize)>,
}

impl Model {
    fn uses(&self, blob: usize) -> bool {
        self.live
            .iter()
            .any(|manifest| content(*manifest).0.contains(&blob))
    }

    fn keeps(&self, blob: usize) -> bool {
        self.binned
            .iter()
            .any(|manifest| content(*manifest).0.contains(&blob))
    }

    fn is_unnamed(&self, manifest: usize) -> bool {
        let listed = self.live.iter().any(|live| content(*live).1.contains(&manifest));
        let refers = content(manifest)
            .2
            .is_some_and(|subject| self.live.contains(&subject));
        !listed && !refers && !self.tags.values().any(|named| *named == manifest)
    }

    fn take(&mut self, root: usize, now: i64) -> BTreeSet<usize> {
        let (mut taken, mut level) = (BTreeSet::new(), vec![root]);
        while !level.is_empty() {
            self.live.retain(|manifest| !level.contains(manifest));
            self.binned.extend(&level);
            taken.extend(level.iter().copied());
            let follows = |manifest: &usize| {
                let listed = level.iter().any(|taken| content(*taken).1.contains(manifest));
                listed
                    || content(*manifest)
                        .2
                        .is_some_and(|subject| level.contains(&subject))
            };
            level = (self.live.iter().copied())
                .filter(|manifest| follows(manifest) && self.is_unnamed(*manifest))
                .collect();
        }
        self.settle(now);
        taken
    }

    /// Links become used or idle as live manifests say.
    fn settle(&mut self, now: i64) {
        for blob in 0..BLOBS {
            let uses = self.uses(blob);
            if let Some(link) = self.links.get_mut(&blob) {
                *link = if uses { None } else { Some(link.unwrap_or(now)) };
            }
        }
    }

    fn bring_back(&mut self, digest: usize, now: i64) {
        let along = self
            .entries
            .iter()
            .filter(|entry| entry.digest == digest && entry.holds.contains(&digest));
        let mut wanted: Vec<usize> = along.flat_map(|entry| entry.holds.iter().copied()).collect();
        wanted.push(digest);
        while let Some(manifest) = wanted.pop() {
            if !self.live.contains(&manifest) && self.binned.remove(&manifest) {
                self.live.insert(manifest);
                wanted.extend(content(manifest).1);
                for blob in content(manifest).0 {
                    self.links.insert(*blob, None);
                }
            }
        }
        self.settle(now);
    }

    fn drop_unheld(&mut self) {
        loop {
            let held = |manifest: &usize| {
                let entry = self.entries.iter().any(|entry| entry.holds.contains(manifest));
                entry
                    || self
                        .binned
                        .iter()
                        .any(|other| content(*other).1.contains(manifest))
            };
            let unheld: Vec<usize> = self
                .binned
                .iter()
                .copied()
                .filter(|manifest| !held(manifest))
                .collect();
            if unheld.is_empty() {
                return;
            }
            self.binned.retain(|manifest| !unheld.contains(manifest));
        }
    }

    fn expire(&mut self, now: i64) {
        self.entries.retain(|entry| entry.expires > now);
        self.drop_unheld();
    }
}

struct Run<'a> {
    world: &'a World,
    user: User,
    organization: i64,
    image: String,
    id: i64,
    model: Model,
    word: String,
    now: i64,
}

impl<'a> Run<'a> {
    async fn start(world: &'a World) -> Self {
        let user = world.user(&world.account().await).await;
        let organization = world.organization(&user).await;
        let made = world.repository_in(organization, &name("image")).await;
        let quota = world
            .metadata
            .set_organization_byte_quota(organization, Some(1_000_000), 1);
        quota.await.unwrap();
        Self {
            world,
            user,
            organization,
            image: made.image,
            id: made.id,
            model: Model::default(),
            word: name("bin"),
            now: 1000,
        }
    }

    fn blob(&self, blob: usize) -> String {
        digest(&format!("{}b{blob}", self.word))
    }

    fn manifest(&self, manifest: usize) -> String {
        digest(&format!("{}m{manifest}", self.word))
    }

    fn full_name(&self) -> String {
        format!("o{}/{}", self.organization, self.image)
    }

    async fn apply(&mut self, operation: Operation) {
        self.now += 1;
        match operation {
            Operation::Push(blob) => {
                let key = format!("{}k{}", self.word, self.now);
                self.world.push(self.id, &self.blob(blob), &key, self.now).await;
                self.model.links.insert(blob, Some(self.now));
                self.model.settle(self.now);
            }
            Operation::Put(manifest, tags) => self.put(manifest, tags).await,
            Operation::DeleteTag(tag) => self.delete_tag(tag).await,
            Operation::DeleteManifest(manifest) => self.delete_manifest(manifest).await,
            Operation::Retain(tags) => self.retain(tags).await,
            Operation::Restore(entry, overwrite) => self.restore(entry, overwrite).await,
            Operation::SetBack(tag, manifest) => self.set_back(tag, manifest).await,
            Operation::PurgeOne(entry) => self.purge_one(entry).await,
            Operation::Purge => self.purge().await,
            Operation::Sweep => self.sweep().await,
            Operation::DeleteImage => self.delete_image().await,
            Operation::Wait => self.now += KEPT / 2,
        }
    }

    async fn put(&mut self, number: usize, tags: BTreeSet<usize>) {
        let (blobs, manifests, subject) = content(number);
        let names: Vec<String> = tags.iter().map(|tag| format!("t{tag}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let put = PutManifest {
            blobs: blobs.iter().map(|blob| self.blob(*blob)).collect(),
            manifests: manifests.iter().map(|child| self.manifest(*child)).collect(),
            subject: subject.map(|subject| self.manifest(subject)),
            now: self.now,
            ..tagged(manifest(self.id, &format!("{}m{number}", self.word), &[]), &names)
        };
        let result = self.world.metadata.put_manifest(put).await;
        let complete = blobs.iter().all(|blob| self.model.links.contains_key(blob))
            && manifests.iter().all(|child| self.model.live.contains(child));
        assert_eq!(result.is_ok(), complete, "{result:?}");
        if complete {
            self.model.live.insert(number);
            for tag in tags {
                self.model.tags.insert(tag, number);
                self.model.named.insert((tag, number));
            }
            self.model.settle(self.now);
        }
    }

    /// Notes the entry that a deletion made.
    async fn enter(&mut self, digest: usize, tags: BTreeSet<usize>, holds: BTreeSet<usize>) {
        let entries = self.bin().await;
        let shown: BTreeSet<String> = entries[0].tags.iter().cloned().collect();
        assert_eq!(shown, tags.iter().map(|tag| format!("t{tag}")).collect());
        assert_eq!(entries[0].digest, Some(self.manifest(digest)));
        self.model.entries.push(Entry {
            id: entries[0].id,
            is_tag: entries[0].kind == BinKind::Tag,
            digest,
            tags,
            holds: holds.into_iter().chain([digest]).collect(),
            expires: self.now + KEPT,
        });
    }

    async fn delete_tag(&mut self, tag: usize) {
        let deletion = kept(self.now, KEPT);
        let deleted = self
            .world
            .metadata
            .delete_tag(self.id, &format!("t{tag}"), None, deletion)
            .await;
        let named = self.model.tags.remove(&tag);
        assert_eq!(deleted.unwrap(), named.is_some());
        let Some(named) = named else { return };
        let taken = if self.model.is_unnamed(named) {
            self.model.take(named, self.now)
        } else {
            BTreeSet::new()
        };
        self.enter(named, [tag].into(), taken).await;
    }

    /// Deletes tags together, as a retention does.
    async fn retain(&mut self, tags: BTreeSet<usize>) {
        let judged = self.world.metadata.judged_tags(self.id, "", 100).await.unwrap();
        let is_wanted = |tag: &str| tags.iter().any(|wanted| tag == format!("t{wanted}"));
        let goes = judged.iter().filter(|tag| is_wanted(&tag.tag)).map(condemned);
        let goes: Vec<CondemnedTag> = goes.collect();
        let run_id = self.world.metadata.begin_retention_run(self.id, self.now).await;
        let mut wanted = condemned_tags(self.id, run_id.unwrap().unwrap(), goes, kept(self.now, KEPT));
        // The judgement knew all that lists or refers to what goes.
        wanted.known = Arc::new(KnownLinks {
            manifests: (0..MANIFESTS).map(|manifest| self.manifest(manifest)).collect(),
            ..KnownLinks::default()
        });
        let deleted = self.world.metadata.delete_condemned_tags(wanted).await.unwrap();
        let model = &mut self.model;
        let named: Vec<(usize, usize)> = tags
            .iter()
            .filter_map(|tag| Some((*tag, model.tags.remove(tag)?)))
            .collect();
        assert_eq!(deleted.deleted, i64::try_from(named.len()).unwrap());
        let roots: BTreeSet<usize> = named.iter().map(|(_, manifest)| *manifest).collect();
        let roots: Vec<usize> = roots.into_iter().filter(|root| model.is_unnamed(*root)).collect();
        let mut taken = BTreeSet::new();
        for root in &roots {
            taken.extend(model.take(*root, self.now));
        }
        let entries = self.bin().await;
        for (tag, manifest) in named {
            let name = format!("t{tag}");
            let entry = entries.iter().find(|entry| entry.tags == [name.clone()]).unwrap();
            assert_eq!(entry.digest, Some(self.manifest(manifest)));
            let mut holds = BTreeSet::from([manifest]);
            while roots.contains(&manifest) {
                let follows = |below: &usize| {
                    let listed = holds.iter().any(|above| content(*above).1.contains(below));
                    listed || content(*below).2.is_some_and(|subject| holds.contains(&subject))
                };
                let more: Vec<usize> = taken.iter().copied().filter(follows).collect();
                let before = holds.len();
                holds.extend(more);
                if holds.len() == before {
                    break;
                }
            }
            self.model.entries.push(Entry {
                id: entry.id,
                is_tag: true,
                digest: manifest,
                tags: [tag].into(),
                holds,
                expires: self.now + KEPT,
            });
        }
    }

    async fn delete_manifest(&mut self, manifest: usize) {
        let deletion = kept(self.now, KEPT);
        let deleted = self
            .world
            .metadata
            .delete_manifest(self.id, &self.manifest(manifest), deletion)
            .await;
        assert_eq!(deleted.unwrap(), self.model.live.contains(&manifest));
        if !self.model.live.contains(&manifest) {
            return;
        }
        let tags = self.model.tags.iter().filter(|(_, named)| **named == manifest);
        let tags: BTreeSet<usize> = tags.map(|(tag, _)| *tag).collect();
        self.model.tags.retain(|_, named| *named != manifest);
        let taken = self.model.take(manifest, self.now);
        self.enter(manifest, tags, taken).await;
    }

    fn wanted(&self, id: i64, overwrite: bool) -> BinRestore {
        BinRestore {
            guard: berth_metadata::Guard::Off,
            id,
            overwrite,
            image: Some((self.image.clone(), self.full_name())),
            by: at(self.now),
        }
    }

    async fn restore(&mut self, entry: usize, overwrite: bool) {
        let Some(entry) = self.model.entries.get(entry).cloned() else {
            return;
        };
        let restored = self
            .world
            .metadata
            .restore_from_bin(self.wanted(entry.id, overwrite))
            .await;
        if entry.expires <= self.now {
            assert_eq!(restored.unwrap(), None);
            return;
        }
        let other = |tag: &usize| {
            self.model
                .tags
                .get(tag)
                .is_some_and(|named| *named != entry.digest)
        };
        if !overwrite && entry.tags.iter().any(other) {
            let refused = matches!(restored, Err(Error::Conflict(Conflict::TagsTaken(_))));
            assert!(refused, "{restored:?}");
            return;
        }
        assert!(!restored.unwrap().unwrap().already);
        self.model.bring_back(entry.digest, self.now);
        for tag in &entry.tags {
            self.model.tags.insert(*tag, entry.digest);
        }
        self.model.entries.retain(|other| other.id != entry.id);
        self.model.drop_unheld();
    }

    async fn set_back(&mut self, tag: usize, manifest: usize) {
        if !self.model.named.contains(&(tag, manifest)) {
            return;
        }
        let wanted = MoveTag {
            guard: berth_metadata::Guard::Off,
            repository_id: self.id,
            tag: format!("t{tag}"),
            to: TagSource::Digest(self.manifest(manifest)),
            expected: None,
            by: at(self.now),
            why: TagChange::SetBack,
        };
        let moved = self.world.metadata.move_tag(wanted).await.unwrap();
        let there = self.model.live.contains(&manifest) || self.model.binned.contains(&manifest);
        assert_eq!(moved, there);
        if !there {
            return;
        }
        if !self.model.live.contains(&manifest) {
            self.model.bring_back(manifest, self.now);
        }
        self.model.tags.insert(tag, manifest);
        // The entry of a deletion of this tag from that manifest has nothing to bring back any more.
        let done =
            |entry: &Entry| entry.is_tag && entry.digest == manifest && entry.tags == BTreeSet::from([tag]);
        self.model.entries.retain(|entry| !done(entry));
        self.model.drop_unheld();
    }

    async fn purge_one(&mut self, entry: usize) {
        let Some(entry) = self.model.entries.get(entry).cloned() else {
            return;
        };
        assert!(self.world.metadata.purge_bin_entry(entry.id).await.unwrap());
        while self.world.metadata.purge_bin(0, 2).await.unwrap() {}
        self.model.entries.retain(|other| other.id != entry.id);
        self.model.drop_unheld();
    }

    async fn purge(&mut self) {
        while self.world.metadata.purge_bin(self.now, 2).await.unwrap() {}
        self.model.expire(self.now);
    }

    async fn sweep(&mut self) {
        let before = self.now - GRACE;
        self.world
            .metadata
            .sweep_unreferenced(before, self.now, 1000)
            .await
            .unwrap();
        self.model
            .links
            .retain(|_, idle_since| idle_since.is_none_or(|since| since >= before));
    }

    /// Deletes the image, looks that nothing of it is to be seen, and restores it.
    async fn delete_image(&mut self) {
        let metadata = &self.world.metadata;
        assert!(
            metadata
                .delete_repository(self.id, kept(self.now, KEPT))
                .await
                .unwrap()
        );
        let [entry] = self
            .bin()
            .await
            .try_into()
            .expect("the image hides what was deleted in it");
        assert_eq!((entry.kind, &entry.image), (BinKind::Image, &self.image));
        assert_eq!(metadata.repository(&self.full_name()).await.unwrap(), None);
        let again = metadata
            .delete_tag(self.id, "t0", None, kept(self.now, KEPT))
            .await;
        assert!(!again.unwrap());
        let restored = metadata.restore_from_bin(self.wanted(entry.id, false)).await;
        assert!(!restored.unwrap().unwrap().already);
    }

    async fn bin(&self) -> Vec<BinEntry> {
        let page = BinPage {
            viewer: BinViewer {
                user_id: self.user.id.clone(),
                account_id: self.user.account_id.clone(),
                administrator: false,
            },
            organization_id: Some(self.organization),
            image: None,
            kind: None,
            tag: None,
            before: None,
            limit: 1000,
            now: self.now,
        };
        self.world.metadata.list_bin(page).await.unwrap()
    }

    /// Holds the database to the model, and the counters to a recount.
    async fn compare(&self) {
        let (metadata, model) = (&self.world.metadata, &self.model);
        for number in 0..MANIFESTS {
            let found = metadata
                .manifest_by_digest(self.id, &self.manifest(number))
                .await
                .unwrap();
            assert_eq!(found.is_some(), model.live.contains(&number), "manifest {number}");
            let page = ReferrersPage {
                repository_id: self.id,
                subject: self.manifest(number),
                artifact_type: None,
                last: None,
                limit: 100,
                bytes_max: 1 << 20,
            };
            let referrers = metadata.referrers(page).await.unwrap().0;
            let expected = model.live.iter().filter(|live| content(**live).2 == Some(number));
            assert_eq!(referrers.len(), expected.count(), "referrers of {number}");
        }
        let names: BTreeSet<String> = model.tags.keys().map(|tag| format!("t{tag}")).collect();
        let tags = metadata.list_tags(self.id, None, 100).await.unwrap();
        assert_eq!(tags.into_iter().collect::<BTreeSet<_>>(), names);
        let stored = metadata.blob_keys(None, 1000).await.unwrap();
        let stored: BTreeSet<String> = stored.into_iter().map(|row| row.digest).collect();
        for blob in 0..BLOBS {
            let found = metadata.linked_blob(self.id, &self.blob(blob)).await.unwrap();
            let idle_since = found.map(|found| found.idle_since.is_some());
            assert_eq!(
                idle_since,
                model.links.get(&blob).map(Option::is_some),
                "link {blob}"
            );
            let kept = model.links.contains_key(&blob) || model.keeps(blob);
            assert_eq!(stored.contains(&self.blob(blob)), kept, "blob {blob}");
            assert!(!model.uses(blob) || kept, "no live manifest misses blob {blob}");
        }
        let details = metadata.repository_details(&self.full_name()).await.unwrap();
        let counted = details.map_or((0, 0), |found| (found.size_bytes, found.tag_count));
        let used = (0..BLOBS).filter(|blob| model.uses(*blob)).count();
        assert_eq!(
            counted,
            (10 * count(used), count(model.tags.len())),
            "bytes and tags"
        );
        let usage = metadata.bin_usage(self.organization, self.now).await.unwrap();
        let only = (0..BLOBS)
            .filter(|blob| model.keeps(*blob) && !model.uses(*blob))
            .count();
        let entries = model
            .entries
            .iter()
            .filter(|entry| entry.expires > self.now)
            .count();
        assert_eq!(
            (usage.bytes, usage.entries),
            (10 * count(only), count(entries)),
            "the bin"
        );
        assert_eq!(
            metadata.compare_byte_quotas().await.unwrap(),
            [],
            "bytes of quotas"
        );
        let shown: BTreeSet<i64> = self.bin().await.iter().map(|entry| entry.id).collect();
        let expected = model.entries.iter().filter(|entry| entry.expires > self.now);
        assert_eq!(shown, expected.map(|entry| entry.id).collect());
    }

    /// Leaves nothing behind for the next run.
    async fn clear(self) {
        erase(&self.world.metadata, self.id, self.now + KEPT).await;
        for row in self.world.metadata.take_reclaim(i64::MAX, 1000).await.unwrap() {
            self.world.metadata.reclaimed(vec![row.key]).await.unwrap();
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

pub(crate) async fn any_sequence_of_deletions_can_be_undone(world: World) {
    let cases = if world.url.starts_with("sqlite") { 32 } else { 12 };
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let sequences = prop::collection::vec(operation(), 1..80);
    let result = runner.run(&sequences, |operations| {
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let mut run = Run::start(&world).await;
                for blob in 0..BLOBS {
                    run.apply(Operation::Push(blob)).await;
                }
                for operation in operations {
                    run.apply(operation).await;
                    run.compare().await;
                }
                run.clear().await;
            });
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
