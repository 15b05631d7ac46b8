//! Tests that growth is distinguished from levelling off, with sixty series of each kind; and of
//! the smallest leak that is found.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::{Growth, GrowthRule, GrowthState, growth};

const MB: f64 = 1e6;
const RULE: GrowthRule = GrowthRule {
    least: 50.0 * MB,
    warmup_ratio: 0.1,
    leak_after_s: 300.0,
};
const SERIES: u64 = 60;

/// Creates the memory of a process as pairs of a second and bytes, one for each of `seconds`
/// seconds: 200 MB plus `more` megabytes, a function of the second, plus correlated noise of up to
/// `noise_mb` megabytes in each step.
fn series(seed: u64, seconds: u32, noise_mb: f64, more: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    // Correlated noise, as a process has.
    let mut drift = 0.0;
    (0..seconds)
        .map(|second| {
            let at = f64::from(second);
            drift = 0.8 * drift + noise_mb * random.random_range(-1.0..1.0);
            (at, (200.0 + more(at) + drift) * MB)
        })
        .collect()
}

fn judge(points: &[(f64, f64)]) -> Growth {
    growth(points, &RULE).unwrap()
}

/// Returns the number of the sixty series, created by `plant` from their seeds, that get this
/// verdict.
fn count(verdict: GrowthState, plant: impl Fn(u64) -> Vec<(f64, f64)>) -> usize {
    let seeds = 0..SERIES;
    seeds
        .filter(|seed| judge(&plant(*seed)).verdict == verdict)
        .count()
}

fn share(seed: u64) -> f64 {
    seed as f64 / SERIES as f64
}

#[test]
fn a_cache_that_levels_off_is_no_leak() {
    // The cache takes between a twentieth and a half of the run to fill to 63 %.
    let leaks = count(GrowthState::Leak, |seed| {
        let tau_s = 1800.0 * (0.05 + 0.45 * share(seed));
        series(seed, 1800, 3.0, |at| 400.0 * (1.0 - (-at / tau_s).exp()))
    });
    assert_eq!(leaks, 0);
    let leaks = count(GrowthState::Leak, |seed| {
        let full_s = 1800.0 * (0.1 + 0.75 * share(seed));
        series(seed, 1800, 3.0, |at| 400.0 * (at / full_s).min(1.0))
    });
    assert_eq!(leaks, 0, "one that fills steadily and is full");
}

#[test]
fn a_sawtooth_is_no_leak() {
    let leaks = count(GrowthState::Leak, |seed| {
        let period_s = 20.0 + 1180.0 * share(seed);
        series(seed, 1800, 3.0, |at| 300.0 * (at / period_s).fract())
    });
    assert_eq!(leaks, 0);
}

#[test]
fn noise_is_neither_a_leak_nor_growth() {
    let steady = count(GrowthState::Steady, |seed| {
        series(seed, 1800, 1.0 + 40.0 * share(seed), |_| 0.0)
    });
    assert_eq!(steady, SERIES as usize);
}

#[test]
fn a_megabyte_a_second_is_growing_within_two_minutes_and_a_leak_when_it_goes_on() {
    let growing = count(GrowthState::Growing, |seed| series(seed, 120, 3.0, |at| at));
    assert_eq!(growing, SERIES as usize);
    let leaks = count(GrowthState::Leak, |seed| series(seed, 600, 3.0, |at| at));
    assert_eq!(leaks, SERIES as usize);
    let found = judge(&series(7, 600, 3.0, |at| at));
    assert!((found.per_s / MB - 1.0).abs() < 0.05, "{found:?}");
    assert!((found.grown / MB - 540.0).abs() < 30.0, "{found:?}");
}

#[test]
fn a_leak_under_a_sawtooth_is_found() {
    let leaks = count(GrowthState::Leak, |seed| {
        let period_s = 10.0 + 30.0 * share(seed);
        series(seed, 1800, 3.0, |at| {
            0.2 * at + 100.0 * (at / period_s).fract()
        })
    });
    assert!(leaks >= 54, "{leaks} of {SERIES}");
}

#[test]
fn growth_that_is_too_small_or_too_short_to_tell_is_steady_or_nothing() {
    let small = judge(&series(1, 1800, 0.5, |at| 0.02 * at));
    assert_eq!(small.verdict, GrowthState::Steady);
    assert!(small.p_value < 0.01, "significant, and not large");
    assert_eq!(growth(&series(1, 12, 0.5, |at| at), &RULE), None);
    assert_eq!(growth(&[], &RULE), None);
    assert_eq!(growth(&[(0.0, f64::NAN); 40], &RULE), None);
    let standing_still = growth(&[(5.0, 1.0); 40], &RULE);
    assert!(standing_still.is_none_or(|growth| growth.verdict == GrowthState::Steady));
}

/// Creates the table in the documentation anew: verdicts of sixty series for each growth over the
/// run.
fn power_curve() -> String {
    let mut table =
        String::from("| Growth over the run | steady | growing | leak |\n|---|---|---|---|\n");
    for grown_mb in [0.0, 30.0, 50.0, 60.0, 80.0, 100.0, 150.0, 300.0] {
        let plant = |seed| series(seed, 1800, 10.0, |at| grown_mb * at / 1800.0);
        let [steady, growing, leak] =
            [GrowthState::Steady, GrowthState::Growing, GrowthState::Leak]
                .map(|verdict| count(verdict, plant));
        table.push_str(&format!(
            "| {grown_mb:.0} MB | {steady} | {growing} | {leak} |\n"
        ));
    }
    table
}

#[test]
fn the_power_curve_in_the_documentation_is_the_real_one() {
    let table = power_curve();
    let documented = include_str!("../../../docs/leaks.md");
    assert!(
        documented.contains(&table),
        "docs/leaks.md should have\n{table}"
    );
}
