//! The clock of one of two replicas jumps forward and backward by hours, while the other serves a mixed load. The one with
//! the wrong clock is started anew each time, so that it does all its upkeep at once as it sees the time. Nothing may
//! expire or be reclaimed for that, and tokens are taken or refused, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use e2e::distribution::{Repository, send, token};
use e2e::home::Home;
use e2e::server::{administrator, faketime};
use rand::RngExt;
use reqwest::{Method, StatusCode};

use crate::installation::Installation;
use crate::load::{Load, REPOSITORIES, clients, work_during};
use crate::look::settle;
use crate::report::Report;
use crate::{Options, round_random};

/// Hours of a jump: less than unfinished uploads and blobs without a manifest are kept.
const HOURS: std::ops::RangeInclusive<i64> = 1..=20;
/// Milliseconds of load before the jump and after the replica is back.
const PAUSE: std::ops::Range<u64> = 50..400;

pub(crate) async fn run(options: &Options) -> Report {
    let what = "the clock of one of two replicas jumps by hours while the other serves a mixed load";
    let mut report = Report::new("clock", what, options.seed);
    let mut random = round_random(options.seed, 0);
    let home = Home::new("clock");
    let clock = home.write("clock", "+0");
    let mut installation = Installation::replicated(home, 2, &[]).await;
    let load = Load::new(random.random(), vec![installation.replicas[0].origin()], &[]);
    let load = Arc::new(load);
    installation.prepare(&load).await;
    let mut clients = clients(&load, &mut random);
    let jumping = &mut installation.replicas[1];
    jumping.set("LD_PRELOAD", &faketime().display().to_string());
    jumping.set("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string());
    jumping.set("FAKETIME_NO_CACHE", "1");
    for round in 0..options.rounds {
        if report.is_full() {
            break;
        }
        let mut random = round_random(options.seed, round);
        load.log_in().await;
        let hours = random.random_range(HOURS) * if random.random() { 1 } else { -1 };
        std::fs::write(&clock, format!("{hours:+}h")).expect("the file of the clock can be written");
        let pauses: [u64; 2] = std::array::from_fn(|_| random.random_range(PAUSE));
        let pause = |which: usize| tokio::time::sleep(Duration::from_millis(pauses[which]));
        let jumping = &mut installation.replicas[1];
        let mut findings = work_during(&load, &mut clients, async {
            pause(0).await;
            jumping.kill();
            jumping.start().await;
            pause(1).await;
            ask_for_tokens(
                &load.repository(0, REPOSITORIES[0]),
                [&load.origin(0), &jumping.origin()],
            )
            .await
        })
        .await;
        for client in &mut clients {
            client.resume().await;
        }
        findings.extend(settle(&load, load.history.touched()).await);
        report.round(&format!("one clock {hours:+} hours away"), findings);
    }
    // The last look is taken with right clocks.
    std::fs::write(&clock, "+0").expect("the file of the clock can be written");
    let findings = installation.last_look(&load).await;
    report.count(load.history.counts());
    report.look("everything looked at once more, then deleted", findings);
    report.explain(&installation.errors());
    report
}

/// Each replica takes the token that it gave; another's is taken, or refused so that a client gets a new one.
async fn ask_for_tokens(place: &Repository, origins: [&str; 2]) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut findings = Vec::new();
    for giver in origins {
        let given = token(&http, giver, &administrator(), &REPOSITORIES).await;
        let given = match given {
            Ok(given) => given,
            Err(why) => {
                findings.push(format!("no token for the right password: {why}"));
                continue;
            }
        };
        for asked in origins {
            let at = Repository::with_token(http.clone(), asked, &place.name, &given);
            let answer = send(at.request(Method::GET, "tags/list")).await;
            let status = answer.expect("a running replica answers").status;
            let is_taken = status == StatusCode::OK || status == StatusCode::NOT_FOUND;
            if !(is_taken || status == StatusCode::UNAUTHORIZED && giver != asked) {
                findings.push(format!("a token of {giver} is answered with {status} by {asked}"));
            }
        }
    }
    findings
}
