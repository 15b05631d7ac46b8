//! Tests of requests that were never answered: percentiles that fall among them are lower bounds.

use crate::assessment::{ComponentKind, GateOutcome};
use crate::render::{html, terminal};
use bench_report::histogram::recording;
use bench_report::{CensoredPercentiles, Histogram, Report, Warning, WarningCode};

use super::common::{Plant, save};
use super::judge;

/// Returns a healthy run in which 15 % of the requests were never answered. Each of them had waited
/// for `age_ns` nanoseconds when its step ended.
fn hanging(age_ns: u64) -> Report {
    let mut report = Plant::default().postgres();
    for index in 0..report.steps.len() {
        for operation in report.steps[index].operations.values_mut() {
            let finished = operation.call.as_ref().unwrap().decode().unwrap();
            let count = finished.len() * 15 / 85;
            let mut unfinished = recording();
            unfinished.saturating_record_n(age_ns, count);
            operation.censored = count;
            operation.attempted += count;
            operation.unfinished = Histogram::from_recording(&unfinished);
            operation.with_censored = CensoredPercentiles::from_recordings(&finished, &unfinished);
        }
        let doubt = Warning::new(WarningCode::Censored, "arrivals were not over");
        let spoilt = [
            "operations/*/response/percentiles_ns",
            "operations/*/call/percentiles_ns",
        ];
        report.warnings.push(doubt.about_step(index, &spoilt));
    }
    report
}

#[test]
fn a_bound_above_the_gate_fails_it_and_one_below_leaves_it_unknown() {
    for (age_ns, outcome) in [
        (9_800_000_000, GateOutcome::Fail),
        (100_000_000, GateOutcome::Unknown),
    ] {
        let home = tempfile::tempdir().unwrap();
        save(home.path(), &hanging(age_ns));
        let (_, assessment) = judge(home.path());
        let mut gates = assessment.gates.iter();
        let latency = gates
            .find(|gate| gate.name == "postgres.sweep.p90")
            .unwrap();
        assert_eq!(latency.outcome, outcome, "{latency:?}");
        assert!(
            latency.evidence[0]
                .pointer
                .contains("/with_censored/percentiles_ns/p90")
        );
        if outcome == GateOutcome::Unknown {
            assert!(latency.reason.as_ref().unwrap().contains("never answered"));
        }
    }
}

#[test]
fn a_bound_is_shown_as_one_and_nothing_is_promised_on_it() {
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &hanging(9_800_000_000));
    let (run, assessment) = judge(home.path());
    let mut components = assessment.components.iter();
    let postgres = components
        .find(|c| c.component == ComponentKind::Postgres)
        .unwrap();
    let point = postgres.operating_point.as_ref().unwrap();
    assert_eq!(point.at_least, ["p95", "p99"]);
    let text = terminal::render(&assessment);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("p90 of write, at least 9.80 s"), "{text}");
    let page = html::page(&run, &assessment);
    for shown in [&text, &page] {
        assert!(shown.contains("p99 ≥"), "{shown}");
        assert!(!shown.contains("p99 at most"), "{shown}");
    }
    assert!(page.contains("requests were never answered"));
}
