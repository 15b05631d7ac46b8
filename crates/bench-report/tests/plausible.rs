//! Golden reports of every tool and version have nothing that cannot be.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use bench_report::store;

#[test]
fn every_golden_report_can_be() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut read = 0;
    for directory in ["tests/golden", "../../reports/examples/smoke"] {
        for entry in std::fs::read_dir(here.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            if !is_json || name == "assessment.json" {
                continue;
            }
            let document = store::load_document(&path).unwrap();
            assert_eq!(document.faults(), [], "{name}");
            read += 1;
        }
    }
    assert!(read >= 11, "{read}");
}
