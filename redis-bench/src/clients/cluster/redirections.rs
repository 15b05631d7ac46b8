//! Redirections by the nodes of a cluster.

use std::sync::atomic::{AtomicU64, Ordering};

use bench_report::names::{FigureName, steps};
use redis::{ServerErrorKind, Value};

/// Answer of a node that does not serve a key: another one does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    /// True for a single request (`ASK`): the slot is about to move. False if it has moved (`MOVED`).
    pub(super) is_ask: bool,
    pub(super) slot: u16,
    /// Host of the other node; empty if it is that of the node that answered.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Redirection {
    /// Returns the redirection in `answer`; `None` if it is none.
    pub(super) fn of(answer: &Value) -> Option<Self> {
        let Value::ServerError(error) = answer else {
            return None;
        };
        let is_ask = match error.kind() {
            Some(ServerErrorKind::Moved) => false,
            Some(ServerErrorKind::Ask) => true,
            _ => return None,
        };
        let (slot, address) = error.details()?.split_once(' ')?;
        let (host, port) = address.trim_end().rsplit_once(':')?;
        Some(Self {
            is_ask,
            slot: slot.parse().ok()?,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
        })
    }
}

/// Counts of the redirections that were followed.
#[derive(Debug, Default)]
pub(super) struct RedirectionCounts {
    moved: AtomicU64,
    ask: AtomicU64,
}

impl RedirectionCounts {
    pub(super) fn count(&self, followed: &Redirection) {
        let count = if followed.is_ask {
            &self.ask
        } else {
            &self.moved
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts so far, each with the name of its figure.
    pub(super) fn tallies(&self) -> [(FigureName, u64); 2] {
        [
            (steps::REDIRECTIONS_MOVED, &self.moved),
            (steps::REDIRECTIONS_ASK, &self.ask),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirection(line: &str) -> Option<Redirection> {
        let answer = redis::parse_redis_value(format!("{line}\r\n").as_bytes());
        Redirection::of(&answer.unwrap())
    }

    #[test]
    fn a_redirection_is_read_with_its_node_and_counted_by_kind() {
        let to = |is_ask, slot, host: &str, port| {
            let host = host.to_owned();
            Some(Redirection {
                is_ask,
                slot,
                host,
                port,
            })
        };
        let counts = RedirectionCounts::default();
        for (line, wanted) in [
            (
                "-MOVED 3999 127.0.0.1:6381",
                to(false, 3_999, "127.0.0.1", 6_381),
            ),
            ("-MOVED 3999 :6381", to(false, 3_999, "", 6_381)),
            (
                "-ASK 7 node-2.example:6381",
                to(true, 7, "node-2.example", 6_381),
            ),
            ("-ASK 7 ::1:6381", to(true, 7, "::1", 6_381)),
            ("-ASK 7 [::1]:6381", to(true, 7, "::1", 6_381)),
            ("-MOVED odd", None),
            ("-CLUSTERDOWN The cluster is down", None),
            ("+OK", None),
        ] {
            let read = redirection(line);
            assert_eq!(read, wanted, "{line}");
            if let Some(followed) = read {
                counts.count(&followed);
            }
        }
        assert_eq!(counts.tallies().map(|(_, count)| count), [2, 3]);
    }
}
