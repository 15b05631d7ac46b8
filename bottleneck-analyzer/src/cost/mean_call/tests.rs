//! Tests of the mean call: which parts of it count as what, and what becomes of its queues. Also makes calls for
//! the tests of the files beside it.

mod processors;

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

/// Returns the processors and the wait for one after a cause is gone that took `cpu_ns` of 1 ms of CPU time of a
/// call, as much again of its parallel workers, and the share `freed_cpu_ratio` of the machine beside the calls.
/// Before, 3.6 of four processors are busy, two of them with calls, each of which waits 5 ms for one.
fn processors_after(cpu_ns: f64, freed_cpu_ratio: f64, rate_per_s: f64) -> (Processors, f64) {
    let model = model(&[("server_cpu", 1e6), ("server_runnable", 5e6)]);
    let before = MeanCall {
        rate_per_s,
        cpu_with_workers_ratio: 2.0,
        processors: Some(Processors {
            count: 4.0,
            busy: 3.6,
            ours: 2.0,
            left_for_us: 2.4,
        }),
        ..call(&model)
    };
    let cause = Removal {
        freed_cpu_ratio,
        ..removal(&[cpu_ns, 0.0])
    };
    let then = before.without(&cause);
    (then.processors.unwrap(), then.sum_of(is_run_queue))
}

#[test]
fn processors_are_freed_by_calls_their_workers_and_programs_beside_them() {
    for (cpu_ns, freed, rate_per_s, [busy, ours, left]) in [
        // 1,000 calls a second need 0.5 ms less, and their workers as much: one processor.
        (0.5e6, 0.0, 1_000.0, [2.6, 1.0, 2.4]),
        // A quarter of four processors is given back beside them.
        (0.5e6, 0.25, 1_000.0, [1.6, 1.0, 3.4]),
        (0.0, 0.25, 1_000.0, [2.6, 2.0, 3.4]),
        // Calls cannot give back more than they use.
        (0.5e6, 0.0, 10_000.0, [1.6, 0.0, 2.4]),
    ] {
        let (processors, waits) = processors_after(cpu_ns, freed, rate_per_s);
        near(processors.count, 4.0);
        near(processors.busy, busy);
        near(processors.ours, ours);
        near(processors.left_for_us, left);
        near(waits, 5e6 * shorter_queue_ratio(4.0, 3.6, busy));
        assert!(waits < 3e6, "{waits}");
    }
    let (same, waits) = processors_after(0.0, 0.0, 1_000.0);
    near(same.busy, 3.6);
    near(waits, 5e6);
}

#[test]
fn a_run_queue_behind_which_nobody_waited_for_a_table_is_not_one_that_was_let_go_at_once() {
    let model = model(&[
        ("server_cpu", 1e6),
        ("server_runnable", 5e6),
        ("io.walsync", 2e6),
    ]);
    let mut before = pooled(&model, 1e6);
    before.releases_at_once = true;
    let then = before.without(&removal(&[0.0, 0.0, 1e6]));
    near(then.sum_of(is_run_queue), 5e6);
}

/// Returns the wait for a hot lock, `waits_ns` long before, and its hold, after these times are gone of 1 ms of
/// CPU time and of 2 ms of a commit. Each of 1,000 calls a second holds the lock for 0.5 ms, to run a statement.
fn lock_after(waits_ns: f64, cpu_ns: f64, commit_ns: f64) -> (f64, f64) {
    let model = model(&[
        ("lock.tuple", waits_ns),
        ("server_cpu", 1e6),
        ("io.walsync", 2e6),
    ]);
    let before = MeanCall {
        lock: Some(LockHold {
            used_ratio: 0.5,
            ns: 0.5e6,
            doing: vec![("running a statement".to_owned(), 0.5e6)],
            outsider: None,
        }),
        ..call(&model)
    };
    let then = before.without(&removal(&[0.0, cpu_ns, commit_ns]));
    (then.sum_of(is_lock), then.hold_ns().unwrap())
}

#[test]
fn calls_wait_for_a_lock_for_a_shorter_time_only_if_it_is_held_for_a_shorter_time() {
    // A hold of 0.25 ms uses a quarter of the lock: 0.25 ms × 0.25 ÷ 0.75.
    let (waits, hold) = lock_after(10e6, 0.5e6, 0.0);
    near(hold, 0.25e6);
    near(waits, 0.25e6 / 3.0);
    // The holder does not commit.
    let (waits, hold) = lock_after(10e6, 0.0, 2e6);
    near(hold, 0.5e6);
    near(waits, 10e6);
    // A wait that was shorter than the formula's is not made longer.
    let (waits, hold) = lock_after(10_000.0, 0.5e6, 0.0);
    near(hold, 0.25e6);
    near(waits, 10_000.0);
}

/// Returns the part `checkout`, 6 ms long before, and the wait for a place in a pool of eight, after `less_ns` of
/// 6 ms of service are gone. Before, `wait_ns` of the checkout are the wait for a place.
fn checkout_after(wait_ns: Option<f64>, less_ns: f64) -> (f64, Option<f64>) {
    let model = model(&[("checkout", 6e6), ("io.datafileread", 6e6)]);
    let before = MeanCall {
        pool_wait_ns: wait_ns,
        ..pooled(&model, 8.0)
    };
    let then = before.without(&removal(&[0.0, less_ns]));
    (then.sum_of(|name| name == "checkout"), then.pool_wait_ns)
}

#[test]
fn a_checkout_is_shorter_by_what_the_wait_for_a_place_lost() {
    // Four of eight connections are in use then.
    let formula = erlang_wait_ns(8.0, 1_000.0, 4e6).unwrap();
    assert!((50e3..70e3).contains(&formula), "{formula}");
    let (checkout, wait) = checkout_after(Some(4e6), 2e6);
    near(checkout, 6e6 - (4e6 - formula));
    near(wait.unwrap(), formula);
    assert_eq!(checkout_after(Some(4e6), 0.0), (6e6, Some(4e6)));
    // It already is shorter than the formula's, or it is not known.
    assert_eq!(checkout_after(Some(1e3), 2e6), (6e6, Some(1e3)));
    assert_eq!(checkout_after(None, 2e6), (6e6, None));
}

#[test]
fn a_pool_that_gets_what_it_needs_is_no_limit_any_more() {
    let model = model(&[("io.datafileread", 4e6)]);
    let before = pooled(&model, 8.0);
    near(before.without(&removal(&[0.0])).most_per_s().unwrap(), 2e3);
    let lifted = Removal {
        lifts_pool: true,
        ..removal(&[0.0])
    };
    near(before.without(&lifted).most_per_s().unwrap(), 1e9);
}

/// A call of 9 ms uses 2 ms of service without its wait for a lock of 4 ms, and waits 3 ms for a place in the pool.
/// Users pause for 3 ms, so that each makes a call in 5 ms without queues.
#[test]
fn throughput_ends_at_the_smallest_of_four_limits() {
    let model = model(&[("checkout", 3e6), ("lock.tuple", 4e6), ("server_cpu", 2e6)]);
    for (left_for_us, hold_ns, size, users, limit, most_per_s) in [
        (3.0, 0.1e6, 8.0, 100, NextLimit::Cpu, 1_500.0),
        (100.0, 0.5e6, 8.0, 100, NextLimit::HotLock, 2_000.0),
        (100.0, 0.1e6, 8.0, 100, NextLimit::Pool, 4_000.0),
        (100.0, 0.1e6, 80.0, 10, NextLimit::Users, 2_000.0),
    ] {
        let call = MeanCall {
            pool_size: Some(size),
            lock: Some(LockHold {
                used_ratio: 0.5,
                ns: hold_ns,
                doing: Vec::new(),
                outsider: None,
            }),
            processors: Some(Processors {
                count: 4.0,
                busy: 2.0,
                ours: 2.0,
                left_for_us,
            }),
            load: Load::Closed {
                users,
                think_time_ns: 3_000_000,
            },
            ..call(&model)
        };
        near(call.most_per_s().unwrap(), most_per_s);
        let gain = call.capacity_gain().unwrap();
        assert_eq!(gain.limit, Some(limit));
        near(gain.ratio, most_per_s / 1_000.0 - 1.0);
    }
}

#[test]
fn a_throughput_without_calls_or_without_an_end_is_not_told() {
    let model = model(&[("server_cpu", 2e6)]);
    let with = |rate_per_s: f64, ours: f64| MeanCall {
        rate_per_s,
        processors: Some(Processors {
            count: 4.0,
            busy: 2.0,
            ours,
            left_for_us: 3.0,
        }),
        ..call(&model)
    };
    near(with(1_000.0, 2.0).most_per_s().unwrap(), 1_500.0);
    assert_eq!(with(0.0, 2.0).most_per_s(), None);
    assert_eq!(with(1_000.0, 0.0).most_per_s(), None);
    assert_eq!(call(&model).most_per_s(), None);
}
