//! The child process: takes its bounds upon itself, reads what the parent sends, writes files into its folder and one line
//! to the parent. Whatever becomes of it, the parent goes on.

use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

use crate::make::{self, Layer, Lower};

/// The file of a layer's entries.
pub(crate) const BOOTSTRAP: &str = "bootstrap";
/// The file that tells where in a layer its files are.
pub(crate) const META: &str = "meta";
/// The file of an image's index.
pub(crate) const INDEX: &str = "index";
/// Where a layer comes from.
const STDIN: &str = "/dev/stdin";

/// What a child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// A layer, which follows on the standard input, into the working folder.
    Layer,
    /// The index of an image, into the working folder.
    Merge(Vec<Lower>),
}

/// What a child may use.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) task: Task,
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_seconds: u64,
    pub(crate) file_bytes: u64,
}

/// What a child answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Done.
    Done(Option<Layer>),
    /// It cannot be done with these layers, and why.
    Unfit(String),
}

/// Runs as a child: `order` is what [`Work`](crate::Work) wrote as the last argument.
pub fn run(order: &str) -> ExitCode {
    let Ok(order) = serde_json::from_str::<Order>(order) else {
        return ExitCode::from(2);
    };
    if bound(&order).is_err() {
        return ExitCode::from(2);
    }
    let answer = match work(&order.task) {
        Ok(layer) => Answer::Done(layer),
        Err(error) => Answer::Unfit(format!("{error:#}")),
    };
    let line = serde_json::to_string(&answer).unwrap_or_default();
    match std::io::stdout().lock().write_all(line.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

fn work(task: &Task) -> anyhow::Result<Option<Layer>> {
    match task {
        Task::Layer => {
            let layer = make::layer(Path::new(STDIN), Path::new(BOOTSTRAP), Path::new(META))?;
            // What follows the archive's end is nobody's, but the parent wants to be rid of it.
            std::io::copy(
                &mut BufReader::new(std::io::stdin().lock()).by_ref(),
                &mut std::io::sink(),
            )?;
            Ok(Some(layer))
        }
        Task::Merge(layers) => {
            let scratch = PathBuf::from(BOOTSTRAP);
            make::merge(layers, &scratch, Path::new(INDEX))?;
            Ok(None)
        }
    }
}

/// What a layer makes it do beyond this ends the process.
fn bound(order: &Order) -> rustix::io::Result<()> {
    let limits = [
        (Resource::Data, order.memory_bytes),
        (Resource::Cpu, order.cpu_seconds),
        (Resource::Fsize, order.file_bytes),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit)?;
    }
    // Its answer is for this parent only. One that is gone already is met by the broken pipe.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Requests come first. A system that does not let it is served all the same.
    rustix::process::nice(10).ok();
    Ok(())
}
