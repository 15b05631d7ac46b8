//! Tests of the generator's warnings about itself, on steps with made-up CPU times.

#[path = "../../tests/known/mod.rs"]
mod known;

use std::time::Duration;

use bench_report::{Generator, Step, Warning, WarningCode};
use known::{Known, closed, run};

use super::self_check::{examine, saturation};

/// Returns a real step whose CPU figures are replaced: `all` is the used share of its 4 threads,
/// `busiest` that of the busiest thread, both 0 to 1.
fn busy(all: f64, busiest: Option<f64>) -> Step {
    let mut step = run(&closed(1, Duration::from_millis(50)), Known::default()).step;
    step.generator = Generator {
        threads: 4,
        cpu_ratio: all,
        busiest_thread_ratio: busiest,
        ..Generator::default()
    };
    step
}

fn spoils(warning: &Warning, figure: &str) -> bool {
    warning.spoils(&format!("/steps/0/operations/hit/{figure}"))
}

#[test]
fn one_full_thread_among_idle_ones_makes_what_it_drove_doubtful() {
    let step = busy(0.3, Some(Generator::SATURATED_RATIO));
    let doubts = examine(&step, None);
    let of_thread = |w: &&Warning| w.code == WarningCode::GeneratorThreadSaturated;
    let doubt = doubts.iter().find(of_thread).unwrap();
    assert_eq!(doubt.value, Some(Generator::SATURATED_RATIO));
    assert!(
        doubt
            .message
            .contains("the busiest of the generator's 4 threads")
            && doubt.message.contains("90 %"),
        "{}",
        doubt.message
    );
    assert!(spoils(doubt, "throughput_per_s"));
    assert!(!spoils(doubt, "call/percentiles_ns/p50"));
}

#[test]
fn where_all_threads_are_full_nobody_speaks_of_one() {
    let doubt = saturation(&busy(0.95, Some(0.99))).unwrap();
    assert_eq!(doubt.code, WarningCode::GeneratorSaturated);
    assert!(spoils(&doubt, "call/percentiles_ns/p50"));
}

#[test]
fn threads_with_time_to_spare_are_no_doubt_nor_are_those_of_which_nothing_is_known() {
    assert_eq!(saturation(&busy(0.89, Some(0.89))), None);
    assert_eq!(saturation(&busy(0.3, None)), None);
}
