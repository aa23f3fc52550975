//! Files that are no archives of images, and those that somebody made up to do harm: each is refused in a sentence, and leaves
//! nothing.

use berth_registry::{ArchiveLimits, ArchiveProblem, ArchiveState, ArchiveWanted, Error, Limits};
use serde_json::json;
use tar::{EntryType, Header};

use super::made::{Archive, Tar, config, docker_newer, docker_older, gzipped, layer, layout};
use crate::harness::{TestRegistry, sha256};

const LIMIT: u64 = 4 << 20;

async fn small() -> TestRegistry {
    let limits = Limits {
        archives: ArchiveLimits {
            bytes_max: LIMIT,
            unpacked_bytes_max: LIMIT,
            files_max: 100,
            ..ArchiveLimits::default()
        },
        ..Limits::default()
    };
    TestRegistry::open(limits).await
}

/// Refused while it comes, or when it is checked; either way for this reason.
async fn check(test: &TestRegistry, what: &str, bytes: &[u8], reason: &str) {
    let (problem, sentence) = match test.upload(bytes, ArchiveWanted::default()).await {
        Ok(view) => {
            assert_eq!(view.state, ArchiveState::Failed, "{what}: {view:?}");
            let failure = view.failure.expect("a reason");
            (failure.problem, failure.sentence)
        }
        Err(error @ Error::ArchiveInvalid(_)) => (ArchiveProblem::Format, error.to_string()),
        Err(error @ Error::NameInvalid(_)) => (ArchiveProblem::Name, error.to_string()),
        Err(error) => panic!("{what}: {error:?}"),
    };
    assert!(sentence.contains(reason), "{what}: {sentence}");
    if problem == ArchiveProblem::Format {
        assert!(
            sentence.starts_with("invalid image format: ") || sentence.contains("digest"),
            "{what}: {sentence}"
        );
    }
    assert_eq!(test.chunks(), Vec::<String>::new(), "{what}");
}

fn with_manifest(tar: Tar, config: &[u8], layers: &[&str]) -> Vec<u8> {
    tar.file("config.json", config)
        .json(
            "manifest.json",
            &json!([{ "Config": "config.json", "RepoTags": ["app:v1"], "Layers": layers }]),
        )
        .end()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn what_is_no_archive_of_images_is_refused_in_a_sentence() {
    let test = small().await;
    let one = [layer(1, 5000)];
    let good = docker_older(&["app:v1"], &one);
    let refuse = async |what: &str, bytes: Vec<u8>, reason: &str| check(&test, what, &bytes, reason).await;

    refuse(
        "a text",
        b"hello ".repeat(1000),
        "neither a tar archive nor a gzipped one",
    )
    .await;
    refuse("a few bytes", b"PK".to_vec(), "cut off").await;
    refuse(
        "a gzipped text",
        gzipped(&b"hello ".repeat(1000)),
        "neither a tar archive",
    )
    .await;
    refuse(
        "an empty archive",
        Tar::new().file("a", b"b").end(),
        "neither manifest.json nor index.json",
    )
    .await;
    refuse("cut off", good.tar[..3000].to_vec(), "cut off").await;
    let packed = gzipped(&good.tar);
    refuse("gzip, cut off", packed[..packed.len() - 20].to_vec(), "gzip").await;
    refuse(
        "gzip, cut off in its check",
        packed[..packed.len() - 4].to_vec(),
        "gzip",
    )
    .await;
    refuse(
        "garbage after it",
        [&good.tar[..], b"garbage"].concat(),
        "something follows",
    )
    .await;
    refuse("garbage after gzip", [&packed[..], b"garbage"].concat(), "gzip").await;
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 0x55;
    refuse("gzip, damaged", damaged, "gzip").await;
    refuse(
        "no manifest",
        Tar::new().json("manifest.json", &json!({})).end(),
        "manifest.json cannot be read",
    )
    .await;
    refuse(
        "no images",
        Tar::new().json("manifest.json", &json!([])).end(),
        "no image",
    )
    .await;
    refuse(
        "deep JSON",
        Tar::new().file("manifest.json", &b"[".repeat(100_000)).end(),
        "manifest.json cannot be read",
    )
    .await;
    refuse("a bad name", docker_newer(&["team/App:v1"], &one).tar, "name").await;
    refuse("a bad tag", docker_newer(&["team/app:-v1"], &one).tar, "tag").await;
    refuse(
        "a name of a name",
        docker_newer(&["team/../../etc:v1"], &one).tar,
        "name",
    )
    .await;
    let config_of = config("amd64", &one);
    refuse(
        "no layer",
        with_manifest(Tar::new(), &config_of, &["layer.tar"]),
        "'layer.tar', which manifest.json names",
    )
    .await;
    refuse(
        "too few layers",
        with_manifest(Tar::new(), &config_of, &[]),
        "0 layers",
    )
    .await;
    let other = Tar::new().file("layer.tar", &layer(2, 5000));
    refuse(
        "another layer",
        with_manifest(other, &config_of, &["layer.tar"]),
        "digest",
    )
    .await;
    let other = Tar::new().file("layer.tar", &gzipped(&layer(2, 5000)));
    refuse(
        "another packed layer",
        with_manifest(other, &config_of, &["layer.tar"]),
        "unpacks to",
    )
    .await;
    let mut blob_is_wrong = layout(&["app:v1"], &one);
    let at = find(&blob_is_wrong.tar, &blob_is_wrong.layers[0]);
    blob_is_wrong.tar[at + 600] ^= 1;
    refuse("another blob", blob_is_wrong.tar, "digest").await;
    let twice = Tar::new()
        .json("manifest.json", &json!([]))
        .json("./manifest.json", &json!([]))
        .end();
    refuse("two manifests", twice, "two files manifest.json").await;
    let two = Tar::new()
        .file("config.json", &config("amd64", &[]))
        .file("other.json", &config("arm64", &[]))
        .json(
            "manifest.json",
            &json!([
                { "Config": "config.json", "RepoTags": null, "Layers": [] },
                { "Config": "other.json", "RepoTags": ["app:v1"], "Layers": [] },
            ]),
        );
    refuse("one of two without a name", two.end(), "has no name").await;
    assert_eq!(
        test.registry
            .list_repositories(&crate::harness::admin(), &berth_oci::endpoint::Page::default())
            .await
            .expect("a list")
            .entries,
        Vec::<String>::new()
    );
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes
        .windows(part.len())
        .position(|window| window == part)
        .expect("a part")
}

fn named(kind: EntryType, name: &str, body: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(body.len() as u64);
    header.as_gnu_mut().expect("a GNU header").name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn followed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(Tar::new().file("a", b"b").end());
    bytes
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn what_was_made_to_do_harm_is_refused_in_a_sentence() {
    let test = small().await;
    let refuse = async |what: &str, bytes: Vec<u8>, reason: &str| check(&test, what, &bytes, reason).await;
    let config = config("amd64", &[layer(1, 100)]);

    refuse(
        "a name that leads out",
        followed(named(EntryType::Regular, "../../etc/passwd", b"x")),
        "leads out",
    )
    .await;
    refuse(
        "an absolute name",
        followed(named(EntryType::Regular, "/etc/passwd", b"x")),
        "leads out",
    )
    .await;
    let out = Tar::new().link(EntryType::Symlink, "layer.tar", "../../../etc/passwd");
    refuse(
        "a link that leads out",
        with_manifest(out, &config, &["layer.tar"]),
        "leads out",
    )
    .await;
    let out = Tar::new().link(EntryType::Link, "layer.tar", "/etc/passwd");
    refuse(
        "a hard link that leads out",
        with_manifest(out, &config, &["layer.tar"]),
        "leads out",
    )
    .await;
    let circle = Tar::new()
        .link(EntryType::Symlink, "layer.tar", "other.tar")
        .link(EntryType::Symlink, "other.tar", "layer.tar");
    refuse(
        "links in a circle",
        with_manifest(circle, &config, &["layer.tar"]),
        "not in the archive",
    )
    .await;
    refuse(
        "a sparse file",
        followed(named(EntryType::GNUSparse, "a", b"x")),
        "sparse",
    )
    .await;
    let attributes = b"22 GNU.sparse.major=1\n";
    refuse(
        "a sparse file by attributes",
        followed(named(EntryType::XHeader, "a", attributes)),
        "sparse",
    )
    .await;
    refuse(
        "a long name",
        followed(named(EntryType::GNULongName, "a", &b"a".repeat(70_000))),
        "too long",
    )
    .await;
    refuse(
        "attributes without end",
        followed(named(EntryType::XHeader, "a", &b"a".repeat(70_000))),
        "too long",
    )
    .await;
    refuse(
        "a longer name",
        followed(
            [
                named(EntryType::GNULongName, "a", &b"a".repeat(2000)),
                named(EntryType::Regular, "a", b""),
            ]
            .concat(),
        ),
        "too long",
    )
    .await;
    let zeros = vec![0; 64 << 20];
    refuse(
        "a bomb",
        gzipped(&Tar::new().file("zeros", &zeros).end()),
        "unpacks to more than",
    )
    .await;
    let bomb = Tar::new().file("layer.tar", &gzipped(&zeros));
    refuse(
        "a bomb in a layer",
        with_manifest(bomb, &config, &["layer.tar"]),
        "unpacks to more than",
    )
    .await;
    let mut many = Vec::new();
    for number in 0..20_001 {
        many.extend(named(EntryType::Directory, &format!("d{number}"), b""));
    }
    refuse("many entries", gzipped(&many), "more than").await;
    let huge = named(EntryType::Regular, "huge", b"");
    let mut header = Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&huge[..512]);
    header.set_size(u64::MAX >> 1);
    header.set_cksum();
    refuse("a size beyond all bounds", header.as_bytes().to_vec(), "cut off").await;
    let names: Vec<_> = (0..200).map(|number| format!("app:v{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    refuse(
        "many names",
        docker_newer(&names, &[layer(1, 100)]).tar,
        "more than 100 names",
    )
    .await;
    let long = format!("app:{}", "v".repeat(4000));
    refuse(
        "a name without end",
        docker_newer(&[&long], &[layer(1, 100)]).tar,
        "",
    )
    .await;
}

#[tokio::test]
async fn links_within_an_archive_and_long_names_are_followed() {
    let test = small().await;
    let equal = [layer(1, 3000), layer(2, 3000), layer(1, 3000)];
    let archive = docker_older(&["app:links"], &equal);
    let view = test
        .upload(&archive.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(view.failure, None);
    test.holds("team/app", "links", &archive).await;

    let one = layer(7, 3000);
    let config = config("amd64", std::slice::from_ref(&one));
    let folder = "long/".repeat(40);
    let (layer_name, config_name) = (format!("{folder}layer.tar"), format!("{folder}config.json"));
    let tar = Tar::new()
        .file(&layer_name, &one)
        .file(&config_name, &config)
        .json(
            "manifest.json",
            &json!([{ "Config": config_name, "RepoTags": ["app:long"], "Layers": [layer_name] }]),
        );
    let archive = Archive {
        tar: tar.end(),
        config,
        layers: vec![one],
    };
    let view = test
        .upload(&archive.tar, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(view.failure, None);
    test.holds("team/app", "long", &archive).await;
}

#[tokio::test]
async fn a_packed_layer_stays_packed() {
    let test = small().await;
    let plain = layer(1, 5000);
    let packed = gzipped(&plain);
    let config = config("amd64", &[plain]);
    let tar = Tar::new().file("layer.tar.gz", &packed);
    let bytes = with_manifest(tar, &config, &["layer.tar.gz"]);
    let view = test
        .upload(&bytes, ArchiveWanted::default())
        .await
        .expect("an upload");
    assert_eq!(view.failure, None);
    let (_, manifest) = test.manifest("team/app", "v1").await;
    assert_eq!(manifest["layers"][0]["digest"], sha256(&packed).to_string());
    assert_eq!(manifest["config"]["digest"], sha256(&config).to_string());
}
