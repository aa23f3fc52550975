//! SIGKILL at random moments of a mixed load: the one server of an embedded installation, or one of two replicas while
//! the other goes on. After each, every acknowledged operation must be there in some order, and nothing half done.

use std::sync::Arc;
use std::time::Duration;

use e2e::home::Home;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::installation::Installation;
use crate::load::{Client, Load};
use crate::look::settle;
use crate::report::Report;
use crate::{Options, round_random};

const CLIENTS: usize = 6;
/// Rounds that one installation lives through; then everything is looked at once more and the next is made.
const ROUNDS_EACH: u64 = 40;
/// Milliseconds of load before the kill.
const PAUSE: std::ops::Range<u64> = 20..700;

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
async fn live(options: &Options, rounds: std::ops::Range<u64>, report: &mut Report) {
    let mut random = round_random(options.seed, rounds.start);
    let mut installation = Installation::embedded(Home::new("kill"), &[]).await;
    let load = Arc::new(Load::new(random.random(), installation.origins(), &[]));
    installation.prepare(&load).await;
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|number| Client::new(number, StdRng::from_rng(&mut random), &load))
        .collect();
    for round in rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        let (pause, victim) = (
            random.random_range(PAUSE),
            random.random_range(0..installation.replicas.len()),
        );
        clients = work_and_kill(&load, clients, &mut installation, (victim, pause)).await;
        for client in &mut clients {
            client.resume(false).await;
        }
        let findings = settle(&load, load.history.touched()).await;
        report.round(&format!("replica {victim} killed after {pause} ms"), findings);
    }
    drop(clients);
    let mut findings = settle(&load, load.history.all()).await;
    report.count(load.history.counts());
    let left = installation.leftovers(&load).await;
    if !left.is_empty() {
        findings.push(format!(
            "{} files are left when all is deleted: {left:?}",
            left.len()
        ));
    }
    report.round("everything looked at once more, then deleted", findings);
}

/// Lets the clients work, kills a replica in the middle, and starts it again.
async fn work_and_kill(
    load: &Arc<Load>,
    clients: Vec<Client>,
    installation: &mut Installation,
    (victim, pause): (usize, u64),
) -> Vec<Client> {
    load.go();
    let mut working: JoinSet<Client> = clients.into_iter().map(Client::work).collect();
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let replica = &mut installation.replicas[victim];
    replica.kill();
    load.stop();
    let mut clients = Vec::new();
    while let Some(client) = working.join_next().await {
        clients.push(client.expect("a client ends without a panic"));
    }
    replica.start().await;
    clients
}
