//! Contests on Redis: `redis-bench`, in each of its ways to connect, against the minimal loop on the
//! same library, Redis' own benchmark and memtier.

pub(crate) mod benchmark;
pub(crate) mod memtier;
mod redis_load;

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Redis, RedisOptions, token};

use crate::contest::{Contest, ContestError, Measurement, Side};
use crate::context::{RunContext, measurement_of_report, sibling};
use crate::minimal;
use crate::program::command;

use benchmark::BenchmarkRuns;
use memtier::MemtierRuns;
pub(crate) use redis_load::{RedisCommand, RedisLoad, RedisPeer};

const OURS: &str = "redis-bench";
/// Size of the pool of [`POOLED`], on both sides.
const POOL_SIZE: &str = "8";
/// Way to connect that has a pool.
const POOLED: &str = "pooled";

/// Checks that `peer` is there, before a server is started for it.
///
/// # Errors
/// Fails if it is missing.
pub(crate) fn find_peer(peer: RedisPeer) -> Result<PathBuf, ContestError> {
    match peer {
        RedisPeer::Minimal => minimal::find(minimal::REDIS),
        RedisPeer::Benchmark => benchmark::program(),
        RedisPeer::Memtier => memtier::program(),
    }
}

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

    /// Creates the contest of our bench against `peer` under `load`. A peer that reads has its
    /// values written, and one whose length is a number of requests is run once.
    ///
    /// # Errors
    /// Fails if the peer is missing, or if what prepares it fails.
    pub(crate) fn contest<'a>(
        &'a self,
        context: &'a RunContext,
        peer: RedisPeer,
        load: RedisLoad,
    ) -> Result<RedisContest<'a>, ContestError> {
        let port = self.server.port();
        let peer = match peer {
            RedisPeer::Minimal => PreparedPeer::Minimal(minimal::find(minimal::REDIS)?),
            RedisPeer::Benchmark => {
                PreparedPeer::Benchmark(BenchmarkRuns::prepare(context, port, load)?)
            }
            RedisPeer::Memtier => PreparedPeer::Memtier(MemtierRuns::prepare(context, port, load)?),
        };
        Ok(RedisContest {
            workload: self,
            context,
            load,
            peer,
        })
    }

    fn with_url(&self, program: &Path) -> Command {
        let mut command = command(program);
        command
            .env("REDIS_URL", self.server.url())
            .env(token::ENV, &self.token);
        command
    }
}

/// Peer that can be run.
#[derive(Debug)]
enum PreparedPeer {
    Minimal(PathBuf),
    Benchmark(BenchmarkRuns),
    Memtier(MemtierRuns),
}

/// Contest of equal loads of one command on both sides.
#[derive(Debug)]
pub(crate) struct RedisContest<'a> {
    workload: &'a RedisWorkload,
    context: &'a RunContext,
    load: RedisLoad,
    peer: PreparedPeer,
}

impl Contest for RedisContest<'_> {
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError> {
        match (side, &self.peer) {
            (Side::Ours, _) => self.ours(),
            (Side::Peer, PreparedPeer::Minimal(program)) => self.minimal(program),
            (Side::Peer, PreparedPeer::Benchmark(runs)) => runs.measure(self.context),
            (Side::Peer, PreparedPeer::Memtier(runs)) => runs.measure(self.context),
        }
    }
}

impl RedisContest<'_> {
    fn ours(&self) -> Result<Measurement, ContestError> {
        let report = self.context.new_report_path()?;
        let mut bench = self.workload.with_url(&self.workload.ours);
        bench
            .args(["pool", "--client", self.load.client])
            .args(["--workload", self.load.command.name()])
            .args(self.sizes())
            .args(self.context.bench_args(&report));
        if self.load.client == POOLED {
            bench.args(["--pool-size", POOL_SIZE]);
        }
        self.context.runner.run(bench, self.context.bound())?;
        Ok(self.in_commands(measurement_of_report(OURS, &report)?))
    }

    fn minimal(&self, program: &Path) -> Result<Measurement, ContestError> {
        let mut minimal = self.workload.with_url(program);
        minimal
            .args(["--client", self.load.client, "--pool-size", POOL_SIZE])
            .args(["--command", self.load.command.name()])
            .args(self.sizes())
            .args(["--duration", &format!("{}s", self.context.seconds)]);
        let finished = self.context.runner.run(minimal, self.context.bound())?;
        let requests = minimal::measurement(minimal::REDIS, &finished)?;
        Ok(self.in_commands(requests))
    }

    /// Returns the arguments about users, pipelines and values, which both sides take.
    fn sizes(&self) -> Vec<String> {
        [
            ("--users", self.load.users),
            ("--pipeline", self.load.pipeline),
            ("--value-size", self.load.value_bytes),
        ]
        .into_iter()
        .flat_map(|(flag, number)| [flag.to_owned(), number.to_string()])
        .collect()
    }

    /// Converts a measurement of requests to one of commands, which other programs count.
    fn in_commands(&self, requests: Measurement) -> Measurement {
        let commands = f64::from(self.load.pipeline);
        Measurement {
            operations_per_s: requests.operations_per_s * commands,
            cpu_per_operation_ns: requests.cpu_per_operation_ns / commands,
        }
    }
}
