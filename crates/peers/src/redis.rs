//! Contests on Redis: `redis-bench` over shared connections against the minimal loop on the same
//! library, and against Redis' own benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Redis, RedisOptions, token};

use crate::contest::{Contest, ContestError, Measurement, Side};
use crate::context::{RunContext, measurement_of_report, sibling};
use crate::minimal;
use crate::program::{ProgramOutput, command, find};

const OURS: &str = "redis-bench";
const BENCHMARK: &str = "redis-benchmark";
const BENCHMARKS: [&str; 2] = [BENCHMARK, "valkey-benchmark"];
/// Number of users of our bench, and of tasks or connections of the peer.
const USERS: &str = "50";
const VALUE_BYTES: &str = "3";
/// Number of requests in a first run of redis-benchmark, which takes a number of requests but no
/// duration. The number for the measured runs is calculated from its rate.
const CALIBRATION: u64 = 50_000;

/// Redis server that is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct RedisWorkload {
    server: Redis,
    token: String,
    ours: PathBuf,
}

impl RedisWorkload {
    /// Starts the server, which is empty.
    ///
    /// # Errors
    /// Fails if our bench or the server is missing, or the server does not start.
    pub(crate) fn prepare() -> Result<Self, ContestError> {
        let ours = sibling(OURS)?;
        let server = Redis::start(&RedisOptions::default())?;
        let token = token::mark([server.url()]);
        Ok(Self {
            server,
            token,
            ours,
        })
    }

    /// Creates the contest of our bench against the minimal loop at path `program`.
    pub(crate) fn beside_minimal<'a>(
        &'a self,
        context: &'a RunContext,
        program: PathBuf,
    ) -> SetContest<'a> {
        self.contest(context, RedisPeer::Minimal(program))
    }

    /// Creates the contest of our bench against Redis' own benchmark at path `program`. Runs the
    /// latter once, to calculate the number of requests for the length of a run.
    ///
    /// # Errors
    /// Fails if that first run fails or prints no rate.
    pub(crate) fn beside_benchmark<'a>(
        &'a self,
        context: &'a RunContext,
        program: PathBuf,
    ) -> Result<SetContest<'a>, ContestError> {
        let (rate, _) = self.benchmark(context, &program, CALIBRATION)?;
        let requests = (rate * context.seconds as f64).ceil() as u64;
        Ok(self.contest(context, RedisPeer::Benchmark { program, requests }))
    }

    fn contest<'a>(&'a self, context: &'a RunContext, peer: RedisPeer) -> SetContest<'a> {
        SetContest {
            workload: self,
            context,
            peer,
        }
    }

    fn with_url(&self, program: &Path) -> Command {
        let mut command = command(program);
        command
            .env("REDIS_URL", self.server.url())
            .env(token::ENV, &self.token);
        command
    }

    /// Runs redis-benchmark with `requests` requests. Returns its rate in requests per second, and
    /// its output.
    fn benchmark(
        &self,
        context: &RunContext,
        program: &Path,
        requests: u64,
    ) -> Result<(f64, ProgramOutput), ContestError> {
        let mut benchmark = command(program);
        benchmark
            .args(["-h", "127.0.0.1", "-p", &self.server.port().to_string()])
            .args(["-t", "set", "-c", USERS, "-d", VALUE_BYTES, "--csv"])
            .args(["-n", &requests.to_string()]);
        let finished = context.runner.run(benchmark, context.bound())?;
        let rate =
            parse_benchmark(&finished.stdout).map_err(ContestError::unreadable(BENCHMARK))?;
        Ok((rate, finished))
    }
}

#[derive(Debug)]
enum RedisPeer {
    Minimal(PathBuf),
    Benchmark { program: PathBuf, requests: u64 },
}

/// Contest of SETs of three bytes, by fifty users on both sides.
#[derive(Debug)]
pub(crate) struct SetContest<'a> {
    workload: &'a RedisWorkload,
    context: &'a RunContext,
    peer: RedisPeer,
}

impl Contest for SetContest<'_> {
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError> {
        match (side, &self.peer) {
            (Side::Ours, _) => self.ours(),
            (Side::Peer, RedisPeer::Minimal(program)) => self.minimal(program),
            (Side::Peer, RedisPeer::Benchmark { program, requests }) => {
                self.benchmark(program, *requests)
            }
        }
    }
}

impl SetContest<'_> {
    fn ours(&self) -> Result<Measurement, ContestError> {
        let report = self.context.new_report_path()?;
        let mut bench = self.workload.with_url(&self.workload.ours);
        bench
            .args(["pool", "--client", "multiplexed", "--workload", "set"])
            .args(["--value-size", VALUE_BYTES, "--users", USERS])
            .args(self.context.bench_args(&report));
        self.context.runner.run(bench, self.context.bound())?;
        measurement_of_report(OURS, &report)
    }

    fn minimal(&self, program: &Path) -> Result<Measurement, ContestError> {
        let mut minimal = self.workload.with_url(program);
        minimal
            .args(["--users", USERS])
            .args(["--duration", &format!("{}s", self.context.seconds)]);
        let finished = self.context.runner.run(minimal, self.context.bound())?;
        minimal::measurement(minimal::REDIS, &finished)
    }

    fn benchmark(&self, program: &Path, requests: u64) -> Result<Measurement, ContestError> {
        let (operations_per_s, finished) =
            self.workload.benchmark(self.context, program, requests)?;
        Ok(Measurement {
            operations_per_s,
            cpu_per_operation_ns: finished.cpu_ns as f64 / requests as f64,
        })
    }
}

/// Parses the requests per second of the test `SET` from the output of `redis-benchmark --csv`,
/// with a header line (from version 6.2 on) or without.
///
/// # Errors
/// Returns a message if the output has no rate of `SET` above 0.
pub(crate) fn parse_benchmark(text: &str) -> Result<f64, String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim()
            .split(',')
            .map(|cell| cell.trim_matches('"').to_owned())
            .collect()
    };
    let rows: Vec<Vec<String>> = text.lines().map(cells).collect();
    let column = rows
        .iter()
        .find(|row| row.first().is_some_and(|cell| cell == "test"))
        .map_or(Some(1), |header| {
            header.iter().position(|cell| cell == "rps")
        })
        .ok_or("its header has no rps")?;
    rows.iter()
        .find(|row| row.first().is_some_and(|cell| cell == "SET"))
        .and_then(|row| row.get(column)?.parse().ok())
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "it prints no rate of SET".to_owned())
}

/// Returns the path of `redis-benchmark`, or else `valkey-benchmark`, in `PATH`.
///
/// # Errors
/// Fails if neither is installed.
pub(crate) fn benchmark_program() -> Result<PathBuf, ContestError> {
    find(&BENCHMARKS, &[]).ok_or(ContestError::NoPeer {
        peer: BENCHMARK,
        searched: "PATH",
        remedy: "it comes with Redis' server or tools package",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_7: &str = "\
\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\"
\"SET\",\"102880.66\",\"0.259\",\"0.056\",\"0.231\",\"0.367\"
";

    #[test]
    fn the_rate_is_read_by_its_header_or_by_its_place() {
        assert_eq!(parse_benchmark(VERSION_7), Ok(102_880.66));
        assert_eq!(parse_benchmark("\"SET\",\"97943.19\"\n"), Ok(97_943.19));
        let moved = "\"test\",\"p50_latency_ms\",\"rps\"\n\"SET\",\"0.231\",\"5.5\"\n";
        assert_eq!(parse_benchmark(moved), Ok(5.5));
    }

    #[test]
    fn what_is_no_result_gives_a_sentence() {
        for text in [
            "",
            "\"test\",\"requests\"\n\"SET\",\"1\"\n",
            "\"GET\",\"97943.19\"\n",
            "\"SET\",\"0.00\"\n",
            "\"SET\",\"-nan\"\n",
            "\"SET\"\n",
            "Could not connect to Redis at 127.0.0.1:1: Connection refused\n",
        ] {
            assert!(parse_benchmark(text).is_err(), "{text}");
        }
    }
}
