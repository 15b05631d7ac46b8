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
    use super::*;

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
