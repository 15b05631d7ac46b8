//! Tests of Redis: misses, evictions, its main thread, the cost of a pool.

use crate::assessment::{ComponentKind, FindingKind, Readiness};

use super::common::{Plant, save};
use super::gates::judged_by;
use super::{assess, assess_at, factor, finding, named};

#[test]
fn a_cache_that_misses_because_keys_are_evicted_has_the_miss_under_the_eviction() {
    let assessment = assess(&Plant {
        hit_ratio: 0.55,
        evicted: 6_000.0,
        ..Plant::default()
    });
    assert_eq!(named(&assessment), ["evictions", "low_hit_ratio"]);
    assert_eq!(
        assessment.findings[1].parent.as_ref(),
        Some(&assessment.findings[0].id)
    );
    assert_eq!(assessment.verdict.readiness, Readiness::NotReady);
    let missed = assess(&Plant {
        hit_ratio: 0.55,
        ..Plant::default()
    });
    assert_eq!(named(&missed), ["low_hit_ratio"]);
}

#[test]
fn redis_s_main_thread_can_be_full_on_a_machine_that_is_not() {
    let assessment = assess(&Plant {
        redis_main_thread: 0.98,
        ..Plant::default()
    });
    assert_eq!(
        factor(&assessment, ComponentKind::Redis),
        "redis_main_thread"
    );
}

/// The report says that the generator's busiest thread was 97 % busy while others were not, as
/// where many users share one connection. That thread is the limiting factor.
#[test]
fn one_full_thread_of_the_generator_is_its_limit_though_others_idle() {
    let home = tempfile::tempdir().unwrap();
    let plant = Plant::default();
    plant.write(home.path());
    let mut report = plant.redis();
    for step in &mut report.steps {
        step.generator.busiest_thread_ratio = Some(0.97);
    }
    save(home.path(), &report);
    let assessment = assess_at(home.path());
    assert_eq!(
        factor(&assessment, ComponentKind::Redis),
        "generator_thread"
    );
}

#[test]
fn what_a_pool_costs_beside_multiplexing_is_information() {
    let assessment = assess(&Plant {
        multiplexed_gain: 1.6,
        ..Plant::default()
    });
    let found = assessment
        .findings
        .iter()
        .find(|f| f.rule() == "checkout_cost");
    assert_eq!(found.unwrap().kind, FindingKind::Information);
}

/// The pool carries 20,000 commands a second at its best.
#[test]
fn a_pool_costs_throughput_from_the_bound_on_by_which_one_connection_carries_more() {
    let told = |shared_per_s: f64| {
        let mut report = Plant::default().redis();
        for step in &mut report.steps {
            let per_s = match step.parameter("pool_size") {
                Some(size) => 2_500.0 * size,
                None => shared_per_s,
            };
            for (name, operation) in &mut step.operations {
                let is_get = name == "get";
                operation.throughput_per_s = if is_get { per_s - 2_000.0 } else { 1_000.0 };
            }
        }
        let bound = "[pool]\ncheckout_cost_ratio = 0.25\n";
        let assessment = judged_by(&[report], bound);
        finding(&assessment, "checkout_cost").cloned()
    };
    assert!(told(24_999.0).is_none());
    let found = told(25_000.0).unwrap();
    // 5,000 of 25,000 commands a second are lost.
    let lost = found.impact.unwrap().ratio;
    assert!((lost - 0.2).abs() < 1e-9, "{lost}");
}

#[test]
fn what_a_pool_costs_is_told_without_advice_that_cannot_be_followed() {
    let assessment = assess(&Plant {
        multiplexed_gain: 1.6,
        ..Plant::default()
    });
    let found = finding(&assessment, "checkout_cost").unwrap();
    let advice = found.advice.as_ref().unwrap();
    assert!(
        !advice.actions.iter().any(|a| a.contains("turn off")),
        "{advice:?}"
    );
    assert!(!advice.expected_gain.contains("CPU"), "{advice:?}");
}
