//! Every fuzz target for a bounded time: `cargo xtask fuzz [SECONDS]`. Built by the pinned stable compiler, which can tell libFuzzer what
//! was reached; what only a sanitizer finds is unsafe code, and the targets have none.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// What makes code tell the fuzzer where it was and what it compared.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "-Ccodegen-units=1",
];

/// Builds all targets and runs each so long, side by side; names those that found something, and where it is.
pub(crate) fn run(root: &Path, seconds: u32) -> Result<(), Box<dyn Error>> {
    let names = names(root)?;
    let programs = build(root)?;
    let found: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = names
            .iter()
            .map(|name| {
                scope.spawn(|| fuzz(root, &programs, name, seconds).map_err(|error| error.to_string()))
            })
            .collect();
        let ends = runs.into_iter().map(thread::ScopedJoinHandle::join);
        ends.filter_map(|end| end.unwrap_or_else(|_| Err("a run panicked".to_owned())).err())
            .collect()
    });
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("\n").into())
    }
}

fn names(root: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for file in fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let file = file?.path();
        let name = file.file_stem().and_then(|name| name.to_str());
        names.push(name.ok_or("a target's name is not UTF-8")?.to_owned());
    }
    names.sort();
    Ok(names)
}

/// The folder of the built targets.
fn build(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    // With a target that is named, build scripts are built without the flags.
    let target = host()?;
    let folder = root.join("target/fuzz");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--locked", "--quiet", "--target", &target])
        .arg("--manifest-path")
        .arg(root.join("fuzz/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", FLAGS.join(" "));
    if !command.status()?.success() {
        return Err("the fuzz targets do not build".into());
    }
    Ok(folder.join(target).join("release"))
}

fn host() -> Result<String, Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = String::from_utf8(Command::new(rustc).arg("-vV").output()?.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not say what it runs on")?.to_owned())
}

fn fuzz(root: &Path, programs: &Path, name: &str, seconds: u32) -> Result<(), Box<dyn Error>> {
    let corpus = root.join("fuzz/corpus").join(name);
    let artifacts = root.join("fuzz/artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(programs.join(name));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-dict={}", root.join("fuzz/words.dict").display()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-timeout=10", "-rss_limit_mb=1024"])
        .arg(&corpus)
        .stdout(Stdio::null());
    let seeds = root.join("fuzz/seeds").join(name);
    if seeds.exists() {
        command.arg(seeds);
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let end: Vec<&str> = said.lines().rev().take(20).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    Err(format!("the target {name} found something:\n{}", end.join("\n")).into())
}
