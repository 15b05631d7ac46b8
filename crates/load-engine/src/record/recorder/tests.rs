use bench_report::Histogram;

use super::*;
use crate::plan::segments::Segments;
use crate::record::failure::Failure;
use crate::record::failure_samples;
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
    assert_eq!(failures.len(), failure_samples::KEPT);
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

#[test]
fn segments_add_up_to_the_step() {
    let recorder = Recorder::new(&["get"], 1);
    let lengths = [1, 2].map(std::time::Duration::from_secs);
    let segments = Segments::new(0, std::time::Duration::ZERO, &lengths);
    for n in 0..3_000_u64 {
        let begin_ns = n * 1_000_000;
        let timestamps = Timestamps {
            started_ns: begin_ns.max(1),
            done_ns: begin_ns + 1_000 * (n + 1),
            ..Timestamps::default()
        };
        let within = Within {
            due: segments.at(timestamps.begin_ns()),
            done: segments.at(timestamps.done_ns),
        };
        recorder.record(&timestamps, &Outcome::success(OperationId::FIRST), within);
    }
    let (whole, _) = recorder.collect(3.0);
    let parts = [0, 1_000_000_000].map(|at_ns| {
        let segment = segments.at(at_ns).unwrap();
        let seconds = lengths[segment.index()].as_secs_f64();
        recorder.collect_segment(segment, seconds)["get"].clone()
    });
    let get = &whole["get"];
    assert_eq!(parts[0].succeeded, 1_000);
    assert_eq!(parts[0].succeeded + parts[1].succeeded, get.succeeded);
    let carried = parts[0].throughput_per_s + 2.0 * parts[1].throughput_per_s;
    assert!((carried - 3.0 * get.throughput_per_s).abs() < 1e-6);
    let decode = |operation: &Operation| operation.call.as_ref().unwrap().decode().unwrap();
    let mut sum = decode(&parts[0]);
    sum.add(decode(&parts[1])).unwrap();
    assert!(sum.iter_recorded().eq(decode(get).iter_recorded()));
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
    let parts = recorder.collect_parts(2.0);
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
