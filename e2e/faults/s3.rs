//! An S3 store that fails under two replicas: it refuses with 503, answers late or not at all, does what it is asked and
//! loses the answer, or cannot be reached. A client is told 503 at most, and nothing that was acknowledged is lost.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use e2e::bucket::Bucket;
use e2e::home::Home;
use e2e::wire::{Cable, Wire};
use rand::RngExt;
use rand::seq::IndexedRandom;
use reqwest::StatusCode;

use crate::installation::Installation;
use crate::load::{Load, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::{Options, round_random};

/// Milliseconds of load before the fault and after it, and of the fault.
const PAUSE: Range<u64> = 50..500;
const FAULT: Range<u64> = 50..2000;
const TOLERATED: [StatusCode; 1] = [StatusCode::SERVICE_UNAVAILABLE];
const REPLICAS: usize = 2;

/// What the store says when it is asked too much.
const SLOW_DOWN: &str = "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 79\r\nConnection: close\r\n\r\n\
     <Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>";
/// What it says when it is broken.
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\nContent-Length: 76\r\nConnection: \
     close\r\n\r\n<Error><Code>InternalError</Code><Message>Please try again</Message></Error>";

const FAULTS: [(&str, Cable); 6] = [
    ("refuses with 503 SlowDown", Cable::Refusing(SLOW_DOWN)),
    ("refuses with 500", Cable::Refusing(BROKEN)),
    ("is slow", Cable::Slow(150)),
    ("does what it is asked and its answers are lost", Cable::Deaf),
    ("says nothing", Cable::Silent),
    ("cannot be reached", Cable::Cut),
];

pub(crate) async fn run(options: &Options) -> Report {
    let what = "an S3 store that fails, is slow, and loses answers, under two replicas";
    let mut report = Report::new("s3", what, options.seed);
    let bucket = Bucket::new("faults");
    let (mut wires, mut ports) = (Vec::new(), Vec::new());
    for _ in 0..REPLICAS {
        let wire = Wire::to(bucket.port()).await;
        ports.push(wire.port());
        wires.push(wire);
    }
    let mut random = round_random(options.seed, 0);
    let mut installation = Installation::scaled_through(Home::new("s3"), bucket, &ports, &[]).await;
    let load = Load::new(random.random(), installation.origins(), &TOLERATED);
    let load = Arc::new(load);
    installation.prepare(&load).await;
    let mut clients = clients(&load, &mut random);
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        let (does, cable) = *FAULTS.choose(&mut random).expect("there are faults");
        let lasts = random.random_range(FAULT);
        // For one replica, or for both.
        let hit = &wires[..random.random_range(1..=REPLICAS)];
        work_during(&load, &mut clients, async {
            tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE))).await;
            for wire in hit {
                wire.set(cable);
            }
            tokio::time::sleep(Duration::from_millis(lasts)).await;
            for wire in hit {
                wire.set(Cable::Whole);
            }
            tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE))).await;
        })
        .await;
        installation.ready().await;
        for client in &mut clients {
            client.resume().await;
        }
        let findings = settle(&load, load.history.touched()).await;
        let refused = load.take_failures();
        let did = format!(
            "for {} of {REPLICAS} replicas the store {does} for {lasts} ms; {refused} answered with 503",
            hit.len()
        );
        report.round(&did, findings);
    }
    let findings = installation.last_look(&load).await;
    report.count(load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&installation.errors());
    report
}

#[cfg(test)]
mod tests {
    use super::{BROKEN, SLOW_DOWN};

    #[test]
    fn the_answers_are_as_long_as_they_say() {
        for answer in [BROKEN, SLOW_DOWN] {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let length = format!("Content-Length: {}", body.len());
            assert!(head.contains(&length), "{length}: {head}");
        }
    }
}
