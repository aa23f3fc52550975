//! Log lines on their way to standard error. Requests leave them in memory, and a thread of its own writes all that came in
//! a few milliseconds at once: otherwise each line is a system call under one lock, for which all requests wait.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines gather.
const GATHERED_FOR: Duration = Duration::from_millis(2);
/// Whoever logs while so many bytes wait, waits too: standard error may lead to something slow.
const BYTES_MAX: usize = 1 << 20;

/// The way to the thread; clones lead to the same.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// A first line waits.
    came: Condvar,
    /// What waited is taken, or written.
    went: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    is_writing: bool,
}

impl Lines {
    /// Lines to standard error.
    pub(super) fn to_standard_error() -> io::Result<Self> {
        let lines = Self::default();
        let writer = lines.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_for_ever(&mut io::stderr()))?;
        Ok(lines)
    }

    /// Waits until every line that was left is written.
    pub(crate) fn flush(&self) {
        let waiting = self.0.waiting();
        let pending = |waiting: &mut Waiting| waiting.is_writing || !waiting.bytes.is_empty();
        drop(self.0.went.wait_while(waiting, pending));
    }

    /// What waits to be written.
    #[cfg(test)]
    pub(super) fn left(&self) -> String {
        String::from_utf8(self.0.waiting().bytes.clone()).expect("lines are text")
    }

    fn write_for_ever(&self, out: &mut impl Write) -> ! {
        let mut bytes = Vec::new();
        loop {
            let waiting = self.0.waiting();
            let nothing = |waiting: &mut Waiting| waiting.bytes.is_empty();
            drop(self.0.came.wait_while(waiting, nothing));
            thread::sleep(GATHERED_FOR);
            {
                let mut waiting = self.0.waiting();
                std::mem::swap(&mut waiting.bytes, &mut bytes);
                waiting.is_writing = true;
            }
            self.0.went.notify_all();
            // Nobody is left to be told that the log cannot be written.
            let _written = out.write_all(&bytes);
            bytes.clear();
            self.0.waiting().is_writing = false;
            self.0.went.notify_all();
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let full = |waiting: &mut Waiting| waiting.bytes.len() >= BYTES_MAX;
        let mut waiting = self
            .0
            .went
            .wait_while(self.0.waiting(), full)
            .unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.0.came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// What the thread writes goes here, when it may.
    struct Slow(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_whole_and_in_order_and_whoever_logs_too_much_waits() {
        let (go, may) = mpsc::channel();
        let (out, written) = mpsc::channel();
        let lines = Lines::default();
        let writer = lines.clone();
        thread::spawn(move || writer.write_for_ever(&mut Slow(may, out)));
        let line = [b'x'; 1000];
        let count = 4 * BYTES_MAX / line.len();
        let logging = {
            let mut lines = lines.clone();
            thread::spawn(move || {
                for n in 0..count {
                    lines.write_all(&line).unwrap();
                    lines.write_all(format!("{n}\n").as_bytes()).unwrap();
                }
            })
        };
        let mut all = String::new();
        while all.lines().count() < count {
            go.send(()).unwrap();
            all.push_str(&String::from_utf8(written.recv().unwrap()).unwrap());
            assert!(lines.0.waiting().bytes.len() <= BYTES_MAX + line.len());
        }
        logging.join().unwrap();
        lines.flush();
        let numbers: Vec<usize> = all
            .lines()
            .map(|line| line.trim_matches('x').parse().unwrap())
            .collect();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    }
}
