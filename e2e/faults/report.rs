//! What a program did and what it found, on the terminal.
#![expect(clippy::print_stdout, reason = "the report of a program is its output")]

use std::process::ExitCode;
use std::time::Instant;

use crate::history::Counts;

/// Findings that are printed whole.
const SHOWN: usize = 20;

/// A program's report, printed while it runs.
#[derive(Debug)]
pub(crate) struct Report {
    program: &'static str,
    seed: u64,
    begun: Instant,
    rounds: u64,
    counts: Counts,
    findings: Vec<String>,
}

impl Report {
    pub(crate) fn new(program: &'static str, what: &str, seed: u64) -> Self {
        println!("{program}: {what}; seed {seed}");
        Self {
            program,
            seed,
            begun: Instant::now(),
            rounds: 0,
            counts: Counts::default(),
            findings: Vec::new(),
        }
    }

    /// A round has ended; `did` is what was injected in it.
    pub(crate) fn round(&mut self, did: &str, findings: Vec<String>) {
        self.rounds += 1;
        self.line(&format!("round {}: {did}", self.rounds), findings);
    }

    /// Something was looked at outside the rounds.
    pub(crate) fn look(&mut self, what: &str, findings: Vec<String>) {
        self.line(what, findings);
    }

    fn line(&mut self, did: &str, findings: Vec<String>) {
        let lost = if findings.is_empty() {
            "nothing lost"
        } else {
            "LOST"
        };
        println!("  {did}; {lost}");
        for finding in findings {
            if self.findings.len() < SHOWN {
                println!("    LOST: {finding}");
            }
            self.findings.push(finding);
        }
    }

    /// Shows what may explain the findings.
    pub(crate) fn explain(&self, lines: &[String]) {
        if !self.findings.is_empty() {
            for line in lines {
                println!("    {line}");
            }
        }
    }

    /// Adds the operations of a load.
    pub(crate) fn count(&mut self, counts: Counts) {
        self.counts.acknowledged += counts.acknowledged;
        self.counts.refused += counts.refused;
        self.counts.unknown += counts.unknown;
    }

    /// Whether the program should go on: a report of more findings helps nobody.
    pub(crate) fn is_full(&self) -> bool {
        self.findings.len() >= SHOWN
    }

    /// The last lines, and the exit status that they deserve.
    pub(crate) fn end(self) -> ExitCode {
        let Counts {
            acknowledged,
            refused,
            unknown,
        } = self.counts;
        let seconds = self.begun.elapsed().as_secs();
        println!(
            "{}: {} rounds in {seconds} s with seed {}: {acknowledged} operations acknowledged, {refused} refused, {unknown} \
             without an answer",
            self.program, self.rounds, self.seed
        );
        if self.findings.is_empty() {
            println!("{}: lost: nothing", self.program);
            return ExitCode::SUCCESS;
        }
        println!("{}: LOST: {} findings", self.program, self.findings.len());
        ExitCode::FAILURE
    }
}
