//! Tests of series that grow and that do not, as a recording stores them: rolled up to a bounded
//! number of points. There are sixty series of each kind. The rule itself is tested in
//! `statistics`.

use bench_report::{GrowthVerdict, Series};
use host_metrics::rate_window::FigureValue;

use crate::growth::{GrowthThreshold, growing};
use crate::rolling::{POINTS, Rolling};

const SECOND_NS: u64 = 1_000_000_000;
const HALF_AN_HOUR_S: u32 = 1800;
const MB: f64 = 1e6;
const SERIES: u32 = 60;

/// Returns the series of a made-up process's resident memory, one sample a second for `seconds`:
/// 200 MB, plus `more_mb` of the second, plus autocorrelated noise whose steps are at most
/// `noise_mb`. Equal seeds give equal noise.
fn recorded(seed: u32, seconds: u32, noise_mb: f64, more_mb: impl Fn(f64) -> f64) -> Series {
    // Marsaglia's xorshift generator with 64 bits.
    let mut state = 0x9E37_79B9_7F4A_7C15 ^ u64::from(seed + 1);
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as f64 / u64::MAX as f64 * 2.0 - 1.0
    };
    let (mut rolling, mut drift) = (Rolling::new(Series::new("process.rss_bytes")), 0.0);
    for second in 0..seconds {
        drift = 0.8 * drift + noise_mb * noise();
        let bytes = (200.0 + more_mb(f64::from(second)) + drift) * MB;
        let at_ns = u64::from(second + 1) * SECOND_NS;
        rolling.take(at_ns, FigureValue::from(bytes));
    }
    rolling.series()
}

/// Makes sixty series with `plant` from the numbers 0 to 59. Returns the number of those that count
/// as growing, and the number of those that count as leaks.
fn found(plant: impl Fn(u32) -> Series) -> (usize, usize) {
    let series: Vec<Series> = (0..SERIES).map(plant).collect();
    assert!(series.iter().all(|series| series.len() <= 2 * POINTS));
    let growing = growing(&series, GrowthThreshold::default());
    let leaks = growing.iter().filter(|g| g.verdict == GrowthVerdict::Leak);
    (growing.len(), leaks.count())
}

fn share(seed: u32) -> f64 {
    f64::from(seed) / f64::from(SERIES)
}

#[test]
fn a_megabyte_a_second_grows_within_two_minutes_and_leaks_once_it_has_not_slowed() {
    let after = |seconds| found(|seed| recorded(seed, seconds, 3.0, |at| at));
    assert_eq!(after(120), (60, 0), "growing, and too early to say more");
    assert_eq!(after(600), (60, 60));
}

#[test]
fn caches_sawteeth_and_noise_end_without_a_leak() {
    let length_s = f64::from(HALF_AN_HOUR_S);
    let planted =
        |seed, noise_mb, more: &dyn Fn(f64) -> f64| recorded(seed, HALF_AN_HOUR_S, noise_mb, more);
    let (_, leaks) = found(|seed| {
        let tau_s = length_s * (0.05 + 0.45 * share(seed));
        planted(seed, 3.0, &|at| 400.0 * (1.0 - (-at / tau_s).exp()))
    });
    assert_eq!(leaks, 0, "caches");
    let (_, leaks) = found(|seed| {
        let period_s = 20.0 + 1180.0 * share(seed);
        planted(seed, 3.0, &|at| 300.0 * (at / period_s).fract())
    });
    assert_eq!(leaks, 0, "sawteeth");
    let noise = found(|seed| planted(seed, 1.0 + 40.0 * share(seed), &|_| 0.0));
    assert_eq!(noise, (0, 0), "noise");
}
