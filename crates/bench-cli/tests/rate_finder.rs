//! Tests of the search for a rate with a made-up target, from the first step to the report.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::bench::Bench;
use bench_cli::flags::OutputFlags;
use bench_cli::load::{Defaults, LoadFlags};
use bench_cli::{RateFinder, RateStep};
use bench_report::{FoundRate, Load, Operation, Pacing, RateSearchEnd, Step, StepEnd, Window};
use clap::Parser;
use load_engine::RuntimeKind;
use test_support::empty_step;

/// Highest rate that the made-up target serves, in arrivals per second; above it one request in
/// ten fails.
const CARRIED_PER_S: f64 = 700.0;
const DEFAULTS: Defaults = Defaults {
    warmup: Duration::ZERO,
    measure: Duration::from_secs(5),
    repeats: 3,
    runtime: RuntimeKind::Shared,
};

#[derive(Debug, Parser)]
struct SearchCli {
    #[command(flatten)]
    load: LoadFlags,
}

/// Runs a search for the highest rate with less than 1 % of errors, whose steps `run` makes.
/// Returns the found rate in the report, and the number of steps in the report.
fn found(
    run: impl FnMut(&mut Bench, RateStep) -> anyhow::Result<Option<usize>>,
) -> (FoundRate, usize) {
    let home = tempfile::tempdir().unwrap();
    let output = OutputFlags {
        run_dir: Some(home.path().to_owned()),
        quiet: true,
        ..OutputFlags::default()
    };
    let mut bench = Bench::begin("a-bench", "1", "search", &output, BTreeMap::new()).unwrap();
    let load = SearchCli::parse_from(["t", "--find-rate", "errors<1%"]).load;
    let held = (&load.step, DEFAULTS);
    let finder = RateFinder::begin(&mut bench, "pool of 8", &load.search.find_rate, held);
    finder.search(&mut bench, 0, run).unwrap();
    let report = &bench.report;
    assert_eq!(report.summary.found_rates.len(), 1);
    (report.summary.found_rates[0].clone(), report.steps.len())
}

/// Returns the measured step of the made-up target at the rate of `step`.
fn answered(step: RateStep) -> Step {
    let seconds = step.measure.as_secs_f64();
    let attempted = (step.rate_per_s * seconds) as u64;
    let is_carried = step.rate_per_s <= CARRIED_PER_S;
    let failed = if is_carried { 0 } else { attempted / 10 };
    let operation = Operation {
        attempted,
        succeeded: attempted - failed,
        errors: BTreeMap::from([("refused".to_owned(), failed)]),
        throughput_per_s: (attempted - failed) as f64 / seconds,
        ..Operation::default()
    };
    let measured_ns = step.measure.as_nanos() as u64;
    Step {
        repeat: step.repeat,
        load: Load::Open {
            rate_per_s: step.rate_per_s,
            pacing: Pacing::Constant,
            in_flight_cap: 100,
            delayed_at_cap: 0,
        },
        window: Window {
            measure_end_ns: measured_ns,
            end_ns: measured_ns,
            ..Window::default()
        },
        operations: BTreeMap::from([("get".to_owned(), operation)]),
        ..empty_step(&step.name("pool of 8"))
    }
}

#[test]
fn the_rate_that_a_target_carries_is_enclosed_and_held_in_every_repeat() {
    let (found, steps) = found(|bench, step| {
        let (series, warnings) = (Vec::new(), Vec::new());
        Ok(Some(bench.push_step(answered(step), series, warnings)))
    });
    assert_eq!(found.end, RateSearchEnd::Bracketed);
    let (held, broken) = (found.held_per_s.unwrap(), found.broken_per_s.unwrap());
    assert!(held <= CARRIED_PER_S && CARRIED_PER_S < broken, "{found:?}");
    assert!(broken / held <= 1.05, "{found:?}");
    assert_eq!(found.repeats, DEFAULTS.repeats);
    let at_held = found.steps.iter().filter(|tried| tried.rate_per_s == held);
    assert_eq!(at_held.count() as u64, DEFAULTS.repeats);
    let places: Vec<usize> = found.steps.iter().map(|tried| tried.step).collect();
    assert_eq!(places, (0..steps).collect::<Vec<_>>(), "each step once");
}

#[test]
fn steps_that_cannot_begin_are_judged_by_their_reason_and_end_the_search() {
    let (found, steps) = found(|bench, step| {
        let left_out = Step {
            end: StepEnd::Failed {
                reason: "the server has no room".to_owned(),
            },
            ..answered(step)
        };
        bench.push_step(left_out, Vec::new(), Vec::new());
        Ok(None)
    });
    assert_eq!((found.held_per_s, found.broken_per_s), (None, None));
    assert_eq!((found.steps.len(), steps), (2, 2));
    let reasons = found.steps.iter().map(|tried| tried.reason.as_deref());
    let reasons: Vec<&str> = reasons.flatten().collect();
    assert_eq!(reasons, ["the server has no room"; 2]);
}

#[test]
fn a_step_that_a_signal_kept_from_beginning_ends_the_search_unfinished() {
    let mut asked = 0;
    let (found, steps) = found(|_, _| {
        asked += 1;
        Ok(None)
    });
    assert_eq!((asked, steps), (1, 0));
    assert_eq!(found.end, RateSearchEnd::Unfinished);
    assert!(found.steps.is_empty(), "{found:?}");
}
