//! Many tags, and two clients that want the same one.

use e2e::server::Server;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use e2e::content::{MANIFEST, digest_of, fresh_random, image, random_config};
use e2e::distribution::{Answer, How, Repository, send};

const TAGS: usize = 10_000;
const ROUNDS: usize = 50;

async fn push_manifest(repository: &Repository, config: &[u8], tag: &str) -> Vec<u8> {
    repository
        .push_blob(config, How::Post)
        .await
        .unwrap()
        .expect(StatusCode::CREATED);
    let manifest = image(config, &[]);
    repository
        .put_manifest(tag, &manifest)
        .await
        .unwrap()
        .expect(StatusCode::CREATED);
    manifest
}

/// Follows the Link headers to the end; every page.
async fn pages(repository: &Repository, first: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), first.to_owned());
    loop {
        let answer = repository.get(&next).await.unwrap().expect(StatusCode::OK);
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        let tags = list["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag.as_str().unwrap().to_owned());
        pages.push(tags.collect());
        let Some(link) = answer.header("link").strip_prefix('<') else {
            return pages;
        };
        link.split('>').next().unwrap().clone_into(&mut next);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tags_are_paged_in_order() {
    let server = Server::start();
    server.create_organization("many");
    let repository = Repository::open(&server, "many/tags").await;
    let manifest = push_manifest(&repository, &random_config(&mut fresh_random()), "t00000").await;
    let names: Vec<String> = (0..TAGS).map(|number| format!("t{number:05}")).collect();
    let puts = names[1..]
        .iter()
        .map(|tag| repository.put_manifest(tag, &manifest));
    let mut puts = futures_util::stream::iter(puts).buffer_unordered(32);
    while let Some(answer) = puts.next().await {
        answer.unwrap().expect(StatusCode::CREATED);
    }

    let paged = pages(&repository, "tags/list?n=700").await;
    assert!(
        paged.iter().rev().skip(1).all(|page| page.len() == 700),
        "every page but the last is full"
    );
    assert_eq!(paged.concat(), names);
    assert_eq!(pages(&repository, "tags/list").await.concat(), names);
    let middle = repository
        .get("tags/list?n=3&last=t05000")
        .await
        .unwrap()
        .expect(StatusCode::OK);
    let middle: Value = serde_json::from_slice(&middle.body).unwrap();
    assert_eq!(middle["tags"], json!(["t05001", "t05002", "t05003"]));
    // `last` need not be a tag: a page begins behind the place that it would have.
    let between = repository
        .get("tags/list?n=1&last=t05000x")
        .await
        .unwrap()
        .expect(StatusCode::OK);
    let between: Value = serde_json::from_slice(&between.body).unwrap();
    assert_eq!(between["tags"], json!(["t05001"]));
    let none = repository
        .get("tags/list?n=0")
        .await
        .unwrap()
        .expect(StatusCode::OK);
    let none: Value = serde_json::from_slice(&none.body).unwrap();
    assert_eq!(none["tags"], json!([]));
}

async fn put_if_match(repository: &Repository, manifest: &[u8], expected: &str) -> Answer {
    let request = repository
        .request(Method::PUT, "manifests/latest")
        .header("Content-Type", MANIFEST);
    let request = request.header("If-Match", format!("\"{expected}\""));
    send(request.body(manifest.to_vec())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_clients_that_move_one_tag_exactly_one_wins() {
    let mut random = fresh_random();
    let server = Server::start();
    server.create_organization("race");
    let one = Repository::open(&server, "race/tag").await;
    let other = Repository::open(&server, "race/tag").await;
    let mut configs = Vec::new();
    for _ in 0..3 {
        configs.push(random_config(&mut random));
    }
    let mut manifests = Vec::new();
    for config in &configs {
        manifests.push(push_manifest(&one, config, "latest").await);
    }
    let mut there = digest_of(&manifests[2]);
    for _ in 0..ROUNDS {
        // Both saw the same tag, and each wants it to name something else.
        let wanted: Vec<&Vec<u8>> = manifests
            .iter()
            .filter(|manifest| digest_of(manifest) != there)
            .collect();
        let (first, second) = futures_util::future::join(
            put_if_match(&one, wanted[0], &there),
            put_if_match(&other, wanted[1], &there),
        )
        .await;
        let (winner, loser) = match (first.status, second.status) {
            (StatusCode::CREATED, StatusCode::PRECONDITION_FAILED) => (wanted[0], second),
            (StatusCode::PRECONDITION_FAILED, StatusCode::CREATED) => (wanted[1], first),
            statuses => panic!(
                "both or none won: {statuses:?} {} {}",
                first.text(),
                second.text()
            ),
        };
        there = digest_of(winner);
        assert!(
            loser.text().contains(&there),
            "412 must name what is there now: {}",
            loser.text()
        );
        let answer = one.get("manifests/latest").await.unwrap().expect(StatusCode::OK);
        assert_eq!(&answer.body, winner);
    }
}
