//! The committed schema is the one the types have, and every report ever written stays readable.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_json_schema_is_the_one_of_the_types() {
    let committed = std::fs::read_to_string(root().join("docs/schema/report-1.json")).unwrap();
    let committed: serde_json::Value = serde_json::from_str(&committed).unwrap();
    let types = serde_json::to_value(schemars::schema_for!(bench_report::Report)).unwrap();
    assert!(
        committed == types,
        "docs/schema/report-1.json is stale; mend it with `make schema`"
    );
}

#[test]
fn golden_reports_of_every_version_stay_readable() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut read = 0;
    for entry in std::fs::read_dir(golden).unwrap() {
        let report = bench_report::store::load(&entry.unwrap().path()).unwrap();
        assert!(!report.steps.is_empty() || !report.series.is_empty());
        for operation in report.steps.iter().flat_map(|s| s.operations.values()) {
            let latency = operation.latency().unwrap();
            let decoded = latency.decode().unwrap();
            assert_eq!(decoded.value_at_quantile(0.99), latency.percentiles_ns.p99);
        }
        read += 1;
    }
    assert!(read > 0);
}
