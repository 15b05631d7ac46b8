//! Requests under way by their age, counted without a lock or an allocation of their own.
//!
//! Each is counted twice, under the 8 ms in which it began: when it begins (one relaxed addition on
//! its thread's own line) and when it is over (inside the lock that records it anyway). What a bucket
//! has begun and not finished is under way, and can only become less: who looks later never sees more
//! than there was, so that no rule ends a step for requests that were answered.
//!
//! Counters are never reset. A bucket is used again after 69 s; before that its balance moves to the
//! `old`, and stays as the level from which the next round counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

/// Both are powers of two, so that no request pays for a division.
const BUCKET_NS: u64 = 1 << 23;
const BUCKETS: usize = 1 << 13;
/// From this age on a request counts as old when it is over, not under its bucket.
const OLD_NS: u64 = 60_000_000_000;
/// Age in buckets at which a bucket's balance moves to the old: nothing changes it any more.
const MOVED_AFTER: u64 = 62_000_000_000 / BUCKET_NS;

fn bucket(instant_ns: u64) -> usize {
    (instant_ns / BUCKET_NS % BUCKETS as u64) as usize
}

/// Requests that one thread began.
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

/// Finished requests of one shard, successes and failures alike, counted by the 8 ms in which they
/// began; those that took longer than 60 s are counted together.
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

/// Number of requests begun less those finished, by bucket, over all threads.
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

    /// Subtracts what is finished: to be called before [`InFlightBalance::add`], so that a request that
    /// begins and ends meanwhile never counts as finished alone.
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

/// Counts kept from one interval to the next.
#[derive(Debug)]
pub(crate) struct CohortHistory {
    /// The balance of each bucket when its last round was moved to the old.
    levels: Box<[u32]>,
    /// The first bucket that was not moved yet, counted from the clock's beginning; none before the
    /// first look.
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

    /// Returns the requests under way at `now_ns`.
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

    /// A look that comes too late finds a bucket in use again: its first round is then left out,
    /// because nobody can tell it from the next.
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

    /// A request that was recorded without being begun makes it negative: none, then.
    fn above_level(&self, at: usize, balance: &InFlightBalance) -> u32 {
        let count = balance.buckets[at].wrapping_sub(self.levels[at]);
        u32::try_from(count.cast_signed()).unwrap_or(0)
    }
}

/// Requests that began within the same bucket and are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cohort {
    /// None of them began later.
    latest_begin_ns: u64,
    count: u64,
}

/// Requests under way at one instant, by when they began (were due, in an open loop).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightAges {
    at_ns: u64,
    cohorts: Vec<Cohort>,
    /// Number of requests under way for a minute or longer.
    old: u64,
}

impl InFlightAges {
    /// Returns the number of requests under way.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.old + self.cohorts.iter().map(|c| c.count).sum::<u64>()
    }

    /// Adds those of another process, seen at about the same instant: at the earlier one, so that none
    /// seems older than it is.
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

    /// Returns the number of requests that have surely lasted `age_ns` or longer.
    pub(crate) fn older_than(&self, age_ns: u64) -> u64 {
        self.old + self.begun_within(0, self.at_ns.saturating_sub(age_ns))
    }

    /// Returns the number of requests under way for less than a minute that began in
    /// `from_ns..=until_ns`.
    pub(crate) fn begun_within(&self, from_ns: u64, until_ns: u64) -> u64 {
        let wanted = from_ns..=until_ns;
        let cohorts = self.cohorts.iter();
        let cohorts = cohorts.filter(|c| wanted.contains(&c.latest_begin_ns));
        cohorts.map(|c| c.count).sum()
    }

    /// Returns those that began at `from_ns` or later, to within 8 ms, and less than a minute ago: of
    /// those under way for longer nobody knows when they began.
    pub(crate) fn begun_since(&self, from_ns: u64) -> Self {
        let cohorts = self.cohorts.iter().copied();
        Self {
            at_ns: self.at_ns,
            cohorts: cohorts.filter(|c| c.latest_begin_ns >= from_ns).collect(),
            old: 0,
        }
    }

    /// The least age of each, with how many have it.
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

    /// One thread that begins requests and one, another, that finishes them.
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
        // Two in each bucket; those of the last thirty hang.
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
        // Ten hang for ever from second 1, one each is begun and over every 10 ms.
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
