//! Starts throwaway servers, prints their addresses, and waits.
//!
//! `servers [paused]`: tests kill this program and check what it leaves behind.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use testbed::{Postgres, PostgresOptions, Redis, RedisOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let password = Some("a-secret-for-redis".to_owned());
    let redis = Redis::start(&RedisOptions {
        password,
        ..RedisOptions::default()
    })?;
    let postgres = Postgres::start(&PostgresOptions {
        fsync: false,
        ..Default::default()
    })?;
    let mut out = std::io::stdout().lock();
    for pid in redis.processes().into_iter().chain(postgres.processes()) {
        writeln!(out, "process {pid}")?;
    }
    writeln!(out, "directory {}", redis.directory().display())?;
    writeln!(out, "directory {}", postgres.directory().display())?;
    if std::env::args().any(|argument| argument == "paused") {
        redis.pause();
        postgres.pause();
    }
    writeln!(out, "ready")?;
    out.flush()?;
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}
