//! Test that the committed example of an assessment is what the code makes of its reports now.

use std::path::Path;

use crate::assessment::Assessment;
use bench_report::store;

use super::assess_at;

#[test]
fn the_committed_example_is_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/examples/smoke");
    let committed: Assessment = store::load_json(&directory.join("assessment.json")).unwrap();
    let now = Assessment {
        // The committed example was made from another commit of the code.
        tool: committed.tool.clone(),
        ..assess_at(&directory)
    };
    // A number that is written and read back may differ in its last bit.
    let written = serde_json::to_string(&now).unwrap();
    let read_back: Assessment = serde_json::from_str(&written).unwrap();
    assert!(
        committed == read_back,
        "stale; mend it with `bottleneck-analyzer analyze reports/examples/smoke`"
    );
}
