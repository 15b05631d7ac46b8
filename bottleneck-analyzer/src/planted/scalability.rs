//! Tests of the scalability law and of the headroom up to the knee.

use bench_report::Report;

use super::assess_reports;
use super::common::Plant;
use crate::assessment::Scalability;

/// Returns a sweep over pool sizes whose throughput follows `throughput`, in requests per second.
fn sweep(sizes: &[u64], throughput: impl Fn(f64) -> f64) -> Report {
    let plant = Plant {
        pool_sizes: sizes.to_vec(),
        ..Plant::default()
    };
    let mut report = plant.postgres();
    for step in &mut report.steps {
        let planned = throughput(step.parameter("pool_size").unwrap());
        // The second repeat carries a per cent more.
        let of_repeat = planned * (1.0 + 0.01 * step.repeat as f64);
        for (name, part) in [("read", 0.8), ("write", 0.2)] {
            step.operations.get_mut(name).unwrap().throughput_per_s = of_repeat * part;
        }
    }
    report
}

fn scalability(report: Report) -> Scalability {
    let assessment = assess_reports(&[report]);
    assessment.components[0].scalability.clone().unwrap()
}

/// Returns the throughput by the Universal Scalability Law with the peak at 22 connections.
fn law(n: f64) -> f64 {
    1_000.0 * n / (1.0 + 0.03 * (n - 1.0) + 0.002 * n * (n - 1.0))
}

#[test]
fn a_planted_law_is_told_with_its_peak_and_the_range_of_it() {
    let found = scalability(sweep(&[1, 2, 4, 8, 16, 32, 48], law));
    let told = found.law.unwrap();
    assert!((told.contention_ratio - 0.03).abs() < 0.01, "{told:?}");
    assert!((told.coherency_ratio / 0.002 - 1.0).abs() < 0.1, "{told:?}");
    let [low, high] = told.peak_range.unwrap();
    // The peak is at √(0.97 ÷ 0.002); the settings lie on the law, so that nothing is in doubt.
    assert!(
        low <= high && (low / 22.023 - 1.0).abs() < 1e-3,
        "{low} {high}"
    );
    assert!(
        found.law_shown.contains("highest at pool size 22 ("),
        "{}",
        found.law_shown
    );
    assert!(
        found.law_shown.contains("get in each other's way"),
        "{}",
        found.law_shown
    );
    // From the recommended 8 connections to 16: 1,000 × 16 ÷ 1.93 against 1,000 × 8 ÷ 1.322.
    let headroom = found.headroom.unwrap();
    assert!(headroom.reached && headroom.knee > 8.0, "{headroom:?}");
    let expected = law(headroom.knee) / law(8.0) - 1.0;
    assert!((headroom.ratio - expected).abs() < 1e-9, "{headroom:?}");
    let [low, high] = headroom.range.unwrap();
    assert!(
        low < expected && expected < high && high - low < 0.06,
        "{headroom:?}"
    );
}

#[test]
fn a_bad_fit_too_few_settings_and_a_rate_get_no_law_and_say_why() {
    let wild = |n: f64| {
        if (n as u64).is_power_of_two() {
            1_000.0
        } else {
            9_000.0
        }
    };
    let bad = scalability(sweep(&[1, 2, 3, 4, 8, 12, 16, 24], wild));
    assert!(
        bad.law.is_none() && bad.law_shown.contains("90 % are needed"),
        "{}",
        bad.law_shown
    );
    let few = scalability(sweep(&[2, 4, 8, 16, 32], law));
    assert!(
        few.law.is_none()
            && few
                .law_shown
                .contains("5 settings were measured, and it takes 6"),
        "{}",
        few.law_shown
    );
}

#[test]
fn a_sweep_that_still_rises_has_not_reached_its_knee() {
    let rising = scalability(sweep(&[1, 2, 3, 4, 6, 8], |n| 1_000.0 * n));
    let headroom = rising.headroom.unwrap();
    assert!(
        !headroom.reached && headroom.shown.contains("the knee was not reached"),
        "{headroom:?}"
    );
    let law = rising.law.unwrap();
    assert!(
        law.peak.is_none() && rising.law_shown.contains("its peak was not reached"),
        "{}",
        rising.law_shown
    );
}

#[test]
fn a_knee_at_the_operating_point_leaves_no_headroom() {
    let flat = scalability(sweep(&[2, 4, 8, 16, 32], |n| 1_000.0 * n.min(8.0)));
    let headroom = flat.headroom.unwrap();
    assert!(
        headroom.reached && headroom.ratio == 0.0 && headroom.range.is_none(),
        "{headroom:?}"
    );
    assert!(
        headroom
            .shown
            .starts_with("none: the operating point is the knee, pool size 8"),
        "{}",
        headroom.shown
    );
}
