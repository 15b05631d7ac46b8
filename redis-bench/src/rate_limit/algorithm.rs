//! Algorithms of rate limiters, and the names of the keys that they use.

use std::io::Write as _;
use std::time::Duration;

use clap::ValueEnum;

use super::client_clock::ClientClock;
use super::model::{
    FixedWindow, Gcra, LimiterModel, RateLimit, SlidingCounter, SlidingLog, TokenBucket,
};

/// Algorithm of a rate limiter, in the form of one atomic script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    /// Count for each window of the clock.
    FixedWindow,
    /// Time of each admitted request, in a sorted set.
    SlidingLog,
    /// Time of each admitted request, in a list.
    SlidingLogList,
    /// Count of this window of the clock, and a share of the previous one.
    SlidingCounter,
    /// Tokens that come back evenly.
    TokenBucket,
    /// Generic cell rate algorithm: the time at which the next request is due.
    Gcra,
}

impl Algorithm {
    /// Returns the name of the algorithm, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FixedWindow => "fixed-window",
            Self::SlidingLog => "sliding-log",
            Self::SlidingLogList => "sliding-log-list",
            Self::SlidingCounter => "sliding-counter",
            Self::TokenBucket => "token-bucket",
            Self::Gcra => "gcra",
        }
    }

    /// Returns the algorithm's own part of its script, which follows the part that all share.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Self::FixedWindow => include_str!("scripts/fixed_window.lua"),
            Self::SlidingLog => include_str!("scripts/sliding_log.lua"),
            Self::SlidingLogList => include_str!("scripts/sliding_log_list.lua"),
            Self::SlidingCounter => include_str!("scripts/sliding_counter.lua"),
            Self::TokenBucket => include_str!("scripts/token_bucket.lua"),
            Self::Gcra => include_str!("scripts/gcra.lua"),
        }
    }

    /// Creates the model of the algorithm: a limiter that has admitted nothing.
    pub(crate) fn model(self, limit: RateLimit) -> Box<dyn LimiterModel> {
        match self {
            Self::FixedWindow => Box::new(FixedWindow::new(limit)),
            Self::SlidingLog | Self::SlidingLogList => Box::new(SlidingLog::new(limit)),
            Self::SlidingCounter => Box::new(SlidingCounter::new(limit)),
            Self::TokenBucket => Box::new(TokenBucket::new(limit)),
            Self::Gcra => Box::new(Gcra::new(limit)),
        }
    }
}

/// Names of the keys of one limiter. They have a hash tag in common, so that on a cluster they lie
/// in one slot, and the limiters of different indices in different ones.
#[derive(Debug, Default)]
pub(crate) struct LimiterKeys {
    /// Name of the limiter's state. Fixed window and sliding counter add `:` and the number of a
    /// window to it.
    pub(crate) limiter: Vec<u8>,
    /// Name of the number of decisions that the limiter has made.
    pub(crate) sequence: Vec<u8>,
    /// Text that belongs to one decision, such as the name of the present window's count.
    pub(crate) text: Vec<u8>,
}

impl LimiterKeys {
    /// Writes the names for the limiter with `index`, counted from 0, in place of the names before,
    /// without a new allocation. `prefix` is the beginning of all names of the run.
    pub(crate) fn set(&mut self, prefix: &str, index: u32) {
        self.limiter.clear();
        self.sequence.clear();
        // Writing to memory cannot fail.
        let _ = write!(self.limiter, "{prefix}{{limiter:{index}}}");
        let _ = write!(self.sequence, "{prefix}{{limiter:{index}}}:sequence");
    }

    /// Writes the name of the count of the window with this number into the text.
    pub(crate) fn write_window(&mut self, number: u64) {
        self.text.clear();
        self.text.extend_from_slice(&self.limiter);
        // Writing to memory cannot fail.
        let _ = write!(self.text, ":{number}");
    }

    /// Returns the names of the counts by window that have not expired yet, if no client's clock is
    /// further ahead than `ahead`: those of the present window and of two before it.
    pub(crate) fn windows_alive(
        &mut self,
        limit: RateLimit,
        ahead: Duration,
    ) -> impl Iterator<Item = Vec<u8>> {
        let window = limit.window_us();
        let present = ClientClock::host_us() / window;
        let next = (ahead.as_micros() as u64).div_ceil(window) + 1;
        let numbers = present.saturating_sub(2)..=present + next;
        numbers.map(|number| {
            self.write_window(number);
            self.text.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for algorithm in Algorithm::value_variants() {
            let value = algorithm.to_possible_value().unwrap();
            assert_eq!(value.get_name(), algorithm.name());
        }
    }

    #[test]
    fn the_keys_of_a_limiter_share_a_hash_tag_and_reuse_their_buffers() {
        let mut keys = LimiterKeys::default();
        keys.set("plimsoll:20260314-091500-7f3a:", 4_000_000_000);
        let buffers = (keys.limiter.as_ptr(), keys.sequence.as_ptr());
        keys.set("plimsoll:20260314-091500-7f3a:", 7);
        assert_eq!(keys.limiter, b"plimsoll:20260314-091500-7f3a:{limiter:7}");
        let sequence = b"plimsoll:20260314-091500-7f3a:{limiter:7}:sequence";
        assert_eq!(keys.sequence, sequence);
        assert_eq!(buffers, (keys.limiter.as_ptr(), keys.sequence.as_ptr()));
    }
}
