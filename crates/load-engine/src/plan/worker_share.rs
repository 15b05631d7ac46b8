//! Shares of a load that several workers make together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Position of one of several workers (threads or processes) that share the load of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerShare {
    /// Number of this worker, from 0 to `count - 1`.
    pub index: u64,
    /// Number of all workers that share the load.
    pub count: u64,
}

impl WorkerShare {
    /// Share of a worker that makes the whole load alone.
    pub const ALONE: Self = Self { index: 0, count: 1 };

    /// Returns this worker's part of the number `whole`. The parts of all workers differ by at most
    /// one and add up to `whole`.
    pub fn share_of(self, whole: u64) -> u64 {
        bench_report::share_of(whole, self.index, self.count)
    }

    /// Returns the number, over all processes, of the connection that is number `number` among
    /// those of this process that send messages. Both are counted from 0.
    pub(crate) fn of_talker(self, number: u64) -> u64 {
        number * self.count + self.index
    }

    /// Returns the position of thread number `thread`, of `threads` threads in this process, among
    /// the threads of all processes. The shares of all threads of this process add up to that of
    /// the process, whatever number of threads other processes have.
    pub(crate) fn of_thread(self, thread: u64, threads: u64) -> Self {
        Self {
            index: thread * self.count + self.index,
            count: self.count * threads,
        }
    }
}

/// Error for a text that is not `I/N` with I below N; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no worker: write I/N, of N workers 0/N to N-1/N, as in 0/2")]
pub struct WorkerShareError(String);

impl fmt::Display for WorkerShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for WorkerShare {
    type Err = WorkerShareError;

    fn from_str(text: &str) -> Result<Self, WorkerShareError> {
        let numbers = text.trim().split_once('/');
        let read = |number: &str| number.parse::<u64>().ok();
        let share = numbers.and_then(|(index, count)| {
            Some(Self {
                index: read(index)?,
                count: read(count)?,
            })
        });
        share
            .filter(|share| share.index < share.count)
            .ok_or_else(|| WorkerShareError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_numbered_from_nought_and_nonsense_is_refused() {
        let last: WorkerShare = "3/4".parse().unwrap();
        assert_eq!(
            (last.index, last.count, last.to_string()),
            (3, 4, "3/4".to_owned())
        );
        for text in ["", "4/4", "0/0", "1", "-1/2", "1/2/3", "a/b"] {
            assert!(text.parse::<WorkerShare>().is_err(), "{text}");
        }
    }

    #[test]
    fn threads_of_processes_are_workers_of_one_load() {
        let process = |index| WorkerShare { index, count: 3 };
        let all = (0..3).flat_map(|p| (0..2).map(move |t| process(p).of_thread(t, 2)));
        let mut indices: Vec<u64> = all.clone().map(|worker| worker.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
        assert_eq!(all.map(|worker| worker.share_of(100)).sum::<u64>(), 100);
    }

    #[test]
    fn a_process_makes_the_same_share_whatever_its_number_of_threads() {
        for (index, whole) in [(0, 100), (1, 100), (2, 100), (1, 4), (2, 2)] {
            let process = WorkerShare { index, count: 3 };
            for threads in [1, 2, 5, 64] {
                let each = (0..threads).map(|t| process.of_thread(t, threads).share_of(whole));
                assert_eq!(
                    each.sum::<u64>(),
                    process.share_of(whole),
                    "{threads} threads"
                );
                let users = (0..threads).map(|t| process.of_thread(t, threads).index % 3);
                assert!(
                    users.clone().all(|user| user == index),
                    "numbers of its own"
                );
            }
        }
    }

    #[test]
    fn shares_add_up() {
        for whole in [0, 1, 2, 7, 100] {
            let parts = (0..3).map(|index| WorkerShare { index, count: 3 }.share_of(whole));
            assert_eq!(parts.sum::<u64>(), whole);
        }
    }
}
