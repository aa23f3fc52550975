//! What the machine itself can do, by the simplest program there is: hashing on one core, files that are synced before the
//! next one begins, and how many small ones can be synced in a second.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ring::digest::{Context as Hash, SHA256};

use crate::data::Rng;
use crate::scenario::{Params, Scenario};

/// What one write hands to the kernel.
const PIECE: usize = 1 << 20;
/// What is hashed: enough for a steady clock, little enough for a round.
const HASHED: usize = 256 << 20;
/// Files of more than this are written out while they grow.
const BEGUN_EARLY: usize = 1 << 20;
const SMALL: usize = 10 * 1024;
const MIB: f64 = (1 << 20) as f64;

/// The folder the limits are measured in: on the file system that the servers write to.
pub struct Limits {
    folder: PathBuf,
    data: Vec<u8>,
}

/// A limit: the figure, and what it consists of.
pub struct Limit {
    pub value: f64,
    pub unit: &'static str,
    pub note: Option<String>,
}

impl Limits {
    pub fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let mut data = vec![0; 16 << 20];
        Rng::new(Rng::fresh_seed()).fill(&mut data);
        Ok(Self {
            folder: folder.into(),
            data,
        })
    }

    /// The limit of a scenario that stores something; none for the others. Takes about as long as the scenario.
    pub fn of(&self, scenario: Scenario, p: &Params) -> Result<Option<Limit>> {
        let mib = |value, note| Limit {
            value,
            unit: "MiB/s",
            note,
        };
        Ok(match scenario {
            Scenario::PushMono | Scenario::PushPatch | Scenario::PushRanges => {
                let (hash, disk) = (self.sha256(), self.disk(1, 1, p.blob_size)?);
                let note = format!("sha256 of one core {hash:.0}, disk with fdatasync {disk:.0} MiB/s");
                Some(mib(hash.min(disk), Some(note)))
            }
            Scenario::PushPar => Some(mib(self.disk(p.par_count, p.par_conc, p.par_size)?, None)),
            Scenario::SmallPush => Some(Limit {
                value: self.fsyncs(p.small_conc, Duration::from_secs_f64(p.small_secs / 2.0))?,
                unit: "fsyncs/s",
                note: None,
            }),
            _ => None,
        })
    }

    /// MiB/s that one core hashes.
    fn sha256(&self) -> f64 {
        let begin = Instant::now();
        let mut hash = Hash::new(&SHA256);
        let mut done = 0;
        while done < HASHED {
            hash.update(&self.data);
            done += self.data.len();
        }
        let digest = hash.finish();
        let took = begin.elapsed().as_secs_f64();
        std::hint::black_box(digest);
        done as f64 / MIB / took
    }

    /// MiB/s of files written and synced, several at once, each and its folder synced at its end.
    fn disk(&self, files: usize, at_once: usize, size: usize) -> Result<f64> {
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..at_once)
                .map(|first| {
                    scope.spawn(move || {
                        (first..files)
                            .step_by(at_once)
                            .try_for_each(|n| self.write_synced(&format!("f{n}"), size))
                    })
                })
                .collect();
            writers.into_iter().try_for_each(join)
        })?;
        let took = begin.elapsed().as_secs_f64();
        for n in 0..files {
            std::fs::remove_file(self.folder.join(format!("f{n}")))?;
        }
        Ok((files * size) as f64 / MIB / took)
    }

    /// New files of 10 KiB synced in a second, so many at once.
    fn fsyncs(&self, at_once: usize, run: Duration) -> Result<f64> {
        let begin = Instant::now();
        let counts = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..at_once)
                .map(|n| {
                    scope.spawn(move || {
                        let mut count = 0;
                        while begin.elapsed() < run {
                            self.write_data(&format!("s{n}-{count}"), SMALL)?;
                            count += 1;
                        }
                        Ok(count)
                    })
                })
                .collect();
            writers.into_iter().map(join).collect::<Result<Vec<u32>>>()
        })?;
        let took = begin.elapsed().as_secs_f64();
        for (n, count) in counts.iter().enumerate() {
            for i in 0..*count {
                std::fs::remove_file(self.folder.join(format!("s{n}-{i}")))?;
            }
        }
        Ok(f64::from(counts.iter().sum::<u32>()) / took)
    }

    fn write_synced(&self, name: &str, size: usize) -> Result<()> {
        self.write_data(name, size)?;
        Ok(File::open(&self.folder)?.sync_all()?)
    }

    fn write_data(&self, name: &str, size: usize) -> Result<()> {
        let mut file = File::create(self.folder.join(name))?;
        let mut left = size;
        let mut at = 0;
        while left > 0 {
            let n = left.min(PIECE);
            file.write_all(&self.data[at..at + n])?;
            if size > BEGUN_EARLY {
                begin_writing(&file);
            }
            left -= n;
            at = (at + PIECE) % self.data.len();
        }
        Ok(file.sync_data()?)
    }
}

/// Lets the disk begin with what was written so far, beside what comes: else it stands still until the end.
fn begin_writing(file: &File) {
    // SAFETY: only the descriptor is used, which is open; a refusal costs nothing but time.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))?
}
