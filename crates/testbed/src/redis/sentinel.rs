//! Throwaway Redis Sentinel, which makes a replica the primary if the primary fails.

use std::fmt::Write as _;

use super::control::ANSWER_TIMEOUT;
use super::options::{RedisOptions, quoted};
use super::process::{self, control, url};
use super::single::Redis;
use crate::TestbedError;
use crate::server::{RunningServer, serve};

/// Throwaway Redis Sentinel with the replicas of the primary that it watches. Dropping the value
/// ends the Sentinel and the replicas, and removes their files; the primary stays.
///
/// Nobody needs a password to ask it. It takes TLS connections if the primary does.
#[derive(Debug)]
pub struct RedisSentinel {
    url: String,
    server: RunningServer,
    replicas: Vec<Redis>,
}

serve!(RedisSentinel);

impl RedisSentinel {
    /// Name by which clients ask the Sentinel for the primary.
    pub const PRIMARY: &'static str = "mymaster";

    /// Starts `replicas` replicas of `primary`, and one Sentinel that watches all of them. Returns
    /// once the Sentinel knows all replicas. A primary that does not answer for a second is down;
    /// the Sentinel alone then decides which replica replaces it.
    ///
    /// # Errors
    /// Fails as [`Redis::start_replica`] does, or if the Sentinel does not find the replicas within
    /// 20 s.
    pub fn start(primary: &Redis, replicas: usize) -> Result<Self, TestbedError> {
        let replicas = (0..replicas).map(|_| primary.start_replica());
        let replicas = replicas.collect::<Result<Vec<_>, _>>()?;
        let options = RedisOptions {
            tls: primary.options.tls.clone(),
            ..RedisOptions::default()
        };
        let server = process::start(
            &options,
            |_| true,
            |port, directory| Ok(options.network(port, directory)? + &watched(primary)),
            &["--sentinel"],
        )?;
        let sentinel = Self {
            url: url(&options, None, server.port()),
            server,
            replicas,
        };
        sentinel.await_replicas(&options)?;
        Ok(sentinel)
    }

    /// Returns the replicas that it started, one of which may have become the primary.
    pub fn replicas(&self) -> &[Redis] {
        &self.replicas
    }

    /// Waits until the Sentinel has an answer of every replica, because it makes no other one the
    /// primary.
    fn await_replicas(&self, options: &RedisOptions) -> Result<(), TestbedError> {
        let control = control(options, self.port(), self.directory());
        let question = ["SENTINEL", "REPLICAS", Self::PRIMARY];
        self.server.await_state("find all replicas", || {
            let answer = control.ask(&question, ANSWER_TIMEOUT);
            let answer = answer.unwrap_or_default();
            let ready = answer
                .windows(2)
                .filter(|pair| pair[0] == "master-link-status" && pair[1] == "ok");
            ready.count() == self.replicas.len()
        })
    }
}

/// Returns the lines of the Sentinel's configuration that make it watch `primary`.
fn watched(primary: &Redis) -> String {
    let name = RedisSentinel::PRIMARY;
    let mut text = format!("sentinel monitor {name} 127.0.0.1 {} 1\n", primary.port());
    let _ = write!(
        text,
        "sentinel down-after-milliseconds {name} 1000\nsentinel failover-timeout {name} 10000\n"
    );
    if let Some(password) = &primary.options.password {
        let _ = writeln!(text, "sentinel auth-pass {name} {}", quoted(password));
    }
    text
}
