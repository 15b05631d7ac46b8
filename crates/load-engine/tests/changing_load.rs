//! Tests of steps with a changing load: arrivals and users follow their curve, whatever the
//! machine's speed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

mod known;

use std::time::Duration;

use bench_report::{
    CurveUnit, Histogram, Operation, Series, StepEnd, StepSegment, Warning, WarningCode,
};
use known::{Known, closed, hit, open, run};
use load_engine::{LoadCurve, SessionOpening, StepPlan, StepResult};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn following(plan: StepPlan, curve: &str) -> StepPlan {
    let fitted = curve
        .parse::<LoadCurve>()
        .unwrap()
        .over(plan.measure)
        .unwrap();
    plan.following(fitted)
}

fn series<'a>(result: &'a StepResult, name: &str) -> &'a Series {
    result.series.iter().find(|s| s.name == name).unwrap()
}

fn peak(series: &Series) -> f64 {
    series.mean.iter().flatten().copied().fold(0.0, f64::max)
}

#[test]
fn arrivals_are_as_many_as_the_area_under_the_curve() {
    let plan = following(open(1.0, 50, MS(900)), "spike:100,1000/300ms");
    let result = run(&plan, Known::default());
    // The rate is 100/s for 0.6 s and 1,000/s for 0.3 s.
    assert_eq!(hit(&result).attempted, 60 + 300);
    let curve = result.step.curve.as_ref().unwrap();
    assert_eq!(
        (curve.unit, curve.first, curve.peak),
        (CurveUnit::RatePerS, 100.0, 1000.0)
    );
    assert_eq!(curve.written, "spike:100,1000/300ms");
    let intended = series(&result, "load.intended_rate_per_s");
    assert!(
        peak(intended) > 500.0 && peak(intended) <= 1000.1,
        "{intended:?}"
    );
    assert_eq!(intended.at_ns, series(&result, "throughput_per_s").at_ns);
    assert_eq!(
        intended.mean.last(),
        Some(&None),
        "nothing is intended in the drain"
    );
    assert!(result.step.sessions.is_none(), "all were open before");
}

#[test]
fn the_segments_of_a_curve_add_up_to_the_step_exactly() {
    for (plan, curve, names) in [
        (
            open(1.0, 50, MS(900)),
            "spike:100,1000/300ms",
            &["before", "spike", "after"][..],
        ),
        (
            open(1.0, 50, MS(800)),
            "sine:300,300/400ms",
            &["above_mean", "below_mean"],
        ),
        (
            closed(1, MS(900)),
            "ramp:1..6/600ms",
            &["low", "middle", "high", "held"],
        ),
    ] {
        let known = Known {
            fails_every: 7,
            takes: MS(2),
            ..Known::default()
        };
        let result = run(&following(plan, curve), known);
        let (step, segments) = (&result.step, &result.step.segments);
        let found: Vec<&str> = segments
            .iter()
            .map(|segment| segment.name.as_str())
            .collect();
        assert_eq!(found, names);
        let whole = hit(&result);
        let parts = || {
            segments
                .iter()
                .filter_map(|segment| segment.operations.get("hit"))
        };
        let sum = |count: fn(&Operation) -> u64| parts().map(count).sum::<u64>();
        assert_eq!(sum(|o| o.attempted), whole.attempted, "{curve}");
        assert_eq!(sum(|o| o.succeeded), whole.succeeded);
        assert_eq!(sum(Operation::failures), whole.failures());
        assert!(whole.failures() > 0, "{curve}");
        // The segments' histograms add up to the step's, bucket by bucket.
        for phase in [
            (|o: &Operation| o.call.clone()) as fn(&Operation) -> Option<Histogram>,
            |o| o.response.clone(),
            |o| o.failed.clone(),
        ] {
            let mut merged = bench_report::histogram::recording();
            for histogram in parts().filter_map(phase) {
                merged.add(histogram.decode().unwrap()).unwrap();
            }
            let of_step = phase(whole).map(|histogram| histogram.decode().unwrap());
            assert_eq!(
                of_step.unwrap_or_else(bench_report::histogram::recording),
                merged
            );
        }
        let seconds: f64 = segments.iter().map(StepSegment::seconds).sum();
        assert!((seconds - step.window.measured_s()).abs() < 1e-9);
        let carried: f64 = segments
            .iter()
            .map(|s| s.throughput_per_s() * s.seconds())
            .sum();
        assert!((carried - step.throughput_per_s() * seconds).abs() < 1e-6);
    }
}

#[test]
fn each_segment_gets_the_arrivals_of_its_curve() {
    let plan = following(open(1.0, 50, MS(900)), "spike:100,1000/300ms");
    let result = run(&plan, Known::default());
    let arrivals: Vec<u64> = result
        .step
        .segments
        .iter()
        .map(StepSegment::attempted)
        .collect();
    for (found, wanted) in arrivals.iter().zip([20, 300, 40]) {
        // Rounding may put the arrival at a boundary on either side.
        assert!(found.abs_diff(wanted) <= 1, "{arrivals:?}");
    }
}

#[test]
fn users_come_and_go_with_the_curve_and_have_their_answers_first() {
    // Two users, then eight, then two. An answer takes longer than the last time between two
    // requests of a user.
    let mut plan = following(closed(1, MS(1_500)), "spike:2,8/500ms");
    plan.warmup = MS(200);
    let takes = MS(60);
    let result = run(
        &plan,
        Known {
            takes,
            ..Known::default()
        },
    );
    assert_eq!(result.step.end, StepEnd::Completed);
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!(
        (sessions.opened, sessions.failed, sessions.present_max),
        (8, 0, 8)
    );
    assert_eq!(sessions.open.as_ref().unwrap().count, 8);
    assert_eq!(hit(&result).censored, 0, "who leaves has the answer first");
    assert_eq!(peak(series(&result, "load.users")), 8.0);
    assert_eq!(peak(series(&result, "load.intended_users")), 8.0);
    let users = series(&result, "load.users").mean.iter().flatten();
    let present: Vec<f64> = users.copied().filter(|users| *users > 0.0).collect();
    let ends = (present.first().copied(), present.last().copied());
    assert_eq!(ends, (Some(2.0), Some(2.0)), "{present:?}");
}

#[test]
fn a_user_who_comes_back_opens_a_session_again() {
    let plan = following(closed(1, MS(1_200)), "stairs:3,0,3/400ms");
    let result = run(
        &plan,
        Known {
            takes: MS(10),
            ..Known::default()
        },
    );
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!((sessions.opened, sessions.present_max), (6, 3));
}

#[test]
fn a_spawn_rate_lets_constant_users_come_one_after_the_other() {
    let plan = closed(5, MS(1_000)).spawning(10.0);
    let result = run(
        &plan,
        Known {
            takes: MS(10),
            ..Known::default()
        },
    );
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!((sessions.opened, sessions.present_max), (5, 5));
    let curve = result.step.curve.as_ref().unwrap();
    assert_eq!(
        (curve.written.as_str(), curve.spawn_per_s),
        ("5", Some(10.0))
    );
    let intended = series(&result, "load.intended_users");
    assert_eq!(intended.mean.first().unwrap().unwrap(), 1.0, "{intended:?}");
}

#[test]
fn openings_that_fail_are_tried_again_and_are_no_failures_of_requests() {
    let mut plan = closed(2, MS(800));
    plan.opening = SessionOpening::WhenDue;
    let refusing = Known {
        refuses: 5,
        takes: MS(5),
        ..Known::default()
    };
    let result = run(&plan, refusing);
    assert_eq!(result.step.end, StepEnd::Completed);
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!((sessions.opened, sessions.failed), (2, 5));
    assert_eq!(sessions.errors["refused"], 5);
    assert_eq!(hit(&result).failures(), 0);

    let mut plan = closed(2, MS(300));
    plan.opening = SessionOpening::WhenDue;
    let result = run(
        &plan,
        Known {
            opens: false,
            ..Known::default()
        },
    );
    assert_eq!(result.step.end, StepEnd::Completed, "a refusal is a result");
    let sessions = result.step.sessions.as_ref().unwrap();
    assert!(sessions.opened == 0 && sessions.failed >= 2, "{sessions:?}");
    assert!(result.step.operations.is_empty());
}

#[test]
fn arrivals_open_no_more_sessions_than_they_need_and_fail_where_none_opens() {
    let lazily = |known| {
        let mut plan = open(200.0, 100, MS(500));
        plan.opening = SessionOpening::WhenDue;
        run(&plan, known)
    };
    // The target has a single place, for which requests wait. Each waiting request needs a session.
    let result = lazily(Known::default());
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!(hit(&result).attempted, 100);
    assert!((1..=100).contains(&sessions.opened), "{sessions:?}");
    assert_eq!(
        sessions.opened, sessions.present_max,
        "those that are idle are used again"
    );

    let result = lazily(Known {
        refuses: 3,
        ..Known::default()
    });
    let sessions = result.step.sessions.as_ref().unwrap();
    assert_eq!((sessions.failed, hit(&result).failures()), (3, 3));
    assert_eq!(hit(&result).errors["refused"], 3);
    assert_eq!(hit(&result).attempted, 100);
}

#[test]
fn a_backlog_that_a_spike_left_is_the_time_until_recovery() {
    // 300 places of 300 ms serve 1,000 requests per second. A second at 1,500 leaves 500 to serve.
    // Another 500 arrive per second, and the last delayed one of them waits for a second after the
    // spike.
    let known = Known {
        at_once: 300,
        takes: MS(300),
        ..Known::default()
    };
    let plan = StepPlan {
        threads: 1,
        ..following(open(1.0, 3_000, MS(8_500)), "spike:500,1500/1s")
    };
    let result = run(&plan, known);
    let curve = result.step.curve.as_ref().unwrap();
    let recovery = curve.recovery.as_ref().unwrap();
    assert!(recovery.base_p99_ns.unwrap() >= 300_000_000, "{recovery:?}");
    assert_eq!(recovery.measured_ns, 5_000_000_000);
    // A slow machine may delay or hide the recovery, but never hasten it: 0.9 s after the spike a
    // request still waits for 50 ms, and intervals are 212 ms long.
    match (recovery.after_ns, &recovery.unknown) {
        (Some(after_ns), None) => assert!(after_ns > 690_000_000, "{recovery:?}"),
        (None, unknown) => assert!(
            unknown.is_none() || unknown.as_ref().unwrap().contains("too close"),
            "{recovery:?}"
        ),
        told => panic!("{told:?}"),
    }
}

fn too_short(result: &StepResult) -> Option<&Warning> {
    let found = |w: &&Warning| w.code == WarningCode::StepTooShort && w.message.contains("users");
    result.warnings.iter().find(found)
}

#[test]
fn a_step_too_short_for_its_users_or_for_any_request_says_so() {
    let users = |spawn_per_s| {
        let plan = closed(40, MS(1_100)).spawning(spawn_per_s);
        run(&plan, Known::default())
    };
    let few = users(10.0);
    let doubt = too_short(&few).unwrap();
    assert!(doubt.message.contains("11 of 40 came"), "{}", doubt.message);
    assert!(doubt.spoils("/steps/0/operations/hit/throughput_per_s"));
    assert_eq!(too_short(&users(1_000.0)), None);

    // At 0.1 users per second the first user would start after ten seconds.
    let none = users(0.1);
    assert_eq!(none.step.end, StepEnd::Completed);
    assert!(too_short(&none).unwrap().message.contains("0 of 40 came"));

    // At 0.5 arrivals per second the first is due in the warm-up, the second after the end.
    let mut plan = open(0.5, 8, MS(300));
    plan.warmup = MS(100);
    let idle = run(&plan, Known::default());
    let code = |w: &&Warning| w.code == WarningCode::StepTooShort;
    let doubts: Vec<&Warning> = idle.warnings.iter().filter(code).collect();
    let [doubt] = doubts[..] else {
        panic!("{doubts:?}");
    };
    assert_eq!(
        doubt.message,
        "no request began in the 0.30 s that were measured"
    );
}
