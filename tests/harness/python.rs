//! Other people's readers, in Python: what Warren writes is for their eyes. A virtual environment under cargo's target
//! folder has those that `tests/python-requirements.txt` names; the first test that asks has it made, from `PyPI`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// What is installed, and in which versions.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python-requirements.txt");

/// The virtual environment.
#[derive(Debug)]
pub struct Python {
    programs: PathBuf,
}

impl Python {
    /// The environment that all tests share, made if it is not there.
    ///
    /// Panics, and says how to get them, when there is no Python or `PyPI` cannot be reached.
    pub fn get() -> &'static Self {
        static MADE: OnceLock<Python> = OnceLock::new();
        MADE.get_or_init(Self::make)
    }

    /// Runs a script to its end and returns what it printed. Panics, with what it said, when it fails.
    pub fn run(&self, script: &str, arguments: &[&dyn AsRef<OsStr>]) -> String {
        let mut command = Command::new(self.programs.join("python3"));
        command.arg("-c").arg(script);
        Self::succeed(command.args(arguments.iter().map(AsRef::as_ref)))
    }

    /// A program that one of the packages brings, such as `warcio`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    fn make() -> Self {
        let wanted = fs::read_to_string(REQUIREMENTS).expect("the repository has the list");
        let folder = target().join("python");
        fs::create_dir_all(&folder).expect("cargo's target folder is writable");
        // Test processes of several checkouts may share a target folder.
        let lock = File::create(folder.join("lock")).expect("cargo's target folder is writable");
        lock.lock().expect("a file of our own can be locked");
        let (environment, done) = (folder.join("venv"), folder.join("installed.txt"));
        if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
            return Self { programs: environment.join("bin") };
        }
        drop(fs::remove_file(&done));
        let mut create = Command::new("python3");
        Self::succeed(create.args(["-m", "venv", "--clear"]).arg(&environment));
        let made = Self { programs: environment.join("bin") };
        let mut install = Command::new(made.program("pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
        Self::succeed(install.arg(REQUIREMENTS));
        fs::write(done, wanted).expect("cargo's target folder is writable");
        made
    }

    fn succeed(command: &mut Command) -> String {
        let hint = "hint: tests/install.sh brings python3-venv; PyPI must be reachable once";
        let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}\n{hint}"));
        let Output { status, stdout, stderr } = ran;
        let (output, talk) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{command:?} ended with {status}:\n{output}\n{talk}\n{hint}");
        output.into_owned()
    }
}

/// Cargo's target folder: the test's own program is in `TARGET/PROFILE/deps`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a process knows its program");
    program.ancestors().nth(3).map(Path::to_owned).expect("cargo puts tests three folders deep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readers_are_there() {
        let python = Python::get();
        let script = "import sys, webdataset, pyarrow, duckdb, warcio; print(sys.argv[1])";
        assert_eq!(python.run(script, &[&"ready"]), "ready\n");
        assert!(python.program("warcio").is_file() && python.program("cdxj-indexer").is_file());
    }
}
