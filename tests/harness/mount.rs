//! A file system of a test's own: small, or full, or read-only, whenever the test wants.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::reaper;

/// A file system in memory. It is unmounted on drop, and when the test process is killed.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts one at `path`, a folder that is created if need be, with options of `tmpfs` such as `size=2m`.
    ///
    /// Panics when this process may not mount: the test needs root.
    pub fn in_memory(path: &Path, options: &str) -> Self {
        fs::create_dir_all(path).expect("a test's own folder is writable");
        reaper::unmount_in_the_end(path);
        run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "warren-test"]).arg(path));
        Self { path: path.to_owned() }
    }

    /// Changes its options, for instance to `ro`.
    pub fn change(&self, options: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.path));
    }

    /// Leaves no room in it, by a file that is returned: the room is there again when that is removed.
    pub fn fill(&self) -> PathBuf {
        let ballast = self.path.join("ballast");
        // Fails in the end, which is what it is for.
        let written = Command::new("dd")
            .args(["if=/dev/zero", "bs=4k", "status=none"])
            .arg(format!("of={}", ballast.display()))
            .output()
            .expect("there is dd");
        assert!(!written.status.success(), "{} has no limit", self.path.display());
        ballast
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.path).status();
        drop(unmounted);
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("there is a mount command");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "this test mounts a file system and needs root for that: {command:?}: {said}");
}
