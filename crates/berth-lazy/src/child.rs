//! The child process: takes its bounds upon itself, reads what the parent sends, writes files into its folder and one line
//! to the parent. Whatever becomes of it, the parent goes on.

use std::io::{BufReader, PipeWriter, Read, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::make::{self, Layer, Lower};

/// The file of a layer's entries.
pub(crate) const BOOTSTRAP: &str = "bootstrap";
/// The file that tells where in a layer its files are.
pub(crate) const META: &str = "meta";
/// The file of an image's index.
pub(crate) const INDEX: &str = "index";
/// Bytes that are copied at a time.
const BLOCK: usize = 64 << 10;

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
    if tell(&answer).is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

fn tell(answer: &Answer) -> std::io::Result<()> {
    let line = serde_json::to_string(answer)?;
    let mut to = std::io::stdout().lock();
    to.write_all(line.as_bytes())?;
    to.flush()
}

fn work(task: &Task) -> anyhow::Result<Option<Layer>> {
    match task {
        Task::Layer => layer().map(Some),
        Task::Merge(layers) => {
            let scratch = PathBuf::from(BOOTSTRAP);
            make::merge(layers, &scratch, Path::new(INDEX))?;
            Ok(None)
        }
    }
}

/// Reads a layer, which goes two ways: to be checked, and to be indexed. The first that refuses it ends the child.
fn layer() -> anyhow::Result<Layer> {
    let (checked, check) = std::io::pipe()?;
    let (indexed, index) = std::io::pipe()?;
    let tee = std::thread::spawn(move || both(std::io::stdin().lock(), (check, index)));
    let judge = std::thread::spawn(move || {
        if let Err(why) = check::check(BufReader::new(checked)) {
            let told = tell(&Answer::Unfit(why));
            std::process::exit(i32::from(told.is_err()));
        }
    });
    let from = PathBuf::from(format!("/proc/self/fd/{}", indexed.as_raw_fd()));
    let layer = make::layer(&from, Path::new(BOOTSTRAP), Path::new(META));
    // What it did not read is nobody's.
    drop(indexed);
    // A refusal of the check says it better.
    for ended in [tee.join(), judge.join()] {
        ended.map_err(|_panic| anyhow::anyhow!("it cannot be read"))?;
    }
    layer
}

/// Copies all bytes to both sides; one that has seen enough gets no more.
fn both(mut from: impl Read, to: (PipeWriter, PipeWriter)) {
    let (mut first, mut second) = (Some(to.0), Some(to.1));
    let mut block = vec![0; BLOCK];
    while let Ok(read @ 1..) = from.read(&mut block) {
        for side in [&mut first, &mut second] {
            if side
                .as_mut()
                .is_some_and(|side| side.write_all(&block[..read]).is_err())
            {
                *side = None;
            }
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
    rustix::process::nice(5).ok();
    Ok(())
}
