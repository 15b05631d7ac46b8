//! Contests on PostgreSQL: `db-pool-bench` without a pool against `pgbench`, and with a pool
//! against the minimal loop on the same pool, each on the same server with the same statement.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testbed::{Postgres, PostgresOptions, token};

use crate::contest::{Contest, ContestError, Measurement, Side};
use crate::context::{RunContext, measurement_of_report, sibling};
use crate::minimal;
use crate::program::{command, find};

/// Name of this project's bench of PostgreSQL pools.
pub(crate) const OURS: &str = "db-pool-bench";
const PEER: &str = "pgbench";
/// Scale factor of pgbench's tables: a million accounts, about 150 MB with the index.
const SCALE: &str = "10";
const FILL_BOUND: Duration = Duration::from_mins(3);

/// PostgreSQL server with pgbench's tables, which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct PostgresWorkload {
    server: Postgres,
    password: String,
    token: String,
    ours: PathBuf,
    peer: PathBuf,
}

impl PostgresWorkload {
    /// Starts the server and creates pgbench's tables. The server's settings keep all data in
    /// memory and let no background writing disturb the runs.
    ///
    /// # Errors
    /// Fails if a program or the server is missing, the server does not start, or filling fails or
    /// takes more than three minutes.
    pub(crate) fn prepare(context: &RunContext) -> Result<Self, ContestError> {
        let peer = peer_program()?;
        let ours = sibling(OURS)?;
        let password = format!("{:032x}", rand::random::<u128>());
        let server = Postgres::start(&options(&password))?;
        let token = token::mark([server.url()]);
        let workload = Self {
            server,
            password,
            token,
            ours,
            peer,
        };
        let mut fill = workload.pgbench();
        fill.args(["--initialize", "--quiet", "--scale", SCALE]);
        context.runner.run(fill, FILL_BOUND)?;
        Ok(workload)
    }

    /// Creates the contest of our bench with `driver`, which has no pool, against pgbench; both
    /// with `users` connections.
    pub(crate) fn beside_pgbench<'a>(
        &'a self,
        context: &'a RunContext,
        driver: &'static str,
        users: u32,
    ) -> PointSelectContest<'a> {
        self.point_select(context, driver, users, PostgresPeer::Pgbench)
    }

    /// Creates the contest of our bench with the pool `driver` against the minimal loop on the same
    /// pool, at path `program`; both with `users` connections.
    pub(crate) fn beside_minimal<'a>(
        &'a self,
        context: &'a RunContext,
        driver: &'static str,
        users: u32,
        program: PathBuf,
    ) -> PointSelectContest<'a> {
        self.point_select(context, driver, users, PostgresPeer::Minimal(program))
    }

    fn point_select<'a>(
        &'a self,
        context: &'a RunContext,
        driver: &'static str,
        users: u32,
        peer: PostgresPeer,
    ) -> PointSelectContest<'a> {
        PointSelectContest {
            workload: self,
            context,
            driver,
            users: users.to_string(),
            peer,
        }
    }

    /// Creates a pgbench command for this server. The password is in the environment, because a
    /// process list shows arguments.
    fn pgbench(&self) -> Command {
        let mut pgbench = command(&self.peer);
        pgbench
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.server.port().to_string())
            .env("PGUSER", "plimsoll")
            .env("PGDATABASE", "plimsoll")
            .env("PGPASSWORD", &self.password);
        pgbench
    }

    fn with_url(&self, program: &Path) -> Command {
        let mut command = command(program);
        command
            .env("DATABASE_URL", self.server.url())
            .env(token::ENV, &self.token);
        command
    }
}

fn options(password: &str) -> PostgresOptions {
    let settings = [
        ("shared_buffers", "512MB"),
        ("autovacuum", "off"),
        ("checkpoint_timeout", "1d"),
        ("max_wal_size", "4GB"),
    ];
    PostgresOptions {
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        password: Some(password.to_owned()),
        fsync: false,
        ..PostgresOptions::default()
    }
}

#[derive(Debug)]
enum PostgresPeer {
    Pgbench,
    Minimal(PathBuf),
}

/// Contest of prepared point selects, with the same number of users on both sides.
#[derive(Debug)]
pub(crate) struct PointSelectContest<'a> {
    workload: &'a PostgresWorkload,
    context: &'a RunContext,
    driver: &'static str,
    users: String,
    peer: PostgresPeer,
}

impl Contest for PointSelectContest<'_> {
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError> {
        match (side, &self.peer) {
            (Side::Ours, _) => self.ours(),
            (Side::Peer, PostgresPeer::Pgbench) => self.pgbench(),
            (Side::Peer, PostgresPeer::Minimal(program)) => self.minimal(program),
        }
    }
}

impl PointSelectContest<'_> {
    fn ours(&self) -> Result<Measurement, ContestError> {
        let report = self.context.new_report_path()?;
        let mut bench = self.workload.with_url(&self.workload.ours);
        bench
            .args(["sweep", "--driver", self.driver])
            .args(["--pool-sizes", &self.users])
            .args(["--workload", "point-select", "--table", "pgbench_accounts"]);
        // Each side runs as its peer does: pgbench has threads that share nothing.
        match self.peer {
            PostgresPeer::Pgbench => bench.args(["--runtime", "per-core"]),
            PostgresPeer::Minimal(_) => bench.args(["--runtime", "shared", "--users", &self.users]),
        };
        bench.args(self.context.bench_args(&report));
        self.context.runner.run(bench, self.context.bound())?;
        measurement_of_report(OURS, &report)
    }

    fn minimal(&self, program: &Path) -> Result<Measurement, ContestError> {
        let mut minimal = self.workload.with_url(program);
        minimal
            .args(["--pool", self.driver, "--connections", &self.users])
            .args(["--duration", &format!("{}s", self.context.seconds)]);
        let finished = self.context.runner.run(minimal, self.context.bound())?;
        minimal::measurement(minimal::POOL, &finished)
    }

    fn pgbench(&self) -> Result<Measurement, ContestError> {
        let mut pgbench = self.workload.pgbench();
        pgbench
            .args(["-n", "-S", "-M", "prepared", "-j", "2"])
            .args(["-c", &self.users, "-T", &self.context.seconds.to_string()]);
        let finished = self.context.runner.run(pgbench, self.context.bound())?;
        let said = parse_pgbench(&finished.stdout).map_err(ContestError::unreadable(PEER))?;
        Ok(Measurement {
            operations_per_s: said.operations_per_s,
            cpu_per_operation_ns: finished.cpu_ns as f64 / said.operations as f64,
        })
    }
}

/// Numbers that pgbench prints about its run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PgbenchFigures {
    /// Number of transactions that succeeded in the run.
    pub(crate) operations: u64,
    /// Successful transactions per second, without the time for connecting.
    pub(crate) operations_per_s: f64,
}

/// Parses the output of a run of pgbench, of versions 10 to 18.
///
/// # Errors
/// Returns a message if a number is missing or 0, or if transactions failed.
pub(crate) fn parse_pgbench(text: &str) -> Result<PgbenchFigures, String> {
    let value = |label: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(label))
            .map(str::trim_start)
    };
    let failed = value("number of failed transactions:").unwrap_or("0");
    if leading_number(failed) != Some(0.0) {
        return Err(format!("it had failed transactions: {failed}"));
    }
    let operations = value("number of transactions actually processed:")
        // A run with a fixed number of transactions prints `done/planned`.
        .and_then(|rest| rest.split('/').next()?.trim().parse().ok())
        .filter(|&operations: &u64| operations > 0)
        .ok_or("it does not say how many transactions it processed")?;
    let rate = |line: &str| leading_number(line.strip_prefix("tps =")?.trim_start());
    // Up to version 13 there are two rates; the last one, without connecting, is used.
    let operations_per_s = text
        .lines()
        .filter_map(rate)
        .next_back()
        .filter(|rate| *rate > 0.0)
        .ok_or("it prints no tps")?;
    Ok(PgbenchFigures {
        operations,
        operations_per_s,
    })
}

fn leading_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Returns the path of pgbench, preferably from the directory of the server's programs, so that it
/// has the server's version.
///
/// # Errors
/// Fails if pgbench or the server's programs are not installed.
pub(crate) fn peer_program() -> Result<PathBuf, ContestError> {
    // The server's directory is searched first: the program in `PATH` may be a script that searches
    // for pgbench.
    find(&[PEER], &[&testbed::find_postgres()?]).ok_or(ContestError::NoPeer {
        peer: PEER,
        searched: "PostgreSQL's directory and PATH",
        remedy: "it comes with PostgreSQL's server or contrib package",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_15: &str = "\
pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 10
query mode: prepared
number of clients: 8
number of threads: 2
maximum number of tries: 1
duration: 3 s
number of transactions actually processed: 243519
number of failed transactions: 0 (0.000%)
latency average = 0.098 ms
initial connection time = 18.712 ms
tps = 81668.170294 (without initial connection time)
";

    const VERSION_12: &str = "\
transaction type: <builtin: select only>
scaling factor: 10
query mode: prepared
number of clients: 2
number of threads: 2
duration: 3 s
number of transactions actually processed: 90000
latency average = 0.066 ms
tps = 29990.100000 (including connections establishing)
tps = 30100.200000 (excluding connections establishing)
";

    #[test]
    fn the_rate_without_connecting_is_read() {
        assert_eq!(
            parse_pgbench(VERSION_15),
            Ok(PgbenchFigures {
                operations: 243_519,
                operations_per_s: 81_668.170_294
            })
        );
        assert_eq!(
            parse_pgbench(VERSION_12),
            Ok(PgbenchFigures {
                operations: 90_000,
                operations_per_s: 30_100.2
            })
        );
    }

    #[test]
    fn a_run_of_a_fixed_number_says_how_many_it_did_of_how_many() {
        let text = VERSION_15.replace("243519", "1000/1000");
        assert_eq!(parse_pgbench(&text).unwrap().operations, 1_000);
    }

    #[test]
    fn a_run_with_failures_gives_no_rate() {
        let text = VERSION_15.replace("0 (0.000%)", "7 (0.003%)");
        assert!(parse_pgbench(&text).unwrap_err().contains("7 (0.003%)"));
    }

    #[test]
    fn what_is_no_result_gives_a_sentence() {
        for text in [
            "",
            "tps = 5\n",
            &VERSION_15.replace("tps", "xps"),
            &VERSION_15.replace("243519", "0"),
            &VERSION_15.replace("tps = 81668.170294", "tps = nan"),
        ] {
            assert!(parse_pgbench(text).is_err(), "{text}");
        }
    }
}
