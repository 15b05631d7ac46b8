//! Invariants that hold for any input, however senseless.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;
use statistics::knee::{KneeOptions, KneeSetting, find};
use statistics::{
    bootstrap_interval, effective_sample_size, mann_whitney, mean, mean_interval, median_interval,
    minimum_detectable_difference, percentile, queue, ratio_interval, stdev, usl, warmup_cut,
    welch,
};

/// Any float at all: NaN, infinities, subnormals.
fn anything() -> impl Strategy<Value = Vec<f64>> {
    vec(any::<f64>(), 0..24)
}

/// Numbers as they are measured, with ties.
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
            mean(&a), stdev(&a), percentile(&a, q), effective_sample_size(&a),
            minimum_detectable_difference(&a, b.len(), q, 0.8),
            bootstrap_interval(&a, |s| s[0], q, 10, 1).map(|i| i.width()),
            mean_interval(&a, q).map(|e| e.mean + e.interval.low),
            median_interval(&a, q).map(|e| e.median + e.confidence),
            welch(&a, &b).map(|c| c.difference + c.p_value),
            mann_whitney(&a, &b).map(|c| c.u + c.p_value),
            queue::erlang_c(b.len(), q), queue::mmc_wait(b.len(), q, 1e6),
        ];
        prop_assert!(single.into_iter().flatten().all(|value| !value.is_nan()));
        let pairs: Vec<_> = a.iter().copied().zip(b.iter().copied()).collect();
        prop_assert!(ratio_interval(&pairs, 0.9).is_none_or(|e| e.interval.contains(e.mean)));
        if let Ok(law) = usl::fit(&pairs) {
            prop_assert!(law.lambda > 0.0 && (0.0..1.0).contains(&law.sigma) && law.kappa >= 0.0);
        }
    }

    #[test]
    fn an_interval_contains_its_estimate(samples in measured(), confidence in 0.5..0.999_f64) {
        let estimate = mean_interval(&samples, confidence).unwrap();
        prop_assert!(estimate.interval.contains(estimate.mean));
        let wider = mean_interval(&samples, f64::midpoint(confidence, 1.0)).unwrap();
        prop_assert!(wider.half_width() >= estimate.half_width());
        if let Some(estimate) = median_interval(&samples, confidence) {
            prop_assert!(estimate.interval.contains(estimate.median));
            prop_assert!(estimate.confidence >= confidence);
        }
    }

    #[test]
    fn p_values_are_probabilities_and_do_not_depend_on_the_side(a in measured(), b in measured()) {
        let (there, back) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
        prop_assert!((0.0..=1.0).contains(&there.p_value));
        prop_assert!((there.p_value - back.p_value).abs() < 1e-9);
        prop_assert!((there.u + back.u - (a.len() * b.len()) as f64).abs() < 1e-9);
        if let Some(comparison) = welch(&a, &b) {
            prop_assert!((0.0..=1.0).contains(&comparison.p_value));
            prop_assert!(comparison.interval.contains(comparison.difference));
            let significant = comparison.p_value < 0.05 - 1e-6;
            prop_assert!(!(significant && comparison.interval.contains(0.0)));
        }
    }

    #[test]
    fn a_series_counts_for_at_most_its_length(samples in vec(0.0..1.0_f64, 20..300)) {
        let size = effective_sample_size(&samples).unwrap();
        prop_assert!((1.0..=samples.len() as f64).contains(&size));
        prop_assert!(warmup_cut(&samples).is_none_or(|cut| 2 * cut < samples.len()));
    }

    #[test]
    fn waiting_is_a_probability_that_more_servers_lower(servers in 1..300_usize, busy in 0.0..1.0_f64) {
        let load = busy * servers as f64;
        let waiting = queue::erlang_c(servers, load).unwrap();
        prop_assert!((0.0..=1.0).contains(&waiting));
        prop_assert!(queue::erlang_c(servers + 1, load).unwrap() <= waiting);
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
            prop_assert!(!knee.reason.to_string().contains("NaN"));
        }
    }
}
