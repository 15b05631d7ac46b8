//! Outages: periods in which raw samples could not be written.

use super::StreamError;

/// Period in which raw samples cannot be written, and which has not ended yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    /// Reason for the outage, in one sentence.
    pub(crate) reason: String,
    /// True if the reason is a full disk, a quota, or a limit on the size of files.
    pub(crate) is_full: bool,
    from_ns: u64,
    until_ns: u64,
}

/// Outages of a recording, in which raw samples could not be written: the current one, and the number,
/// total length and lost samples of all so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outages {
    /// Outage that has not ended yet; `None` if samples are being written.
    pub current: Option<Outage>,
    /// Number of outages so far, the current one included.
    pub count: u64,
    /// Number of ticks whose samples were lost in all outages.
    pub lost_samples: u64,
    ended_ns: u64,
}

impl Outages {
    /// Returns the total length of all outages, in nanoseconds. An outage lasts from the last tick
    /// that was written before it to the first that was written after it.
    pub(crate) fn total_ns(&self) -> u64 {
        let current = self.current.as_ref();
        self.ended_ns + current.map_or(0, |now| now.until_ns.saturating_sub(now.from_ns))
    }

    /// Begins an outage because of `error`. `from_ns` is the end of the last tick that was written,
    /// in nanoseconds of the monotonic clock; 0 if there is none.
    pub(super) fn begin(&mut self, from_ns: u64, error: &StreamError) {
        self.count += 1;
        self.current = Some(Outage {
            reason: error.to_string(),
            is_full: error.is_of_full_disk(),
            from_ns,
            until_ns: from_ns,
        });
    }

    /// Sets the number of ticks lost so far in all outages.
    pub(super) fn lose(&mut self, samples: u64) {
        self.lost_samples = samples;
    }

    /// Extends the current outage to a lost tick that ended at `at_ns`, in nanoseconds of the
    /// monotonic clock. Does nothing without an outage.
    pub(super) fn last(&mut self, at_ns: u64) {
        if let Some(current) = &mut self.current {
            if current.from_ns == 0 {
                current.from_ns = at_ns;
            }
            current.until_ns = at_ns;
        }
    }

    /// Ends the current outage with the first tick that was written again, which ended at `at_ns`,
    /// in nanoseconds of the monotonic clock.
    pub(super) fn end(&mut self, at_ns: u64) {
        self.last(at_ns);
        self.ended_ns = self.total_ns();
        self.current = None;
    }
}
