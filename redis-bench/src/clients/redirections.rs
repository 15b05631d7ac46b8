//! Redirections by the nodes of a cluster that this process followed.

use std::sync::atomic::{AtomicU64, Ordering};

use bench_report::names::{FigureName, steps};
use redis::{ServerErrorKind, Value};

/// Redirections of this process that no load has taken over yet. They belong to the process, because
/// the driver opens connections to nodes by a function that is given nothing of ours.
pub(super) static FOLLOWED: Redirections = Redirections::new();

/// Counts of redirections, which never fall.
#[derive(Debug)]
pub(super) struct Redirections {
    /// Redirections to the node to which a slot belongs now (`MOVED`).
    moved: AtomicU64,
    /// Redirections of one request to the node that is about to get the slot (`ASK`).
    ask: AtomicU64,
}

impl Redirections {
    /// Creates counts that are 0.
    pub(super) const fn new() -> Self {
        Self {
            moved: AtomicU64::new(0),
            ask: AtomicU64::new(0),
        }
    }

    /// Counts `answer` if it is a redirection. Returns true if it is one.
    pub(super) fn count(&self, answer: &Value) -> bool {
        let Value::ServerError(error) = answer else {
            return false;
        };
        let count = match error.kind() {
            Some(ServerErrorKind::Moved) => &self.moved,
            Some(ServerErrorKind::Ask) => &self.ask,
            _ => return false,
        };
        count.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Takes over what `others` have counted, which are 0 then, and returns all counts so far, each with
    /// the name of its figure.
    pub(super) fn with(&self, others: &Self) -> Vec<(FigureName, u64)> {
        [
            (steps::REDIRECTIONS_MOVED, &self.moved, &others.moved),
            (steps::REDIRECTIONS_ASK, &self.ask, &others.ask),
        ]
        .map(|(name, mine, other)| {
            let taken = other.swap(0, Ordering::Relaxed);
            (name, mine.fetch_add(taken, Ordering::Relaxed) + taken)
        })
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_counted_by_kind_and_taken_over_once() {
        let (process, first, second) = (
            Redirections::new(),
            Redirections::new(),
            Redirections::new(),
        );
        for (line, wanted) in [
            ("-MOVED 3999 127.0.0.1:6381\r\n", true),
            ("-ASK 3999 127.0.0.1:6381\r\n", true),
            ("-ASK 3999 127.0.0.1:6381\r\n", true),
            ("-CLUSTERDOWN The cluster is down\r\n", false),
            ("+OK\r\n", false),
        ] {
            let answer = redis::parse_redis_value(line.as_bytes()).unwrap();
            assert_eq!(process.count(&answer), wanted, "{line}");
        }
        let counts = |target: &Redirections| -> Vec<u64> {
            let tallies = target.with(&process).into_iter();
            tallies.map(|(_, count)| count).collect()
        };
        assert_eq!(counts(&first), [1, 2]);
        assert_eq!(counts(&second), [0, 0]);
        assert_eq!(counts(&first), [1, 2], "never falls");
    }
}
