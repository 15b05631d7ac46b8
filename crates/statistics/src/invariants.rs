//! Tests of properties of this crate's functions that hold for any input, however absurd.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::describe::{mean, percentile, stdev};
use crate::detectable::minimum_detectable_difference;
use crate::interval::{mean_interval, ratio_interval};
use crate::knee::{KneeOptions, KneeSetting, find};

/// Generates up to 23 arbitrary floats, NaN, infinities and subnormals included.
fn anything() -> impl Strategy<Value = Vec<f64>> {
    vec(any::<f64>(), 0..24)
}

/// Generates 2 to 39 positive numbers as measurements give them, with ties among them.
fn measured() -> impl Strategy<Value = Vec<f64>> {
    vec(
        prop_oneof![0.001..1e9_f64, (1..5_u32).prop_map(f64::from)],
        2..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_nothing_is_nan(a in anything(), b in anything(), q in any::<f64>()) {
        let single = [
            mean(&a), stdev(&a), percentile(&a, q),
            minimum_detectable_difference(&a, b.len(), q, 0.8),
            mean_interval(&a, q).map(|e| e.mean + e.interval.low),
        ];
        prop_assert!(single.into_iter().flatten().all(|value| !value.is_nan()));
        let pairs: Vec<_> = a.iter().copied().zip(b.iter().copied()).collect();
        prop_assert!(ratio_interval(&pairs, 0.9).is_none_or(|e| e.interval.contains(e.mean)));
    }

    #[test]
    fn an_interval_contains_its_estimate(samples in measured(), confidence in 0.5..0.999_f64) {
        let estimate = mean_interval(&samples, confidence).unwrap();
        prop_assert!(estimate.interval.contains(estimate.mean));
        let wider = mean_interval(&samples, f64::midpoint(confidence, 1.0)).unwrap();
        prop_assert!(wider.half_width() >= estimate.half_width());
    }

    #[test]
    fn a_knee_names_admissible_settings_in_order(
        sweep in vec((vec(1e-300..1e300_f64, 0..5), any::<bool>()), 0..20),
        tolerance in 0.0..0.9_f64,
        alpha in prop_oneof![1e-300..0.999_f64, Just(1e-300), Just(0.05)],
    ) {
        let settings: Vec<KneeSetting> = sweep
            .iter()
            .enumerate()
            .map(|(i, (repeats, admissible))| KneeSetting { value: i as f64, repeats, admissible: *admissible })
            .collect();
        if let Ok(knee) = find(&settings, KneeOptions { tolerance, alpha }) {
            for index in [knee.best, knee.chosen, knee.low, knee.high] {
                prop_assert!(settings[index].admissible && !settings[index].repeats.is_empty());
            }
            prop_assert!(knee.low <= knee.chosen && knee.chosen <= knee.high);
            prop_assert!(knee.chosen <= knee.best || knee.high >= knee.best);
            prop_assert!(!knee.reason.contains("NaN"));
        }
    }
}
