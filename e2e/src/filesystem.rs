//! A small file system of a test's own, in a file, so that it can be full, read-only or cut from its power.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::home::Home;

/// Which file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ext4 with all its space for everybody.
    Ext4,
    /// XFS, which takes no less than 300 MiB.
    Xfs,
}

/// A mounted file system; the home that it lies in unmounts it.
#[derive(Debug)]
pub struct Filesystem {
    kind: Kind,
    image: PathBuf,
    at: PathBuf,
}

impl Filesystem {
    /// Makes an ext4 of so many MiB and mounts it on a folder of the home.
    pub fn mount(home: &Home, folder: &str, mebibytes: u64) -> Self {
        Self::mount_of(Kind::Ext4, home, folder, mebibytes)
    }

    /// Makes a file system of so many MiB and mounts it on a folder of the home.
    pub fn mount_of(kind: Kind, home: &Home, folder: &str, mebibytes: u64) -> Self {
        let image = home.join(format!("{}.image", folder.replace('/', "-")));
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        match kind {
            Kind::Ext4 => run("mkfs.ext4", &["-q", "-m", "0", text(&image)]),
            Kind::Xfs => run("mkfs.xfs", &["-q", text(&image)]),
        };
        let disk = Self {
            kind,
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
        let options = match self.kind {
            Kind::Ext4 => "loop,errors=remount-ro",
            Kind::Xfs => "loop",
        };
        run("mount", &["-o", options, text(&self.image), text(&self.at)]);
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
        // Blocks that are being written beside this are not counted yet: a few looks are needed.
        while self.free_kibibytes() > spare_kibibytes + 64 {
            let (end, more) = (
                file.metadata().unwrap().len(),
                self.free_kibibytes() - spare_kibibytes,
            );
            // What is free but cannot be had in one piece is had in halves.
            let taken = (0..8).map(|halved| (more as u64) << 10 >> halved);
            let mut taken =
                taken.filter(|bytes| fallocate(&file, FallocateFlags::empty(), end, *bytes).is_ok());
            if taken.next().is_none() {
                break;
            }
            file.sync_all().unwrap();
        }
        if spare_kibibytes == 0 {
            let block = vec![1; 1024];
            let full = loop {
                if let Err(error) = file.write_all(&block).and_then(|()| file.sync_all()) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
        Ballast { path }
    }

    /// KiB that can still be written.
    pub fn free_kibibytes(&self) -> usize {
        let found = statvfs(&self.at).unwrap();
        usize::try_from(found.f_bavail * found.f_frsize / 1024).unwrap()
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
