//! Safety TTL of the keys of a script: they do not stay on the user's server for ever if the run is
//! killed. It goes out together with the command that creates the key, in one pipeline, so that no
//! instant between the two is left.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Arg, Cmd, Pipeline};

use super::key_life::KeyLives;
use super::script_file::Script;

/// Command that gives keys their safety TTL, as in the server's statistics.
pub(super) const SAFETY_COMMAND: &str = "pexpire";
/// Number of keys that are known to have their TTL. A key that took the place of another in this
/// table costs the other a second PEXPIRE.
const REMEMBERED: usize = 1 << 16;

/// Safety TTL of the keys of a step, shared by all users without a lock.
#[derive(Debug)]
pub(super) struct SafeKeys {
    pub(super) lives: KeyLives,
    ttl_ms: u64,
    /// Hashes of the names of keys that were given the TTL. The place is chosen by the hash.
    given: Box<[AtomicU64]>,
}

impl SafeKeys {
    /// Creates the safety TTL `ttl` of keys of which the server has none yet.
    pub(super) fn new(script: &Script, ttl: Duration) -> Self {
        Self {
            lives: KeyLives::of(script),
            ttl_ms: ttl.as_millis() as u64,
            given: (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Returns the TTL in milliseconds.
    pub(super) fn ttl_ms(&self) -> u64 {
        self.ttl_ms
    }

    /// Writes `command` into `together`, and after it what gives the keys at the places `keys` of its
    /// arguments the TTL; with `once` only those that are not known to have it. Leaves `together`
    /// empty, and returns false, if there are none.
    pub(super) fn follow(
        &self,
        command: &Cmd,
        (keys, once): (&[usize], bool),
        together: &mut Pipeline,
    ) -> bool {
        together.clear();
        for key in arguments_at(command, keys) {
            if once && self.is_given(key) {
                continue;
            }
            if together.is_empty() {
                together.add_command(command.clone());
            }
            let mut expire = Cmd::new();
            expire.arg("PEXPIRE").arg(key).arg(self.ttl_ms);
            if self.lives.has_expiry {
                expire.arg("NX");
            }
            together.add_command(expire);
        }
        !together.is_empty()
    }

    /// Remembers that the server gave the TTL to the keys at the places `keys` of `command`.
    pub(super) fn remember(&self, command: &Cmd, keys: &[usize]) {
        for key in arguments_at(command, keys) {
            let hash = hash(key);
            self.place(hash).store(hash, Ordering::Relaxed);
        }
    }

    fn is_given(&self, key: &[u8]) -> bool {
        let hash = hash(key);
        self.place(hash).load(Ordering::Relaxed) == hash
    }

    fn place(&self, hash: u64) -> &AtomicU64 {
        &self.given[hash as usize % self.given.len()]
    }
}

/// Returns the hash of the name of a key; never 0, which stands for no key.
fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Returns the words of `command` at these places, counted from 0 for its name.
fn arguments_at<'a>(command: &'a Cmd, places: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let words = command.args_iter().enumerate();
    words.filter_map(|(place, word)| match word {
        Arg::Simple(word) if places.contains(&place) => Some(word),
        _ => None,
    })
}
