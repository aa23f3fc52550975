//! PostgreSQL restarted, killed, and failed over to its standby, in the middle of the transactions of two replicas under
//! load. The standby is synchronous, as it has to be where a failover must lose nothing; the address that the replicas
//! know is a cable that leads to whoever is the primary.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use e2e::home::Home;
use e2e::postgres::{Postgres, address};
use e2e::wire::{Cable, Wire};
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::StatusCode;

use crate::installation::{DATABASE, Installation};
use crate::load::{Load, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::{Options, round_random};

/// Milliseconds of load before the fault, and of rest after it.
const PAUSE: std::ops::Range<u64> = 50..500;
/// What a replica may say while its database is gone.
const TOLERATED: [StatusCode; 1] = [StatusCode::SERVICE_UNAVAILABLE];

pub(crate) async fn run(options: &Options) -> Report {
    let what =
        "PostgreSQL restarted, killed, and failed over under two replicas in the middle of a mixed load";
    let mut report = Report::new("postgres", what, options.seed);
    let database = Postgres::start();
    database.create(DATABASE);
    let wire = Wire::to(database.port()).await;
    let addresses = vec![address(wire.port(), DATABASE); 2];
    let mut random = round_random(options.seed, 0);
    let mut installation = Installation::over(Home::new("postgres"), database, &addresses, &[]).await;
    // How far an upload came is not worth a flush of the database's log: a crash may set it back.
    let load = Load::new(random.random(), installation.origins(), &TOLERATED).forgetting_uploads();
    let load = Arc::new(load);
    installation.prepare(&load).await;
    let mut clients = clients(&load, &mut random);
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        let database = installation
            .database
            .as_mut()
            .expect("this installation has a server");
        let standby = (round % 3 == 2).then(|| database.standby());
        let did = work_during(&load, &mut clients, async {
            rest(&mut random).await;
            let did = match standby {
                Some(standby) => fail_over(database, standby, &wire),
                None if round % 3 == 0 => {
                    database.stop();
                    database.resume();
                    "PostgreSQL restarted"
                }
                None => {
                    database.kill();
                    database.resume();
                    "PostgreSQL killed"
                }
            };
            rest(&mut random).await;
            did
        })
        .await;
        installation.ready().await;
        for client in &mut clients {
            client.resume().await;
        }
        let findings = settle(&load, load.history.touched()).await;
        report.round(did, findings);
    }
    let findings = installation.last_look(&load).await;
    report.count(load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&installation.errors());
    report
}

async fn rest(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE))).await;
}

/// The primary dies, and the standby takes its place behind the same address.
fn fail_over(database: &mut Postgres, standby: Postgres, wire: &Wire) -> &'static str {
    database.kill();
    wire.set(Cable::Cut);
    standby.promote();
    wire.lead_to(standby.port());
    wire.set(Cable::Whole);
    drop(mem::replace(database, standby));
    "PostgreSQL failed over to its standby"
}
