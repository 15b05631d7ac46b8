//! Number of a run's keys that are still on the server, for a run whose keys could not be removed.

use std::fmt;

use bench_cli::table;
use redis::{Connection, Pipeline, RedisResult};

use crate::keys::run_keys::RunKeys;

/// Number of keys in one pipeline.
const BATCH: usize = 500;
/// Largest number of keys that are looked up; of more keys, every n-th is.
const LARGEST_SAMPLE: u64 = 100_000;

/// Number of keys that are still on the server, of those that were looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyCount {
    /// Number of keys that exist.
    existing: u64,
    /// Number of keys that were looked up.
    looked_up: u64,
    /// Number of keys that the run may have written.
    keys: u64,
}

impl KeyCount {
    /// Returns true if every key was looked up and none exists.
    pub(crate) fn is_none(self) -> bool {
        self.existing == 0 && self.looked_up == self.keys
    }
}

impl fmt::Display for KeyCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            existing,
            looked_up,
            keys,
        } = *self;
        if looked_up == keys {
            return write!(
                f,
                "{existing} of {} still there",
                table::counted(keys, "key")
            );
        }
        let about = existing as f64 / looked_up as f64 * keys as f64;
        write!(
            f,
            "about {about:.0} of {keys} keys still there, by a sample of {looked_up}"
        )
    }
}

/// Counts the keys of a run that exist, by their names. Calls `answered` after each answer of the
/// server; if it returns false, stops and returns `None`.
///
/// # Errors
/// Fails with the error of the connection or the server, as if the user may not use `EXISTS`.
pub(crate) fn count(
    connection: &mut Connection,
    keys: &RunKeys,
    answered: &mut impl FnMut() -> bool,
) -> RedisResult<Option<KeyCount>> {
    let step = keys.keys.div_ceil(LARGEST_SAMPLE).max(1);
    let indices = (0..keys.keys).step_by(step as usize);
    let filled = indices.map(|index| {
        let mut name = Vec::new();
        keys.name_into(index, &mut name);
        name
    });
    let mut names = filled.chain(keys.written.iter().cloned());
    let (mut existing, mut looked_up) = (0, 0);
    loop {
        let mut pipeline = Pipeline::with_capacity(BATCH);
        for name in names.by_ref().take(BATCH) {
            // Each command has a single key, because a cluster refuses keys of several slots.
            pipeline.cmd("EXISTS").arg(name);
        }
        if pipeline.is_empty() {
            return Ok(Some(KeyCount {
                existing,
                looked_up,
                keys: keys.keys + keys.written.len() as u64,
            }));
        }
        let found: Vec<u64> = pipeline.query(connection)?;
        existing += found.iter().sum::<u64>();
        looked_up += found.len() as u64;
        if !answered() {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_as_a_count_or_as_an_estimate() {
        let count = |existing, looked_up, keys| KeyCount {
            existing,
            looked_up,
            keys,
        };
        let whole = count(190, 1_234, 1_234);
        assert_eq!(whole.to_string(), "190 of 1234 keys still there");
        let sample = count(19_000, 100_000, 1_000_000);
        assert_eq!(
            sample.to_string(),
            "about 190000 of 1000000 keys still there, by a sample of 100000"
        );
        assert!(count(0, 10, 10).is_none() && !whole.is_none());
        assert!(!count(0, 10, 100).is_none(), "the others are not known");
    }
}
