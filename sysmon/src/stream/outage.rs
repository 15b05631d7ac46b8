//! Times in which the disk took nothing.

use super::StreamError;

/// One that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Reason, in one sentence.
    pub reason: String,
    /// True if the disk had no room.
    pub is_full: bool,
    from_ns: u64,
    until_ns: u64,
}

/// All of a recording, in the time of its monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outages {
    /// The one that goes on.
    pub current: Option<Outage>,
    /// Number of outages, with the one that goes on.
    pub count: u64,
    /// Number of ticks lost in them.
    pub lost_samples: u64,
    ended_ns: u64,
}

impl Outages {
    /// Length of all, from the last tick that was kept to the first that was again.
    pub fn total_ns(&self) -> u64 {
        let current = self.current.as_ref();
        self.ended_ns + current.map_or(0, |now| now.until_ns.saturating_sub(now.from_ns))
    }

    /// The last tick that is on disk is of `from_ns`; 0 where there is none.
    pub(super) fn begin(&mut self, from_ns: u64, error: &StreamError) {
        self.count += 1;
        self.current = Some(Outage {
            reason: error.to_string(),
            is_full: error.is_of_full_disk(),
            from_ns,
            until_ns: from_ns,
        });
    }

    /// So many ticks are lost by now.
    pub(super) fn lose(&mut self, samples: u64) {
        self.lost_samples = samples;
    }

    /// The tick that ended at `at_ns` is lost as well.
    pub(super) fn last(&mut self, at_ns: u64) {
        if let Some(current) = &mut self.current {
            if current.from_ns == 0 {
                current.from_ns = at_ns;
            }
            current.until_ns = at_ns;
        }
    }

    /// The tick that ended at `at_ns` is on disk again.
    pub(super) fn end(&mut self, at_ns: u64) {
        self.last(at_ns);
        self.ended_ns = self.total_ns();
        self.current = None;
    }
}
