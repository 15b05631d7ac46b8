//! Reports of real runs, kept for ever: each can be judged, and what was planted in it is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use bottleneck_analyzer::assessment::{Assessment, FindingKind};
use bottleneck_analyzer::{Run, Thresholds, analysis, cli};

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/bench-report/tests/golden")
}

fn assess(file: &Path) -> Assessment {
    let run = Run::load(&[file.to_owned()]).unwrap();
    analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool())
}

/// Rules that found something in the report of `scenario` of `db-pool-bench`.
fn found(scenario: &str) -> Vec<String> {
    let assessment = assess(&kept().join(format!("db-pool-bench.{scenario}-1.json")));
    let wrong = assessment.findings.iter();
    let wrong = wrong.filter(|finding| finding.kind != FindingKind::Information);
    wrong
        .map(|finding| finding.id.split(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_report_ever_written_can_be_judged() {
    let mut judged = 0;
    for entry in std::fs::read_dir(kept()).unwrap() {
        let file = entry.unwrap().path();
        let assessment = assess(&file);
        assert!(
            !assessment.verdict.headline.is_empty(),
            "{}",
            file.display()
        );
        assert!(
            assessment.all_evidence().next().is_some(),
            "{}: it rests on something",
            file.display()
        );
        assert_eq!(assessment.components.len(), 1, "{}", file.display());
        judged += 1;
    }
    assert!(judged >= 7, "{judged}");
}

#[test]
fn what_was_planted_in_each_is_named() {
    for (scenario, planted) in [
        // A pool of 4 was the largest, and throughput still rose with it.
        ("sweep", "pool_too_small"),
        // Two requests that each take two connections, on a pool of two.
        ("exhaust", "nested_checkout"),
        // Every hundredth arrival kept its connection.
        ("lifecycle", "leaked_connections"),
        // Eight sessions update the one row of pgbench_branches.
        ("observe", "lock_waits"),
    ] {
        let found = found(scenario);
        assert!(
            found.iter().any(|rule| rule == planted),
            "{scenario}: {found:?}"
        );
    }
}
