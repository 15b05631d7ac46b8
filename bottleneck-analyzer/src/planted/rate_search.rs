//! Tests of searches for a rate: steps that were overloaded on purpose may be evidence for the result only.

use crate::assessment::{Assessment, ComponentKind, Confidence, FindingKind, GateOutcome};
use crate::render::{html, terminal};
use bench_report::{
    FailureSample, FoundRate, Load, Pacing, Parameter, RateSearchEnd, RateVerdict, Recommendation,
    Report, StepEnd, TriedRate, Warning, WarningCode,
};

use super::common::parts::{SECOND, begin, generator, hist, operation, step};
use super::common::{START, save};
use super::{assess_reports, factor, finding, gate, judge, named, promise};

const BOUND: &str = "p99<20ms";

/// Step of a search: rate in arrivals per second, mean time of a request in milliseconds, and
/// verdict.
type Tried = (f64, f64, RateVerdict);

/// Creates a report of `redis-bench pool` with one search for each entry of `searches`: the size of
/// the pool, and the steps in the order in which they were tried.
fn searched(searches: &[(u64, &[Tried])]) -> Report {
    let mut report = begin("redis-bench", "pool", START);
    report.config.insert("url".into(), "throwaway".into());
    for (size, tried) in searches {
        let first = report.steps.len();
        tried
            .iter()
            .for_each(|tried| add_step(&mut report, *size, *tried));
        let found = found(*size, tried, first);
        let held = found.held_per_s;
        let steps = found
            .steps
            .iter()
            .filter(|tried| Some(tried.rate_per_s) == held);
        report.summary.recommendations.push(Recommendation {
            subject: found.subject.clone(),
            parameter: "rate_per_s".to_owned(),
            value: held,
            low: held,
            high: found.broken_per_s,
            throughput_per_s: held,
            detectable_difference_ratio: None,
            reason: found.reason.clone(),
            steps: steps.map(|tried| tried.step).collect(),
        });
        report.summary.found_rates.push(found);
    }
    report
}

fn add_step(report: &mut Report, size: u64, (rate, ms, verdict): Tried) {
    let start_ns = START + report.steps.len() as u64 * 40 * SECOND;
    let mut step = step(&format!("pool of {size} at {rate}/s"), start_ns);
    step.window.measure_end_ns = step.window.measure_start_ns + 30 * SECOND;
    step.window.end_ns = step.window.measure_end_ns + SECOND;
    for (name, value) in [("pool_size", size), ("rate_per_s", rate as u64)] {
        step.parameters
            .insert(name.into(), Parameter::Integer(value));
    }
    step.parameters.insert("client".into(), "pooled".into());
    step.load = Load::Open {
        rate_per_s: rate,
        pacing: Pacing::Constant,
        in_flight_cap: 64,
        delayed_at_cap: 0,
    };
    let is_over = verdict == RateVerdict::Broken;
    let carried = if is_over { 0.7 * rate } else { rate };
    let mut get = operation(carried, ms * 1e6);
    get.attempted = (30.0 * rate) as u64;
    get.succeeded = (30.0 * carried) as u64;
    get.response = hist(ms * 1e6, get.succeeded);
    if is_over {
        get.errors
            .insert("timeout.checkout".into(), get.attempted - get.succeeded);
        step.failures.push(FailureSample {
            at_ns: step.window.measure_end_ns,
            operation: "get".into(),
            phase: "call".into(),
            kind: "timeout.checkout".into(),
            message: "no connection was free".into(),
            detail: None,
            statement: None,
        });
        step.end = StepEnd::Stopped {
            rule: "errors>10%".into(),
            reason: "300 of 1000 requests failed".into(),
        };
    }
    step.operations.insert("get".into(), get);
    step.generator = generator(0.2);
    if verdict != RateVerdict::Held {
        let warning = Warning::new(WarningCode::PacingLag, "arrivals were released late");
        let warning = warning.about_step(report.steps.len(), &["operations"]);
        report.warnings.push(warning);
    }
    let same = report
        .steps
        .iter()
        .filter(|s| s.parameters == step.parameters);
    step.repeat = same.count() as u64;
    report.steps.push(step);
}

fn found(size: u64, tried: &[Tried], first: usize) -> FoundRate {
    let steps = tried
        .iter()
        .enumerate()
        .map(|(place, (rate, ms, verdict))| TriedRate {
            step: first + place,
            rate_per_s: *rate,
            verdict: *verdict,
            reason: (*verdict != RateVerdict::Held).then(|| format!("p99 was {ms} ms")),
        });
    let at = |wanted: RateVerdict| {
        let rates = tried.iter().filter(move |(.., verdict)| *verdict == wanted);
        rates.map(|(rate, ..)| *rate)
    };
    let held_per_s = at(RateVerdict::Held).max_by(f64::total_cmp);
    let broken_per_s = at(RateVerdict::Broken).min_by(f64::total_cmp);
    let (end, reason) = match (held_per_s, broken_per_s) {
        (Some(_), Some(_)) => (
            RateSearchEnd::Bracketed,
            "between 1,000 and 1,050 requests/s: at 1,050/s p99 was 900 ms",
        ),
        (None, Some(_)) => (
            RateSearchEnd::NotMet,
            "not met at the lowest rate tried: at 20/s p99 was 90 ms",
        ),
        (Some(_), None) => (
            RateSearchEnd::NotJudgedAbove,
            "at least 1,000 requests/s, and no limit of the target's was found",
        ),
        (None, None) => (
            RateSearchEnd::NotJudged,
            "unknown, as no rate could be judged",
        ),
    };
    FoundRate {
        subject: format!("pool of {size}"),
        objectives: vec![BOUND.into()],
        repeats: 2,
        held_per_s,
        broken_per_s,
        end,
        reason: reason.to_owned(),
        steps: steps.collect(),
    }
}

const HELD: Tried = (1_000.0, 2.0, RateVerdict::Held);
const BROKEN: Tried = (1_050.0, 900.0, RateVerdict::Broken);

/// Creates the report of a search with a pool of 8 that found its limit, after an overloaded step
/// and a step that could not be judged.
fn bracketed() -> Report {
    let spoilt = (1_000.0, 40.0, RateVerdict::Doubtful);
    let overload = (1_600.0, 4_000.0, RateVerdict::Broken);
    let low = (400.0, 1.0, RateVerdict::Held);
    searched(&[(8, &[low, overload, spoilt, HELD, BROKEN, HELD])])
}

fn text(assessment: &Assessment) -> String {
    let text = terminal::render(assessment);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn overloaded_steps_of_a_search_are_no_problem_and_no_doubt() {
    let assessment = assess_reports(&[bracketed()]);
    assert_eq!(named(&assessment), [""; 0], "{:?}", assessment.findings);
    let [component] = &*assessment.components else {
        panic!("{:?}", assessment.components);
    };
    let point = component.operating_point.as_ref().unwrap();
    assert!([3, 5].contains(&point.step), "{point:?}");
    assert_eq!(
        point.spread.as_ref().unwrap().repeats,
        2,
        "the spoilt one is none"
    );
    assert_eq!((point.low, point.high), (Some(1_000.0), Some(1_050.0)));
    assert_eq!(point.error_ratio, Some(0.0));
    for name in ["redis.pool.p90", "redis.pool.errors"] {
        assert_eq!(gate(&assessment, name).outcome, GateOutcome::Pass, "{name}");
    }
    assert_eq!(factor(&assessment, ComponentKind::Redis), "offered_rate");
    let p99 = promise(&assessment, ComponentKind::Redis, "latency_p99").unwrap();
    assert!(p99.value.is_some(), "{p99:?}");
    assert!(
        p99.basis.contains("the rate that the search found"),
        "{p99:?}"
    );
    assert!(assessment.spoiled.iter().all(|s| !s.touches_a_conclusion));
    let text = text(&assessment);
    assert!(
        !text.contains("Doubtful among") && !text.to_lowercase().contains("the stop rule"),
        "{text}"
    );
}

#[test]
fn the_interval_is_told_with_the_step_that_broke_as_one_that_was_tried() {
    let assessment = assess_reports(&[bracketed()]);
    let found = finding(&assessment, "found_rate").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    let told = "pool of 8 keeps p99<20ms up to a rate between 1,000 and 1,050 requests/s: \
                at 1,050/s p99 was 900 ms";
    assert_eq!(found.title, told);
    let evidence: Vec<(&str, &str)> = found
        .evidence
        .iter()
        .map(|e| (e.label.as_str(), e.pointer.as_str()))
        .collect();
    let tried = (
        "there, tried by the search",
        "/summary/found_rates/0/steps/4/reason",
    );
    assert_eq!(evidence.len(), 3);
    assert_eq!(evidence[2], tried);
    assert!(text(&assessment).contains("keeps p99<20ms up to a rate between"));
}

#[test]
fn the_page_draws_a_search_as_a_search() {
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &bracketed());
    let (run, assessment) = judge(home.path());
    let page = html::page(&run, &assessment);
    for shown in [
        "Redis pool: p99 by rate, as searched",
        "bound p99\\u003c20ms",
        "found for pool of 8",
        "tried by the search: broke a bound",
        "tried by the search: not judged",
        "result of the search",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("throughput by rate"), "no sweep");
}

#[test]
fn bounds_that_no_rate_keeps_are_a_problem_at_the_lowest_one() {
    let high = (100.0, 900.0, RateVerdict::Broken);
    let low = (20.0, 90.0, RateVerdict::Broken);
    let assessment = assess_reports(&[searched(&[(8, &[high, low])])]);
    let found = finding(&assessment, "found_rate").unwrap();
    assert_eq!(found.kind, FindingKind::Problem);
    assert_eq!(found.title, "pool of 8 keeps p99<20ms at no rate");
    let spoilt = found.evidence.iter().any(|e| e.spoiled);
    assert_eq!(
        (spoilt, found.confidence),
        (true, Confidence::Low),
        "the generator was late"
    );
    // The failures at the lowest rate count, those under overload do not.
    let errors = finding(&assessment, "errors_past_objective").unwrap();
    assert!(errors.detail.contains("in 1 step."), "{}", errors.detail);
    assert!(finding(&assessment, "stopped_by_rule").is_none());
    assert!(text(&assessment).contains("not met at the lowest rate tried"));
}

/// Returns the question about the limit that the search left open, and what would answer it.
fn asked(assessment: &Assessment) -> (&str, &str) {
    let mut all = assessment.unknown.iter();
    let asked = all.find(|u| u.rule == "found_rate").unwrap();
    (asked.question.as_str(), asked.to_find_out.as_str())
}

#[test]
fn a_rate_that_held_below_what_the_generator_spoilt_is_told_and_the_limit_is_asked_for() {
    let above = searched(&[(8, &[HELD])]);
    let assessment = assess_reports(std::slice::from_ref(&above));
    let found = finding(&assessment, "found_rate").unwrap();
    let told = "pool of 8 keeps p99<20ms at a rate of at least 1,000 requests/s, and no limit of the \
                target's was found";
    assert_eq!(found.title, told);
    assert_eq!(found.kind, FindingKind::Information);
    assert_eq!(found.confidence, Confidence::High);
    let (question, to_find_out) = asked(&assessment);
    assert!(
        question.ends_with("the generator spoilt what is above the rate that held"),
        "{question}"
    );
    assert!(to_find_out.contains("--workers"), "{to_find_out}");
    // A rate that held once may be a chance.
    let mut once = above;
    once.summary.found_rates[0].repeats = 1;
    let assessment = assess_reports(&[once]);
    let found = finding(&assessment, "found_rate").unwrap();
    assert_eq!(found.confidence, Confidence::Medium);
    // Where no rate could be judged, none is told.
    let spoilt = (1_000.0, 40.0, RateVerdict::Doubtful);
    let assessment = assess_reports(&[searched(&[(8, &[spoilt])])]);
    assert!(finding(&assessment, "found_rate").is_none());
    let (question, _) = asked(&assessment);
    assert!(
        question.ends_with("unknown, as no rate could be judged"),
        "{question}"
    );
}

#[test]
fn a_promise_after_a_search_that_found_none_names_the_lowest_rate() {
    let mut report = searched(&[(8, &[HELD])]);
    let search = &mut report.summary.found_rates[0];
    (search.end, search.held_per_s) = (RateSearchEnd::NotMet, None);
    search.steps[0].verdict = RateVerdict::Broken;
    let assessment = assess_reports(&[report]);
    let throughput = promise(&assessment, ComponentKind::Redis, "throughput").unwrap();
    let place = "at the lowest rate that the search tried";
    assert!(throughput.basis.ends_with(place), "{throughput:?}");
}

#[test]
fn pools_are_compared_by_the_limits_that_were_found_and_by_nothing_else() {
    let larger = (2_000.0, 2.0, RateVerdict::Held);
    let past = (2_100.0, 900.0, RateVerdict::Broken);
    let report = searched(&[(4, &[HELD, BROKEN]), (8, &[larger, past])]);
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &report);
    let (run, assessment) = judge(home.path());
    let page = html::page(&run, &assessment);
    assert!(page.contains("Redis pool: throughput by pool size"));
    let sweeps = crate::sweep::Sweep::from_report(&report);
    let settings: Vec<_> = sweeps[0]
        .settings
        .iter()
        .map(|s| (s.value, s.steps.clone()))
        .collect();
    assert_eq!(settings, [(4.0, vec![0]), (8.0, vec![2])]);
    // A search without a limit has nothing to compare.
    let open = searched(&[(4, &[HELD, BROKEN]), (8, &[larger])]);
    let sweeps = crate::sweep::Sweep::from_report(&open);
    assert_eq!(sweeps[0].settings.len(), 1);
    assert!(super::is_unknown(&assess_reports(&[open]), "found_rate"));
}
