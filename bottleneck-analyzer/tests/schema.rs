//! Test that the committed schema is the schema of the types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

#[test]
fn the_committed_json_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/assessment-1.json");
    let committed: serde_json::Value = bench_report::store::load_json(&path).unwrap();
    let types = serde_json::to_value(bottleneck_analyzer::assessment_schema()).unwrap();
    assert!(
        committed == types,
        "docs/schema/assessment-1.json is stale; mend it with `make schema`"
    );
}
