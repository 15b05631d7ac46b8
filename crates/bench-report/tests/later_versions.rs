//! Reports of later minor versions: what this version does not know never refuses the report.
#![allow(clippy::unwrap_used, clippy::panic)]

use bench_report::manifest::{self, PartStatus};
use bench_report::{
    CurveUnit, GrowthVerdict, LimitOwner, Load, Pacing, RateSearchEnd, RateVerdict, Report, Status,
    StepEnd, Warning, WarningCode, store,
};
use serde_json::{Value, json};

/// Reads a report of a later version: the golden report with the value at `pointer` replaced.
fn later(pointer: &str, value: Value) -> Report {
    let whole = include_str!("golden/redis-bench.cache-1.json");
    let mut document: Value = serde_json::from_str(whole).unwrap();
    document["schema"] = "plimsoll.report/1.4".into();
    document["of_a_later_version"] = json!({"a": [1, 2]});
    document["steps"][0]["of_a_later_version"] = json!(7);
    *document.pointer_mut(pointer).unwrap() = value;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("r.json");
    std::fs::write(&path, document.to_string()).unwrap();
    store::load(&path).unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

#[test]
fn a_value_of_a_later_version_is_read_as_unknown() {
    let ended = later("/status", json!("paused"));
    assert_eq!(ended.status, Status::Unknown);
    let warning = json!([{"code": "clock_of_the_moon", "message": "odd", "spoils": ["/steps/0"]}]);
    let warned = later("/warnings", warning);
    assert_eq!(warned.warnings[0].code, WarningCode::Unknown);
    assert!(warned.warnings[0].spoils("/steps/0/generator"));
    let load = later("/steps/0/load", json!({"model": "held", "connections": 9}));
    assert_eq!(load.steps[0].load, Load::Unknown);
    let end = later("/steps/0/end", json!({"how": "handed_over", "to": "b"}));
    assert_eq!(end.steps[0].end, StepEnd::Unknown);
}

#[test]
fn a_verdict_of_a_later_version_is_the_weakest_known_one() {
    fn read<T: serde::de::DeserializeOwned>() -> T {
        serde_json::from_value(json!("of_a_later_version")).unwrap()
    }
    assert_eq!(read::<RateVerdict>(), RateVerdict::Doubtful);
    assert_eq!(read::<RateSearchEnd>(), RateSearchEnd::NotJudged);
    assert_eq!(read::<GrowthVerdict>(), GrowthVerdict::Growing);
    assert_eq!(read::<LimitOwner>(), LimitOwner::Unknown);
    assert_eq!(read::<CurveUnit>(), CurveUnit::Unknown);
    assert_eq!(read::<Pacing>(), Pacing::Poisson);
    let status = json!({"state": "paused", "until": "noon"});
    assert_eq!(
        serde_json::from_value::<PartStatus>(status).unwrap(),
        PartStatus::Failed
    );
    assert_eq!(manifest::DIRECTORY, "manifest");
}

#[test]
fn every_warning_reads_back_by_its_own_name() {
    for code in [
        WarningCode::PacingLag,
        WarningCode::WorkerLate,
        WarningCode::Unknown,
    ] {
        let written = serde_json::to_value(Warning::new(code, "x")).unwrap();
        assert_eq!(
            serde_json::from_value::<Warning>(written).unwrap().code,
            code
        );
    }
}
