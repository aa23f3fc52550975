//! Builds `ui/` to `ui/dist` with npm, when it changed. `BERTH_CONSOLE` says what happens where that is not possible:
//! `auto` (the default) goes on with the build that is there or without a console, `require` fails, `skip` does not try.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the pages are made of.
const INPUTS: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    ".npmrc",
];
/// Where a build says what it was made of.
const STAMP: &str = "dist.stamp";
/// A copy of the lock file that the packages were installed by.
const INSTALLED: &str = "node_modules/.installed-lock.json";

fn main() {
    let ui = Path::new("ui");
    println!("cargo:rerun-if-env-changed=BERTH_CONSOLE");
    for input in INPUTS {
        println!("cargo:rerun-if-changed=ui/{input}");
    }
    let mode = std::env::var("BERTH_CONSOLE").unwrap_or_default();
    let built = match mode.as_str() {
        "skip" => Ok(()),
        "" | "auto" | "require" => build(ui),
        other => Err(format!("BERTH_CONSOLE is auto, require or skip, not {other:?}")),
    };
    if let Err(problem) = built {
        let help = "the console needs Node.js 20.19 or newer with npm; BERTH_CONSOLE=skip builds without it";
        assert!(mode != "require", "the console was not built: {problem}\n{help}");
        println!("cargo:warning=the console was not built: {problem}; {help}");
    }
    // The files are embedded from this folder, also when there are none.
    fs::create_dir_all(ui.join("dist")).expect("the folder of the crate can be written");
}

fn build(ui: &Path) -> Result<(), String> {
    let lock = File::create(ui.join(".build.lock")).map_err(text)?;
    // Two builds of two target folders share this folder.
    lock.lock().map_err(text)?;
    let wanted = fingerprint(ui).map_err(text)?;
    let stamp = ui.join(STAMP);
    if ui.join("dist/index.html").exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    let locked = fs::read(ui.join("package-lock.json")).map_err(text)?;
    if fs::read(ui.join(INSTALLED)).ok().as_ref() != Some(&locked) {
        npm(ui, &["ci", "--omit=dev", "--no-audit", "--no-fund"])?;
        fs::write(ui.join(INSTALLED), &locked).map_err(text)?;
    }
    npm(
        ui,
        &["run", "build", "--", "--outDir", "dist.next", "--emptyOutDir"],
    )?;
    // A server that runs in between sees the old files or the new ones.
    let old = ui.join("dist");
    let _absent = fs::remove_dir_all(&old);
    fs::rename(ui.join("dist.next"), &old).map_err(text)?;
    fs::write(&stamp, wanted).map_err(text)
}

fn npm(ui: &Path, arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new("npm")
        .args(arguments)
        .current_dir(ui)
        .output()
        .map_err(|error| format!("npm cannot be run: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
    Err(format!("npm {} failed: {}", arguments.join(" "), said.trim()))
}

/// A text that changes when any input does.
fn fingerprint(ui: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for input in INPUTS {
        gather(&ui.join(input), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write(&[0]);
        hasher.write(&fs::read(&file)?);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// The files under a path. Types that were generated, and tests, are not built.
fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        let name = path.to_string_lossy();
        if !name.ends_with(".d.ts") && !name.contains(".test.") {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        gather(&entry?.path(), files)?;
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
