//! Tests of gates from a thresholds file.

mod machine;
mod precedence;
mod requests;

use bench_report::Report;

use crate::assessment::{Assessment, Gate, GateOutcome};
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use crate::{analysis, cli};

use super::common::save;
use super::{every_pointer_resolves, recorded::is_as_recorded};

/// Returns the assessment of `reports` by the shipped thresholds with those in `text`.
pub(super) fn judged_by(reports: &[Report], text: &str) -> Assessment {
    judged_under(reports, text, None)
}

/// Returns the assessment of `reports` with the expectations of `profile`, as if the user named it.
fn judged_under(reports: &[Report], text: &str, profile: Option<&str>) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    for report in reports {
        save(home.path(), report);
    }
    let file = home.path().join("mine.toml");
    std::fs::write(&file, text).unwrap();
    let thresholds = Thresholds::load(Some(&file)).unwrap();
    let thresholds = match profile {
        Some(name) => thresholds.under(name).unwrap(),
        None => thresholds,
    };
    std::fs::remove_file(file).unwrap();
    let run = RunReports::load(&[home.path().to_owned()]).unwrap();
    let assessment = analysis::assess(&run, &thresholds, cli::tool());
    every_pointer_resolves(&assessment, home.path());
    is_as_recorded(&assessment);
    assessment
}

/// Returns the only gate with the bound `bound`, judged on `reports`, and of the lines `about`.
fn judged(reports: &[Report], bound: &str, about: &str) -> Gate {
    let text = format!("[[gate]]\nid = \"wanted\"\nbound = \"{bound}\"\n{about}\n");
    let assessment = judged_by(reports, &text);
    let wanted = |gate: &&Gate| gate.id.as_deref() == Some("wanted");
    let mut found: Vec<&Gate> = assessment.gates.iter().filter(wanted).collect();
    assert_eq!(found.len(), 1, "{bound} {about}: {:?}", assessment.gates);
    found.remove(0).clone()
}

fn outcome(reports: &[Report], bound: &str, about: &str) -> GateOutcome {
    judged(reports, bound, about).outcome
}

const POSTGRES: &str = "component = \"postgres\"";

/// Returns a gate's reason; panics if it has none.
fn reason(gate: &Gate) -> &str {
    gate.reason.as_deref().unwrap()
}
