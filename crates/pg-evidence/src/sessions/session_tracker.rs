//! Tracker of the sessions that open and close between two samples, and of the time in which the
//! server could not be queried.

use std::collections::BTreeSet;

/// Identity of a session: its process id, and its start in microseconds since 1970.
pub(crate) type SessionKey = (i32, u64);

/// Tracker of an application's sessions, which compares each sample with the previous one.
#[derive(Debug)]
pub(crate) struct SessionTracker {
    present: BTreeSet<SessionKey>,
    known: BTreeSet<SessionKey>,
    /// Instant up to which the sessions are known, in nanoseconds on `CLOCK_MONOTONIC`.
    counted_ns: u64,
    /// True if the last sample failed, so that the present sessions are not known.
    blind: bool,
    /// Number of sessions whose closing the last successful sample found.
    just_closed: u64,
    /// Number of lost sessions in whose place no new one has opened yet.
    owed: u64,
    tally: SessionChanges,
}

/// Changes of a pool's sessions on the server in some time, such as a segment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionChanges {
    /// Number of sessions that opened in the time.
    pub opened: u64,
    /// Number of sessions that closed in the time.
    pub closed: u64,
    /// Number of sessions at the end of the time; `None` if the server could not be queried then.
    pub present: Option<u64>,
    /// Largest number of sessions in one sample of the time, or at its beginning.
    pub most: u64,
    /// Number of those closed sessions that closed while the server could not be queried or just
    /// before it, as in a restart.
    pub lost: u64,
    /// Number of those opened sessions that opened in place of lost ones.
    pub reestablished: u64,
    /// Part of the time in which the server could not be queried, in nanoseconds.
    pub uncounted_ns: u64,
}

impl SessionTracker {
    /// Creates a tracker without sessions that counts from `now_ns`, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub(crate) fn new(now_ns: u64) -> Self {
        Self {
            present: BTreeSet::new(),
            known: BTreeSet::new(),
            counted_ns: now_ns,
            blind: false,
            just_closed: 0,
            owed: 0,
            tally: SessionChanges::default(),
        }
    }

    /// Adds a successful sample: the sessions `now` at the instant `now_ns` on `CLOCK_MONOTONIC`.
    pub(crate) fn seen(&mut self, now_ns: u64, now: BTreeSet<SessionKey>) {
        let closed = self.present.difference(&now).count() as u64;
        let opened = now.difference(&self.known).count() as u64;
        self.tally.closed += closed;
        self.tally.opened += opened;
        if std::mem::take(&mut self.blind) {
            self.tally.uncounted_ns += now_ns.saturating_sub(self.counted_ns);
            self.lose(closed);
        }
        self.just_closed = closed;
        let replaced = opened.min(self.owed);
        self.owed -= replaced;
        self.tally.reestablished += replaced;
        let present = now.len() as u64;
        self.tally.present = Some(present);
        self.tally.most = self.tally.most.max(present);
        self.known.extend(&now);
        (self.present, self.counted_ns) = (now, now_ns);
    }

    /// Adds a failed sample. Sessions whose closing the previous sample found count as lost too,
    /// because a server that shuts down closes them one by one.
    pub(crate) fn unseen(&mut self) {
        if !std::mem::replace(&mut self.blind, true) {
            let first = std::mem::take(&mut self.just_closed);
            self.lose(first);
        }
        self.tally.present = None;
    }

    fn lose(&mut self, sessions: u64) {
        self.tally.lost += sessions;
        self.owed += sessions;
    }

    /// Returns the changes from the last call until `now_ns` on `CLOCK_MONOTONIC`.
    pub(crate) fn take(&mut self, now_ns: u64) -> SessionChanges {
        if self.blind {
            self.tally.uncounted_ns += now_ns.saturating_sub(self.counted_ns);
            self.counted_ns = now_ns;
        }
        let next = SessionChanges {
            present: self.tally.present,
            most: self.tally.present.unwrap_or(0),
            ..SessionChanges::default()
        };
        std::mem::replace(&mut self.tally, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session_tracker(looks: &[(u64, &[i32])]) -> SessionTracker {
        let mut session_tracker = SessionTracker::new(0);
        for (now_ns, there) in looks {
            session_tracker.seen(*now_ns, sessions(there));
        }
        session_tracker
    }

    fn sessions(pids: &[i32]) -> BTreeSet<SessionKey> {
        pids.iter().map(|pid| (*pid, 1)).collect()
    }

    #[test]
    fn sessions_come_and_go() {
        let mut session_tracker = session_tracker(&[(1, &[1, 2]), (2, &[2, 3]), (3, &[3])]);
        let tally = session_tracker.take(4);
        assert_eq!((tally.opened, tally.closed), (3, 2));
        assert_eq!((tally.present, tally.most), (Some(1), 2));
        assert_eq!(
            (tally.lost, tally.reestablished, tally.uncounted_ns),
            (0, 0, 0)
        );
        assert_eq!(session_tracker.take(5).most, 1);
    }

    #[test]
    fn those_that_a_restart_took_are_counted_apart_with_those_that_replace_them() {
        let mut session_tracker = session_tracker(&[(10, &[1, 2, 3])]);
        session_tracker.unseen();
        session_tracker.unseen();
        // One of three lost sessions is replaced first. Then the other two are, and a fourth
        // session opens that replaces none.
        session_tracker.seen(50, sessions(&[4]));
        session_tracker.seen(60, sessions(&[4, 5, 6, 7]));
        let tally = session_tracker.take(60);
        assert_eq!((tally.closed, tally.lost, tally.reestablished), (3, 3, 3));
        assert_eq!((tally.opened, tally.uncounted_ns), (7, 40));
    }

    #[test]
    fn a_gap_over_the_end_of_a_part_belongs_to_both_sides_of_it() {
        let mut session_tracker = session_tracker(&[(10, &[1])]);
        session_tracker.unseen();
        let before = session_tracker.take(30);
        assert_eq!(
            (before.present, before.uncounted_ns, before.lost),
            (None, 20, 0)
        );
        session_tracker.seen(35, sessions(&[2]));
        let after = session_tracker.take(40);
        assert_eq!(
            (after.uncounted_ns, after.lost, after.reestablished),
            (5, 1, 1)
        );
    }

    #[test]
    fn sessions_whose_end_a_server_could_still_tell_of_were_lost_too() {
        let mut session_tracker = session_tracker(&[(10, &[1, 2, 3]), (20, &[3])]);
        session_tracker.unseen();
        session_tracker.seen(30, sessions(&[4]));
        let tally = session_tracker.take(30);
        assert_eq!((tally.closed, tally.lost, tally.reestablished), (3, 3, 1));
    }

    #[test]
    fn whoever_lives_through_a_gap_was_not_lost() {
        let mut session_tracker = session_tracker(&[(10, &[1, 2])]);
        session_tracker.unseen();
        session_tracker.seen(20, sessions(&[1, 2]));
        let tally = session_tracker.take(20);
        assert_eq!((tally.closed, tally.lost, tally.uncounted_ns), (0, 0, 10));
    }
}
