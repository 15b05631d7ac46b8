//! Starts throwaway servers, prints their addresses, and waits.
//!
//! `servers [running|paused|groups]`: tests kill this program and check what it leaves behind.
//! `groups` stands for a Redis cluster and a Redis with a Sentinel in place of single servers.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use testbed::{Postgres, PostgresOptions, Redis, RedisCluster, RedisOptions, RedisSentinel};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "groups") {
        return groups();
    }
    let password = Some("a-secret-for-redis".to_owned());
    let redis = Redis::start(&RedisOptions {
        password,
        ..RedisOptions::default()
    })?;
    let postgres = Postgres::start(&PostgresOptions {
        fsync: false,
        ..Default::default()
    })?;
    print_server(redis.processes(), redis.directory())?;
    print_server(postgres.processes(), postgres.directory())?;
    if std::env::args().any(|argument| argument == "paused") {
        redis.pause();
        postgres.pause();
    }
    wait()
}

fn groups() -> Result<(), Box<dyn Error>> {
    let cluster = RedisCluster::start(3, &RedisOptions::default())?;
    let primary = Redis::start(&RedisOptions::default())?;
    let sentinel = RedisSentinel::start(&primary, 1)?;
    let single = sentinel.replicas().iter().chain([&primary]);
    for redis in cluster.nodes().iter().chain(single) {
        print_server(redis.processes(), redis.directory())?;
    }
    print_server(sentinel.processes(), sentinel.directory())?;
    wait()
}

fn print_server(processes: Vec<u32>, directory: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for pid in processes {
        writeln!(out, "process {pid}")?;
    }
    writeln!(out, "directory {}", directory.display())
}

/// Prints the last line, and waits until it is killed.
fn wait() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}
