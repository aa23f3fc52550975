//! Stored bytes that rot under load: bits flipped at the beginning, in the middle and at the end, files cut short, emptied,
//! grown and gone. Nobody may get wrong bytes as a whole answer, the scrub must find every one and name what it touches,
//! and pushing the same content again must heal it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::content::{MANIFEST, digest_of, random_blob};
use e2e::distribution::{How, Repository, send};
use e2e::home::Home;
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::{Method, StatusCode};
use serde_json::Value as Json;

use crate::installation::Installation;
use crate::load::{Load, REPOSITORIES, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::shelf::{Blob, Image};
use crate::{Options, round_random};

/// A blob that was not verified for so long is when it is pulled whole.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a scrub of the little that there is may take.
const SCRUBBED_WITHIN: Duration = Duration::from_mins(1);
const LAYER_MAX: usize = 600_000;

/// What happens to a file.
#[derive(Clone, Copy, Debug)]
enum Rot {
    FirstBit,
    SomeBit,
    LastBit,
    CutShort,
    Emptied,
    Grown,
    Gone,
}

const ROTS: [Rot; 7] = [
    Rot::FirstBit,
    Rot::SomeBit,
    Rot::LastBit,
    Rot::CutShort,
    Rot::Emptied,
    Rot::Grown,
    Rot::Gone,
];

pub(crate) async fn run(options: &Options) -> Report {
    let mut report = Report::new(
        "flip",
        "bits flipped and files cut in the storage under load",
        options.seed,
    );
    let mut random = round_random(options.seed, 0);
    let interval = format!("{}s", INTERVAL.as_secs());
    let variables = [
        ("BERTH_SCRUB_INTERVAL", interval),
        ("BERTH_RECLAIM_DELAY", "100ms".to_owned()),
    ];
    let mut installation = Installation::embedded(Home::new("flip"), &variables).await;
    let load = Arc::new(Load::new(random.random(), installation.origins(), &[]));
    installation.prepare(&load).await;
    let mut clients = clients(&load, &mut random);
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        let storage = installation.storage();
        let rotten = work_during(&load, &mut clients, async {
            let mut findings = Vec::new();
            let images = push(&load, &mut random).await;
            tokio::time::sleep(INTERVAL + Duration::from_millis(100)).await;
            for (image, rot) in &images {
                let file = file_of(storage, &image.blobs[1]).expect("a pushed blob has a file");
                spoil(&file, *rot, &mut random);
                findings.extend(pull(&load, image, *rot).await);
            }
            findings.extend(scrub(&load, &images).await);
            findings.extend(heal(&load, &images).await);
            findings
        })
        .await;
        for client in &mut clients {
            client.resume().await;
        }
        let mut findings = settle(&load, load.history.touched()).await;
        findings.extend(rotten);
        report.round(&format!("{} blobs spoilt, one in each way", ROTS.len()), findings);
    }
    let findings = installation.last_look(&load).await;
    report.count(load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&installation.errors());
    report
}

fn place(load: &Load) -> Repository {
    load.repository(0, REPOSITORIES[1])
}

fn tag(rot: Rot) -> String {
    format!("{rot:?}").to_lowercase()
}

/// Pushes an image for each way to rot, with a layer that nothing else has.
async fn push(load: &Load, random: &mut StdRng) -> Vec<(Image, Rot)> {
    let mut images = Vec::new();
    for rot in ROTS {
        let layer = Blob::new(random_blob(random, 1, LAYER_MAX));
        let image = Image::over(random, vec![layer]);
        for blob in &image.blobs {
            let pushed = place(load).push_blob(&blob.bytes, How::Put).await;
            pushed.expect("a server answers").expect(StatusCode::CREATED);
        }
        let put = place(load).request(Method::PUT, &format!("manifests/{}", tag(rot)));
        let put = put.header("Content-Type", MANIFEST).body(image.manifest.clone());
        send(put)
            .await
            .expect("a server answers")
            .expect(StatusCode::CREATED);
        images.push((image, rot));
    }
    images
}

/// The file of a blob, whose name begins with the digest.
fn file_of(storage: &Path, blob: &Blob) -> Option<PathBuf> {
    let hex = blob.digest.trim_start_matches("sha256:");
    let shard = storage.join("blobs/sha256").join(&hex[..2]);
    let mut files = fs::read_dir(shard).ok()?.flatten().map(|entry| entry.path());
    files.find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(hex))
    })
}

fn spoil(path: &Path, rot: Rot, random: &mut StdRng) {
    let length = fs::metadata(path).expect("the file is there").len();
    let open = || {
        File::options()
            .read(true)
            .write(true)
            .open(path)
            .expect("the file can be opened")
    };
    let flip = |at: u64, bit: u32| {
        let mut file = open();
        let mut byte = [0];
        file.seek(SeekFrom::Start(at)).expect("a file can be sought in");
        file.read_exact(&mut byte).expect("the byte is there");
        byte[0] ^= 1 << bit;
        file.seek(SeekFrom::Start(at)).expect("a file can be sought in");
        file.write_all(&byte).expect("a byte can be written");
    };
    let bit = random.random_range(0..8);
    match rot {
        Rot::FirstBit => flip(0, bit),
        Rot::SomeBit => flip(random.random_range(0..length), bit),
        Rot::LastBit => flip(length - 1, bit),
        Rot::CutShort => open()
            .set_len(random.random_range(0..length))
            .expect("a file can be cut"),
        Rot::Emptied => open().set_len(0).expect("a file can be cut"),
        Rot::Grown => open()
            .set_len(length + 1 + random.random_range(0..70_000))
            .expect("a file can grow"),
        Rot::Gone => fs::remove_file(path).expect("a file can be removed"),
    }
}

/// Pulls the spoilt layer twice: not a wrong byte may come as a whole answer.
async fn pull(load: &Load, image: &Image, rot: Rot) -> Vec<String> {
    let digest = &image.blobs[1].digest;
    let mut findings = Vec::new();
    for turn in ["first", "second"] {
        // A broken connection is the right answer of a server that notices on the way.
        let Ok(answer) = place(load).get(&format!("blobs/{digest}")).await else {
            continue;
        };
        match answer.status {
            StatusCode::OK if digest_of(&answer.body) == **digest => {
                // Whoever reads a grown file reads as much as there should be.
                if !matches!(rot, Rot::Grown) {
                    findings.push(format!(
                        "{rot:?}: the {turn} pull has the right bytes of a spoilt file"
                    ));
                }
            }
            StatusCode::OK => {
                findings.push(format!(
                    "{rot:?}: the {turn} pull of {digest} has wrong bytes and succeeds"
                ));
            }
            StatusCode::NOT_FOUND => {}
            status => findings.push(format!(
                "{rot:?}: the {turn} pull is answered with {status}: {}",
                answer.text()
            )),
        }
    }
    findings
}

/// Lets everything be verified: each spoilt blob must be gone for clients, and on the list of what is damaged.
async fn scrub(load: &Load, images: &[(Image, Rot)]) -> Vec<String> {
    let mut findings = Vec::new();
    if let Err(why) = scrub_to_the_end(load).await {
        findings.push(why);
    }
    let damaged = damaged(load).await;
    for (image, rot) in images {
        let digest = &image.blobs[1].digest;
        let head = place(load).request(Method::HEAD, &format!("blobs/{digest}"));
        let status = send(head).await.expect("a server answers").status;
        if status != StatusCode::NOT_FOUND {
            findings.push(format!("{rot:?}: HEAD says {status} after the scrub"));
        }
        let Some(entry) = damaged.iter().find(|entry| entry["digest"] == **digest) else {
            findings.push(format!("{rot:?}: {digest} is not on the list of what is damaged"));
            continue;
        };
        let touched = entry["affected"].as_array().into_iter().flatten();
        if !touched.into_iter().any(|place| place["tag"] == tag(*rot)) {
            findings.push(format!(
                "{rot:?}: the list does not name the tag that is touched: {entry}"
            ));
        }
    }
    findings
}

async fn scrub_to_the_end(load: &Load) -> Result<(), String> {
    let end = Instant::now() + SCRUBBED_WITHIN;
    // A run that is under way may have passed what was spoilt meanwhile: the next one counts.
    for _ in 0..2 {
        let asked = load.manage_with(0, "POST", "/v2/manage/maintenance/scrub", "{}");
        let asked = send(asked).await.map_err(|error| error.to_string())?;
        let run: Json = serde_json::from_slice(&asked.body).unwrap_or_default();
        let Some(id) = run["id"].as_i64() else {
            return Err(format!(
                "a scrub cannot be asked for: {} {}",
                asked.status,
                asked.text()
            ));
        };
        let path = format!("/v2/manage/maintenance/runs/{id}");
        loop {
            let answer = send(load.manage(0, "GET", &path))
                .await
                .map_err(|error| error.to_string())?;
            let run: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
            match run["state"].as_str() {
                Some("done") => break,
                Some("waiting" | "running") if Instant::now() < end => {}
                _ => return Err(format!("the scrub does not end: {run}")),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

async fn damaged(load: &Load) -> Vec<Json> {
    let list = send(load.manage(0, "GET", "/v2/manage/maintenance/damaged")).await;
    let list = list.expect("a server answers").expect(StatusCode::OK);
    let list: Json = serde_json::from_slice(&list.body).unwrap_or_default();
    list["damaged"].as_array().cloned().unwrap_or_default()
}

/// Pushes each spoilt layer again: everything is whole then, and the tags are as they were.
async fn heal(load: &Load, images: &[(Image, Rot)]) -> Vec<String> {
    let mut findings = Vec::new();
    for (image, rot) in images {
        let layer = &image.blobs[1];
        let pushed = place(load).push_blob(&layer.bytes, How::Post).await;
        let status = pushed.expect("a server answers").status;
        let answer = place(load).get(&format!("blobs/{}", layer.digest)).await;
        let is_whole = answer.is_ok_and(|answer| digest_of(&answer.body) == *layer.digest);
        let manifest = place(load).get(&format!("manifests/{}", tag(*rot))).await;
        let is_named = manifest.is_ok_and(|answer| answer.body == image.manifest);
        if status != StatusCode::CREATED || !is_whole || !is_named {
            findings.push(format!(
                "{rot:?}: pushed again with {status}; whole: {is_whole}, manifest there: {is_named}"
            ));
        }
    }
    let left = damaged(load).await;
    if !left.is_empty() {
        findings.push(format!("still damaged after all was pushed again: {left:?}"));
    }
    findings
}
