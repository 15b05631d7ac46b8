//! Tests of gates on requests: each kind passes, fails and is unknown where it must.

use bench_report::{CurveUnit, Load, Pacing, Report, SpikeRecovery, StepCurve};

use super::super::common::{Plant, SECOND, hist};
use super::{POSTGRES, judged, outcome, reason};
use crate::assessment::GateOutcome::{Fail, Pass, Unknown};

#[test]
fn any_percentile_the_mean_and_the_longest_of_any_operation_can_be_judged() {
    let run = [Plant::default().postgres()];
    for figure in ["p50", "p75", "p90", "p95", "p99", "p99.9", "mean", "max"] {
        for operation in ["", "operation = \"read\"", "operation = \"write\""] {
            let about = format!("{POSTGRES}\n{operation}");
            let bounded = |bound| judged(&run, &format!("{figure} < {bound}"), &about);
            // 6,400 reads leave 6 beyond p99.9, 1,600 writes, which are slower, leave only 1.
            let few = figure == "p99.9" && !operation.contains("read");
            let (long, short) = (bounded("10s"), bounded("1us"));
            let wanted = if few {
                (Unknown, Unknown)
            } else {
                (Pass, Fail)
            };
            assert_eq!(
                (long.outcome, short.outcome),
                wanted,
                "{figure} {operation}"
            );
            assert!(few || long.evidence.iter().all(|e| e.pointer.contains("/call/")));
        }
    }
    let few = judged(&run, "p99.99 < 10s", POSTGRES);
    assert_eq!(few.outcome, Unknown);
    assert_eq!(reason(&few), "too few samples: 1600, and 50000 are needed");
    let none = judged(
        &run,
        "p99 < 1s",
        &format!("{POSTGRES}\noperation = \"delete\""),
    );
    assert_eq!(none.outcome, Unknown);
    assert_eq!(
        reason(&none),
        "there was no operation delete, only read, write"
    );
}

#[test]
fn a_figure_within_its_uncertainty_of_the_bound_neither_passes_nor_fails() {
    let run = [Plant::default().postgres()];
    let measured = judged(&run, "p90 < 1s", POSTGRES).measured.unwrap();
    let at = |times: f64| {
        let bound = format!("p90 < {}ns", (measured * times) as u64);
        judged(&run, &bound, POSTGRES)
    };
    let (below, near, above) = (at(0.8), at(1.001), at(1.25));
    assert_eq!((below.outcome, above.outcome), (Fail, Pass));
    assert_eq!(near.outcome, Unknown);
    assert!(reason(&near).starts_with("too near the bound"), "{near:?}");
    let (low, high) = (near.low.unwrap(), near.high.unwrap());
    assert!(low < near.threshold && near.threshold < high, "{near:?}");
}

#[test]
fn requests_that_failed_are_judged_from_both_sides() {
    let run = |errors| {
        [Plant {
            errors,
            ..Plant::default()
        }
        .postgres()]
    };
    for (errors, wanted) in [(0.0, Pass), (0.2, Fail)] {
        for bound in ["errors < 5%", "success > 95%", "success >= 95%"] {
            assert_eq!(
                outcome(&run(errors), bound, POSTGRES),
                wanted,
                "{errors} {bound}"
            );
        }
    }
    // 160 of 16,160 calls failed, and of so many requests the true share may be on either side.
    let near = run(0.0101);
    assert_eq!(outcome(&near, "errors < 1%", POSTGRES), Unknown);
    let mut nothing = run(0.0);
    for step in &mut nothing[0].steps {
        step.operations.clear();
    }
    assert_eq!(outcome(&nothing, "errors < 5%", POSTGRES), Unknown);
}

#[test]
fn a_bound_without_room_asks_what_happened_and_a_small_one_is_not_rounded() {
    let mut run = [Plant::default().postgres()];
    let exact = |run: &[Report]| {
        ["success >= 100%", "errors < 0.05%"].map(|bound| outcome(run, bound, POSTGRES))
    };
    assert_eq!(exact(&run), [Pass, Pass]);
    for step in &mut run[0].steps {
        let read = step.operations.get_mut("read").unwrap();
        read.errors.insert("reset".into(), 1);
        read.attempted += 1;
    }
    assert_eq!(exact(&run)[0], Fail, "one failed of each repeat");
    for step in &mut run[0].steps {
        let read = step.operations.get_mut("read").unwrap();
        read.errors.insert("reset".into(), 12);
        read.attempted += 11;
    }
    assert_eq!(exact(&run), [Fail, Fail], "0.15 % are more than 0.05 %");
}

#[test]
fn an_operation_is_judged_alone_whatever_its_name() {
    let name = "GET /a'b\"c~d/{id} <é>";
    let mut run = [Plant::default().postgres()];
    for step in &mut run[0].steps {
        let mut slow = step.operations["read"].clone();
        slow.call = hist(2e9, slow.succeeded);
        step.operations.insert(name.into(), slow);
    }
    let about = format!("{POSTGRES}\noperation = '''{name}'''");
    assert_eq!(outcome(&run, "p90 < 1s", &about), Fail);
    assert_eq!(outcome(&run, "p90 < 20s", &about), Pass);
    let read = format!("{POSTGRES}\noperation = \"read\"");
    assert_eq!(outcome(&run, "p90 < 1s", &read), Pass);
}

#[test]
fn throughput_passes_fails_and_is_near() {
    let run = [Plant::default().postgres()];
    let measured = judged(&run, "throughput > 1/s", POSTGRES).measured.unwrap();
    for (times, wanted) in [(0.8, Pass), (1.01, Unknown), (1.2, Fail)] {
        let bound = format!("throughput > {:.0}/s", measured * times);
        assert_eq!(outcome(&run, &bound, POSTGRES), wanted, "{bound}");
    }
}

/// Returns a run in which 1,000 arrivals per second were asked for and `carried` of them succeeded.
pub(super) fn open_load(carried: f64) -> Report {
    let mut report = Plant::default().postgres();
    report.steps.truncate(2);
    for step in &mut report.steps {
        step.load = Load::Open {
            rate_per_s: 1_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_000,
            delayed_at_cap: 0,
        };
        step.operations.remove("write");
        let read = step.operations.get_mut("read").unwrap();
        read.attempted = 1_000;
        read.succeeded = 1_000;
        read.throughput_per_s = 1_000.0 * carried;
        read.pacing_lag = hist(1_000.0, 1_000);
        read.response.clone_from(&read.call);
    }
    report.summary.recommendations.clear();
    report
}

#[test]
fn a_rate_that_was_not_carried_fails_and_users_have_none() {
    for (carried, wanted) in [(0.95, Pass), (0.81, Unknown), (0.6, Fail)] {
        let run = [open_load(carried)];
        assert_eq!(
            outcome(&run, "carried >= 80%", POSTGRES),
            wanted,
            "{carried}"
        );
    }
    let users = judged(&[Plant::default().postgres()], "carried >= 80%", POSTGRES);
    assert_eq!(users.outcome, Unknown);
    assert!(reason(&users).contains("no rate was asked for"));
}

/// Returns a run with a spike after which p99 was back within 10 % of its base after the seconds
/// given, of 60 s that were measured.
fn spike(recovery: SpikeRecovery) -> Report {
    let mut report = Plant::default().postgres();
    report.steps[0].curve = Some(StepCurve {
        unit: CurveUnit::RatePerS,
        written: "spike:20,200/30s".into(),
        first: 20.0,
        peak: 200.0,
        spawn_per_s: None,
        changes: Vec::new(),
        recovery: Some(recovery),
    });
    report
}

#[test]
fn a_recovery_is_judged_with_the_precision_that_it_was_measured_with() {
    let back = |after_s: Option<u64>, measured_s| SpikeRecovery {
        base_p99_ns: Some(2_000_000),
        after_ns: after_s.map(|s| s * SECOND),
        measured_ns: measured_s * SECOND,
        resolution_ns: SECOND,
        ..SpikeRecovery::default()
    };
    let unknown = SpikeRecovery {
        unknown: Some("too few requests before the spike".into()),
        ..back(None, 60)
    };
    for (recovery, wanted, told) in [
        (back(Some(4), 60), Pass, None),
        (back(Some(45), 60), Fail, None),
        (back(Some(30), 60), Unknown, Some("too near")),
        (back(None, 60), Fail, Some("not back when measuring ended")),
        (back(None, 20), Unknown, Some("shorter than the bound")),
        (unknown, Unknown, Some("too few requests before")),
    ] {
        let gate = judged(&[spike(recovery)], "recovery < 30s", POSTGRES);
        assert_eq!(gate.outcome, wanted, "{gate:?}");
        if let Some(told) = told {
            assert!(reason(&gate).contains(told), "{gate:?}");
        }
    }
    let none = judged(&[Plant::default().postgres()], "recovery < 30s", POSTGRES);
    assert_eq!(none.outcome, Unknown);
}
