//! Runs of `memtier_benchmark`, which no package manager has everywhere: an environment variable
//! names a build of it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::contest::{ContestError, Measurement};
use crate::context::RunContext;
use crate::program::command;

use super::redis_load::{RedisCommand, RedisLoad, RedisPeer};

/// Environment variable with the path of the program.
const VARIABLE: &str = "PLIMSOLL_MEMTIER";
/// Number of keys: as many as `redis-bench pool` has.
const KEYS: &str = "64";
/// Number of its threads, if there are as many users.
const THREADS: u32 = 2;

/// Runs of `memtier_benchmark` with one load on one server.
#[derive(Debug)]
pub(super) struct MemtierRuns {
    program: PathBuf,
    port: u16,
    load: RedisLoad,
}

/// Part of its results that is read.
#[derive(Debug, Deserialize)]
struct MemtierResults {
    #[serde(rename = "ALL STATS")]
    all: MemtierStats,
}

#[derive(Debug, Deserialize)]
struct MemtierStats {
    #[serde(rename = "Runtime")]
    runtime: MemtierRuntime,
    #[serde(rename = "Totals")]
    totals: MemtierTotals,
}

/// Its clock's account of the run. Its own rate is not read: version 2.3.1 once printed 5.6 million
/// commands per second on a busy machine that carries 0.3 million.
#[derive(Debug, Deserialize)]
struct MemtierRuntime {
    #[serde(rename = "Total duration")]
    duration_ms: f64,
}

#[derive(Debug, Deserialize)]
struct MemtierTotals {
    #[serde(rename = "Count")]
    count: u64,
    /// Reads per second that found no value.
    #[serde(rename = "Misses/sec")]
    misses_per_s: f64,
}

impl MemtierRuns {
    /// Prepares runs against the server on `port`: writes the values that GET reads.
    ///
    /// # Errors
    /// Fails if the program is missing or fails.
    pub(super) fn prepare(
        context: &RunContext,
        port: u16,
        load: RedisLoad,
    ) -> Result<Self, ContestError> {
        let program = program()?;
        let runs = Self {
            program,
            port,
            load,
        };
        let mut fill = runs.with_keys("1:0", 1, 1);
        fill.args(["--key-pattern", "P:P", "-n", "allkeys"]);
        context.runner.run(fill, context.bound())?;
        Ok(runs)
    }

    /// Runs the program once with the load.
    ///
    /// # Errors
    /// Fails if the program fails, its results cannot be read, or a read found no value.
    pub(super) fn measure(&self, context: &RunContext) -> Result<Measurement, ContestError> {
        let results = context.runner.file("memtier.json");
        let ratio = match self.load.command {
            RedisCommand::Set => "1:0",
            RedisCommand::Get => "0:1",
        };
        let threads = THREADS.min(self.load.users);
        let mut memtier = self.with_keys(ratio, threads, self.load.users / threads);
        memtier
            .args(["--pipeline", &self.load.pipeline.to_string()])
            .args(["--test-time", &context.seconds.to_string()])
            .arg("--json-out-file")
            .arg(&results);
        let finished = context.runner.run(memtier, context.bound())?;
        let text = std::fs::read_to_string(&results).unwrap_or_default();
        let (count, seconds) =
            parse(&text).map_err(ContestError::unreadable(RedisPeer::Memtier.name()))?;
        Ok(Measurement {
            operations_per_s: count / seconds,
            cpu_per_operation_ns: finished.cpu_ns as f64 / count,
        })
    }

    fn with_keys(&self, ratio: &str, threads: u32, clients: u32) -> Command {
        let mut memtier = command(&self.program);
        memtier
            .args(["-s", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-t", &threads.to_string(), "-c", &clients.to_string()])
            .args(["--ratio", ratio, "-d", &self.load.value_bytes.to_string()])
            .args(["--key-minimum", "1", "--key-maximum", KEYS])
            .arg("--hide-histogram");
        memtier
    }
}

/// Parses the number of commands and the seconds of a run from its results as JSON.
///
/// # Errors
/// Returns a message if there are none, or if reads found no value.
fn parse(text: &str) -> Result<(f64, f64), String> {
    let results: MemtierResults = serde_json::from_str(text)
        .map_err(|error| format!("its results in JSON cannot be read ({error})"))?;
    let MemtierStats { runtime, totals } = results.all;
    if totals.misses_per_s > 0.0 {
        let misses = totals.misses_per_s;
        return Err(format!("{misses} reads per second found no value"));
    }
    let seconds = runtime.duration_ms / 1e3;
    if totals.count == 0 || !seconds.is_finite() || seconds <= 0.0 {
        return Err("it counts no operations, or no time".to_owned());
    }
    Ok((totals.count as f64, seconds))
}

/// Returns the path of `memtier_benchmark` that the environment variable names.
///
/// # Errors
/// Fails if it is not set, or names no file.
pub(crate) fn program() -> Result<PathBuf, ContestError> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    named
        .filter(|path| Path::new(path).is_file())
        .ok_or(ContestError::NoPeer {
            peer: RedisPeer::Memtier.name(),
            searched: VARIABLE,
            remedy: "build it and set this variable to its path",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(count: u64, duration_ms: u64, misses: f64) -> String {
        format!(
            r#"{{"configuration":{{}},"ALL STATS":{{"Runtime":{{"Total duration":{duration_ms}}},
            "Totals":{{"Count":{count},"Ops/sec":5e6,"Misses/sec":{misses},"KB/sec":1.0}}}}}}"#
        )
    }

    #[test]
    fn commands_and_time_are_read_and_not_its_rate() {
        assert_eq!(parse(&results(300, 1_500, 0.0)), Ok((300.0, 1.5)));
    }

    #[test]
    fn reads_without_a_value_and_results_without_operations_count_for_nothing() {
        let missed = parse(&results(300, 1_500, 2.0)).unwrap_err();
        assert_eq!(missed, "2 reads per second found no value");
        for text in ["", "{}", &results(0, 1_000, 0.0), &results(5, 0, 0.0)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
