use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bench_report::Report;

/// Environment variables that would make a tool use a server of the developer. Those that begin
/// with one of `PREFIXES` would too, or would make it part of another run.
const VARIABLES: [&str; 3] = ["DATABASE_URL", "REDIS_URL", "WS_URL"];
const PREFIXES: [&str; 2] = ["PG", "PLIMSOLL_"];

/// Temporary working directory of one test, with the subdirectory `tmp` for the tools' temporary
/// files. All users can write to `tmp`, because servers may run as another user. Dropped, it is
/// removed.
#[derive(Debug)]
pub struct TestDirectory(tempfile::TempDir);

impl Default for TestDirectory {
    fn default() -> Self {
        Self::new()
    }
}

impl TestDirectory {
    /// Creates an empty directory below `/tmp`. Panics if that fails.
    pub fn new() -> Self {
        let place = Self(
            tempfile::Builder::new()
                .prefix("plimsoll-test-")
                .tempdir_in("/tmp")
                .unwrap(),
        );
        let open = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        open(place.path(), 0o755);
        fs::create_dir(place.tmp()).unwrap();
        open(&place.tmp(), 0o1777);
        place
    }

    /// Returns the path of the working directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the path of the directory for the tools' temporary files, to which their `TMPDIR` is
    /// set.
    pub fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Creates a command that runs `program` with `args` in the directory, with empty stdin, and
    /// without the caller's environment variables that begin with `PG` or `PLIMSOLL_` or name a
    /// server.
    pub fn command(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars() {
            let leads_away = VARIABLES.contains(&name.as_str())
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if leads_away {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.path())
            .env("TMPDIR", self.tmp())
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null());
        command
    }

    /// Reads the report in the file of this name in the directory. Panics if the report is missing
    /// or not valid.
    pub fn report(&self, file: impl AsRef<Path>) -> Report {
        bench_report::store::load(&self.path().join(file)).unwrap()
    }

    /// Lists the files and directories in [`tmp`] and the processes (without zombies) that work in
    /// this directory, each as a line of text. Empty if a tool left nothing behind.
    ///
    /// [`tmp`]: Self::tmp
    pub fn left_behind(&self) -> Vec<String> {
        let mut left: Vec<String> = fs::read_dir(self.tmp())
            .unwrap()
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let at_home = fs::read_link(entry.path().join("cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.path()));
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let zombie = stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" Z"));
            if at_home && !zombie {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                left.push(format!("{}: {line}", entry.path().display()));
            }
        }
        left
    }

    /// Waits until [`Self::left_behind`] is empty or `bound` has passed, and returns its last list.
    pub fn left_behind_after(&self, bound: Duration) -> Vec<String> {
        let started = Instant::now();
        loop {
            let left = self.left_behind();
            if left.is_empty() || started.elapsed() > bound {
                return left;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
