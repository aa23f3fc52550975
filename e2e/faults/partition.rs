//! Networks cut between the parts of an installation of two replicas: a replica and its database, a replica and those
//! who ask it. Cut so that connections break, or so that they hang; one at a time or several at once.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use e2e::home::Home;
use e2e::postgres::{Postgres, address};
use e2e::wire::{Cable, Wire};
use rand::RngExt;
use rand::seq::SliceRandom;
use reqwest::StatusCode;

use crate::installation::{DATABASE, Installation};
use crate::load::{Load, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::{Options, round_random};

/// Milliseconds of load before a cut, and of the cut.
const BEFORE: Range<u64> = 50..400;
const CUT: Range<u64> = 50..1500;
const TOLERATED: [StatusCode; 1] = [StatusCode::SERVICE_UNAVAILABLE];
const REPLICAS: usize = 2;

pub(crate) async fn run(options: &Options) -> Report {
    let what = "cables cut between two replicas, their database and their clients";
    let mut report = Report::new("partition", what, options.seed);
    let database = Postgres::start();
    database.create(DATABASE);
    let (mut wires, mut addresses) = (Vec::new(), Vec::new());
    for replica in 0..REPLICAS {
        let wire = Wire::to(database.port()).await;
        addresses.push(address(wire.port(), DATABASE));
        wires.push((format!("replica {replica} and its database"), wire));
    }
    let mut random = round_random(options.seed, 0);
    let mut installation = Installation::over(Home::new("partition"), database, &addresses, &[]).await;
    let mut origins = Vec::new();
    for (number, replica) in installation.replicas.iter().enumerate() {
        let wire = Wire::to(replica.port()).await;
        origins.push(format!("http://127.0.0.1:{}", wire.port()));
        wires.push((format!("replica {number} and its clients"), wire));
    }
    let load = Arc::new(Load::new(random.random(), origins, &TOLERATED));
    installation.prepare(&load).await;
    let mut clients = clients(&load, &mut random);
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        // One cable, or two at once.
        wires.shuffle(&mut random);
        let cut = &wires[..random.random_range(1..=2)];
        let cable = if random.random() {
            Cable::Cut
        } else {
            Cable::Silent
        };
        let pause = random.random_range(CUT);
        work_during(&load, &mut clients, async {
            tokio::time::sleep(Duration::from_millis(random.random_range(BEFORE))).await;
            for (_, wire) in cut {
                wire.set(cable);
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
            for (_, wire) in cut {
                wire.set(Cable::Whole);
            }
            tokio::time::sleep(Duration::from_millis(random.random_range(BEFORE))).await;
        })
        .await;
        installation.ready().await;
        for client in &mut clients {
            client.resume().await;
        }
        let findings = settle(&load, load.history.touched()).await;
        let between: Vec<&str> = cut.iter().map(|(name, _)| name.as_str()).collect();
        let did = format!(
            "{cable:?} for {pause} ms: between {}",
            between.join(", and between ")
        );
        report.round(&did, findings);
    }
    let findings = installation.last_look(&load).await;
    report.count(load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&installation.errors());
    report
}
