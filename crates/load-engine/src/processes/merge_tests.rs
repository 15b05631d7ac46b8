//! Tests of measurements of several worker processes that are merged.

use std::collections::BTreeMap;

use bench_report::Operation;

use super::protocol::{Answer, write_line};
use crate::load::load_source::{CollectedStep, RawStep};
use crate::record::failure::Failure;
use crate::record::interval::Interval;
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;
use crate::record::recorder::Recorder;
use crate::record::timestamps::Timestamps;
use crate::record::within::Within;

/// Returns the measurements of a process that recorded requests of these durations in nanoseconds:
/// every seventh as a failure, the others as successes of two operations in turn.
fn measured(durations: &[u64]) -> CollectedStep {
    let recorder = Recorder::new(&["get", "set"], 1);
    for (n, took_ns) in durations.iter().enumerate() {
        let timestamps = Timestamps {
            due_ns: 1_000,
            released_ns: 1_000 + took_ns / 10,
            started_ns: 1_000 + took_ns / 5,
            done_ns: 1_000 + took_ns,
            ..Timestamps::default()
        };
        let outcome = if n % 7 == 6 {
            Outcome::failed(OperationId::FIRST, Failure::new("refused", "refused"))
        } else {
            Outcome::success(OperationId::nth(n % 2))
        };
        recorder.record(&timestamps, &outcome, Within::WHOLLY);
    }
    let measured = recorder.measurements(None, 2.0);
    CollectedStep {
        whole: RawStep {
            operations: measured.operations,
            failures: measured.failures,
            tallies: BTreeMap::from([("opened".to_owned(), durations.len() as u64)]),
            ..RawStep::default()
        },
        ..CollectedStep::default()
    }
}

/// Writes measurements as the answer of a worker on one line, reads them back and returns them.
fn through_the_pipe(collected: CollectedStep) -> CollectedStep {
    let mut line = Vec::new();
    let answer = Answer::Collected {
        collected: Box::new(collected),
        threads: 1,
        worst_stall_ns: 0,
        failure: None,
    };
    write_line(&mut line, &answer).unwrap();
    let lines = line.split_inclusive(|byte| *byte == b'\n');
    assert_eq!(lines.count(), 1, "one line");
    match serde_json::from_slice(&line).unwrap() {
        Answer::Collected { collected, .. } => *collected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_merge_of_four_workers_equals_one_recorder_of_all_their_requests_bucket_by_bucket() {
    // Durations from a microsecond to an hour, without repetition.
    let duration = |n: u64| 1_000 + n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 3_600_000_000_000;
    let shares: Vec<Vec<u64>> = (0..4)
        .map(|worker| (0..700).map(|n| duration(n * 4 + worker)).collect())
        .collect();
    let parts: Vec<CollectedStep> = shares
        .iter()
        .map(|share| through_the_pipe(measured(share)))
        .collect();
    let merged = CollectedStep::merged(&parts.iter().collect::<Vec<_>>())
        .unwrap()
        .whole;
    let all: Vec<u64> = shares.concat();
    let whole = measured(&all).whole;
    assert_eq!(all.len(), 2_800);
    let buckets = |operations: &BTreeMap<String, Operation>, name: &str| -> Vec<(u64, u64)> {
        let recorded = operations[name]
            .response
            .as_ref()
            .unwrap()
            .decode()
            .unwrap();
        let each = recorded.iter_recorded();
        each.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect()
    };
    for name in ["get", "set"] {
        assert_eq!(
            buckets(&merged.operations, name),
            buckets(&whole.operations, name)
        );
    }
    assert_eq!(merged.tallies, whole.tallies);
    assert_eq!(
        merged.operations, whole.operations,
        "and all that is derived from them"
    );
}

#[test]
fn an_interval_goes_through_the_pipe_whole() {
    let recorder = Recorder::new(&["get", "set"], 1);
    let same = |interval: Interval| {
        let text = serde_json::to_string(&interval).unwrap();
        let read: Interval = serde_json::from_str(&text).unwrap();
        assert_eq!(read.latency, interval.latency);
        assert_eq!(read.longest_ns, interval.longest_ns);
        assert_eq!(read.operations, interval.operations);
        assert_eq!(
            (read.failed, read.in_flight),
            (interval.failed, interval.in_flight)
        );
    };
    same(recorder.take_interval_at(5_000_000_000));
    recorder.begin(4_000_000_000);
    let timestamps = Timestamps {
        started_ns: 4_000_000_000,
        done_ns: 4_500_000_000,
        ..Timestamps::default()
    };
    let outcome = Outcome::success(OperationId::FIRST);
    recorder.record(&timestamps, &outcome, Within::WHOLLY);
    recorder.begin(4_900_000_000);
    same(recorder.take_interval_at(5_000_000_000));
}
