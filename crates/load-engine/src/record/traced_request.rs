//! Record of a single request, for traced runs, which keep every request.

use super::failure::Failure;
use super::timestamps::Timestamps;

/// Record of one request of a traced run: its timestamps, retries and failure.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedRequest {
    /// Number, counted from 0, of the measured segment in which the request was due (in a closed
    /// loop: began); `None` if that was outside the measured part.
    pub segment: Option<usize>,
    /// Timestamps of the request. If it was cut off, `done_ns` is the instant at which it was.
    pub timestamps: Timestamps,
    /// Number of attempts after the first one; 0 if the request was cut off.
    pub retries: u64,
    /// Reason of the failure; `None` if the request succeeded or was cut off.
    pub failure: Option<Failure>,
    /// True if the request was unfinished when the drain ended, so that it counts as censored.
    pub cut_off: bool,
}

impl TracedRequest {
    /// Returns the time that the request waited for a connection, in nanoseconds, whether or not it
    /// obtained one; without a pool, the time of the whole call. A lower bound if the request was
    /// cut off while it waited.
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

    /// Returns the latency of the request in nanoseconds, from the instant at which it was due (in
    /// a closed loop: began) to its end. A lower bound if it was cut off.
    pub fn felt_ns(&self) -> u64 {
        let timestamps = &self.timestamps;
        timestamps.done_ns.saturating_sub(timestamps.begin_ns())
    }

    /// Returns true if the request finished without having obtained a connection, as always for a
    /// target without a pool. False if it was cut off.
    pub fn gave_up(&self) -> bool {
        self.timestamps.acquired_ns == 0 && !self.cut_off
    }
}
