//! What the tests share: a real server, the binary, and looks at what either left behind.
#![allow(dead_code)] // Each test file uses its part.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bench_report::Report;
use db_pool_bench::address::Address;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::{Postgres, PostgresOptions};
use tokio_postgres::Client;

/// Far longer than anything takes; only a failing test waits for so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Nobody would write this by chance.
pub(crate) const PASSWORD: &str = "Zq7hunter2qZ";

pub(crate) fn postgres(settings: &[(&str, &str)]) -> Postgres {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Postgres::start(&PostgresOptions {
        fsync: false,
        password: Some(PASSWORD.to_owned()),
        settings: settings.collect(),
        ..PostgresOptions::default()
    })
    .unwrap()
}

/// Talks to the server beside the bench.
pub(crate) struct Talk {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Talk {
    pub(crate) fn to(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime
            .block_on(Address::parse(url).unwrap().connect("a_test"))
            .unwrap();
        Self { runtime, client }
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap();
    }

    pub(crate) fn names(&self, sql: &str) -> Vec<String> {
        let rows = self.runtime.block_on(self.client.query(sql, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Schemas of runs that are there.
    pub(crate) fn schemas(&self) -> Vec<String> {
        self.names("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'plimsoll%'")
    }

    /// Connections of runs that are there.
    pub(crate) fn connections(&self) -> Vec<String> {
        self.names(
            "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'plimsoll%'",
        )
    }

    /// Asserts that nothing of a run is left; backends that were just told to end may take a moment.
    pub(crate) fn assert_nothing_is_left(&self) {
        assert_eq!(self.schemas(), [""; 0]);
        eventually("its connections are gone", || self.connections().is_empty());
    }
}

pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// `db-pool-bench sweep` with the words of `args`, without the caller's environment for databases.
pub(crate) fn sweep(args: &str) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("db-pool-bench"));
    for (name, _) in std::env::vars() {
        if name.starts_with("PG") || name == "DATABASE_URL" || name == testbed::token::ENV {
            command.env_remove(name);
        }
    }
    command.arg("sweep").args(args.split_whitespace());
    command
}

/// A sweep that runs, its stderr line by line.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
    pub(crate) report: PathBuf,
}

impl Running {
    pub(crate) fn start(mut command: Command, directory: &Path) -> Self {
        let report = directory.join("report.json");
        command
            .arg("--output")
            .arg(&report)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            child,
            lines,
            said: Vec::new(),
            report,
        }
    }

    /// Waits for a line that begins like that.
    pub(crate) fn await_line(&mut self, beginning: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|_| panic!("{beginning:?} never came: {:#?}", self.said));
            self.said.push(line);
            if self
                .said
                .last()
                .is_some_and(|line| line.starts_with(beginning))
            {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end; how it ended and how long that took.
    pub(crate) fn end(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        let mut status = None;
        eventually("the bench ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let took = started.elapsed();
        self.said.extend(self.lines.iter());
        (status.unwrap(), took)
    }

    /// Its report, which must be readable whatever happened.
    pub(crate) fn report(&self) -> Report {
        bench_report::store::load(&self.report).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long ending may take: 3 s, and on a machine that is slow as much more as starting a
/// program that does nothing tells.
pub(crate) fn ending_bound() -> Duration {
    let started = Instant::now();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("db-pool-bench"));
    assert!(
        command
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    Duration::from_secs(3) + 20 * started.elapsed()
}
