//! A small ext4 of a test's own, in a file, so that it can be full, read-only or cut from its power.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::home::Home;

/// A mounted file system; the home that it lies in unmounts it.
#[derive(Debug)]
pub struct Filesystem {
    image: PathBuf,
    at: PathBuf,
}

impl Filesystem {
    /// Makes a file system of so many MiB and mounts it on a folder of the home.
    pub fn mount(home: &Home, folder: &str, mebibytes: u64) -> Self {
        let image = home.join(format!("{}.ext4", folder.replace('/', "-")));
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        run("mkfs.ext4", &["-q", "-m", "0", text(&image)]);
        let disk = Self {
            image,
            at: home.folder(folder),
        };
        disk.mount_again();
        disk
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Everything that was not synced is gone, and nothing can be written any more.
    pub fn cut_power(&self) {
        run("xfs_io", &["-x", "-c", "shutdown", text(&self.at)]);
    }

    /// Mounts the file system, unmounting it first when it is mounted.
    pub fn mount_again(&self) {
        if is_mounted(&self.at) {
            run("umount", &[text(&self.at)]);
        }
        run(
            "mount",
            &["-o", "loop,errors=remount-ro", text(&self.image), text(&self.at)],
        );
    }

    /// Takes the right to write away as an administrator does, or gives it back; no file may be open for writing.
    pub fn allow_writing(&self, allowed: bool) {
        let option = if allowed { "remount,rw" } else { "remount,ro" };
        run("mount", &["-o", option, text(&self.at)]);
    }

    /// Lets the kernel find an error in the file system: it turns read-only under the server's open files.
    pub fn fail(&self) {
        let device = run("findmnt", &["-no", "SOURCE", text(&self.at)]);
        let device = device.trim().trim_start_matches("/dev/");
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();
    }

    /// Fills the file system but for so many KiB.
    pub fn fill(&self, spare_kibibytes: usize) -> Ballast {
        let path = self.at.join("ballast");
        let mut file = File::options().create(true).append(true).open(&path).unwrap();
        let block = vec![1; 64 << 10];
        while self.free_kibibytes() > spare_kibibytes + 64 {
            file.write_all(&block).unwrap();
            file.sync_all().unwrap();
        }
        if spare_kibibytes == 0 {
            let full = loop {
                if let Err(error) = file.write_all(&block[..1024]).and_then(|()| file.sync_all()) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
        Ballast { path }
    }

    fn free_kibibytes(&self) -> usize {
        let answer = run("df", &["--output=avail", "-k", text(&self.at)]);
        answer.lines().last().unwrap().trim().parse().unwrap()
    }
}

/// What fills a file system.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
}

impl Ballast {
    /// Gives the space back.
    pub fn drop_it(self) {
        fs::remove_file(&self.path).unwrap();
    }
}

fn is_mounted(folder: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table
        .lines()
        .any(|line| line.split(' ').nth(4) == folder.to_str())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error} (run scripts/install-test-tools)"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?} failed: {errors}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
