//! Rows of the resources that a bench sees itself: pool, connections and locks of the server, Redis's main
//! thread, the generator.

use bench_report::Step;
use bench_report::names::{self, FigureName};

use crate::assessment::{ResourceKind, ResourceUse, UseCell};
use crate::bench_facts::BenchFacts;
use crate::figures::{duration_ns, plain, share};
use crate::postgres::{ConnectionLimits, PostgresEvidence};
use crate::redis::RedisEvidence;

/// Kinds of failure that mean that the pool had no connection in time.
const POOL_FAILURES: [&str; 5] = [
    "timeout.wait",
    "timeout.create",
    "timeout.recycle",
    "timeout.checkout",
    "pool_closed",
];
/// Kind of failure that means that the server had no connection left.
const SERVER_FULL: &str = "sqlstate.53300";

/// Returns the row of the client's pool; `None` if there is none.
pub(super) fn pool(bench: &BenchFacts<'_>, step: &Step) -> Option<ResourceUse> {
    let pool = step.pool.as_ref()?;
    let used = pool.in_use_mean / pool.max_size as f64;
    let words = format!(
        "in use: {} of {} connections",
        plain(pool.in_use_mean),
        pool.max_size
    );
    let utilisation = if pool.max_size > 0 && pool.samples > 0 {
        UseCell::known(
            used,
            "ratio",
            format!("{} {words}", share(used)),
            bench.step_evidence("connections in use", "pool/in_use_mean"),
        )
    } else {
        UseCell::unknown("not known: the pool was not sampled")
    };
    let saturation = match pool.waiting_mean {
        Some(waiting) => UseCell::known(
            waiting,
            "count",
            format!(
                "{} calls waited for a connection on average",
                plain(waiting)
            ),
            bench.step_evidence("waiting for a connection", "pool/waiting_mean"),
        ),
        None => UseCell::unknown("not known: this pool does not tell who waits"),
    };
    Some(ResourceUse {
        resource: ResourceKind::Pool,
        thing: Some(format!("of {} connections", pool.max_size)),
        utilisation,
        saturation,
        errors: failures(
            bench,
            step,
            &POOL_FAILURES,
            "calls had no connection in time",
        ),
    })
}

/// Counts the failures of these kinds in the chosen step as a cell; `words` follow the number.
fn failures(bench: &BenchFacts<'_>, step: &Step, kinds: &[&str], words: &str) -> UseCell {
    let mut count = 0;
    let mut evidence = Vec::new();
    for (name, operation) in &step.operations {
        for kind in kinds {
            let Some(failed) = operation.errors.get(*kind) else {
                continue;
            };
            count += failed;
            let name = crate::json_pointer::escape(name);
            let pointer = format!(
                "operations/{name}/errors/{}",
                crate::json_pointer::escape(kind)
            );
            evidence.extend(bench.step_evidence(kind, &pointer));
        }
    }
    UseCell::known(count as f64, "count", format!("{count} {words}"), evidence)
}

/// Returns the row of the connections of the PostgreSQL server, by the limit of which the largest part is in
/// use: that of the server, or of the load's role or database.
pub(super) fn connections(bench: &BenchFacts<'_>, step: &Step) -> ResourceUse {
    let limits = ConnectionLimits::of_step(PostgresEvidence::of_operating_step(bench));
    let narrowest = limits.narrowest();
    let utilisation = match narrowest {
        Some(one) => UseCell::known(
            one.used / one.limit,
            "ratio",
            format!("{} of {} in use at most", plain(one.used), plain(one.limit)),
            one.evidence.clone(),
        ),
        None => UseCell::unknown("not known: the server's sessions were not counted"),
    };
    let owner = narrowest.map(|one| one.of.owner().trim().to_owned());
    ResourceUse {
        resource: ResourceKind::Connections,
        thing: owner.filter(|owner| !owner.is_empty()),
        utilisation,
        saturation: UseCell::unknown("none: a server that is full refuses, and nobody waits"),
        errors: failures(
            bench,
            step,
            &[SERVER_FULL],
            "calls were refused because it was full",
        ),
    }
}

/// Returns the row of the locks of the PostgreSQL server.
pub(super) fn locks(bench: &BenchFacts<'_>) -> ResourceUse {
    let count = |name: FigureName, words: &str, why: &str| match bench.server_figure(name) {
        Some(value) => UseCell::known(
            value,
            "count",
            format!("{} {words}", plain(value)),
            bench.server_evidence(name),
        ),
        None => UseCell::unknown(why),
    };
    ResourceUse {
        resource: ResourceKind::Locks,
        thing: None,
        utilisation: UseCell::unknown("not known: how long each lock is held was not measured"),
        saturation: count(
            names::postgres::SESSIONS_LOCK_MEAN,
            "sessions waited for a lock on average",
            "not known: the server's sessions were not sampled",
        ),
        errors: count(
            names::postgres::DATABASE_DEADLOCKS,
            "deadlocks",
            "not known: the server's counters were not read",
        ),
    }
}

/// Returns the row of Redis's main thread.
pub(super) fn redis_thread(bench: &BenchFacts<'_>) -> ResourceUse {
    let busy = bench
        .operating_step()
        .and_then(|(index, _)| RedisEvidence::of_step(bench.source, index))
        .and_then(|server| server.busy_ratio());
    let basis = [
        names::redis::MAIN_THREAD_ACTIVE_S,
        names::redis::EVENTLOOP_BUSY_US,
        names::redis::CPU_MAIN_THREAD_S,
    ];
    let utilisation = match busy {
        Some(busy) => UseCell::known(
            busy,
            "ratio",
            format!("{} busy", share(busy)),
            basis
                .into_iter()
                .find_map(|name| bench.server_evidence(name)),
        ),
        None => UseCell::unknown("not known: the server was not asked for its CPU time"),
    };
    let answered = bench.server_figure(names::redis::ANSWER_MEAN_NS);
    let saturation = match answered {
        Some(ns) => UseCell::known(
            ns,
            "ns",
            format!("{} until it answered a minimal command", duration_ns(ns)),
            bench.server_evidence(names::redis::ANSWER_MEAN_NS),
        ),
        None => UseCell::unknown("not known: Redis does not count who waits, and was not asked"),
    };
    let refused = match bench.server_figure(names::redis::REJECTED_CONNECTIONS) {
        Some(count) => UseCell::known(
            count,
            "count",
            format!("{} connections refused", plain(count)),
            bench.server_evidence(names::redis::REJECTED_CONNECTIONS),
        ),
        None => UseCell::unknown("not known: the server's counters were not read"),
    };
    ResourceUse {
        resource: ResourceKind::RedisThread,
        thing: None,
        utilisation,
        saturation,
        errors: refused,
    }
}

/// Returns the row of the generator's threads.
pub(super) fn generator(bench: &BenchFacts<'_>, step: &Step) -> ResourceUse {
    let generator = &step.generator;
    let (used, field, words) = match generator.busiest_thread_ratio {
        Some(ratio) => (
            ratio,
            "generator/busiest_thread_ratio",
            "busy, the busiest of them",
        ),
        None => (
            generator.cpu_ratio,
            "generator/cpu_ratio",
            "busy, all together",
        ),
    };
    let time_ns = step.window.measured_s() * 1e9 * generator.threads as f64;
    let saturation = match generator.ready_ns.filter(|_| time_ns > 0.0) {
        Some(ready_ns) => {
            let ratio = ready_ns as f64 / time_ns;
            UseCell::known(
                ratio,
                "ratio",
                format!("{} of their time they waited for a CPU", share(ratio)),
                bench.step_evidence("time ready without a CPU", "generator/ready_ns"),
            )
        }
        None => UseCell::unknown("not known: this system does not tell who waits for a CPU"),
    };
    let stall_ns = generator.worst_stall_ns as f64;
    ResourceUse {
        resource: ResourceKind::Generator,
        thing: Some(format!("({})", generator.threads)),
        utilisation: UseCell::known(
            used,
            "ratio",
            format!("{} {words}", share(used)),
            bench.step_evidence("CPU of the generator's threads", field),
        ),
        saturation,
        errors: UseCell::known(
            stall_ns,
            "ns",
            format!("{} late at the worst", duration_ns(stall_ns)),
            bench.step_evidence(
                "longest delay of the generator's timer",
                "generator/worst_stall_ns",
            ),
        ),
    }
}
