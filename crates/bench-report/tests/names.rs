//! Reports that the programs wrote hold no figure, series or column that the registry of names lacks.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use bench_report::names::{self, Place};
use bench_report::{Report, store};

fn reports() -> Vec<(String, Report)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in ["tests/golden", "../../reports/examples/smoke"] {
        for entry in std::fs::read_dir(here.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_report =
                path.extension().is_some_and(|end| end == "json") && name != "assessment.json";
            if is_report {
                found.push((name, store::load(&path).unwrap()));
            }
        }
    }
    found
}

/// Returns the names in `report` that the registry lacks, each with its place.
fn strangers(report: &Report) -> BTreeSet<String> {
    let mut all: Vec<(Place, &str)> = Vec::new();
    all.extend(
        report
            .summary
            .figures
            .keys()
            .map(|n| (Place::Summary, n.as_str())),
    );
    all.extend(
        report
            .series
            .iter()
            .map(|s| (Place::Series, s.name.as_str())),
    );
    let mut unknown = BTreeSet::new();
    for step in &report.steps {
        all.extend(step.figures.keys().map(|n| (Place::Step, n.as_str())));
        let Some(server) = &step.server else { continue };
        all.extend(server.figures.keys().map(|n| (Place::Server, n.as_str())));
        for (name, rows) in &server.tables {
            let Some(table) = names::table(name) else {
                unknown.insert(format!("table {name}"));
                continue;
            };
            let columns = rows
                .iter()
                .flat_map(|row| row.labels.keys().chain(row.figures.keys()));
            all.extend(columns.map(|n| (Place::Table(table), n.as_str())));
        }
    }
    let lacking = all
        .iter()
        .filter(|(place, name)| names::find(*place, name).is_none());
    unknown.extend(lacking.map(|(place, name)| format!("{place}: {name}")));
    unknown
}

#[test]
fn reports_of_every_program_hold_only_names_of_the_registry() {
    let reports = reports();
    assert!(reports.len() >= 10);
    for (file, report) in &reports {
        assert_eq!(strangers(report), BTreeSet::new(), "{file}");
    }
}

#[test]
fn a_name_that_no_program_writes_is_noticed() {
    let (_, mut report) = reports().remove(0);
    report.summary.figures.insert("invented".to_owned(), 1.0);
    assert!(strangers(&report).contains("summary: invented"));
}
