//! Ages of the requests in flight, counted without locks or allocations beyond those of recording.
//!
//! Each request is counted twice, both times in the bucket of the 8 ms in which it began. The first
//! count is made when it begins, as one relaxed addition on a cache line of its thread. The second
//! is made when it finishes, under the lock that its recording needs anyway. The requests of a
//! bucket that began and have not finished are in flight. A late look at a bucket can only show
//! fewer than were in flight, so that no rule ends a step because of requests that were answered.
//!
//! Counters are never reset. A bucket is reused after 69 s. Before that, the number of its requests
//! that are still in flight is added to `old`, and its counters at that time become the level above
//! which the next round counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

/// Length in nanoseconds (about 8 ms) of the time in which the requests of one bucket begin. This
/// and [`BUCKETS`] are powers of two, so that no request costs a division.
const BUCKET_NS: u64 = 1 << 23;
const BUCKETS: usize = 1 << 13;
/// Age in nanoseconds above which a request that finishes is counted in `old` instead of in its
/// bucket: 60 s.
const OLD_NS: u64 = 60_000_000_000;
/// Age, in buckets of [`BUCKET_NS`], at which the unfinished requests of a bucket are added to
/// `old` (62 s). No request that finishes later changes the bucket, because that is above
/// [`OLD_NS`].
const MOVED_AFTER: u64 = 62_000_000_000 / BUCKET_NS;

fn bucket(instant_ns: u64) -> usize {
    (instant_ns / BUCKET_NS % BUCKETS as u64) as usize
}

/// Number of requests that one thread began in each bucket of 8 ms. It is never reset and wraps.
#[derive(Debug)]
pub(crate) struct BegunCounts(Box<[AtomicU32]>);

impl BegunCounts {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }

    pub(crate) fn count(&self, begin_ns: u64) {
        self.0[bucket(begin_ns)].fetch_add(1, Ordering::Relaxed);
    }
}

/// Number of finished requests of one shard, successful or failed, by the bucket of 8 ms in which
/// they began. Requests that took longer than 60 s are counted together in `old`.
#[derive(Debug)]
pub(crate) struct FinishedCounts {
    buckets: Box<[u32]>,
    old: u64,
}

impl FinishedCounts {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![0; BUCKETS].into_boxed_slice(),
            old: 0,
        }
    }

    pub(crate) fn count(&mut self, begin_ns: u64, age_ns: u64) {
        if age_ns > OLD_NS {
            self.old += 1;
        } else {
            let count = &mut self.buckets[bucket(begin_ns)];
            *count = count.wrapping_add(1);
        }
    }
}

/// Number of requests begun less the number finished, over all threads, by the bucket of 8 ms in
/// which they began. Requests that finished after more than 60 s are kept apart in `finished_old`.
pub(crate) struct InFlightBalance {
    buckets: Box<[u32]>,
    finished_old: u64,
}

impl InFlightBalance {
    pub(crate) fn new() -> Self {
        Self {
            buckets: vec![0; BUCKETS].into_boxed_slice(),
            finished_old: 0,
        }
    }

    /// Subtracts the finished requests of one shard. Call this before [`InFlightBalance::add`]: a
    /// request that begins and ends between the two calls is then counted as begun only, never as
    /// finished only.
    pub(crate) fn subtract(&mut self, finished: &FinishedCounts) {
        for (balance, count) in self.buckets.iter_mut().zip(&finished.buckets) {
            *balance = balance.wrapping_sub(*count);
        }
        self.finished_old += finished.old;
    }

    pub(crate) fn add(&mut self, begun: &BegunCounts) {
        for (balance, count) in self.buckets.iter_mut().zip(&begun.0) {
            *balance = balance.wrapping_add(count.load(Ordering::Relaxed));
        }
    }
}

/// State from which requests in flight are counted, kept from one call of `in_flight` to the next.
#[derive(Debug)]
pub(crate) struct CohortHistory {
    /// Balance of each bucket (begun less finished) when the requests of its previous round, 69 s
    /// earlier, were added to `old`.
    levels: Box<[u32]>,
    /// Number of the first bucket that is not yet added to `old`, in buckets since zero of
    /// `CLOCK_MONOTONIC`; `None` before the first call of `in_flight`.
    next: Option<u64>,
    old: u64,
}

impl CohortHistory {
    pub(crate) fn new() -> Self {
        Self {
            levels: vec![0; BUCKETS].into_boxed_slice(),
            next: None,
            old: 0,
        }
    }

    /// Returns the requests in flight at `now_ns`, a time on `CLOCK_MONOTONIC`, by age. `balance`
    /// must have been read about then.
    pub(crate) fn in_flight(&mut self, now_ns: u64, balance: &InFlightBalance) -> InFlightAges {
        let newest = now_ns / BUCKET_NS;
        let oldest = (newest + 1).saturating_sub(MOVED_AFTER);
        self.move_to_old(newest, oldest, balance);
        let cohort = |number: u64| {
            let at = (number % BUCKETS as u64) as usize;
            let count = u64::from(self.above_level(at, balance));
            let latest_begin_ns = ((number + 1) * BUCKET_NS - 1).min(now_ns);
            (count > 0).then_some(Cohort {
                latest_begin_ns,
                count,
            })
        };
        InFlightAges {
            at_ns: now_ns,
            cohorts: (oldest..=newest).filter_map(cohort).collect(),
            old: self.old.saturating_sub(balance.finished_old),
        }
    }

    /// Adds to `old` the unfinished requests of the buckets before number `oldest`; `newest` is the
    /// number of the present bucket. If the last call was so long ago that a bucket is in use
    /// again, its previous round is left out, because the two rounds cannot be separated.
    fn move_to_old(&mut self, newest: u64, oldest: u64, balance: &InFlightBalance) {
        let in_use_from = (newest + 1).saturating_sub(BUCKETS as u64);
        let first = self.next.unwrap_or(in_use_from);
        for number in first.max(in_use_from.saturating_sub(BUCKETS as u64))..oldest {
            let at = (number % BUCKETS as u64) as usize;
            if number >= in_use_from {
                self.old += u64::from(self.above_level(at, balance));
            }
            self.levels[at] = balance.buckets[at];
        }
        self.next = Some(oldest);
    }

    /// Returns the number of unfinished requests in the current round of the bucket at index `at`.
    /// Returns 0 if more were recorded than begun.
    fn above_level(&self, at: usize, balance: &InFlightBalance) -> u32 {
        let count = balance.buckets[at].wrapping_sub(self.levels[at]);
        u32::try_from(count.cast_signed()).unwrap_or(0)
    }
}

/// Requests in flight that began within the same bucket of about 8 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cohort {
    /// Latest instant at which a request of this bucket can have begun, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    latest_begin_ns: u64,
    count: u64,
}

/// Requests in flight at one instant, by the time at which they began (in an open loop: were due).
/// Those of the last minute are counted in buckets of 8 ms, all older ones together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InFlightAges {
    at_ns: u64,
    cohorts: Vec<Cohort>,
    /// Number of requests that have been in flight for a minute or longer.
    old: u64,
}

impl InFlightAges {
    /// Returns the number of all requests in flight, at any age.
    pub(crate) fn count(&self) -> u64 {
        self.old + self.cohorts.iter().map(|c| c.count).sum::<u64>()
    }

    /// Adds the requests in flight of another process, read at about the same instant. The sum
    /// counts ages to the earlier of the two instants, so that no request appears older than it is.
    pub(crate) fn add(&mut self, other: &Self) {
        self.at_ns = match self.at_ns {
            0 => other.at_ns,
            at_ns => at_ns.min(other.at_ns),
        };
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for cohort in self.cohorts.iter().chain(&other.cohorts) {
            *counts.entry(cohort.latest_begin_ns).or_default() += cohort.count;
        }
        let cohort = |(latest_begin_ns, count)| Cohort {
            latest_begin_ns,
            count,
        };
        self.cohorts = counts.into_iter().map(cohort).collect();
        self.old += other.old;
    }

    /// Returns the number of requests that have certainly been in flight for `age_ns` nanoseconds
    /// or longer. Those older than a minute are always included, so `age_ns` should not exceed a
    /// minute.
    pub(crate) fn older_than(&self, age_ns: u64) -> u64 {
        self.old + self.begun_within(0, self.at_ns.saturating_sub(age_ns))
    }

    /// Returns the number of requests in flight that began in `from_ns..=until_ns`, nanoseconds on
    /// `CLOCK_MONOTONIC`, to within 8 ms. Those older than a minute are left out.
    pub(crate) fn begun_within(&self, from_ns: u64, until_ns: u64) -> u64 {
        let wanted = from_ns..=until_ns;
        let cohorts = self.cohorts.iter();
        let cohorts = cohorts.filter(|c| wanted.contains(&c.latest_begin_ns));
        cohorts.map(|c| c.count).sum()
    }

    /// Returns the requests in flight that began at `from_ns` or later (nanoseconds on
    /// `CLOCK_MONOTONIC`, to within 8 ms). Those older than a minute are left out, because the time
    /// at which they began is no longer known.
    pub(crate) fn begun_since(&self, from_ns: u64) -> Self {
        let cohorts = self.cohorts.iter().copied();
        Self {
            at_ns: self.at_ns,
            cohorts: cohorts.filter(|c| c.latest_begin_ns >= from_ns).collect(),
            old: 0,
        }
    }

    /// Returns pairs of a minimum age in nanoseconds and the number of requests in flight with that
    /// age. Those older than a minute form one pair, the last.
    pub(crate) fn ages(&self) -> impl Iterator<Item = (u64, u64)> {
        let age = |c: &Cohort| (self.at_ns.saturating_sub(c.latest_begin_ns), c.count);
        let old = (self.old > 0).then_some((OLD_NS, self.old));
        self.cohorts.iter().map(age).chain(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Counts of two threads of a load: one begins requests, the other finishes them.
    struct Threads {
        begun: BegunCounts,
        finished: FinishedCounts,
        memory: CohortHistory,
    }

    impl Threads {
        fn new() -> Self {
            Self {
                begun: BegunCounts::new(),
                finished: FinishedCounts::new(),
                memory: CohortHistory::new(),
            }
        }

        fn look(&mut self, now_ns: u64) -> InFlightAges {
            let mut balance = InFlightBalance::new();
            balance.subtract(&self.finished);
            balance.add(&self.begun);
            self.memory.in_flight(now_ns, &balance)
        }
    }

    #[test]
    fn what_was_begun_and_is_not_over_is_under_way_at_its_age() {
        let mut threads = Threads::new();
        // Two requests begin in each bucket; those of the last thirty buckets never finish.
        for number in 1_000..1_100 {
            threads.begun.count(number * BUCKET_NS);
            threads.begun.count((number + 1) * BUCKET_NS - 1);
            if number < 1_070 {
                threads.finished.count(number * BUCKET_NS, 5);
                threads.finished.count((number + 1) * BUCKET_NS - 1, 5);
            }
        }
        let seen = threads.look(1_100 * BUCKET_NS);
        assert_eq!(seen.count(), 60);
        assert_eq!(seen.older_than(10 * BUCKET_NS), 40);
        assert_eq!(seen.begun_within(0, 1_080 * BUCKET_NS), 20);
        let young = |(age_ns, count)| age_ns < 30 * BUCKET_NS && count == 2;
        assert!(seen.ages().all(young), "{seen:?}");
    }

    #[test]
    fn what_ends_on_another_thread_or_was_never_begun_is_not_made_up() {
        let mut threads = Threads::new();
        threads.finished.count(SECOND, 5);
        assert_eq!(threads.look(2 * SECOND).count(), 0);
        threads.begun.count(SECOND);
        assert_eq!(threads.look(2 * SECOND).count(), 0);
    }

    #[test]
    fn buckets_are_used_again_after_a_minute_and_nothing_is_lost() {
        let mut threads = Threads::new();
        // Ten requests that begin in second 1 never finish; another begins and finishes every 10
        // ms.
        (0..10).for_each(|_| threads.begun.count(SECOND));
        for tick in 200..24_000_u64 {
            let now_ns = tick * BUCKET_NS;
            threads.begun.count(now_ns);
            if tick % 100 == 0 {
                let age_ns = now_ns - SECOND;
                let seen = threads.look(now_ns);
                assert_eq!(seen.count(), 11, "at {tick}");
                assert_eq!(
                    seen.older_than(age_ns.saturating_sub(BUCKET_NS)),
                    10,
                    "at {tick}"
                );
            }
            threads.finished.count(now_ns, 1);
        }
        (0..10).for_each(|_| threads.finished.count(SECOND, 199 * SECOND));
        assert_eq!(threads.look(200 * SECOND).count(), 0);
    }
}
