//! Tests of the program as people run it: the files that it writes, its output, and its refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use assert_cmd::Command;
use bench_report::manifest::{Part, PartFile};
use common::{Plant, save};

fn analyze() -> Command {
    let mut command = Command::cargo_bin("bottleneck-analyzer").unwrap();
    command.arg("analyze");
    command
}

fn healthy() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    home
}

/// Runs the program on `path`, which it must refuse. Returns the message on stderr and the exit
/// code; panics if it wrote to stdout.
fn refusal(path: &Path) -> (String, i32) {
    let output = analyze().arg(path).output().unwrap();
    assert!(output.stdout.is_empty());
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(
        !sentence.contains("panic") && !sentence.contains("internal error"),
        "{sentence}"
    );
    (sentence, output.status.code().unwrap())
}

#[test]
fn a_run_gets_an_assessment_and_a_page_beside_its_reports_and_findings_on_stdout() {
    let home = healthy();
    let output = analyze().arg(home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(
        text.contains("Verdict: READY") && text.contains("PostgreSQL sweep"),
        "{text}"
    );
    assert!(home.path().join("report.html").exists());
    let path = home.path().join("assessment.json");
    let assessment: serde_json::Value = bench_report::store::load_json(&path).unwrap();
    assert_eq!(assessment["schema"], "plimsoll.assessment/1");
}

#[test]
fn analyzing_again_reads_the_reports_and_not_its_own_result() {
    let home = healthy();
    analyze().arg(home.path()).assert().success();
    let first = std::fs::read(home.path().join("assessment.json")).unwrap();
    analyze().arg(home.path()).assert().success();
    assert_eq!(
        std::fs::read(home.path().join("assessment.json")).unwrap(),
        first
    );
}

#[test]
fn outputs_go_where_they_are_told_and_quiet_is_quiet() {
    let home = healthy();
    let other = tempfile::tempdir().unwrap();
    let output = other.path().join("a.json");
    let run = analyze()
        .arg(home.path())
        .arg("--output")
        .arg(&output)
        .args(["--no-html", "--quiet"])
        .output()
        .unwrap();
    assert!(run.status.success() && run.stdout.is_empty() && run.stderr.is_empty());
    assert!(output.exists());
    assert!(!home.path().join("report.html").exists());
    let json = analyze()
        .arg(home.path())
        .args(["--no-html", "--format", "json"])
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["verdict"]["readiness"], "ready");
}

#[test]
fn a_gate_that_fails_is_code_3_only_when_asked() {
    let home = tempfile::tempdir().unwrap();
    Plant {
        errors: 0.3,
        ..Plant::default()
    }
    .write(home.path());
    analyze().arg(home.path()).assert().code(0);
    analyze().arg(home.path()).arg("--gate").assert().code(3);
    analyze()
        .arg(healthy().path())
        .arg("--gate")
        .assert()
        .code(0);
}

#[test]
fn what_is_unknown_or_missing_passes_no_gate_but_a_lenient_one() {
    let recording = tempfile::tempdir().unwrap();
    save(recording.path(), &Plant::default().sysmon());
    let few = tempfile::tempdir().unwrap();
    Plant {
        service_ns: 9e8,
        ..Plant::default()
    }
    .write(few.path());
    let killed = healthy();
    let of = ("ws-bench", "limit");
    let part = Part::plan(
        of,
        common::RUN,
        "ws-bench.limit.json",
        "user",
        &["ws-bench"],
    );
    PartFile::create(killed.path(), part).unwrap();
    let never_began = tempfile::tempdir().unwrap();
    let part = Part::plan(
        of,
        common::RUN,
        "ws-bench.limit.json",
        "user",
        &["ws-bench"],
    );
    PartFile::create(never_began.path(), part).unwrap();
    for home in [&recording, &few, &killed, &never_began] {
        // A path after the flag is a path and not the flag's value.
        analyze().arg("--gate").arg(home.path()).assert().code(3);
        analyze()
            .arg("--gate=strict")
            .arg(home.path())
            .assert()
            .code(3);
        analyze()
            .arg(home.path())
            .arg("--gate=lenient")
            .assert()
            .code(0);
        analyze().arg(home.path()).assert().code(0);
    }
    analyze()
        .arg("--gate=some")
        .arg(killed.path())
        .assert()
        .code(2);
    let failing = tempfile::tempdir().unwrap();
    Plant {
        errors: 0.3,
        ..Plant::default()
    }
    .write(failing.path());
    analyze()
        .arg("--gate=lenient")
        .arg(failing.path())
        .assert()
        .code(3);
}

#[test]
fn a_wrong_value_is_told_with_its_file_and_its_place_in_it() {
    let home = healthy();
    let report = home.path().join("redis-bench.cache.json");
    let mut document: serde_json::Value = bench_report::store::load_json(&report).unwrap();
    document["steps"][0]["operations"]["get"]["attempted"] = "many".into();
    std::fs::write(&report, document.to_string()).unwrap();
    let (sentence, code) = refusal(&report);
    let place =
        "redis-bench.cache.json is not a Plimsoll report: steps[0].operations.get.attempted:";
    assert!(
        sentence.contains(place) && sentence.contains("expected u64"),
        "{sentence}"
    );
    assert_eq!(code, 1);
}

#[test]
fn thresholds_of_the_user_decide() {
    let home = healthy();
    let mine = home.path().join("mine.toml");
    std::fs::write(&mine, "[objectives]\nredis_p90_ms = 0.01\n").unwrap();
    analyze()
        .arg(home.path())
        .arg("--gate")
        .arg("--thresholds")
        .arg(&mine)
        .assert()
        .code(3);
    std::fs::write(&mine, "[objectives]\nredis_p9 = 1\n").unwrap();
    let refused = analyze()
        .arg(home.path())
        .arg("--thresholds")
        .arg(&mine)
        .output()
        .unwrap();
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert!(
        sentence.contains("redis_p9") && sentence.contains("Try: "),
        "{sentence}"
    );
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn what_cannot_be_read_is_refused_with_a_remedy() {
    let home = healthy();
    let report = home.path().join("redis-bench.cache.json");
    let whole = std::fs::read_to_string(&report).unwrap();
    let cases: [(&str, &str); 6] = [
        (&whole[..whole.len() / 2], "cut short"),
        (
            &whole.replace("report/1", "report/99"),
            "plimsoll.report/99",
        ),
        ("hello", "not a Plimsoll report"),
        ("{\"a\": 1}", "no `schema`"),
        ("", "cut short"),
        (&whole.replace("redis-bench", "mongo-bench"), "mongo-bench"),
    ];
    for (text, expected) in cases {
        std::fs::write(&report, text).unwrap();
        let (sentence, code) = refusal(&report);
        assert!(
            sentence.contains(expected) && sentence.contains("Try: "),
            "{sentence}"
        );
        assert!(sentence.contains("redis-bench.cache.json"), "{sentence}");
        assert_eq!(code, 1);
        // In a directory the other reports are judged, and the run has no verdict.
        let output = analyze().arg("--gate").arg(home.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Missing: redis-bench.cache.json"), "{text}");
        assert!(text.contains("Verdict: CANNOT TELL"), "{text}");
        assert_eq!(output.status.code(), Some(3));
    }
}

#[test]
fn deep_nesting_and_wrong_types_are_refused_without_a_panic() {
    let home = tempfile::tempdir().unwrap();
    let report = home.path().join("x.json");
    let whole = serde_json::to_string(&Plant::default().redis()).unwrap();
    for text in [
        "[".repeat(100_000),
        whole.replacen("\"steps\":[", "\"steps\":[3,", 1),
        whole.replacen("\"duration_ns\":", "\"duration_ns\":-", 1),
    ] {
        std::fs::write(&report, text).unwrap();
        assert_eq!(refusal(&report).1, 1);
    }
}

#[test]
fn what_is_not_there_is_refused_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    let (missing, code) = refusal(&home.path().join("none"));
    assert!(
        missing.contains("does not exist") && missing.contains("Try: "),
        "{missing}"
    );
    assert_eq!(code, 1);
    let (empty, code) = refusal(home.path());
    assert!(
        empty.contains("holds no report") && empty.contains("Try: "),
        "{empty}"
    );
    assert_eq!(code, 1);
}

#[test]
fn reports_that_do_not_belong_together_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plant = Plant::default();
    save(one.path(), &plant.postgres());
    let mut other = plant.redis();
    other.run_id = "20260315-101500-aaaa".into();
    save(two.path(), &other);
    let output = analyze().arg(one.path()).arg(two.path()).output().unwrap();
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(
        sentence.contains("20260315-101500-aaaa") && sentence.contains("one run at a time"),
        "{sentence}"
    );
    assert_eq!(output.status.code(), Some(1));
    other.clock.boot_id = Some("another".into());
    save(one.path(), &other);
    let (sentence, code) = refusal(one.path());
    assert!(sentence.contains("different boots"), "{sentence}");
    assert_eq!(code, 1);
}

#[test]
fn a_result_never_replaces_a_report() {
    let home = healthy();
    let report = home.path().join("redis-bench.cache.json");
    let before = std::fs::read(&report).unwrap();
    analyze()
        .arg(home.path())
        .arg("--output")
        .arg(&report)
        .assert()
        .code(2);
    assert_eq!(std::fs::read(&report).unwrap(), before);
}

#[test]
fn wrong_usage_is_code_2() {
    analyze().assert().code(2);
    analyze().args(["x", "--no-such-flag"]).assert().code(2);
}
