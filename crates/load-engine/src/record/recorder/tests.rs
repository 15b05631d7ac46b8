use bench_report::Histogram;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::plan::curve_segments::NamedSegment;
use crate::plan::segments::Segments;
use crate::record::failure::Failure;
use crate::record::operation_table::OperationSpec;
use crate::record::timestamps::CheckoutTimestamps;
use crate::record::timestamps::PhaseEnds;

const TIMESTAMPS: Timestamps = Timestamps {
    due_ns: 1_000,
    released_ns: 1_100,
    started_ns: 1_300,
    checkout: CheckoutTimestamps::UNTOLD,
    acquired_ns: 1_700,
    done_ns: 2_500,
    operation: OperationId::FIRST,
    phases: PhaseEnds::NONE,
};

#[test]
fn phases_add_up() {
    let recorder = Recorder::new(&["get"], 2);
    recorder.record(
        &TIMESTAMPS,
        &Outcome::success(OperationId::FIRST),
        Within::WHOLLY,
    );
    let (operations, _) = recorder.collect(1.0);
    let get = &operations["get"];
    let at = |h: &Option<Histogram>| h.as_ref().unwrap().max_ns;
    assert_eq!(
        at(&get.pacing_lag) + at(&get.backlog) + at(&get.call),
        at(&get.response)
    );
    assert_eq!(at(&get.checkout) + at(&get.service), at(&get.call));
    assert_eq!(at(&get.response), 1_500);
}

#[test]
fn a_closed_loop_has_call_time_and_no_response_time() {
    let recorder = Recorder::new(&["get"], 1);
    let timestamps = Timestamps {
        due_ns: 0,
        released_ns: 0,
        acquired_ns: 0,
        ..TIMESTAMPS
    };
    recorder.record(
        &timestamps,
        &Outcome::success(OperationId::FIRST),
        Within::WHOLLY,
    );
    let (operations, _) = recorder.collect(1.0);
    let get = &operations["get"];
    assert!(get.response.is_none() && get.backlog.is_none() && get.pacing_lag.is_none());
    assert!(get.checkout.is_none());
    assert_eq!(get.call, get.service);
}

#[test]
fn failures_are_counted_by_kind_and_only_sampled_in_full() {
    let recorder = Recorder::new(&["get", "set"], 1);
    for _ in 0..100 {
        let failure = Failure::new("refused", "postgres://a:hunter2@h refused");
        recorder.record(
            &TIMESTAMPS,
            &Outcome::failed(OperationId::nth(1), failure),
            Within::WHOLLY,
        );
    }
    let (operations, failures) = recorder.collect(1.0);
    assert!(!operations.contains_key("get"));
    assert_eq!(operations["set"].errors["refused"], 100);
    assert_eq!(operations["set"].failed.as_ref().unwrap().count, 100);
    assert_eq!(failures.len(), FailureSample::KEPT);
    assert!(failures.iter().all(|f| !f.message.contains("hunter2")));
}

#[test]
fn phases_add_up_to_the_call_and_name_where_it_failed() {
    const PHASES: &[&str] = &["tcp", "tls", "ready"];
    let operations = OperationTable::from(&["ping"]);
    let connect = operations.add(OperationSpec::new("connect").with_phases(PHASES));
    let recorder = Recorder::new(operations, 1);
    let mut timestamps = TIMESTAMPS;
    timestamps.phase_ended_at(1_400);
    let refused = Failure::new("refused", "refused");
    let failed = Outcome::failed(connect, refused.clone());
    recorder.record(&timestamps, &failed, Within::WHOLLY);
    timestamps.phase_ended_at(1_900);
    recorder.record(&timestamps, &Outcome::success(connect), Within::WHOLLY);
    let plain = Outcome::failed(OperationId::FIRST, refused);
    recorder.record(&timestamps, &plain, Within::WHOLLY);
    let (operations, failures) = recorder.collect(1.0);
    let took = |phase: &str| operations["connect"].phases[phase].max_ns;
    assert_eq!((took("tcp"), took("tls"), took("ready")), (100, 500, 600));
    let call = operations["connect"].call.as_ref().unwrap();
    assert_eq!(call.max_ns, 1_200);
    assert!(operations["ping"].phases.is_empty());
    let phases: Vec<&str> = failures.iter().map(|f| f.phase.as_str()).collect();
    assert_eq!(phases, ["tls", "service"]);
}

/// Creates three segments of a step of five seconds; the first one has two spans.
fn three_segments() -> Segments {
    let spans: [&[(f64, f64)]; 3] = [&[(0.0, 1.0), (3.0, 4.0)], &[(1.0, 3.0)], &[(4.0, 5.0)]];
    let named = spans.map(|spans| NamedSegment {
        name: String::new(),
        spans: spans.to_vec(),
    });
    let second = std::time::Duration::from_secs(1);
    Segments::new(2_000_000_000, second, 5 * second, &named)
}

/// Records 20,000 requests with random times, outcomes and operations, some of them due in the
/// warm-up or after the measured part.
fn record_at_random(recorder: &Recorder, segments: &Segments, random: &mut SmallRng) {
    for _ in 0..20_000 {
        let begin_ns = random.random_range(2_000_000_000..8_500_000_000);
        let mut timestamps = Timestamps {
            due_ns: begin_ns,
            released_ns: begin_ns + random.random_range(0..50_000),
            ..Timestamps::default()
        };
        timestamps.started_ns = timestamps.released_ns + random.random_range(0..900_000);
        timestamps.acquired_ns = timestamps.started_ns + random.random_range(1..9_000_000);
        timestamps.done_ns = timestamps.acquired_ns + random.random_range(1..2_000_000_000);
        timestamps.checkout.place_ns = timestamps.started_ns + 1;
        let operation = OperationId::nth(random.random_range(0..2));
        timestamps.operation(operation);
        let due = segments.at(begin_ns);
        if random.random_bool(0.05) {
            if let Some(due) = due {
                recorder.record_censored(&timestamps, due, 9_000_000_000);
            }
            continue;
        }
        let done = segments.at(timestamps.done_ns);
        let kind = ["refused", "closed"][random.random_range(0..2)];
        let outcome = if random.random_bool(0.1) {
            Outcome::failed(operation, Failure::new(kind, kind))
        } else {
            Outcome::success(operation)
        };
        recorder.record(
            &timestamps,
            &outcome,
            Within {
                due,
                done,
                began_earlier: false,
            },
        );
        let part = Part {
            part: random.random_range(0..2),
            began_ns: timestamps.acquired_ns,
            ended_ns: timestamps.done_ns,
            failure: outcome.failure.map(|failure| failure.kind),
        };
        recorder.record_parts(
            &[part],
            Within {
                due,
                done,
                began_earlier: false,
            },
        );
    }
}

/// Asserts that `parts`, pairs of an operation's result and its segment's seconds, add up to
/// `whole` in every count and histogram, and in the number of requests behind the throughput.
/// `seconds` is the time over which `whole` was measured.
fn assert_adds_up(whole: &Operation, parts: &[(&Operation, f64)], seconds: f64) {
    let sum = |of: fn(&Operation) -> u64| parts.iter().map(|(part, _)| of(part)).sum::<u64>();
    for of in [
        (|o| o.attempted) as fn(&Operation) -> u64,
        |o| o.succeeded,
        |o| o.censored,
        |o| o.errors.get("refused").copied().unwrap_or(0),
        |o| o.errors.get("closed").copied().unwrap_or(0),
    ] {
        assert_eq!(sum(of), of(whole));
    }
    let carried = |operation: &Operation, seconds: f64| operation.throughput_per_s * seconds;
    let parts_carried: f64 = parts.iter().map(|(part, s)| carried(part, *s)).sum();
    assert_eq!(parts_carried.round(), carried(whole, seconds).round());
    for of in [
        (|o| o.response.as_ref()) as fn(&Operation) -> Option<&Histogram>,
        |o| o.call.as_ref(),
        |o| o.service.as_ref(),
        |o| o.checkout.as_ref(),
        |o| o.backlog.as_ref(),
        |o| o.pacing_lag.as_ref(),
        |o| o.failed.as_ref(),
        |o| o.unfinished.as_ref(),
    ] {
        let mut merged = bench_report::histogram::recording();
        for histogram in parts.iter().filter_map(|(part, _)| of(part)) {
            merged.add(histogram.decode().unwrap()).unwrap();
        }
        match of(whole) {
            None => assert!(merged.is_empty()),
            Some(whole) => assert!(
                merged
                    .iter_recorded()
                    .eq(whole.decode().unwrap().iter_recorded())
            ),
        }
    }
}

#[test]
fn segments_add_up_to_the_step() {
    for seed in 0..3 {
        let recorder = Recorder::new(&["get", "set"], 2).with_parts(["begin", "end"]);
        let segments = three_segments();
        let mut random = SmallRng::seed_from_u64(seed);
        for shard in 0..3 {
            claim_shard(shard);
            record_at_random(&recorder, &segments, &mut random);
        }
        claim_shard(0);
        let lengths = segments.lengths_s(u64::MAX);
        let whole = recorder.measurements(None, 5.0);
        let each: Vec<_> = SegmentIndex::all()
            .zip(&lengths)
            .map(|(segment, seconds)| recorder.measurements(Some(segment), *seconds))
            .collect();
        for name in ["get", "set"] {
            let parts = each.iter().map(|part| &part.operations[name]);
            let parts: Vec<_> = parts.zip(lengths.iter().copied()).collect();
            assert!(parts.iter().all(|(part, _)| part.censored > 0));
            assert_adds_up(&whole.operations[name], &parts, 5.0);
        }
        for name in ["begin", "end"] {
            let parts = each.iter().map(|part| &part.parts[name]);
            let parts: Vec<_> = parts.zip(lengths.iter().copied()).collect();
            assert_adds_up(&whole.parts[name], &parts, 5.0);
        }
        let checkouts = each.iter().map(|part| part.checkout.unwrap().count);
        assert_eq!(checkouts.sum::<u64>(), whole.checkout.unwrap().count);
        for sample in &whole.failures {
            assert!(each.iter().any(|part| part.failures.contains(sample)));
        }
    }
}

#[test]
fn warm_up_shows_in_the_time_chart_only() {
    let recorder = Recorder::new(&["get"], 1);
    let before = Within::measured(false, false);
    recorder.record(&TIMESTAMPS, &Outcome::success(OperationId::FIRST), before);
    assert_eq!(recorder.take_interval().succeeded(), 1);
    assert_eq!(recorder.take_interval().succeeded(), 0);
    assert!(recorder.collect(1.0).0.is_empty());
}

#[test]
fn successes_of_an_interval_are_counted_by_operation_where_there_are_two_to_eight() {
    let success = |n| Outcome::success(OperationId::nth(n));
    let failed = Outcome::failed(OperationId::FIRST, Failure::new("refused", "refused"));
    for (table, wanted) in [
        (vec!["a"], &[][..]),
        (vec!["a", "b"], &[("a", 1), ("b", 0)]),
        (vec!["a", "b", "c"], &[("a", 1), ("b", 0), ("c", 2)]),
        (vec!["a", "b", "a"], &[("a", 3), ("b", 0)]),
        (vec!["a", "b", "c", "d", "e", "f", "g", "h", "i"], &[]),
    ] {
        let recorder = Recorder::new(table.into_iter().collect::<OperationTable>(), 1);
        for outcome in [&success(0), &success(2), &success(2), &success(8), &failed] {
            recorder.record(&TIMESTAMPS, outcome, Within::WHOLLY);
        }
        let mut whole = Interval::new();
        for process in [recorder.take_interval(), recorder.take_interval()] {
            whole.add_process(&process);
        }
        let named = whole.operations.iter();
        let counts: Vec<(&str, u64)> = named.map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(counts, wanted);
    }
}

#[test]
fn what_is_answered_after_the_measured_part_was_not_carried_in_it() {
    let recorder = Recorder::new(&["get"], 1);
    let (early, late) = (Within::measured(false, true), Within::measured(true, false));
    for within in [early, Within::WHOLLY, late, late] {
        recorder.record(&TIMESTAMPS, &Outcome::success(OperationId::FIRST), within);
    }
    let (operations, _) = recorder.collect(1.0);
    let get = &operations["get"];
    assert_eq!((get.attempted, get.succeeded), (3, 3));
    assert_eq!(get.throughput_per_s, 2.0);
    assert_eq!(get.response.as_ref().unwrap().count, 3);
}

#[test]
fn parts_are_recorded_beside_their_operation_and_failures_apart() {
    let recorder = Recorder::new(&["transaction"], 1).with_parts(&["begin", "update", "end"]);
    let part = |part, ended_ns, failure: Option<&'static str>| Part {
        part,
        began_ns: 1_000,
        ended_ns,
        failure: failure.map(Into::into),
    };
    let drained = Within::measured(true, false);
    let carried_over = Within::measured(false, true);
    let failed = Some("sqlstate.40001");
    recorder.record_parts(
        &[part(0, 1_100, None), part(1, 1_400, None)],
        Within::WHOLLY,
    );
    recorder.record_parts(&[part(0, 1_200, None), part(1, 1_900, failed)], drained);
    recorder.record_parts(&[part(0, 9_000, None)], carried_over);
    let parts = recorder.measurements(None, 2.0).parts;
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["begin", "update"]);
    assert_eq!(
        (parts["begin"].succeeded, parts["begin"].throughput_per_s),
        (2, 1.0)
    );
    let update = &parts["update"];
    assert_eq!((update.attempted, update.succeeded), (2, 1));
    assert_eq!(update.errors["sqlstate.40001"], 1);
    assert_eq!(update.call.as_ref().unwrap().max_ns, 400);
    assert_eq!(update.failed.as_ref().unwrap().max_ns, 900);
    assert!(
        recorder.collect(2.0).0.is_empty(),
        "no part is an operation"
    );
}

#[test]
fn threads_that_record_at_once_lose_nothing() {
    let recorder = Recorder::new(&["get"], 4);
    std::thread::scope(|scope| {
        for index in 1..=4 {
            let recorder = &recorder;
            scope.spawn(move || {
                claim_shard(index);
                for _ in 0..1_000 {
                    recorder.record(
                        &TIMESTAMPS,
                        &Outcome::success(OperationId::FIRST),
                        Within::WHOLLY,
                    );
                }
            });
        }
    });
    let (operations, _) = recorder.collect(2.0);
    assert_eq!(operations["get"].succeeded, 4_000);
    assert_eq!(operations["get"].throughput_per_s, 2_000.0);
    assert_eq!(operations["get"].response.as_ref().unwrap().count, 4_000);
}
