//! Nothing that a test started outlives it.
//!
//! `Drop` runs when a test passes or panics, but not when the test process is killed, and never for what is kept in a
//! `static`. So a small shell stands beside the test process and reads from a pipe what runs. The system closes the
//! pipe when the test process ends, in whatever way; then the shell kills what is left, and removes its folders.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

// The folders are kept as the positional parameters: their names may hold blanks. Killed processes need a moment to be
// gone, and until then they may create files in a folder that is being removed: hence the second try.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=
mounts=
while read -r verb what; do
    case $verb in
        watch) groups="$groups $what" ;;
        forget) rest=; for group in $groups; do [ "$group" = "$what" ] || rest="$rest $group"; done; groups=$rest ;;
        remove) set -- "$@" "$what" ;;
        unmount) mounts="$mounts $what" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
for mount in $mounts; do umount --lazy "$mount" 2>/dev/null; done
for folder in "$@"; do rm -rf -- "$folder" 2>/dev/null || { sleep 1; rm -rf -- "$folder"; }; done
"#;

/// From now on the process group `group` is killed when the test process ends.
pub fn watch(group: u32) {
    tell(&format!("watch {group}\n"));
}

/// The process group is gone: its number may be another's from now on.
pub fn forget(group: u32) {
    tell(&format!("forget {group}\n"));
}

/// Removes a folder when the test process ends.
pub fn remove_in_the_end(folder: &Path) {
    tell(&format!("remove {}\n", folder.display()));
}

/// Unmounts what is mounted at `folder`, if anything is, when the test process ends. Its name must have no blanks.
pub fn unmount_in_the_end(folder: &Path) {
    tell(&format!("unmount {}\n", folder.display()));
}

fn tell(line: &str) {
    static REAPER: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| Mutex::new(start()));
    reaper
        .lock()
        .expect("telling does not panic while it holds the lock")
        .write_all(line.as_bytes())
        .expect("the reaper reads until this process ends");
}

fn start() -> ChildStdin {
    Command::new("sh")
        .args(["-c", SCRIPT, "reaper"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Of its own: a Ctrl-C at the terminal ends the tests, and the reaper must still be there then.
        .process_group(0)
        .spawn()
        .expect("there is a shell")
        .stdin
        .take()
        .expect("its standard input is a pipe")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use crate::folder::Folder;
    use crate::process::Process;
    use crate::waiting::eventually;

    const INNER: &str = "WARREN_TEST_REAPER_FOLDER";

    /// The test runs itself again in a process that starts another and is then killed.
    #[tokio::test]
    async fn what_a_killed_test_process_started_is_killed_too() {
        if let Some(folder) = std::env::var_os(INNER) {
            start_and_die(folder.as_ref());
        }
        let folder = Folder::new("reaper");
        let mut inner = Process::command(std::env::current_exe().expect("a process knows its program"));
        inner.args(["--exact", "reaper::tests::what_a_killed_test_process_started_is_killed_too"]);
        let mut inner = Process::start("inner", inner.env(INNER, &*folder), &folder);
        inner.wait(Duration::from_secs(20)).await;
        let child = fs::read_to_string(folder.join("child")).expect("the inner process wrote it");
        eventually("its child is gone", Duration::from_secs(20), async || {
            let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            // Z: dead, and whoever inherited it has not looked yet.
            if state.is_empty() || state.contains(") Z") { Ok(()) } else { Err(state) }
        })
        .await;
    }

    fn start_and_die(folder: &std::path::Path) -> ! {
        let mut command = Process::command("sleep");
        let child = Process::start("child", command.arg("1000"), folder);
        fs::write(folder.join("child"), child.id().to_string()).expect("the folder is there");
        let kill = Process::command("kill").args(["-s", "KILL", &std::process::id().to_string()]).status();
        panic!("still alive after {kill:?}");
    }
}
