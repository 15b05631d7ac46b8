//! What the tests share: servers, the binary in a place of its own, and its report.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bench_report::Report;
use clap::Parser as _;
use load_engine::Cancel;
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use redis_bench::cli::{CacheFlags, Cli, Command as Scenario};
use redis_bench::info::Info;
use redis_bench::keyspace::Keyspace;
use redis_bench::server::Remote;
use testbed::{Redis, RedisOptions};

pub(crate) const PASSWORD: &str = "hunter2-%/s3cret";

pub(crate) fn redis() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

pub(crate) fn redis_with_password() -> Redis {
    Redis::start(&RedisOptions {
        password: Some(PASSWORD.to_owned()),
        ..RedisOptions::default()
    })
    .unwrap()
}

pub(crate) fn connect(redis: &Redis) -> redis::Connection {
    Remote::parse(redis.url()).unwrap().connect().unwrap()
}

pub(crate) fn info(redis: &Redis) -> Info {
    Info::read(&mut connect(redis)).unwrap()
}

pub(crate) fn keys(redis: &Redis) -> Vec<String> {
    let mut keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query(&mut connect(redis))
        .unwrap();
    keys.sort_unstable();
    keys
}

pub(crate) fn fill(redis: &Redis, keys: &Keyspace) {
    assert!(keys.fill(&mut connect(redis), &Cancel::new()).unwrap());
}

/// The flags of `redis-bench cache`, as on the command line.
pub(crate) fn cache_flags(args: &[&str]) -> CacheFlags {
    let args = ["redis-bench", "cache"].iter().chain(args);
    match Cli::parse_from(args).command {
        Scenario::Cache(flags) => *flags,
        other => panic!("{other:?}"),
    }
}

/// A working directory of one test, and where its throwaway servers live.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("tmp")).unwrap();
        Self(root)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redis-bench"));
        command
            .args(args)
            .current_dir(self.0.path())
            .env("TMPDIR", self.0.path().join("tmp"))
            .env("RUST_BACKTRACE", "1")
            .env_remove("REDIS_URL")
            .env_remove(testbed::token::ENV)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn report(&self, scenario: &str) -> Report {
        let path = self
            .0
            .path()
            .join(format!("run/redis-bench.{scenario}.json"));
        bench_report::store::load(&path).unwrap()
    }

    /// Directories of throwaway servers, after they had a moment to end.
    pub(crate) fn servers_left(&self) -> usize {
        let count = || {
            std::fs::read_dir(self.0.path().join("tmp"))
                .unwrap()
                .count()
        };
        let started = Instant::now();
        while count() > 0 && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        count()
    }
}

/// The bench at work, its progress followed.
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

    /// Reads on until a line begins with `wanted`.
    pub(crate) fn wait_for(&mut self, wanted: &str) {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            self.said.push_str(&line);
            assert!(read > 0, "no {wanted:?}: {}", self.said);
            if line.starts_with(wanted) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Reads to the end: exit code, time from now, all that was said.
    pub(crate) fn end(mut self) -> (Option<i32>, Duration, String) {
        let started = Instant::now();
        let mut stdout = self.child.stdout.take().unwrap();
        let printed = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stdout.read_to_string(&mut text);
            text
        });
        let _ = self.stderr.read_to_string(&mut self.said);
        let status = self.child.wait().unwrap();
        let took = started.elapsed();
        self.said.push_str(&printed.join().unwrap());
        (status.code(), took, self.said)
    }
}

/// How many times longer than alone a thread takes now, because others want the processors.
pub(crate) fn contention() -> f64 {
    let cpu = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let (wall, used) = (Instant::now(), cpu());
    let mut x = 1_u64;
    while wall.elapsed() < Duration::from_millis(30) {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    let spent = cpu().saturating_sub(used).as_secs_f64();
    (wall.elapsed().as_secs_f64() / spent).max(1.0)
}
