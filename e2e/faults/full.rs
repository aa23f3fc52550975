//! A disk that is full: with more or less room left, under a mixed load; and single calls of the server to its disk that
//! fail, the nth of each kind. What was acknowledged stays, what cannot be done is refused with 507 and a sentence, nothing
//! is left behind, and with room again all goes on.

use std::sync::Arc;
use std::time::Duration;

use e2e::filesystem::Filesystem;
use e2e::home::Home;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::StatusCode;

use crate::installation::Installation;
use crate::load::{Client, Load, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::trace::Trace;
use crate::{Options, round_random};

/// MiB of the file system.
const SIZE: u64 = 192;
/// KiB that are left when the load goes on.
const SPARE: std::ops::Range<usize> = 0..600;
/// Milliseconds of load before the disk is full, while it is, and with room again.
const PAUSE: std::ops::Range<u64> = 100..500;
/// Calls that are let fail, and with what.
const CALLS: [&str; 8] = [
    "fsync",
    "fdatasync",
    "syncfs",
    "pwrite64",
    "ftruncate",
    "rename",
    "mkdir",
    "unlink",
];
const ERRORS: [(&str, &[StatusCode]); 2] = [("ENOSPC", NO_ROOM), ("EIO", BROKEN)];
/// What a disk without room may cause.
const NO_ROOM: &[StatusCode] = &[StatusCode::INSUFFICIENT_STORAGE];
/// What a disk that fails may cause: 507 from the database, which tells no difference, and 500 from the files.
const BROKEN: &[StatusCode] = &[
    StatusCode::INSUFFICIENT_STORAGE,
    StatusCode::INTERNAL_SERVER_ERROR,
];
/// The first call of a thread to the last that is let fail.
const NTH: std::ops::RangeInclusive<u64> = 1..=12;

/// A registry on a small disk.
struct Place {
    disk: Filesystem,
    installation: Installation,
    load: Arc<Load>,
    clients: Vec<Client>,
}

pub(crate) async fn run(options: &Options) -> Report {
    let what = "a disk without room under a mixed load, and single calls to it that fail";
    let mut report = Report::new("full", what, options.seed);
    let mut place = Place::make(&mut round_random(options.seed, 0)).await;
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        place.load.log_in().await;
        let (did, mut findings) = if round % 2 == 0 {
            place.fill(&mut random).await
        } else {
            place.fail_a_call(&mut random).await
        };
        for client in &mut place.clients {
            client.resume().await;
        }
        findings.extend(settle(&place.load, place.load.history.touched()).await);
        report.round(&did, findings);
    }
    let findings = place.installation.last_look(&place.load).await;
    report.count(place.load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&place.installation.errors());
    report
}

impl Place {
    async fn make(random: &mut StdRng) -> Self {
        let home = Home::new("full");
        let disk = Filesystem::mount(&home, "data", SIZE);
        let installation = Installation::embedded(home, &[]).await;
        let load = Arc::new(Load::new(random.random(), installation.origins(), NO_ROOM));
        installation.prepare(&load).await;
        let clients = clients(&load, random);
        Self {
            disk,
            installation,
            load,
            clients,
        }
    }

    /// Takes the room away under the load and gives it back.
    async fn fill(&mut self, random: &mut StdRng) -> (String, Vec<String>) {
        self.load.tolerate(NO_ROOM);
        let spare = random.random_range(SPARE);
        let pauses: [u64; 3] = std::array::from_fn(|_| random.random_range(PAUSE));
        let (load, disk) = (&self.load, &self.disk);
        let before = load.history.counts().acknowledged;
        let pause = |which: usize| tokio::time::sleep(Duration::from_millis(pauses[which]));
        work_during(load, &mut self.clients, async {
            pause(0).await;
            let ballast = disk.fill(spare);
            pause(1).await;
            ballast.drop_it();
        })
        .await;
        let (since, refused) = (load.history.counts().acknowledged - before, load.take_failures());
        let freed = load.history.counts().acknowledged;
        work_during(load, &mut self.clients, pause(2)).await;
        let again = load.history.counts().acknowledged - freed;
        let mut findings = Vec::new();
        if again == 0 {
            findings.push("nothing is acknowledged though there is room again".to_owned());
        }
        let did = format!(
            "{spare} KiB left: {since} acknowledged until there was room again, {refused} answered with 507; {again} after"
        );
        (did, findings)
    }

    /// Starts the server anew with one call in each of its threads failing, and lets one client do one thing of each kind.
    async fn fail_a_call(&mut self, random: &mut StdRng) -> (String, Vec<String>) {
        let call = *CALLS.choose(random).expect("there are calls");
        let (error, tolerated) = *ERRORS.choose(random).expect("there are errors");
        self.load.tolerate(tolerated);
        let nth = random.random_range(NTH);
        let (trace, tracer) = Trace::failing(self.installation.home().path(), call, error, nth);
        let replica = &mut self.installation.replicas[0];
        replica.stop();
        replica.run_under(&tracer);
        replica.spawn();
        let mut tries = 0;
        while !self.load.is_ready().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
            // The start itself may meet the error, and then ends with a sentence.
            if self.installation.replicas[0].has_ended() {
                tries += 1;
                self.installation.replicas[0].run_under(&[]);
                self.installation.replicas[0].spawn();
            }
        }
        self.load.go();
        // What fails is tried again, as a person would.
        while self.clients[0].work_through().await.is_none() && tries < 20 {
            tries += 1;
        }
        let (failed, answered) = (trace.steps(), self.load.take_failures());
        let replica = &mut self.installation.replicas[0];
        replica.kill();
        replica.run_under(&[]);
        replica.start().await;
        let did = format!(
            "{failed} times {error} from {call}, number {nth} of a thread; {answered} answered with 5xx"
        );
        (did, Vec::new())
    }
}
