//! Parts of a call from which the time of a cause is taken when the cause is removed.

use super::mean_call::{MeanCall, Removal};
use crate::assessment::{Rule, TimeModel, TimePart};
use crate::own_time::OwnTime;

/// Rules whose time is in certain parts of a call, with the beginnings of the names of these parts. The time
/// of any other rule is in the parts that its own time names, or else anywhere in the service.
const PLACES: [(&[Rule], &[&str]); 10] = [
    (&[Rule::PoolTooSmall], &["checkout"]),
    (
        &[Rule::CheckoutCheck, Rule::CheckoutCost],
        &["checkout_check", "checkout_other"],
    ),
    (
        &[Rule::ConnectionStorm],
        &["checkout_connect", "checkout_other"],
    ),
    (
        &[
            Rule::Throttled,
            Rule::OtherApplications,
            Rule::CpuOthers,
            Rule::Steal,
        ],
        &["server_runnable"],
    ),
    (&[Rule::RoundTrips], &["network", "rest"]),
    (
        &[Rule::StatementCpu, Rule::PlanningTime, Rule::Jit],
        &["server_cpu", "server_runnable"],
    ),
    (
        &[
            Rule::SequentialScans,
            Rule::UnindexedForeignKey,
            Rule::DeadRows,
            Rule::Toast,
        ],
        &["server_cpu", "server_runnable", "io.datafile", "io.aio"],
    ),
    (&[Rule::TempFiles], &["io.buffile", "server_cpu"]),
    (&[Rule::FullPageImages], &["io.wal", "lwlock.wal"]),
    // They use the disk and the CPU beside the calls.
    (
        &[Rule::RequestedCheckpoints, Rule::Autovacuum],
        &["io.", "lwlock.wal", "server_runnable"],
    ),
];

/// Plans the removal of a cause from `call` as it was measured. The time comes from the parts that the cause
/// is about; what these are too short for comes from the other parts of the service that are no queue.
pub(super) fn plan(call: &MeanCall<'_>, own: &OwnTime) -> Removal {
    let parts: Vec<(&TimePart, f64)> = call.parts().collect();
    let is_own = |part: &TimePart| is_about(own, part);
    let is_spare = |part: &TimePart| !is_about(own, part) && is_demand(part);
    let sum = |of: &dyn Fn(&TimePart) -> bool| -> f64 {
        parts.iter().filter(|(p, _)| of(p)).map(|(_, ns)| ns).sum()
    };
    let (room, spare) = (sum(&is_own), sum(&is_spare));
    let (from_own, rest) = (own.ns.min(room), (own.ns - room).max(0.0).min(spare));
    let taken = |(part, ns): &(&TimePart, f64)| {
        if is_own(part) {
            from_own * ns / room.max(f64::MIN_POSITIVE)
        } else if is_spare(part) {
            rest * ns / spare.max(f64::MIN_POSITIVE)
        } else {
            0.0
        }
    };
    Removal {
        parts_ns: parts.iter().map(taken).collect(),
        freed_cpu_ratio: own.freed_cpu_ratio,
        lifts_pool: own.rule == Rule::PoolTooSmall,
    }
}

fn is_about(own: &OwnTime, part: &TimePart) -> bool {
    if own.is_in(part) {
        return true;
    }
    let place = PLACES.iter().find(|(rules, _)| rules.contains(&own.rule));
    place.is_some_and(|(_, names)| names.iter().any(|name| part.name.starts_with(name)))
}

/// Returns true if the part is work of the call itself, and no queue for what others hold.
fn is_demand(part: &TimePart) -> bool {
    let waits = ["lock", "lwlock"].iter().any(|class| {
        part.name == *class
            || part
                .name
                .strip_prefix(class)
                .is_some_and(|n| n.starts_with('.'))
    });
    !waits && !TimeModel::is_queue(&part.name)
}

#[cfg(test)]
mod tests {
    use super::super::mean_call::tests::{call, model, removal};
    use super::*;
    use crate::own_time::CausePart;

    /// Plans the removal of a cause that takes `ns` nanoseconds of two waits, from a call that spends 6 and 2 ms in
    /// them, 3 and 9 ms in other work, and 12 ms in waits for what others hold and before the service.
    fn planned(rule: Rule, ns: f64) -> Removal {
        let model = model(&[
            ("io.a", 6e6),
            ("io.b", 2e6),
            ("server_cpu", 3e6),
            ("rest", 9e6),
            ("lock.tuple", 5e6),
            ("checkout", 7e6),
        ]);
        let parts = ["io.a", "io.b"].map(|name| CausePart::Name(name.to_owned()));
        let own = OwnTime::new("postgres.sweep".to_owned(), rule, parts.to_vec(), ns);
        plan(&call(&model), &own)
    }

    #[test]
    fn the_time_of_a_cause_is_taken_from_its_parts_by_their_lengths_and_then_from_other_work() {
        for (ns, parts_ns) in [
            (4e6, [3e6, 1e6, 0.0, 0.0, 0.0, 0.0]),
            (12e6, [6e6, 2e6, 1e6, 3e6, 0.0, 0.0]),
            (100e6, [6e6, 2e6, 3e6, 9e6, 0.0, 0.0]),
        ] {
            assert_eq!(planned(Rule::LockWaits, ns), removal(&parts_ns));
        }
        // The only rule whose cause is the queue itself.
        let pool = planned(Rule::PoolTooSmall, 4e6);
        assert!(pool.lifts_pool);
        assert_eq!(pool.parts_ns.len(), 6);
    }

    #[test]
    fn a_rule_with_a_place_of_its_own_takes_time_from_the_parts_of_that_name() {
        let model = model(&[("io.buffilewrite", 6e6), ("io.walsync", 2e6), ("rest", 9e6)]);
        let files = OwnTime::new("postgres.sweep".to_owned(), Rule::TempFiles, vec![], 4e6);
        assert_eq!(plan(&call(&model), &files), removal(&[4e6, 0.0, 0.0]));
    }

    /// The time of a cause that its own parts are too short for is never taken from a wait for what others hold, and
    /// never from a queue before the service.
    #[test]
    fn neither_a_wait_for_a_lock_nor_a_queue_before_the_service_is_work_of_the_call() {
        let is_work = |name: &str| {
            is_demand(&TimePart {
                name: name.to_owned(),
                title: String::new(),
                ns: 1.0,
                share_ratio: 0.5,
                evidence: Vec::new(),
            })
        };
        for name in ["server_cpu", "io.datafileread", "rest", "locksmith"] {
            assert!(is_work(name), "{name}");
        }
        for name in ["lock", "lock.tuple", "lwlock", "lwlock.walinsert"] {
            assert!(!is_work(name), "{name}");
        }
        for name in ["pacing_lag", "backlog", "checkout"] {
            assert!(!is_work(name), "{name}");
        }
    }
}
