//! Shared parts of the tests: a real server, the binary, and checks of what either left behind.
#![allow(dead_code)] // Each test file uses its part.

use std::collections::BTreeMap;
use std::process::Command;

use bench_report::{Report, Step};
use pg_connect::Address;
use pg_evidence::Client;
use test_support::{TestDirectory, eventually};
use testbed::{Postgres, PostgresOptions};

/// Place where [`sweep`] leaves its report.
pub(crate) const REPORT: &str = "run/db-pool-bench.sweep.json";
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
            .block_on(Client::open(&Address::parse(url).unwrap(), "a_test"))
            .unwrap();
        Self { runtime, client }
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap();
    }

    /// Runs `sql`, which the server must refuse; returns its message.
    pub(crate) fn refusal(&self, sql: &str) -> String {
        let refused = self.runtime.block_on(self.client.batch_execute(sql));
        let error = refused.expect_err("the server refuses it");
        error
            .as_db_error()
            .expect("the server's own error")
            .to_string()
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

/// `db-pool-bench SCENARIO` with the words of `args`, in `place`.
pub(crate) fn bench(place: &TestDirectory, scenario: &str, args: &str) -> Command {
    let mut command = place.command(
        env!("CARGO_BIN_EXE_db-pool-bench"),
        &[scenario, "--run-dir", "run"],
    );
    command.args(args.split_whitespace());
    command
}

/// `db-pool-bench sweep` with the words of `args`, in `place`.
pub(crate) fn sweep(place: &TestDirectory, args: &str) -> Command {
    bench(place, "sweep", args)
}

/// Result of a scenario that ran to its end.
pub(crate) struct Ran {
    pub(crate) report: Report,
    pub(crate) code: i32,
    /// All that was printed.
    pub(crate) said: String,
}

/// Runs `scenario` on the server at `url` to its end; the password must show nowhere.
pub(crate) fn complete(url: &str, scenario: &str, args: &str) -> Ran {
    let place = TestDirectory::new();
    let output = bench(&place, scenario, args)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains(PASSWORD), "the password was printed: {said}");
    let file = format!("run/db-pool-bench.{scenario}.json");
    let text = std::fs::read_to_string(place.path().join(&file)).expect(&said);
    assert!(!text.contains(PASSWORD), "the password is in the report");
    Ran {
        report: place.report(&file),
        code: output.status.code().unwrap(),
        said,
    }
}

/// Returns where the users' time went in `step`, by part; the parts add up, where there are any.
pub(crate) fn time_parts(step: &Step) -> BTreeMap<&str, f64> {
    let figures = step.figures.iter();
    let parts: BTreeMap<&str, f64> = figures
        .filter_map(|(name, share)| {
            let part = name.strip_prefix("time.")?.strip_suffix("_ratio")?;
            Some((part, *share))
        })
        .collect();
    let all: f64 = parts.values().sum();
    assert!(parts.is_empty() || (all - 1.0).abs() < 1e-6, "{parts:?}");
    parts
}

/// The report that [`sweep`] left.
pub(crate) fn report(place: &TestDirectory) -> Report {
    place.report(REPORT)
}
