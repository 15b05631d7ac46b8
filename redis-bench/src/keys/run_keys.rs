//! Keys of a run on the Redis server: their names, and their state before each step.
//!
//! All their names begin with `plimsoll:<run>:`. Other keys are never changed.

use std::io::Write as _;
use std::time::Duration;

use load_engine::{Cancel, WallTime};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use redis::{Cmd, Connection, Pipeline};

use crate::keys::removal_command::RemovalCommand;
use crate::server::failure::BatchFailure;

/// Length of the longest value that Redis stores, in bytes.
pub(crate) const LONGEST_VALUE: u64 = 512 << 20;
/// Largest number of commands in one batch.
const BATCH: u64 = 500;
/// Largest size of the values in one batch, in bytes, unless a single value is larger.
const BATCH_BYTES: u64 = 1 << 20;
/// Upper estimate of the memory that the server needs for a key in addition to its name and its
/// value, in bytes: entries for dictionary and expiry, headers of object and string, and rounding
/// by the allocator.
const OVERHEAD_BYTES: u64 = 160;

/// Keys of a scenario: how many, how large, and which of them exist when a step begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunKeys {
    /// Beginning of every key's name: `plimsoll:<run>:`.
    pub(crate) prefix: String,
    /// Number of keys that the requests of the load use.
    pub(crate) keys: u64,
    /// Length of each value, in bytes.
    pub(crate) value_bytes: u64,
    /// Share of the keys that exist when a step begins, from 0 to 1; each key is drawn at random.
    pub(crate) preload_ratio: f64,
    /// Distribution of a key's time to live; `None` if keys have no expiry.
    pub(crate) expiry: Option<Expiry>,
    /// Time to live of keys without an `expiry`, in case the run is killed; `None` if they may stay.
    pub(crate) safety_ttl: Option<Duration>,
    /// Names of keys that only requests write, which are removed by their names where the server
    /// refuses to scan.
    pub(crate) written: Vec<Vec<u8>>,
    /// Seed of the random draw of the preloaded keys and of their ages.
    pub(crate) seed: u64,
}

/// Time to live of a key: `ttl`, longer or shorter by up to the share `jitter_ratio` of it, so that
/// keys that were written at the same time do not expire at the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expiry {
    /// Mean time to live of a key.
    pub(crate) ttl: Duration,
    /// Largest deviation from `ttl`, as a share of it, from 0 to 1.
    pub(crate) jitter_ratio: f64,
}

impl Expiry {
    /// Draws the time to live of a key, in milliseconds; at least 1.
    pub(crate) fn draw_ms(&self, random: &mut SmallRng) -> u64 {
        let swing = self.jitter_ratio * (random.random::<f64>() * 2.0 - 1.0);
        ((self.ttl.as_secs_f64() * 1e3 * (1.0 + swing)) as u64).max(1)
    }
}

/// Returns the prefix of the names of a run's keys, `plimsoll:<run_id>:`.
pub(crate) fn prefix(run_id: &str) -> String {
    format!("plimsoll:{run_id}:")
}

impl RunKeys {
    /// Writes the name of the key with `index`, counted from 0, into `buffer`, replacing its
    /// content.
    pub(crate) fn name_into(&self, index: u64, buffer: &mut Vec<u8>) {
        buffer.clear();
        // Writing to memory cannot fail.
        let _ = write!(buffer, "{}k:{index}", self.prefix);
    }

    /// Returns the value that all keys have: printable text with a length of `value_bytes`.
    pub(crate) fn value(&self) -> Vec<u8> {
        (0..self.value_bytes)
            .map(|i| b'a' + (i % 26) as u8)
            .collect()
    }

    /// Estimates the memory that all keys need on the server if all exist, in bytes; rather too
    /// high than too low.
    pub(crate) fn estimated_bytes(&self) -> u64 {
        let name = self.prefix.len() as u64 + 22;
        self.keys
            .saturating_mul(self.value_bytes + name + OVERHEAD_BYTES)
    }

    /// Brings the keys into the state in which every step begins: the preloaded share exists, the
    /// other keys do not. The remaining life of each key is drawn uniformly from its whole life, as
    /// in a cache that was filled at a steady rate.
    ///
    /// They are in that state at `starts_at`, or now if it is `None`. Keys live longer by the time
    /// until then, so that none is older when the step begins. Returns false if `cancel` ended the
    /// writing early, with only a part of the keys in that state.
    ///
    /// # Errors
    /// Fails with the error of the connection, or with the server's first error and the number of
    /// commands that it refused.
    pub(crate) fn fill(
        &self,
        connection: &mut Connection,
        cancel: &Cancel,
        starts_at: Option<WallTime>,
    ) -> Result<bool, BatchFailure> {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let value = self.value();
        let mut name = Vec::new();
        let mut removal = RemovalCommand::Unlink;
        if self.preload_ratio < 1.0 {
            self.name_into(0, &mut name);
            removal = RemovalCommand::permitted(connection, name.clone())?;
        }
        let batch = (BATCH_BYTES / self.value_bytes.max(1)).clamp(1, BATCH);
        let mut next = 0;
        while next < self.keys {
            if cancel.is_cancelled() {
                return Ok(false);
            }
            let end = (next + batch).min(self.keys);
            let ahead = starts_at.map_or(Duration::ZERO, |start| start.since(WallTime::now()));
            let mut pipeline = Pipeline::with_capacity(batch as usize);
            for index in next..end {
                self.name_into(index, &mut name);
                pipeline
                    .add_command(
                        self.initial(&name, &value, &mut random, ahead)
                            .unwrap_or_else(|| removal.for_key(&name)),
                    )
                    .ignore();
            }
            pipeline
                .exec(connection)
                .map_err(|error| BatchFailure::new(&error, pipeline.len()))?;
            next = end;
        }
        Ok(true)
    }

    /// Returns the command that writes the key `name`; `None` if it is drawn to be absent.
    fn initial(
        &self,
        name: &[u8],
        value: &[u8],
        random: &mut SmallRng,
        ahead: Duration,
    ) -> Option<Cmd> {
        let preloaded = random.random::<f64>() < self.preload_ratio;
        if !preloaded {
            return None;
        }
        let mut set = redis::cmd("SET");
        set.arg(name).arg(value);
        let life_ms = match &self.expiry {
            Some(expiry) => {
                let left = expiry.draw_ms(random) as f64 * random.random::<f64>();
                Some(left.ceil().max(1.0) as u64)
            }
            None => self.safety_ttl.map(|ttl| ttl.as_millis() as u64),
        };
        if let Some(life_ms) = life_ms {
            set.arg("PX").arg(life_ms + ahead.as_millis() as u64);
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyspace() -> RunKeys {
        RunKeys {
            prefix: prefix("20260314-091500-7f3a"),
            keys: 1_000,
            value_bytes: 3,
            preload_ratio: 1.0,
            expiry: None,
            safety_ttl: None,
            written: Vec::new(),
            seed: 1,
        }
    }

    #[test]
    fn names_lie_under_the_runs_prefix_and_reuse_their_buffer() {
        let mut name = Vec::with_capacity(64);
        let before = name.as_ptr();
        for index in [0, 41, 999_999] {
            keyspace().name_into(index, &mut name);
        }
        assert_eq!(name, b"plimsoll:20260314-091500-7f3a:k:999999");
        assert_eq!(name.as_ptr(), before);
    }

    #[test]
    fn a_life_is_as_long_as_asked_give_or_take_its_jitter() {
        let mut random = SmallRng::seed_from_u64(3);
        let expiry = Expiry {
            ttl: Duration::from_secs(10),
            jitter_ratio: 0.1,
        };
        let drawn: Vec<u64> = (0..10_000).map(|_| expiry.draw_ms(&mut random)).collect();
        assert!(drawn.iter().all(|ms| (9_000..=11_000).contains(ms)));
        assert!(drawn.iter().any(|ms| *ms < 9_200) && drawn.iter().any(|ms| *ms > 10_800));
        let brief = Expiry {
            ttl: Duration::from_micros(5),
            jitter_ratio: 0.0,
        };
        assert_eq!(brief.draw_ms(&mut random), 1, "PX 0 would be an error");
    }

    #[test]
    fn the_estimate_grows_with_keys_and_values_and_never_overflows() {
        let mut keyspace = keyspace();
        let small = keyspace.estimated_bytes();
        keyspace.value_bytes = 1_000;
        assert!(keyspace.estimated_bytes() >= small + 1_000 * 997);
        keyspace.keys = u64::MAX;
        assert_eq!(keyspace.estimated_bytes(), u64::MAX);
    }
}
