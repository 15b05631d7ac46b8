//! Tests that the walk notices a figure without a source.

use super::figures_without_source;
use crate::assessment::Assessment;
use crate::figures::{duration_ns, percent, plain};
use crate::planted::common::Plant;
use crate::planted::{finding, judge};
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;

/// Returns the figures without a source after `detail` took the place of the explanation of the finding
/// about the CPU of a run in which another program used it.
fn missing(detail: impl Fn(&Assessment) -> String) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let plant = Plant {
        cpu: (0.98, 0.45, 0.1),
        outsider: Some(("report.py".into(), 1.6)),
        ..Plant::default()
    };
    plant.write(home.path());
    let (run, mut assessment): (RunReports, Assessment) = judge(home.path());
    let wrong = detail(&assessment);
    let found = assessment.findings.iter_mut();
    let found = found.filter(|f| f.rule().name() == "cpu_others");
    found.for_each(|f| f.detail.clone_from(&wrong));
    figures_without_source(&assessment, &run, &Thresholds::load(None).unwrap())
}

#[test]
fn a_figure_that_is_evidence_has_a_source() {
    let shown = |assessment: &Assessment| {
        let found = finding(assessment, "cpu_others").unwrap();
        let time = found
            .evidence
            .iter()
            .find(|e| e.pointer.ends_with("cpu_ns"));
        let value = time.unwrap().value.as_f64().unwrap();
        format!("The server used {} of the CPU.", duration_ns(value))
    };
    assert_eq!(missing(shown), Vec::<String>::new());
}

#[test]
fn a_figure_that_is_no_evidence_is_noticed() {
    for (wrong, text) in [
        (format!("It used {} of it.", percent(0.000_777)), "0.078 %"),
        (
            format!("It waited {}.", duration_ns(77_123_456.7)),
            "77.1 ms",
        ),
        (format!("It did so {} times.", plain(7_341.0)), "7341"),
        // Not printed by a formatter.
        ("It used 12.7 % of it.".to_owned(), "12.7 %"),
        ("It did so 7342 times.".to_owned(), "7342"),
    ] {
        let found = missing(|_| wrong.clone());
        assert_eq!(found.len(), 1, "{wrong}: {found:?}");
        assert!(found[0].contains(&format!("`{text}`")), "{found:?}");
    }
}
