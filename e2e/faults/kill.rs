//! SIGKILL at random moments of a mixed load: the one server of an embedded installation, or one of two replicas while
//! the other goes on. After each, every acknowledged operation must be there in some order, and nothing half done.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use e2e::home::Home;
use rand::RngExt;

use crate::installation::Installation;
use crate::load::{Load, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::{Options, Stores, round_random};

/// Rounds that one installation lives through; then everything is looked at once more and the next is made.
const ROUNDS_EACH: u64 = 40;
/// Milliseconds of load before the kill.
const PAUSE: Range<u64> = 20..700;

pub(crate) async fn run(options: &Options) -> Report {
    let what = "SIGKILL of a server at random moments of a mixed load";
    let mut report = Report::new("kill", what, options.seed);
    let mut round = 0;
    while round < options.rounds && !report.is_full() {
        let until = options.rounds.min(round + ROUNDS_EACH);
        live(options, round..until, &mut report).await;
        round = until;
    }
    report
}

/// One installation, killed once in each round.
async fn live(options: &Options, rounds: Range<u64>, report: &mut Report) {
    let mut random = round_random(options.seed, rounds.start);
    let home = Home::new("kill");
    let mut installation = match options.stores {
        Stores::Embedded => Installation::embedded(home, &[]).await,
        Stores::S3 => Installation::scaled(home, 2, &[]).await,
        Stores::Postgres => Installation::replicated(home, 2, &[]).await,
    };
    let load = Arc::new(Load::new(random.random(), installation.origins(), &[]));
    installation.prepare(&load).await;
    let mut clients = clients(&load, &mut random);
    for round in rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        let victim = random.random_range(0..installation.replicas.len());
        let pause = random.random_range(PAUSE);
        let goes_on = installation.replicas.len() > 1;
        let replica = &mut installation.replicas[victim];
        work_during(&load, &mut clients, async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            replica.kill();
            if goes_on {
                // The others are asked, with one gone and with one coming back.
                tokio::time::sleep(Duration::from_millis(pause / 2)).await;
                replica.start().await;
            }
        })
        .await;
        if !goes_on {
            replica.start().await;
        }
        for client in &mut clients {
            client.resume().await;
        }
        let findings = settle(&load, load.history.touched()).await;
        report.round(&format!("replica {victim} killed after {pause} ms"), findings);
    }
    let findings = installation.last_look(&load).await;
    report.count(load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&installation.errors());
}
