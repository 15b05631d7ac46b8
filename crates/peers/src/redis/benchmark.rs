//! Runs of Redis' own benchmark, whose length is a number of requests.

use std::path::{Path, PathBuf};

use crate::contest::{ContestError, Measurement};
use crate::context::RunContext;
use crate::program::{command, find};

use super::RedisCommand;
use super::redis_load::{RedisLoad, RedisPeer};

const PROGRAMS: [&str; 2] = ["redis-benchmark", "valkey-benchmark"];
/// Number of commands in a first run, from whose rate the number for the measured runs is
/// calculated.
const CALIBRATION: u64 = 50_000;

/// Runs of `redis-benchmark` with one load on one server.
#[derive(Debug)]
pub(super) struct BenchmarkRuns {
    program: PathBuf,
    port: u16,
    load: RedisLoad,
    commands: u64,
}

impl BenchmarkRuns {
    /// Prepares runs against the server on `port`: writes the value that GET reads, and runs the
    /// load once to learn how many commands fill the length of a run.
    ///
    /// # Errors
    /// Fails if the program is missing, a run fails, or one prints no rate.
    pub(super) fn prepare(
        context: &RunContext,
        port: u16,
        load: RedisLoad,
    ) -> Result<Self, ContestError> {
        let mut runs = Self {
            program: program()?,
            port,
            load,
            commands: CALIBRATION,
        };
        runs.run(context, RedisCommand::Set)?;
        let rate = runs.run(context, load.command)?.operations_per_s;
        runs.commands = (rate * context.seconds as f64).ceil() as u64;
        Ok(runs)
    }

    /// Runs the program once with the load, for about the length of a run.
    ///
    /// # Errors
    /// Fails if the program fails or prints no rate.
    pub(super) fn measure(&self, context: &RunContext) -> Result<Measurement, ContestError> {
        self.run(context, self.load.command)
    }

    fn run(&self, context: &RunContext, sent: RedisCommand) -> Result<Measurement, ContestError> {
        let mut benchmark = command(&self.program);
        benchmark
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--csv"])
            .args(["-t", sent.name(), "-c", &self.load.users.to_string()])
            .args(["-d", &self.load.value_bytes.to_string()])
            .args(["-P", &self.load.pipeline.to_string()])
            .args(["-n", &self.commands.to_string()]);
        let finished = context.runner.run(benchmark, context.bound())?;
        let test = sent.name().to_uppercase();
        let operations_per_s = parse(&finished.stdout, &test)
            .map_err(ContestError::unreadable(RedisPeer::Benchmark.name()))?;
        Ok(Measurement {
            operations_per_s,
            cpu_per_operation_ns: finished.cpu_ns as f64 / self.commands as f64,
        })
    }
}

/// Parses the rate per second of `command`, such as `SET`, from the output of
/// `redis-benchmark --csv`, with a header line (from version 6.2 on) or without.
///
/// # Errors
/// Returns a message if the output has no rate of the command above 0.
fn parse(text: &str, command: &str) -> Result<f64, String> {
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
        .find(|row| row.first().is_some_and(|cell| cell == command))
        .and_then(|row| row.get(column)?.parse().ok())
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| format!("it prints no rate of {command}"))
}

/// Returns the path of `redis-benchmark`, or else `valkey-benchmark`, in `PATH`.
///
/// # Errors
/// Fails if neither is installed.
pub(crate) fn program() -> Result<PathBuf, ContestError> {
    let none: [&Path; 0] = [];
    find(&PROGRAMS, &none).ok_or(ContestError::NoPeer {
        peer: RedisPeer::Benchmark.name(),
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
        assert_eq!(parse(VERSION_7, "SET"), Ok(102_880.66));
        assert_eq!(parse("\"GET\",\"97943.19\"\n", "GET"), Ok(97_943.19));
        let moved = "\"test\",\"p50_latency_ms\",\"rps\"\n\"SET\",\"0.231\",\"5.5\"\n";
        assert_eq!(parse(moved, "SET"), Ok(5.5));
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
            assert!(parse(text, "SET").is_err(), "{text}");
        }
    }
}
