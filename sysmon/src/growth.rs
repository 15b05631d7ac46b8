//! Search for recorded series that grow although they should level off, such as memory.

use std::str::FromStr;

use bench_cli::flags;
use bench_report::{Growing, GrowthVerdict, Series};
use statistics::median;

use crate::growth_rule::{GrowthRule, GrowthState, growth};
use crate::metric::{self, Unit};

/// Smallest reported growth of a count over the recording, unless the threshold is a share.
const LEAST_COUNT: f64 = 100.0;
/// Share of a recording that counts as warm-up and is left out: its first tenth.
const WARMUP_RATIO: f64 = 0.1;
/// Shortest time after the warm-up, in seconds, over which growth can be called a leak.
const LEAK_AFTER_S: f64 = 300.0;
const NS_PER_S: f64 = 1e9;

/// Smallest growth over the recording that is reported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum GrowthThreshold {
    /// Growth of memory in bytes. For counts, such as threads, the threshold is then 100.
    Bytes(u64),
    /// Growth as a share of the median of the first tenth of the values, for bytes and counts.
    Share(f64),
}

impl Default for GrowthThreshold {
    fn default() -> Self {
        Self::Bytes(50_000_000)
    }
}

impl FromStr for GrowthThreshold {
    type Err = String;

    /// Parses a size such as `50MB`, or a share such as `10%`.
    ///
    /// # Errors
    /// Fails with a sentence for the user if the text is neither, or if the share is 0 or above
    /// 1,000,000 %.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some(percent) = text.trim().strip_suffix('%') else {
            return flags::size(text).map(Self::Bytes);
        };
        match percent.trim().parse::<f64>() {
            Ok(percent) if percent > 0.0 && percent <= 1e6 => Ok(Self::Share(percent / 100.0)),
            _ => Err(format!("{text:?} is no share; write one such as 10%")),
        }
    }
}

impl GrowthThreshold {
    fn of(self, series: &Series) -> Option<f64> {
        let metric = metric::find(&series.name).filter(|metric| metric.should_level_off)?;
        let counted = metric.unit() != Unit::Bytes;
        match self {
            Self::Bytes(_) if counted => Some(LEAST_COUNT),
            Self::Bytes(bytes) => Some(bytes as f64),
            Self::Share(share) => {
                let read: Vec<f64> = series.mean.iter().flatten().copied().collect();
                let first = median(read.get(..read.len().div_ceil(10))?)?;
                Some(first * share)
            }
        }
    }
}

/// Returns the series that should level off but grow by at least `least`: leaks first, otherwise in
/// the order of `series`.
pub(crate) fn growing<'a>(
    series: impl IntoIterator<Item = &'a Series>,
    least: GrowthThreshold,
) -> Vec<Growing> {
    let mut found: Vec<Growing> = series
        .into_iter()
        .filter_map(|series| judge(series, least.of(series)?))
        .collect();
    found.sort_by_key(|growing| growing.verdict != GrowthVerdict::Leak);
    found
}

fn judge(series: &Series, least: f64) -> Option<Growing> {
    let points: Vec<(f64, f64)> = series
        .at_ns
        .iter()
        .zip(&series.mean)
        .filter_map(|(at_ns, value)| Some((*at_ns as f64 / NS_PER_S, (*value)?)))
        .collect();
    let rule = GrowthRule {
        least,
        warmup_ratio: WARMUP_RATIO,
        leak_after_s: LEAK_AFTER_S,
    };
    let growth = growth(&points, &rule)?;
    let verdict = match growth.verdict {
        GrowthState::Steady => return None,
        GrowthState::Growing => GrowthVerdict::Growing,
        GrowthState::Leak => GrowthVerdict::Leak,
    };
    Some(Growing {
        series: series.name.clone(),
        labels: series.labels.clone(),
        verdict,
        per_s: growth.per_s,
        grown: growth.grown,
        p_value: growth.p_value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising(name: &str, per_s: f64, seconds: u64) -> Series {
        let mut series = Series::new(name);
        for second in 0..seconds {
            let value = 1e8 + per_s * second as f64;
            series.push(second * 1_000_000_000, Some(value));
        }
        series
    }

    #[test]
    fn a_megabyte_a_second_grows_within_two_minutes_and_leaks_when_it_goes_on() {
        for (seconds, verdict) in [(120, GrowthVerdict::Growing), (600, GrowthVerdict::Leak)] {
            let found = growing(
                &[rising("process.rss_bytes", 1e6, seconds)],
                GrowthThreshold::default(),
            );
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].verdict, verdict);
            assert!((found[0].per_s - 1e6).abs() < 1.0);
        }
    }

    #[test]
    fn each_kind_has_its_own_bound_and_what_may_grow_is_not_looked_at() {
        let of = |name, per_s, least: &str| {
            let series = [rising(name, per_s, 120)];
            growing(&series, least.parse().unwrap()).len()
        };
        assert_eq!(of("process.rss_bytes", 2e5, "50MB"), 0);
        assert_eq!(of("process.rss_bytes", 2e5, "10MB"), 1);
        assert_eq!(of("process.rss_bytes", 2e5, "10%"), 1);
        assert_eq!(of("process.rss_bytes", 2e5, "50%"), 0);
        assert_eq!(of("process.descriptors", 0.5, "50MB"), 0);
        assert_eq!(of("process.descriptors", 2.0, "50MB"), 1);
        assert_eq!(of("network.receive_bytes_per_s", 1e9, "1B"), 0);
    }

    #[test]
    fn odd_bounds_are_refused() {
        for odd in ["", "%", "-1%", "0%", "nan%", "x", "0"] {
            assert!(odd.parse::<GrowthThreshold>().is_err(), "{odd}");
        }
    }
}
