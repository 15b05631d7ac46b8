//! Keys of a run on the Redis server: their names, and their state before each step.
//!
//! All their names begin with `plimsoll:<run>:`. Other keys are never changed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use load_engine::{Cancel, WallTime};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::keys::expiry::Expiry;
use crate::keys::key_connection::KeyConnection;
use crate::keys::removal_command::{RemovalCommand, remove};
use crate::keys::steady_state::SteadyState;
use crate::keys::value_sizes::ValueSizes;
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
    /// Length of each value, in bytes; of the longest one if `value_sizes` is given.
    pub(crate) value_bytes: u64,
    /// Lengths of the values, where they differ.
    pub(crate) value_sizes: Option<ValueSizes>,
    /// Keys that exist when a step begins.
    pub(crate) preload: Preload,
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

/// Keys that exist when a step begins, each drawn at random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Preload {
    /// A share of all keys, from 0 to 1. Keys with an expiry have an age, as in a cache that was
    /// filled at a steady rate.
    Ratio(f64),
    /// All keys, each at the begin of its life.
    Fresh,
    /// The keys of a cache that has been in use for a long time, with their ages.
    Steady(SteadyState),
}

/// Returns the prefix of the names of a run's keys, `plimsoll:<run_id>:`.
pub(crate) fn prefix(run_id: &str) -> String {
    format!("plimsoll:{run_id}:")
}

impl RunKeys {
    /// Creates the keyspace of a scenario without keys, whose names would begin with `prefix`. Those
    /// that are added do not exist when a step begins, and have neither a value nor an expiry.
    pub(crate) fn new(prefix: impl Into<String>, seed: u64) -> Self {
        Self {
            prefix: prefix.into(),
            keys: 0,
            value_bytes: 0,
            value_sizes: None,
            preload: Preload::Ratio(0.0),
            expiry: None,
            safety_ttl: None,
            written: Vec::new(),
            seed,
        }
    }

    /// Writes the name of the key with `index`, counted from 0, into `buffer`, replacing its
    /// content.
    pub(crate) fn name_into(&self, index: u64, buffer: &mut Vec<u8>) {
        buffer.clear();
        // Writing to memory cannot fail.
        let _ = write!(buffer, "{}k:{index}", self.prefix);
    }

    /// Returns the length of the value of the key with `index`, in bytes.
    pub(crate) fn value_length(&self, index: u64) -> usize {
        let sizes = self.value_sizes.as_ref();
        sizes.map_or(self.value_bytes, |sizes| sizes.of_key(index)) as usize
    }

    /// Returns the text of which the values of all keys are the beginning: printable text with a length of `value_bytes`.
    pub(crate) fn value(&self) -> Vec<u8> {
        (0..self.value_bytes)
            .map(|i| b'a' + (i % 26) as u8)
            .collect()
    }

    /// Estimates the memory that all keys need on the server if all exist, in bytes; rather too
    /// high than too low.
    pub(crate) fn estimated_bytes(&self) -> u64 {
        let name = self.prefix.len() as u64 + 22;
        let sizes = self.value_sizes.as_ref();
        let value = sizes.map_or(self.value_bytes, |sizes| sizes.mean(self.keys));
        self.keys.saturating_mul(value + name + OVERHEAD_BYTES)
    }

    /// Brings the keys into the state in which every step begins: those of `preload` exist, the
    /// other keys do not.
    ///
    /// They are in that state at `starts_at`, or when all are written if it is `None`. Keys live
    /// longer by the time until then, so that none is older when the step begins. The last keys,
    /// the least popular ones, are written first, because that time can only be estimated. Returns
    /// false if `cancel` ended the writing early, with only a part of the keys in that state.
    ///
    /// # Errors
    /// Fails with the error of the connection, or with the server's first error and the number of
    /// commands that it refused.
    pub(crate) fn fill<C: KeyConnection>(
        &self,
        connection: &mut C,
        cancel: &Cancel,
        starts_at: Option<WallTime>,
    ) -> Result<bool, BatchFailure> {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let value = self.value();
        let mut removal = RemovalCommand::Unlink;
        let batch = (BATCH_BYTES / self.value_bytes.max(1)).clamp(1, BATCH);
        let begun = Instant::now();
        let mut left = self.keys;
        while left > 0 {
            if cancel.is_cancelled() {
                return Ok(false);
            }
            let ahead = match starts_at {
                Some(start) => start.since(WallTime::now()),
                None => remaining(begun.elapsed(), self.keys - left, left),
            };
            let first = left.saturating_sub(batch);
            let mut present = Vec::with_capacity(batch as usize);
            let mut missing = Vec::new();
            for index in first..left {
                let mut name = Vec::new();
                self.name_into(index, &mut name);
                match self.draw_initial(index, &mut random) {
                    InitialKey::Missing => missing.push(name),
                    InitialKey::Present { left_ms } => {
                        let mut set = redis::cmd("SET");
                        let length = self.value_length(index).min(value.len());
                        set.arg(name).arg(&value[..length]);
                        if let Some(left_ms) = left_ms {
                            set.arg("PX").arg(left_ms + ahead.as_millis() as u64);
                        }
                        present.push(set);
                    }
                }
            }
            // The driver refuses a batch without commands.
            if !present.is_empty() {
                let count = present.len();
                connection
                    .batch(present)
                    .map_err(|error| BatchFailure::new(&error, count))?;
            }
            if !missing.is_empty() {
                remove(connection, &missing, &mut removal)
                    .map_err(|error| BatchFailure::new(&error, missing.len()))?;
            }
            left = first;
        }
        Ok(true)
    }

    /// Draws the state of the key at `index` when a step begins.
    fn draw_initial(&self, index: u64, random: &mut SmallRng) -> InitialKey {
        match &self.preload {
            Preload::Steady(state) => match state.draw_left_ms(index, random) {
                None => InitialKey::Missing,
                left_ms => InitialKey::Present { left_ms },
            },
            Preload::Fresh => InitialKey::Present {
                left_ms: self.life_ms(|expiry| expiry.draw_ms(random)),
            },
            Preload::Ratio(ratio) if random.random::<f64>() >= *ratio => InitialKey::Missing,
            Preload::Ratio(_) => InitialKey::Present {
                left_ms: self.life_ms(|expiry| expiry.draw_left_ms(0.0, random)),
            },
        }
    }

    /// Returns the life of a key that exists, which `of` draws if keys have an expiry.
    fn life_ms(&self, of: impl FnOnce(&Expiry) -> u64) -> Option<u64> {
        let left_ms = self.expiry.as_ref().map(of);
        left_ms.or(self.safety_ttl.map(|ttl| ttl.as_millis() as u64))
    }
}

/// State of a key when a step begins.
enum InitialKey {
    Missing,
    /// The key exists for so many milliseconds; for ever if it is `None`.
    Present {
        left_ms: Option<u64>,
    },
}

/// Estimates the time that writing `left` keys takes, after `done` keys took `elapsed`.
fn remaining(elapsed: Duration, done: u64, left: u64) -> Duration {
    if done == 0 {
        return Duration::ZERO;
    }
    elapsed.mul_f64(left as f64 / done as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyspace() -> RunKeys {
        RunKeys {
            keys: 1_000,
            value_bytes: 3,
            preload: Preload::Ratio(1.0),
            ..RunKeys::new(prefix("20260314-091500-7f3a"), 1)
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
    fn the_time_until_all_keys_are_written_is_that_of_those_so_far() {
        let second = Duration::from_secs(1);
        assert_eq!(remaining(second, 500, 1_500), 3 * second);
        assert_eq!(remaining(second, 2_000, 0), Duration::ZERO);
        assert_eq!(remaining(second, 0, 2_000), Duration::ZERO, "not known yet");
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
