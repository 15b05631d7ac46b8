//! Shares of the users' time in a step: waiting for a connection, or holding one whose session
//! worked, waited, or was idle in a transaction.
//!
//! All parts have the same unit: the mean number of users at once. The number that waits for
//! connections or holds one is computed from the client's timings by Little's law (L = λW: Little,
//! *A Proof for the Queuing Formula*, Operations Research 9(3), 1961). The activities of sessions
//! are sampled. Their CPU time is the kernel's figure, if that is larger than the sampled one.

use std::collections::BTreeMap;

use bench_report::names::{FigureName, postgres, steps};
use bench_report::{Histogram, Operation, ServerEvidence, Step};

use crate::failure::is_checkout_timeout;

/// Figures of sampled sessions, each with the part of the users' time to which it is added.
const SESSIONS: [(FigureName, &str); 7] = [
    (postgres::SESSIONS_CPU_MEAN, "cpu"),
    (postgres::SESSIONS_LOCK_MEAN, "lock"),
    (postgres::SESSIONS_LWLOCK_MEAN, "lwlock"),
    (postgres::SESSIONS_IO_MEAN, "io"),
    (postgres::SESSIONS_CLIENT_MEAN, "client"),
    (postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN, "client"),
    (postgres::SESSIONS_OTHER_WAIT_MEAN, "other_wait"),
];

/// Mean numbers of tasks other than the users that need connections, such as holders. The samples
/// of sessions include those of these tasks, so their time must be part of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ExtraUsers {
    /// Mean number of tasks that wait for a connection, over the measured part of the step.
    pub(crate) waiting: f64,
    /// Mean number of tasks that hold a connection, over the measured part of the step.
    pub(crate) on_connection: f64,
}

/// Returns the shares of the time of the users, and of the tasks `beside` them, from 0 to 1 by
/// part. They add up to 1. Empty if sessions were not sampled or no call finished. The parts are:
///
/// - `checkout`: waiting for a connection of the pool
/// - `cpu`: the server on a CPU, or waiting for one
/// - `lock`, `lwlock`, `io`, `other_wait`: the server waiting
/// - `client`: the server waiting for the client within a transaction or a statement
/// - `rest`: driver, network, scheduling; the connection is in use and its session is idle
pub(crate) fn of_step(
    step: &Step,
    server: &ServerEvidence,
    beside: ExtraUsers,
) -> BTreeMap<&'static str, f64> {
    let mut users: BTreeMap<&'static str, f64> = BTreeMap::new();
    if server.value(postgres::SESSIONS_CPU_MEAN).is_none() {
        return users;
    }
    for (figure, part) in SESSIONS {
        *users.entry(part).or_default() += server.value(figure).unwrap_or(0.0);
    }
    // Samples miss bursts of a few microseconds, because the sampler itself needs a CPU to take one.
    if let (Some(spent_ns), Some(sampled)) =
        (server.value(postgres::SERVER_CPU_NS), users.get_mut("cpu"))
    {
        *sampled = sampled.max(spent_ns / 1e9 / step.window.measured_s());
    }
    let sampled: f64 = users.values().sum();
    let on_connection = mean_users(step, |o| o.service.as_ref()) + beside.on_connection;
    users.insert("rest", (on_connection - sampled).max(0.0));
    let waiting = mean_users(step, |o| o.checkout.as_ref()) + checkout_failures(step);
    users.insert("checkout", waiting + beside.waiting);
    let all: f64 = users.values().sum();
    if all <= 0.0 || waiting <= 0.0 && step.throughput_per_s() <= 0.0 {
        return BTreeMap::new();
    }
    for share in users.values_mut() {
        *share /= all;
    }
    users
}

/// Stores the server's evidence in `step`, and the shares of the users' time as figures such as
/// `time.checkout_ratio`.
pub(crate) fn record(step: &mut Step, server: ServerEvidence, beside: ExtraUsers) {
    for (part, share) in of_step(step, &server, beside) {
        step.member(steps::TIME_SHARES, part, share);
    }
    step.server = Some(server);
}

/// Returns the mean number of users that are in a phase at once, over the measured part of the
/// step.
fn mean_users(step: &Step, phase: impl Fn(&Operation) -> Option<&Histogram>) -> f64 {
    let spent = step.operations.values().filter_map(phase);
    let spent_ns: f64 = spent.map(|h| h.mean_ns * h.count as f64).sum();
    spent_ns / 1e9 / step.window.measured_s()
}

/// Returns the mean number of users whose wait for a connection timed out in the end. All kinds of
/// failure share one histogram, so the mean of all failed calls is used.
fn checkout_failures(step: &Step) -> f64 {
    let of = |operation: &Operation| {
        let errors = operation.errors.iter();
        let given_up = errors.filter(|(kind, _)| is_checkout_timeout(kind));
        let count: u64 = given_up.map(|(_, count)| count).sum();
        let mean_ns = operation
            .failed
            .as_ref()
            .map_or(0.0, |failed| failed.mean_ns);
        count as f64 * mean_ns
    };
    step.operations.values().map(of).sum::<f64>() / 1e9 / step.window.measured_s()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::tests::step;

    /// Returns the shares of a step of one second with 100 calls, given the figures of sampled
    /// sessions. Each call waited for a connection for 30 ms and held it for 40 ms.
    fn measured(sessions: &[(FigureName, f64)], beside: ExtraUsers) -> BTreeMap<&'static str, f64> {
        let mut step = step(4, 0, 100.0);
        let histogram = |ms: u64| {
            let mut values = bench_report::histogram::recording();
            values.record_n(ms * 1_000_000, 100).unwrap();
            Histogram::from_recording(&values)
        };
        let operation = step.operations.get_mut("read").unwrap();
        (operation.checkout, operation.service) = (histogram(30), histogram(40));
        let mut server = ServerEvidence::default();
        for (name, mean) in sessions {
            server.figure(*name, *mean);
        }
        of_step(&step, &server, beside)
    }

    const SESSIONS_SEEN: [(FigureName, f64); 4] = [
        (postgres::SESSIONS_CPU_MEAN, 0.5),
        (postgres::SESSIONS_LOCK_MEAN, 2.0),
        (postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN, 0.5),
        (postgres::SESSIONS_IDLE_MEAN, 9.0),
    ];

    #[test]
    fn parts_add_up_and_the_planted_one_is_the_largest() {
        let parts = measured(&SESSIONS_SEEN, ExtraUsers::default());
        assert!(
            (parts.values().sum::<f64>() - 1.0).abs() < 1e-9,
            "{parts:?}"
        );
        // 3 users wait for a connection and 4 hold one; of their sessions 2 wait for a lock, and 1 is in no
        // sample.
        let near =
            |part: &str, share: f64| assert!((parts[part] - share).abs() < 0.01, "{parts:?}");
        near("checkout", 3.0 / 7.0);
        near("lock", 2.0 / 7.0);
        near("client", 0.5 / 7.0);
        near("rest", 1.0 / 7.0);
    }

    #[test]
    fn those_beside_the_users_count_for_the_whole() {
        // Two more tasks wait for a connection; one more holds one, and its session waits for its client.
        let beside = ExtraUsers {
            waiting: 2.0,
            on_connection: 1.0,
        };
        let mut seen = SESSIONS_SEEN;
        seen[2].1 += 1.0;
        let parts = measured(&seen, beside);
        for (part, share) in [("checkout", 0.5), ("client", 0.15), ("rest", 0.1)] {
            assert!((parts[part] - share).abs() < 0.01, "{parts:?}");
        }
    }

    #[test]
    fn without_samples_there_are_no_parts() {
        assert!(measured(&[], ExtraUsers::default()).is_empty());
    }
}
