//! Runs made up for tests: healthy by default, with one fault planted at a time.
#![allow(dead_code, reason = "each test uses its part")]

mod coherent;
mod fingerprint;
mod machine;
pub(crate) mod parts;
mod postgres;
mod redis;
pub(crate) mod server;
mod websocket;

use std::path::Path;

use bench_report::{LimitOwner, Report, store};
#[allow(unused_imports, reason = "each test uses its part")]
pub(crate) use coherent::coherent;
#[allow(unused_imports, reason = "each test uses its part")]
pub(crate) use machine::Recorded;
#[allow(unused_imports, reason = "each test uses its part")]
pub(crate) use parts::{SECOND, held_for, hist};
#[allow(unused_imports, reason = "each test uses its part")]
pub(crate) use redis::command;

pub(crate) const RUN: &str = "20260314-091500-7f3a";
/// Start of the run on the monotonic clock, in nanoseconds since the clock's zero.
pub(crate) const START: u64 = 1_000 * SECOND;
const CORES: f64 = 4.0;

/// Faults planted in a run. `Plant::default()` is a healthy run.
#[derive(Debug, Clone)]
pub(crate) struct Plant {
    /// Pool sizes that the sweep of PostgreSQL tried.
    pub(crate) pool_sizes: Vec<u64>,
    /// Number of users in each step of PostgreSQL's sweep.
    pub(crate) users: u64,
    /// Share of PostgreSQL's service time spent waiting for locks, from 0 to 1.
    pub(crate) lock: f64,
    /// Share of PostgreSQL's service time spent waiting for the server's internal locks, from 0 to
    /// 1.
    pub(crate) lwlock: f64,
    /// Share of PostgreSQL's service time spent waiting for files, from 0 to 1.
    pub(crate) io: f64,
    /// Service time of a statement of PostgreSQL, in nanoseconds.
    pub(crate) service_ns: f64,
    /// Number of failed ÷ number of successful requests of PostgreSQL.
    pub(crate) errors: f64,
    /// Number of connections of PostgreSQL in use, and the number that it allows.
    pub(crate) connections: (f64, f64),
    /// Shares of the machine's CPU at PostgreSQL's operating point, from 0 to 1: all that is busy,
    /// the server's, the generator's.
    pub(crate) cpu: (f64, f64, f64),
    /// Name of a program that takes no part in the run, with the number of cores that it uses.
    pub(crate) outsider: Option<(String, f64)>,
    pub(crate) steal: f64,
    pub(crate) memory: f64,
    pub(crate) memory_pressure: f64,
    pub(crate) swap_in: f64,
    pub(crate) hit_ratio: f64,
    pub(crate) evicted: f64,
    pub(crate) redis_main_thread: f64,
    /// Median time of a call to Redis, in nanoseconds.
    pub(crate) redis_ns: f64,
    /// Throughput of the multiplexed client ÷ throughput of the pooled client.
    pub(crate) multiplexed_gain: f64,
    pub(crate) limit: LimitOwner,
    /// Number of requests to PostgreSQL that were never answered.
    pub(crate) censored: u64,
    /// Series of the machine in place of the healthy ones of the same name and labels.
    pub(crate) recorded: Vec<Recorded>,
    /// Names of series of the machine that are not recorded.
    pub(crate) unrecorded: Vec<&'static str>,
    /// Name given to PostgreSQL's steps, to test that markup in it does not break the page.
    pub(crate) step_name: Option<String>,
}

impl Default for Plant {
    fn default() -> Self {
        Self {
            pool_sizes: vec![2, 4, 8, 16, 32],
            users: 8,
            lock: 0.01,
            lwlock: 0.01,
            io: 0.02,
            service_ns: 1e6,
            errors: 0.0,
            connections: (12.0, 100.0),
            cpu: (0.62, 0.40, 0.18),
            outsider: None,
            steal: 0.002,
            memory: 0.35,
            memory_pressure: 0.0,
            swap_in: 0.0,
            hit_ratio: 0.94,
            evicted: 0.0,
            redis_main_thread: 0.55,
            redis_ns: 300_000.0,
            multiplexed_gain: 1.05,
            limit: LimitOwner::Target,
            censored: 0,
            recorded: Vec::new(),
            unrecorded: Vec::new(),
            step_name: None,
        }
    }
}

impl Plant {
    /// Writes the run's four reports into `directory`; panics if a file cannot be written.
    pub(crate) fn write(&self, directory: &Path) {
        for report in [
            self.postgres(),
            self.redis(),
            self.websocket(),
            self.sysmon(),
        ] {
            save(directory, &report);
        }
    }
}

/// Saves a report in `directory`, under the name that its bench gives it, with its parts made to
/// agree and its figures made distinct; panics if it cannot be written.
pub(crate) fn save(directory: &Path, report: &Report) {
    let path = directory.join(format!("{}.json", report.file_stem()));
    let report = fingerprint::fingerprinted(&coherent(report));
    store::save_json(&path, &report).unwrap();
}
