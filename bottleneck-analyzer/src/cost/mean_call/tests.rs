//! Tests of the mean call: which parts of it count as what, and what becomes of its queues. Also makes calls for
//! the tests of the files beside it.

use super::*;

/// Creates a model of a call with these parts, each with its name and its length in nanoseconds.
pub(in crate::cost) fn model(parts: &[(&str, f64)]) -> TimeModel {
    let whole_ns = parts.iter().map(|(_, ns)| ns).sum();
    let mut model = TimeModel::new("mean response time", whole_ns);
    for (name, ns) in parts {
        model.add_part(name, name, *ns, Vec::new());
    }
    model
}

/// Creates the mean call of `model` at 1,000 calls per second, with as many connections as it needs and no hot
/// lock, on a machine that was not recorded.
pub(in crate::cost) fn call(model: &TimeModel) -> MeanCall<'_> {
    MeanCall {
        model,
        parts_ns: model.parts.iter().map(|part| part.ns).collect(),
        rate_per_s: 1_000.0,
        pool_size: None,
        pool_wait_ns: None,
        lock: None,
        lock_wait_ns: model.lock_ns(),
        releases_at_once: false,
        processors: None,
        cpu_with_workers_ratio: 1.0,
        load: Load::Unknown,
    }
}

/// Creates the same call with a pool of `size` connections as its only limit: the CPU allows a million times
/// what it carries.
pub(in crate::cost) fn pooled(model: &TimeModel, size: f64) -> MeanCall<'_> {
    MeanCall {
        pool_size: Some(size),
        processors: Some(Processors {
            count: 4.0,
            busy: 2.0,
            ours: 1.0,
            left_for_us: 1e6,
        }),
        ..call(model)
    }
}

/// Creates the removal of a cause that takes these times of the parts of a call, in nanoseconds.
pub(in crate::cost) fn removal(parts_ns: &[f64]) -> Removal {
    Removal {
        parts_ns: parts_ns.to_vec(),
        freed_cpu_ratio: 0.0,
        lifts_pool: false,
    }
}

#[track_caller]
fn near(value: f64, expected: f64) {
    let apart = (value - expected).abs();
    assert!(apart <= 1e-6 * expected, "{value}, expected {expected}");
}

/// A connection is held while a call waits for a lock, but that wait grows and shrinks with the load, so that it
/// does not limit what the pool carries.
#[test]
fn a_pool_is_limited_by_what_calls_do_with_a_connection_and_not_by_their_waits_for_locks() {
    let held = [("server_cpu", 1e6), ("io.walsync", 3e6)];
    let waits = [
        ("lock.tuple", 5e6),
        ("lwlock.walinsert", 6e6),
        ("lwlock", 1e6),
    ];
    let whole = model(&[&held[..], &waits[..]].concat());
    // 8 connections ÷ (1 + 3) ms.
    near(pooled(&whole, 8.0).most_per_s().unwrap(), 2_000.0);
    let gain = pooled(&whole, 8.0).capacity_gain().unwrap();
    near(gain.ratio, 1.0);
    assert_eq!(gain.limit, Some(NextLimit::Pool));
    // Names that only begin alike are no waits for internal locks: 8 ÷ 10 ms.
    let others = model(&[&held[..], &[("lwlocks", 6e6)][..]].concat());
    near(pooled(&others, 8.0).most_per_s().unwrap(), 800.0);
}

#[test]
fn internal_locks_are_told_from_locks_by_the_whole_class() {
    assert!(is_lwlock("lwlock") && is_lwlock("lwlock.walinsert"));
    assert!(!is_lwlock("lock") && !is_lwlock("lwlocks") && !is_lwlock("io.lwlock"));
    assert!(is_lock("lock") && is_lock("lock.tuple"));
    assert!(!is_lock("lwlock.walinsert") && !is_lock("locks"));
}

/// Returns the wait for a CPU after `less_ns` of 10 ms of waiting for a table are gone. A call uses the CPU for 1
/// ms and waits 5 ms for one; two of four processors are busy.
fn run_queue_after(less_ns: f64, releases_at_once: bool) -> f64 {
    let parts = [
        ("lock.relation", 10e6),
        ("server_cpu", 1e6),
        ("server_runnable", 5e6),
    ];
    let model = model(&parts);
    let mut before = pooled(&model, 1e6);
    before.releases_at_once = releases_at_once;
    let then = before.without(&removal(&[less_ns, 0.0, 0.0]));
    then.sum_of(is_run_queue)
}

#[test]
fn calls_that_are_let_go_at_random_times_wait_for_a_cpu_as_erlang_s_formula_has_it() {
    // 2,000 calls of 1 ms a second keep two of four processors busy. Erlang's C is 0.173913 then, and the wait
    // 0.173913 × 1 ms ÷ (4 − 2).
    let alone = 0.173_913_043 * 1e6 / 2.0;
    near(run_queue_after(10e6, true), alone);
    // At half of the waits the cause still was the lock, below it was not.
    near(run_queue_after(5e6, true), alone);
    near(run_queue_after(4.9e6, true), 5e6);
    // Without a holder outside the load nothing was let go at once.
    near(run_queue_after(10e6, false), 5e6);
}

/// Returns the hold of a hot lock after `less_ns` of 10 ms of waiting for it are gone.
fn hold_after(less_ns: f64) -> Option<f64> {
    let model = model(&[("lock.tuple", 10e6), ("server_cpu", 1e6)]);
    let before = MeanCall {
        lock: Some(LockHold {
            used_ratio: 0.5,
            ns: 0.5e6,
            doing: Vec::new(),
            outsider: None,
        }),
        ..call(&model)
    };
    before.without(&removal(&[less_ns, 0.0])).hold_ns()
}

#[test]
fn a_cause_of_more_than_half_of_the_waits_for_a_lock_was_the_lock() {
    near(hold_after(4.9e6).unwrap(), 0.5e6);
    near(hold_after(5e6).unwrap(), 0.5e6);
    assert_eq!(hold_after(5.1e6), None);
}
