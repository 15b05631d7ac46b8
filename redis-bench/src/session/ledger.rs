//! What a client knows for certain about its session from acknowledgements, and what a later read
//! says about it.

use std::time::{Duration, Instant};

use super::page_request::PageResult;
use super::session_image::{ChangeNumbers, SessionImage};
use crate::cli::MOST_PARALLEL;

/// Time around the end of a session's life in which it may be there or not. The server reads its
/// clock once for several commands, so it may count from a moment before the command.
const GRACE: Duration = Duration::from_millis(100);

/// State of a session as its own client knows it.
#[derive(Debug, Clone)]
pub(super) struct KnownSession {
    /// Number of the session.
    pub(super) number: u64,
    /// Number of the last acknowledged change of each request.
    acknowledged: ChangeNumbers,
    /// Instant before the last acknowledged command that prolonged the session was sent.
    prolonged_after: Instant,
    /// Instant at which that command was acknowledged.
    prolonged_before: Instant,
}

/// What a read says about a session that was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is there, without this number of acknowledged changes.
    Present { lost_updates: u64 },
    /// It is gone although its life was not over.
    Lost,
    /// It is gone, and its life was over or nearly so.
    TimedOut,
    /// A change after the end of its life brought a part of it back.
    Resurrected,
}

impl KnownSession {
    /// Creates the knowledge of the session `number`, which was created between `sent` and now.
    pub(super) fn created(number: u64, sent: Instant, now: Instant) -> Self {
        Self {
            number,
            acknowledged: [0; MOST_PARALLEL],
            prolonged_after: sent,
            prolonged_before: now,
        }
    }

    /// Records that the session was prolonged between `sent` and `now`.
    pub(super) fn prolonged(&mut self, sent: Instant, now: Instant) {
        (self.prolonged_after, self.prolonged_before) = (sent, now);
    }

    /// Returns the number of the next change of the request `slot`.
    pub(super) fn next_change(&self, slot: usize) -> u64 {
        self.acknowledged.get(slot).map_or(0, |number| number + 1)
    }

    /// Records that the change `number` of the request `slot` was acknowledged.
    pub(super) fn acknowledge(&mut self, slot: usize, number: u64) {
        if let Some(known) = self.acknowledged.get_mut(slot) {
            *known = number;
        }
    }

    /// Returns true if the life of `ttl` was over at `now`.
    pub(super) fn is_over(&self, ttl: Duration, now: Instant) -> bool {
        now > self.prolonged_before + ttl + GRACE
    }

    /// Judges `read`, what a read at or before `now` found of the session, and takes it for the
    /// truth from now on, so that each lost change counts once. No change may be under way.
    pub(super) fn judge(
        &mut self,
        read: Option<&SessionImage>,
        ttl: Duration,
        now: Instant,
    ) -> Finding {
        let Some(read) = read else {
            return if must_exist(self.prolonged_after, ttl, now) {
                Finding::Lost
            } else {
                Finding::TimedOut
            };
        };
        if !read.is_whole {
            return Finding::Resurrected;
        }
        let pairs = self.acknowledged.iter().zip(&read.changes);
        let lost = pairs.filter(|(known, stored)| stored < known).count();
        self.acknowledged = read.changes;
        Finding::Present {
            lost_updates: lost as u64,
        }
    }
}

/// Returns true if a key with a life of `ttl`, which began after `sent`, must still exist at `now`.
pub(super) fn must_exist(sent: Instant, ttl: Duration, now: Instant) -> bool {
    now + GRACE < sent + ttl
}

/// Counts the changes of a page view that were written over a version that another of its requests
/// had replaced already.
pub(super) fn overwritten<'a>(results: impl Iterator<Item = &'a PageResult> + Clone) -> u64 {
    let versions = results.filter_map(|result| result.change?.over);
    let repeated = versions.clone().enumerate().filter(|(index, version)| {
        let mut earlier = versions.clone().take(*index);
        earlier.any(|earlier| earlier == *version)
    });
    repeated.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::page_request::AcknowledgedChange;

    const TTL: Duration = Duration::from_secs(10);

    fn known(start: Instant) -> KnownSession {
        KnownSession::created(1, start, start + Duration::from_millis(5))
    }

    #[test]
    fn an_acknowledged_change_that_a_read_lacks_is_lost_once() {
        let start = Instant::now();
        let mut session = known(start);
        for (slot, number) in [(0, 1), (1, 1), (0, 2)] {
            assert_eq!(session.next_change(slot), number);
            session.acknowledge(slot, number);
        }
        let stale = SessionImage::new(Some(3)).changed(0, 1).changed(1, 1);
        let lost = |lost_updates| Finding::Present { lost_updates };
        assert_eq!(session.judge(Some(&stale), TTL, start), lost(1));
        assert_eq!(session.judge(Some(&stale), TTL, start), lost(0));
        assert_eq!(session.next_change(0), 2, "the lost one is made again");
    }

    #[test]
    fn a_session_is_lost_only_if_its_life_was_certainly_not_over() {
        let start = Instant::now();
        let mut session = known(start);
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(session.judge(None, TTL, at(9_800)), Finding::Lost);
        assert_eq!(session.judge(None, TTL, at(9_950)), Finding::TimedOut);
        assert!(!session.is_over(TTL, at(10_050)) && session.is_over(TTL, at(10_106)));
        session.prolonged(at(5_000), at(5_005));
        assert_eq!(session.judge(None, TTL, at(14_800)), Finding::Lost);
        assert!(!session.is_over(TTL, at(15_100)));
    }

    #[test]
    fn a_part_of_a_session_was_brought_back() {
        let start = Instant::now();
        let part = SessionImage {
            is_whole: false,
            ..SessionImage::new(None).changed(0, 4)
        };
        let found = known(start).judge(Some(&part), TTL, start);
        assert_eq!(found, Finding::Resurrected);
    }

    #[test]
    fn of_changes_over_the_same_version_all_but_one_are_overwritten() {
        let result = |over: Option<Option<u64>>| PageResult {
            change: over.map(|over| AcknowledgedChange { number: 1, over }),
            ..PageResult::default()
        };
        for (overs, wanted) in [
            ([Some(Some(4)), Some(Some(4)), Some(Some(4))], 2),
            ([Some(Some(4)), Some(Some(5)), None], 0),
            ([Some(None), Some(None), Some(None)], 0),
            ([None, Some(Some(4)), Some(Some(4))], 1),
        ] {
            let results = overs.map(result);
            assert_eq!(overwritten(results.iter()), wanted, "{overs:?}");
        }
    }
}
