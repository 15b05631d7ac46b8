//! Outages: times in which no raw samples could be written.

use super::StreamError;

/// Outage that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outage {
    /// Reason, in one sentence.
    pub(crate) reason: String,
    /// True if the disk had no room.
    pub(crate) is_full: bool,
    from_ns: u64,
    until_ns: u64,
}

/// All outages of a recording, in nanoseconds of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outages {
    /// Current outage.
    pub current: Option<Outage>,
    /// Number of outages, the current one included.
    pub count: u64,
    /// Number of ticks lost in outages.
    pub lost_samples: u64,
    ended_ns: u64,
}

impl Outages {
    /// Total length in nanoseconds, each from the last tick that was kept to the first that was
    /// kept again.
    pub(crate) fn total_ns(&self) -> u64 {
        let current = self.current.as_ref();
        self.ended_ns + current.map_or(0, |now| now.until_ns.saturating_sub(now.from_ns))
    }

    /// Begins an outage; the last tick on disk ended at `from_ns`, 0 where there is none.
    pub(super) fn begin(&mut self, from_ns: u64, error: &StreamError) {
        self.count += 1;
        self.current = Some(Outage {
            reason: error.to_string(),
            is_full: error.is_of_full_disk(),
            from_ns,
            until_ns: from_ns,
        });
    }

    /// Sets the number of ticks lost so far.
    pub(super) fn lose(&mut self, samples: u64) {
        self.lost_samples = samples;
    }

    /// Extends the current outage to the lost tick that ended at `at_ns`.
    pub(super) fn last(&mut self, at_ns: u64) {
        if let Some(current) = &mut self.current {
            if current.from_ns == 0 {
                current.from_ns = at_ns;
            }
            current.until_ns = at_ns;
        }
    }

    /// Ends the current outage with the tick that ended at `at_ns` and is on disk.
    pub(super) fn end(&mut self, at_ns: u64) {
        self.last(at_ns);
        self.ended_ns = self.total_ns();
        self.current = None;
    }
}
