//! What the suite's tests share: the binaries, a place where nothing else lives, and a look at
//! what was left behind.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// One of the suite's binaries.
pub(crate) fn binary(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap();
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins",
        path.display()
    );
    path
}

/// A working directory and a place for temporary files of one test. PostgreSQL runs as another
/// user, who must be able to reach the latter.
pub(crate) struct Place {
    root: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("plimsoll-test-")
            .tempdir_in("/tmp")
            .unwrap();
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(root.path(), 0o755);
        std::fs::create_dir(root.path().join("tmp")).unwrap();
        open(&root.path().join("tmp"), 0o1777);
        Self { root }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    pub(crate) fn command(&self, tool: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary(tool));
        command
            .args(args)
            .current_dir(self.path())
            .env("TMPDIR", self.tmp())
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env_remove("WS_URL")
            .env_remove("PLIMSOLL_THROWAWAY")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null());
        command
    }

    /// Processes that live in this place (zombies count as gone), and directories of servers.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let mut left: Vec<String> = std::fs::read_dir(self.tmp())
            .unwrap()
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let at_home = std::fs::read_link(entry.path().join("cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.path()));
            let status = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let zombie = status
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" Z"));
            if at_home && !zombie {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                left.push(format!("{}: {line}", entry.path().display()));
            }
        }
        left
    }

    /// The same, once nothing is left or `bound` has passed.
    pub(crate) fn left_behind_after(&self, bound: Duration) -> Vec<String> {
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

/// A tool at work whose progress is followed.
pub(crate) struct Running {
    pub(crate) child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) said: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            stderr,
            said: String::new(),
        }
    }

    /// Reads on until a line begins with `wanted`; `false` when the tool ends first.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> bool {
        loop {
            let mut line = String::new();
            if self.stderr.read_line(&mut line).unwrap() == 0 {
                return false;
            }
            let found = line.starts_with(wanted);
            self.said.push_str(&line);
            if found {
                return true;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Reads to the end; how it ended, and how long that took from now.
    pub(crate) fn end(mut self) -> (ExitStatus, Duration, String) {
        let started = Instant::now();
        let stdout = self.child.stdout.take().map(|mut stdout| {
            std::thread::spawn(move || {
                let mut text = String::new();
                let _ = stdout.read_to_string(&mut text);
                text
            })
        });
        let _ = self.stderr.read_to_string(&mut self.said);
        let status = self.child.wait().unwrap();
        let took = started.elapsed();
        if let Some(stdout) = stdout {
            self.said.push_str(&stdout.join().unwrap());
        }
        (status, took, self.said)
    }
}

/// How many times longer than alone a thread takes now, because others want the processors.
pub(crate) fn contention() -> f64 {
    let cpu = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    let (wall, used) = (Instant::now(), cpu());
    let mut x = 1u64;
    while wall.elapsed() < Duration::from_millis(30) {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    let spent = Duration::from(cpu())
        .saturating_sub(used.into())
        .as_secs_f64();
    (wall.elapsed().as_secs_f64() / spent).max(1.0)
}

/// The report in `directory` of that name.
pub(crate) fn report(directory: &Path, stem: &str) -> bench_report::Report {
    bench_report::store::load(&directory.join(format!("{stem}.json"))).unwrap()
}

/// Every report in `directory`, all of which must be valid; none where there is no directory.
pub(crate) fn reports(directory: &Path) -> Vec<bench_report::Report> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .filter(|path| !path.ends_with("assessment.json"))
        .map(|path| bench_report::store::load(&path).unwrap())
        .collect()
}
