//! Small file systems to break: mounted in a temporary folder, gone with the value.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// A mounted file system of its own.
pub(crate) struct Mount {
    folder: TempDir,
}

impl Mount {
    /// A file system in memory with room for `size` (as mount takes it).
    pub(crate) fn tmpfs(size: &str) -> Self {
        let mount = Self::folder();
        run(
            "mount",
            &[
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size}"),
                "tmpfs",
                text(&mount.path()),
            ],
        );
        mount
    }

    /// An ext4 file system of `size` (as truncate takes it) in a file.
    pub(crate) fn ext4(size: &str) -> Self {
        let mount = Self::folder();
        let image = mount.image();
        run("truncate", &["-s", size, text(&image)]);
        run("mkfs.ext4", &["-q", "-F", text(&image)]);
        mount.attach();
        mount
    }

    /// An XFS file system of `size` (as truncate takes it, 300M at least) in a file.
    pub(crate) fn xfs(size: &str) -> Self {
        let mount = Self::folder();
        let image = mount.image();
        run("truncate", &["-s", size, text(&image)]);
        run("mkfs.xfs", &["-q", "-f", text(&image)]);
        mount.attach();
        mount
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Takes no more writes.
    pub(crate) fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro", text(&self.path())]);
    }

    /// Takes writes again.
    pub(crate) fn make_writable(&self) {
        run("mount", &["-o", "remount,rw", text(&self.path())]);
    }

    /// Loses at once what has not been synced, and fails whatever comes after, as a machine without power
    /// (`FS_IOC_SHUTDOWN` with `NOLOGFLUSH`).
    pub(crate) fn lose_power(&self) {
        let ioctl =
            "open(D, '<', $ARGV[0]) or die $!; $how = pack('L', 2); ioctl(D, 0x8004587d, $how) or die $!";
        run("perl", &["-e", ioctl, text(&self.path())]);
    }

    /// Mounts it again, as after a restart of the machine.
    pub(crate) fn restart(&self) {
        let unmounted = (0..200).any(|_| {
            let done = Command::new("umount").arg(self.path()).output();
            let done = done.unwrap_or_else(|error| panic!("umount is needed for this test: {error}"));
            let said = String::from_utf8_lossy(&done.stderr);
            // A store that was dropped may still be syncing, on a thread of its own.
            let is_busy = said.contains("busy");
            assert!(done.status.success() || is_busy, "{said}");
            if is_busy {
                std::thread::sleep(Duration::from_millis(50));
            }
            !is_busy
        });
        assert!(unmounted, "{} is in use for too long", self.path().display());
        self.attach();
    }

    fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mounted")).unwrap();
        Self { folder }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn attach(&self) {
        run("mount", &["-o", "loop", text(&self.image()), text(&self.path())]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, so that a failed test that still holds files leaves no mount behind.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{program} {arguments:?} failed; this test needs root: {said}"
    );
}
