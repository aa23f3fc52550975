//! A full disk, a read-only disk, a broken disk: the request fails with a clear error, reads go on, nothing is left
//! behind, and with the fault gone all is as before.

use std::fs;
use std::path::Path;

use e2e::home::Home;
use e2e::server::Server;
use rand::rngs::StdRng;
use reqwest::StatusCode;

use e2e::content::{digest_of, fresh_random, image, random_blob, random_config};
use e2e::distribution::{How, Repository};
use e2e::filesystem::Filesystem;

const MEBIBYTE: usize = 1 << 20;

/// An image that was pushed and acknowledged.
struct Pushed {
    blobs: Vec<Vec<u8>>,
    manifest: Vec<u8>,
    tag: String,
}

async fn push_image(repository: &Repository, random: &mut StdRng, tag: &str) -> Pushed {
    let layer = random_blob(random, MEBIBYTE, MEBIBYTE);
    let config = random_config(random);
    let manifest = image(&config, &[&layer]);
    let blobs = vec![layer, config];
    for (blob, how) in blobs.iter().zip(How::ALL) {
        repository
            .push_blob(blob, how)
            .await
            .unwrap()
            .expect(StatusCode::CREATED);
    }
    repository
        .put_manifest(tag, &manifest)
        .await
        .unwrap()
        .expect(StatusCode::CREATED);
    Pushed {
        blobs,
        manifest,
        tag: tag.to_owned(),
    }
}

async fn assert_readable(repository: &Repository, pushed: &Pushed) {
    let answer = repository
        .get(&format!("manifests/{}", pushed.tag))
        .await
        .unwrap()
        .expect(StatusCode::OK);
    assert_eq!(answer.body, pushed.manifest);
    for blob in &pushed.blobs {
        let digest = digest_of(blob);
        let answer = repository
            .get(&format!("blobs/{digest}"))
            .await
            .unwrap()
            .expect(StatusCode::OK);
        assert_eq!(digest_of(&answer.body), digest);
    }
}

async fn assert_unwritable(repository: &Repository, blob: &[u8]) {
    for how in How::ALL {
        repository.push_blob(blob, how).await.unwrap().expect_unwritable();
    }
}

/// No byte of an unfinished upload may lie on the disk.
fn assert_no_upload_is_left(data: &Path) {
    let folder = data.join("storage/uploads");
    let left: u64 = fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(left, 0, "bytes of uploads are left in {}", folder.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_pushes_and_serves_pulls() {
    let mut random = fresh_random();
    let home = Home::new("full");
    let disk = Filesystem::mount(&home, "data", 96);
    let server = Server::start_at(home);
    server.create_organization("disk");
    let repository = Repository::open(&server, "disk/full").await;
    let before = push_image(&repository, &mut random, "before").await;

    let ballast = disk.fill(3 * 1024);
    let large = random_blob(&mut random, 12 * MEBIBYTE, 12 * MEBIBYTE);
    for how in [How::Put, How::Post, How::Stream] {
        repository
            .push_blob(&large, how)
            .await
            .unwrap()
            .expect_unwritable();
        assert_no_upload_is_left(disk.path());
        assert_readable(&repository, &before).await;
    }

    ballast.drop_it();
    for how in How::ALL {
        repository
            .push_blob(&large, how)
            .await
            .unwrap()
            .expect(StatusCode::CREATED);
    }
    let after = push_image(&repository, &mut random, "after").await;
    for pushed in [&before, &after] {
        assert_readable(&repository, pushed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_a_single_block_refuses_manifests_and_keeps_those_it_took() {
    let mut random = fresh_random();
    let home = Home::new("brim");
    let disk = Filesystem::mount(&home, "data", 64);
    let server = Server::start_at(home);
    server.create_organization("disk");
    let repository = Repository::open(&server, "disk/brim").await;
    let before = push_image(&repository, &mut random, "before").await;

    let ballast = disk.fill(0);
    // What the database has set aside takes a few; each is as large as a manifest may well be.
    let mut taken = Vec::new();
    let refused = loop {
        assert!(taken.len() < 200, "a full disk took {} manifests", taken.len());
        let (blob, tag) = (vec![b'a'; 200_000], format!("t{}", taken.len()));
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
            "annotations": {"n": tag, "padding": String::from_utf8(blob).unwrap()},
        });
        let bytes = manifest.to_string().into_bytes();
        let answer = put_index(&repository, &tag, &bytes).await;
        if answer.status != StatusCode::CREATED {
            break answer;
        }
        taken.push((tag, bytes));
    };
    refused.expect_unwritable();
    assert_readable(&repository, &before).await;

    ballast.drop_it();
    for (tag, bytes) in &taken {
        let answer = repository
            .get(&format!("manifests/{tag}"))
            .await
            .unwrap()
            .expect(StatusCode::OK);
        assert_eq!(&answer.body, bytes);
    }
    let after = push_image(&repository, &mut random, "after").await;
    assert_readable(&repository, &after).await;
}

async fn put_index(repository: &Repository, tag: &str, bytes: &[u8]) -> e2e::distribution::Answer {
    let request = repository.request(reqwest::Method::PUT, &format!("manifests/{tag}"));
    let request = request.header("Content-Type", "application/vnd.oci.image.index.v1+json");
    e2e::distribution::send(request.body(bytes.to_vec()))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_storage_refuses_pushes_and_serves_pulls() {
    let mut random = fresh_random();
    let home = Home::new("readonly");
    let disk = Filesystem::mount(&home, "data/storage", 64);
    let server = Server::start_at(home);
    server.create_organization("disk");
    let repository = Repository::open(&server, "disk/readonly").await;
    let before = push_image(&repository, &mut random, "before").await;

    disk.allow_writing(false);
    assert_unwritable(&repository, &random_blob(&mut random, MEBIBYTE, MEBIBYTE)).await;
    assert_readable(&repository, &before).await;

    disk.allow_writing(true);
    let after = push_image(&repository, &mut random, "after").await;
    for pushed in [&before, &after] {
        assert_readable(&repository, pushed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_the_kernel_gives_up_refuses_pushes_and_loses_nothing() {
    let mut random = fresh_random();
    let home = Home::new("broken");
    let disk = Filesystem::mount(&home, "data", 96);
    let mut server = Server::start_at(home);
    server.create_organization("disk");
    let repository = Repository::open(&server, "disk/broken").await;
    let before = push_image(&repository, &mut random, "before").await;

    disk.fail();
    assert_unwritable(&repository, &random_blob(&mut random, MEBIBYTE, MEBIBYTE)).await;
    repository
        .put_manifest("moved", &before.manifest)
        .await
        .unwrap()
        .expect_unwritable();
    assert_readable(&repository, &before).await;

    server.kill();
    server.wait_after_kill();
    disk.mount_again();
    server.start_again();
    let repository = Repository::open(&server, "disk/broken").await;
    let answer = repository.get("manifests/moved").await.unwrap();
    assert_eq!(
        answer.status,
        StatusCode::NOT_FOUND,
        "a refused tag must not appear later"
    );
    let after = push_image(&repository, &mut random, "after").await;
    for pushed in [&before, &after] {
        assert_readable(&repository, pushed).await;
    }
}
