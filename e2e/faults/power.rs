//! The power of the file system under a server is cut: what was not synced is gone, as `FS_IOC_SHUTDOWN` without a flush of
//! the log makes it. In turns on ext4 and XFS; at a random moment of a mixed load, or right behind the nth step of the
//! server on its disk while one client does one thing of each kind.

use std::sync::Arc;
use std::time::Duration;

use e2e::filesystem::{Filesystem, Kind};
use e2e::home::Home;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::Notify;

use crate::installation::Installation;
use crate::load::{Client, Load, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::trace::Trace;
use crate::{Options, round_random};

/// MiB of each file system, most of it never written.
const SIZE: u64 = 512;
/// Milliseconds of load before the power is cut.
const PAUSE: std::ops::Range<u64> = 20..700;
/// Of so many rounds one is at a random moment, the others are at steps.
const RANDOM_EVERY: u64 = 4;
/// More steps than there are from the start of a server until the one client has done everything; how many there are is
/// seen when a round gets through.
const STEPS_AT_FIRST: usize = 400;
/// From one round's step to the next: far enough for a short run to be spread out, and a long one visits all.
const STRIDE: usize = 37;

/// One registry on one file system.
struct Place {
    kind: Kind,
    disk: Filesystem,
    installation: Installation,
    load: Arc<Load>,
    clients: Vec<Client>,
    steps: usize,
}

pub(crate) async fn run(options: &Options) -> Report {
    let what =
        "the power of ext4 and XFS cut under the server, at its steps on the disk and at random moments";
    let mut report = Report::new("power", what, options.seed);
    let mut random = round_random(options.seed, 0);
    let mut places = [
        Place::make(Kind::Ext4, &mut random).await,
        Place::make(Kind::Xfs, &mut random).await,
    ];
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        let place = &mut places[usize::from(round % 2 == 1)];
        place.load.log_in().await;
        let did = if round / 2 % RANDOM_EVERY == 0 {
            place.cut_at_random(&mut random).await
        } else {
            let turn = usize::try_from(options.seed.wrapping_add(round) % (1 << 30)).unwrap_or_default();
            place.cut_at_step(1 + turn * STRIDE % place.steps).await
        };
        let findings = place.after_the_cut().await;
        report.round(&format!("{:?}: power cut {did}", place.kind), findings);
    }
    for place in &mut places {
        let findings = place.installation.last_look(&place.load).await;
        report.count(place.load.history.counts());
        report.look(
            &format!("{:?}: everything looked at once more, then deleted", place.kind),
            findings,
        );
        report.explain(&place.installation.errors());
    }
    report
}

impl Place {
    async fn make(kind: Kind, random: &mut StdRng) -> Self {
        let home = Home::new("power");
        let disk = Filesystem::mount_of(kind, &home, "data", SIZE);
        let installation = Installation::embedded(home, &[]).await;
        let load = Load::new(random.random(), installation.origins(), &[]).forgetting_uploads();
        let load = Arc::new(load);
        installation.prepare(&load).await;
        let clients = clients(&load, random);
        Self {
            kind,
            disk,
            installation,
            load,
            clients,
            steps: STEPS_AT_FIRST,
        }
    }

    async fn cut_at_random(&mut self, random: &mut StdRng) -> String {
        let pause = random.random_range(PAUSE);
        let (load, disk) = (&self.load, &self.disk);
        let replica = &mut self.installation.replicas[0];
        work_during(load, &mut self.clients, async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            load.history.go_dark();
            disk.cut_power();
            replica.kill();
        })
        .await;
        format!("after {pause} ms of load")
    }

    /// Starts the server anew, and cuts the power behind its nth step: in its start, or in what its client asks for.
    async fn cut_at_step(&mut self, step: usize) -> String {
        let (trace, tracer) = Trace::slow(self.installation.home().path());
        let replica = &mut self.installation.replicas[0];
        replica.kill();
        replica.run_under(&tracer);
        replica.spawn();
        let (load, disk, client) = (&self.load, &self.disk, &mut self.clients[0]);
        load.go();
        let ended = Notify::new();
        let work = async {
            while !load.is_stopping() && !load.is_ready().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            client.work_through().await;
            ended.notify_one();
        };
        let cut = async {
            let is_reached = tokio::select! {
                () = trace.reach(step) => true,
                () = ended.notified() => false,
            };
            load.history.go_dark();
            disk.cut_power();
            replica.kill();
            load.stop();
            is_reached
        };
        let ((), is_reached) = tokio::join!(work, cut);
        replica.run_under(&[]);
        if is_reached {
            return format!("behind step {step} of about {}", self.steps);
        }
        self.steps = trace.steps().max(1);
        format!("behind the last of {} steps", self.steps)
    }

    /// The server starts on what the disk kept.
    async fn after_the_cut(&mut self) -> Vec<String> {
        self.disk.mount_again();
        self.installation.replicas[0].start().await;
        self.load.log_in().await;
        for client in &mut self.clients {
            client.resume().await;
        }
        settle(&self.load, self.load.history.touched()).await
    }
}
