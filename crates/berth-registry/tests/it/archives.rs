//! Archives of images: sent in chunks, interrupted, asked, refused; and what becomes of them is what was saved.

mod made;
mod refused;

use berth_metadata::Permission;
use berth_oci::{Digest, OrganizationName, Reference};
use berth_registry::{
    ArchiveChunk, ArchiveFile, ArchiveLimits, ArchiveQuestion, ArchiveSource, ArchiveState, ArchiveView,
    ArchiveWanted, Caller, Error, ImmutabilityPlace, Limits, WantedImmutability,
};
use serde_json::Value;

use crate::harness::{TestRegistry, admin, body, member, name, sha256};
use made::{Archive, docker_newer, docker_older, gzipped, layer, layout};

const CHUNK: usize = 8 << 20;

fn team() -> OrganizationName {
    "team".parse().expect("an organization's name")
}

fn source() -> ArchiveSource {
    ArchiveSource {
        address: [127, 0, 0, 1].into(),
        request_id: "request".to_owned(),
    }
}

impl TestRegistry {
    async fn begin(&self, caller: &Caller, size: usize, wanted: ArchiveWanted) -> Result<ArchiveView, Error> {
        let file = ArchiveFile {
            name: "image.tar".to_owned(),
            size: size as u64,
            fingerprint: String::new(),
        };
        self.registry
            .begin_archive((caller, source()), &team(), (file, wanted))
            .await
    }

    async fn send(&self, id: &str, bytes: &[u8], offset: usize) -> Result<ArchiveView, Error> {
        let end = bytes.len().min(offset + CHUNK);
        let chunk = ArchiveChunk {
            offset: offset as u64,
            length: Some((end - offset) as u64),
            body: body(vec![Ok(bytes[offset..end].to_vec())]),
        };
        self.registry
            .add_archive_chunk(&admin(), (&team(), id), chunk)
            .await
    }

    async fn show(&self, id: &str) -> ArchiveView {
        self.registry
            .archive(&admin(), &team(), id)
            .await
            .expect("an archive")
    }

    async fn send_all(&self, bytes: &[u8], wanted: ArchiveWanted) -> Result<ArchiveView, Error> {
        let begun = self.begin(&admin(), bytes.len(), wanted).await?;
        for offset in (0..bytes.len()).step_by(CHUNK) {
            self.send(&begun.id, bytes, offset).await?;
        }
        Ok(begun)
    }

    /// Sends a whole archive and does the work that follows.
    async fn upload(&self, bytes: &[u8], wanted: ArchiveWanted) -> Result<ArchiveView, Error> {
        let begun = self.send_all(bytes, wanted).await?;
        self.registry.maintain_once().await.expect("upkeep");
        Ok(self.show(&begun.id).await)
    }

    async fn manifest(&self, repository: &str, reference: &str) -> (Digest, Value) {
        let reference: Reference = reference.parse().expect("a reference");
        let found = self
            .registry
            .manifest(&admin(), &name(repository), &reference)
            .await;
        let bytes = found.expect("a manifest").pull();
        (sha256(&bytes), serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// Whether an image holds exactly what was saved.
    async fn holds(&self, repository: &str, tag: &str, archive: &Archive) {
        let (_, manifest) = self.manifest(repository, tag).await;
        let config: Digest = manifest["config"]["digest"]
            .as_str()
            .expect("a digest")
            .parse()
            .expect("a digest");
        assert_eq!(
            self.pull(&admin(), repository, &config)
                .await
                .expect("a configuration"),
            archive.config
        );
        let layers = manifest["layers"].as_array().expect("layers");
        assert_eq!(layers.len(), archive.layers.len());
        for (layer, saved) in layers.iter().zip(&archive.layers) {
            let digest: Digest = layer["digest"]
                .as_str()
                .expect("a digest")
                .parse()
                .expect("a digest");
            assert_eq!(layer["size"].as_u64(), Some(saved.len() as u64));
            let found = self.pull(&admin(), repository, &digest).await.expect("a layer");
            assert!(found == *saved, "layer {digest} is another one");
        }
    }

    fn chunks(&self) -> Vec<String> {
        let files = self.files().into_iter();
        files.filter(|file| file.contains("archives/")).collect()
    }
}

fn overwriting() -> ArchiveWanted {
    ArchiveWanted {
        overwrite: true,
        ..ArchiveWanted::default()
    }
}

#[tokio::test]
async fn every_form_that_images_are_saved_in_becomes_the_image() {
    let test = TestRegistry::open(Limits::default()).await;
    // Nothing that is there already: each form has to bring all of it.
    let mut seed = 0;
    for (tag, made) in [
        ("older", docker_older as fn(&[&str], &[Vec<u8>]) -> Archive),
        ("newer", docker_newer),
        ("layout", layout),
    ] {
        for packed in [false, true] {
            seed += 2;
            let layers = [layer(seed, 3000), layer(seed + 1, 700_000)];
            let tag = format!("{tag}-{packed}");
            let reference = format!("docker.io/somebody/web/app:{tag}");
            let archive = made(&[&reference], &layers);
            let bytes = if packed {
                gzipped(&archive.tar)
            } else {
                archive.tar.clone()
            };
            let view = test
                .upload(&bytes, ArchiveWanted::default())
                .await
                .expect("an upload");
            assert_eq!((view.state, &view.failure), (ArchiveState::Done, &None), "{tag}");
            assert_eq!(view.images[0].references, [reference]);
            assert_eq!(view.images[0].layers, 2);
            assert_eq!(view.images[0].platforms, ["linux/amd64"]);
            assert_eq!((view.stored, view.checked), (view.to_store, bytes.len() as u64));
            test.holds("team/web/app", &tag, &archive).await;
            let (digest, _) = test.manifest("team/web/app", &tag).await;
            assert_eq!(view.images[0].digest, Some(digest.to_string()));
        }
    }
    assert_eq!(test.chunks(), Vec::<String>::new());
}

#[tokio::test]
async fn an_index_of_several_platforms_is_stored_as_it_is() {
    let test = TestRegistry::open(Limits::default()).await;
    let platforms = made::platforms("host.example/team/app:multi", &["amd64", "arm64"], &[]);
    let view = test
        .upload(&platforms.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(view.failure, None);
    let mut found = view.images[0].platforms.clone();
    found.sort();
    assert_eq!(found, ["linux/amd64", "linux/arm64"]);
    let (digest, _) = test.manifest("team/app", "multi").await;
    assert_eq!(digest, platforms.index);

    // Of a file that was saved with one platform of several, that one is the image.
    let one = made::platforms("host.example/team/app:one", &["amd64", "arm64"], &["arm64"]);
    let view = test
        .upload(&one.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(
        (view.failure, view.images[0].platforms.as_slice()),
        (None, &["linux/amd64".to_owned()][..])
    );
    let (_, manifest) = test.manifest("team/app", "one").await;
    assert!(manifest["layers"].is_array());
}

#[tokio::test]
async fn an_upload_goes_on_in_another_process() {
    let mut test = TestRegistry::open(Limits::default()).await;
    for packed in [false, true] {
        let seed = if packed { 3 } else { 1 };
        let layers = [layer(seed, 12 << 20), layer(seed + 1, 9 << 20)];
        let archive = docker_older(&["team/big:v1"], &layers);
        let bytes = if packed {
            gzipped(&archive.tar)
        } else {
            archive.tar.clone()
        };
        let begun = test
            .begin(&admin(), bytes.len(), overwriting())
            .await
            .expect("begun");
        for offset in (0..bytes.len()).step_by(CHUNK) {
            test = test.reopen().await;
            let elsewhere = test.send(&begun.id, &bytes, offset + 1).await;
            assert!(
                matches!(elsewhere, Err(Error::RangeInvalid { offset: stands }) if stands == offset as u64)
            );
            let view = test.send(&begun.id, &bytes, offset).await.expect("a chunk");
            assert_eq!(
                usize::try_from(view.offset).ok(),
                Some(bytes.len().min(offset + CHUNK))
            );
        }
        test = test.reopen().await;
        test.registry.maintain_once().await.expect("upkeep");
        assert_eq!(test.show(&begun.id).await.state, ArchiveState::Done);
        test.holds("team/big", "v1", &archive).await;
    }
}

#[tokio::test]
async fn a_chunk_comes_whole_or_not_at_all() {
    let test = TestRegistry::open(Limits::default()).await;
    let archive = docker_newer(&["team/app:v1"], &[layer(1, 5000)]);
    let begun = test
        .begin(&admin(), archive.tar.len(), overwriting())
        .await
        .expect("begun");
    let broken = std::io::Error::other("the connection broke");
    for (length, parts) in [
        (None, vec![Ok(archive.tar[..4000].to_vec()), Err(broken)]),
        (None, vec![Ok(archive.tar[..4000].to_vec())]),
        (None, vec![Ok(archive.tar.clone()), Ok(vec![0])]),
        (Some(4000), vec![Ok(archive.tar[..4000].to_vec())]),
    ] {
        let chunk = ArchiveChunk {
            offset: 0,
            length,
            body: body(parts),
        };
        let sent = test
            .registry
            .add_archive_chunk(&admin(), (&team(), &begun.id), chunk)
            .await;
        assert!(sent.is_err(), "{length:?}");
        assert_eq!(test.show(&begun.id).await.offset, 0);
    }
    test.send(&begun.id, &archive.tar, 0).await.expect("a chunk");
}

#[tokio::test]
async fn what_has_no_name_and_what_would_move_a_tag_is_asked() {
    let test = TestRegistry::open(Limits::default()).await;
    let nameless = docker_newer(&[], &[layer(1, 5000)]);
    let asked = test
        .upload(&nameless.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(
        (asked.state, asked.questions.as_slice()),
        (ArchiveState::Asking, &[ArchiveQuestion::Name][..])
    );
    let said = ArchiveWanted {
        repository: Some("app".to_owned()),
        tag: Some("v1".to_owned()),
        ..ArchiveWanted::default()
    };
    let answered = test
        .registry
        .answer_archive(&admin(), (&team(), &asked.id), said)
        .await;
    assert_eq!(answered.expect("an answer").state, ArchiveState::Processing);
    test.registry.maintain_once().await.expect("upkeep");
    test.holds("team/app", "v1", &nameless).await;

    let other = docker_newer(&["app:v1"], &[layer(2, 5000)]);
    let asked = test
        .upload(&other.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(asked.questions, [ArchiveQuestion::Overwrite]);
    assert!(asked.images[0].targets[0].now.is_some());
    test.holds("team/app", "v1", &nameless).await;
    let answered = test
        .registry
        .answer_archive(&admin(), (&team(), &asked.id), overwriting())
        .await;
    answered.expect("an answer");
    test.registry.maintain_once().await.expect("upkeep");
    test.holds("team/app", "v1", &other).await;

    // The same image once more moves nothing.
    let again = test
        .upload(&other.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(again.state, ArchiveState::Done);
}

#[tokio::test]
async fn what_is_known_beforehand_is_refused_before_a_byte_comes() {
    let test = TestRegistry::open(Limits::default()).await;
    let named = |references: &[&str]| ArchiveWanted {
        references: references.iter().map(ToString::to_string).collect(),
        ..ArchiveWanted::default()
    };
    let archive = docker_newer(&["app:v1"], &[layer(1, 5000)]);
    test.upload(&archive.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    let known = test.begin(&admin(), 10, named(&["app:v1"])).await.expect("begun");
    assert!(known.images[0].targets[0].now.is_some());
    let rule = WantedImmutability {
        kind: "glob".to_owned(),
        pattern: "v*".to_owned(),
        except: None,
        images: None,
    };
    let (app, caller) = (name("team/app"), admin());
    let made = test
        .registry
        .add_immutability(&caller, ImmutabilityPlace::Image(&app), &rule);
    made.await.expect("a rule");

    let refused = test.begin(&admin(), 10, named(&["app:v1"])).await;
    assert!(matches!(refused, Err(Error::TagImmutable(_))));
    let refused = test.begin(&admin(), 10, named(&["App:v2"])).await;
    assert!(matches!(refused, Err(Error::NameInvalid(_))));
    let refused = test.begin(&admin(), 3 << 30, named(&[])).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    for wanted in [named(&[]), named(&["app:v2"])] {
        let refused = test.begin(&member(), 10, wanted).await;
        assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
    }
    test.grant(Permission::Read).await;
    let refused = test.begin(&member(), 10, named(&[])).await;
    assert!(matches!(refused, Err(Error::Denied(_))));
    let elsewhere = "nowhere".parse().expect("a name");
    let file = ArchiveFile {
        name: String::new(),
        size: 1,
        fingerprint: String::new(),
    };
    let refused = test
        .registry
        .begin_archive((&caller, source()), &elsewhere, (file, named(&[])));
    assert!(matches!(refused.await, Err(Error::Denied(_))));

    // And what is found while it comes, as soon as it is found.
    let immutable = docker_newer(&["app:v1"], &[layer(3, 5000)]);
    let refused = test.send_all(&immutable.tar, ArchiveWanted::default()).await;
    assert!(matches!(refused, Err(Error::TagImmutable(_))));
}

#[tokio::test]
async fn nobody_else_sees_an_upload_and_its_bytes_go_with_it() {
    let limits = Limits {
        archives: ArchiveLimits {
            files_max: 2,
            ..ArchiveLimits::default()
        },
        ..Limits::default()
    };
    let test = TestRegistry::open(limits).await;
    test.grant(Permission::Manage).await;
    let bytes = docker_newer(&["app:v1"], &[layer(1, 10 << 20)]).tar;
    let first = test
        .begin(&admin(), bytes.len(), overwriting())
        .await
        .expect("begun");
    test.send(&first.id, &bytes, 0).await.expect("a chunk");
    let second = test
        .begin(&admin(), bytes.len(), overwriting())
        .await
        .expect("begun");
    let third = test.begin(&admin(), bytes.len(), overwriting()).await;
    assert!(matches!(third, Err(Error::QuotaExceeded { .. })));
    let (mine, _) = test.registry.archives(&admin(), None, 10).await.expect("a list");
    let ids: Vec<_> = mine.iter().map(|view| view.id.as_str()).collect();
    assert_eq!(ids, [second.id.as_str(), first.id.as_str()]);

    let (theirs, _) = test.registry.archives(&member(), None, 10).await.expect("a list");
    assert_eq!(theirs, []);
    for refused in [
        test.registry
            .archive(&member(), &team(), &first.id)
            .await
            .map(drop),
        test.registry.cancel_archive(&member(), &team(), &first.id).await,
    ] {
        assert!(matches!(refused, Err(Error::UploadUnknown)));
    }
    assert_eq!(test.chunks().len(), 1);
    for id in [&first.id, &second.id] {
        test.registry
            .cancel_archive(&admin(), &team(), id)
            .await
            .expect("cancelled");
    }
    assert_eq!(test.chunks(), Vec::<String>::new());
    assert!(matches!(
        test.registry.archive(&admin(), &team(), &first.id).await,
        Err(Error::UploadUnknown)
    ));
}

#[tokio::test]
async fn what_does_not_go_on_is_swept() {
    let limits = Limits {
        archives: ArchiveLimits {
            ttl: std::time::Duration::ZERO,
            ..ArchiveLimits::default()
        },
        ..Limits::default()
    };
    let test = TestRegistry::open(limits).await;
    let bytes = docker_newer(&["app:v1"], &[layer(1, 10 << 20)]).tar;
    let begun = test
        .begin(&admin(), bytes.len(), overwriting())
        .await
        .expect("begun");
    test.send(&begun.id, &bytes, 0).await.expect("a chunk");
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(test.chunks(), Vec::<String>::new());
    assert!(matches!(
        test.registry.archive(&admin(), &team(), &begun.id).await,
        Err(Error::UploadUnknown)
    ));
}
