//! Records of single requests, for runs that follow each of them.

use super::failure::Failure;
use super::timestamps::Timestamps;

/// One request of a traced run.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedRequest {
    /// Number, from 0, of the segment in which it was due (began, in a closed loop); `None` outside
    /// the measured part.
    pub segment: Option<usize>,
    /// Instants of the request; it was done when it was cut off, where it was.
    pub timestamps: Timestamps,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Absent on success, and where it was cut off.
    pub failure: Option<Failure>,
    /// True if it was not over when the drain ended: it counts as censored.
    pub cut_off: bool,
}

impl TracedRequest {
    /// Returns the time that it waited for a connection, successful or not, in nanoseconds; a lower
    /// bound where it was cut off.
    pub fn waited_ns(&self) -> u64 {
        let Timestamps {
            started_ns,
            acquired_ns,
            done_ns,
            ..
        } = self.timestamps;
        let until_ns = if acquired_ns > 0 {
            acquired_ns
        } else {
            done_ns
        };
        until_ns.saturating_sub(started_ns)
    }

    /// Returns the time that its user felt, in nanoseconds; a lower bound where it was cut off.
    pub fn felt_ns(&self) -> u64 {
        let timestamps = &self.timestamps;
        timestamps.done_ns.saturating_sub(timestamps.begin_ns())
    }

    /// Returns true if it failed before it had a connection.
    pub fn gave_up(&self) -> bool {
        self.timestamps.acquired_ns == 0 && !self.cut_off
    }
}
