//! Tests of thresholds, gates and profiles as people use them: flags, exit codes, files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use bench_report::manifest::{Part, PartFile, PartStatus};
use common::{Plant, RUN};

fn analyze(arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("bottleneck-analyzer").unwrap();
    command.arg("analyze").args(arguments).output().unwrap()
}

fn planted(errors: f64) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    Plant {
        errors,
        ..Plant::default()
    }
    .write(home.path());
    home
}

/// Analyzes `home` by the thresholds `text`. Returns the exit code, stdout and stderr.
fn gated(home: &Path, text: &str) -> (i32, String, String) {
    let file = tempfile::tempdir().unwrap();
    let file = file.path().join("mine.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let arguments = [
        "--gate=lenient",
        "--thresholds",
        &file,
        &home.display().to_string(),
    ];
    said(&analyze(&arguments))
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_thresholds_that_are_printed_are_accepted_back_unchanged() {
    let (code, printed, _) = said(&analyze(&["--print-thresholds"]));
    assert_eq!(code, 0);
    assert!(
        printed.contains("# a database call, nine of ten"),
        "{printed}"
    );
    let home = planted(0.0);
    let directory = home.path().display().to_string();
    let assessment = |output: Output| {
        assert!(output.status.success());
        std::fs::read_to_string(home.path().join("assessment.json")).unwrap()
    };
    let shipped = assessment(analyze(&[&directory]));
    let file = home.path().join("printed.toml");
    std::fs::write(&file, printed).unwrap();
    let file = file.display().to_string();
    assert_eq!(
        assessment(analyze(&["--thresholds", &file, &directory])),
        shipped
    );
    let (code, _, refused) = said(&analyze(&["--print-thresholds", &directory]));
    assert_eq!(code, 2, "{refused}");
}

#[test]
fn a_gate_of_the_users_file_decides_on_the_exit_code_and_is_named_with_its_id() {
    let home = planted(0.0);
    let gate =
        |bound: &str| format!("[[gate]]\nid = \"9.3\"\ntitle = \"fast\"\nbound = \"{bound}\"\n");
    let (code, text, _) = gated(home.path(), &gate("p99 < 5s"));
    assert_eq!(code, 0, "{text}");
    let (code, text, _) = gated(home.path(), &gate("p99 < 1us"));
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("FAIL PostgreSQL 9.3 fast: p99 below"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let page = std::fs::read_to_string(home.path().join("report.html")).unwrap();
    assert!(page.contains("9.3 fast: p99 below"));
    let path = home.path().join("assessment.json");
    let assessment: serde_json::Value = bench_report::store::load_json(&path).unwrap();
    let gates = assessment["gates"].as_array().unwrap();
    assert!(
        gates
            .iter()
            .any(|g| g["id"] == "9.3" && g["outcome"] == "fail")
    );
}

#[test]
fn a_bound_that_cannot_be_used_is_refused_with_file_line_and_what_to_write() {
    let home = planted(0.0);
    for (text, line, advice) in [
        ("[objectives]\nerror_ratio = nan\n", 2, "error_ratio = 0.01"),
        ("[[gate]]\nbound = \"p100 < 5s\"\n", 2, "p99.99"),
        ("[cpu]\n\nwarning_ratio = 0.99\n", 3, "cpu.critical_ratio"),
    ] {
        let (code, out, refused) = gated(home.path(), text);
        assert_eq!((code, out.as_str()), (1, ""), "{refused}");
        assert!(
            refused.contains(&format!("mine.toml:{line}: ")),
            "{refused}"
        );
        let (_, told) = refused.split_once("Try: ").unwrap();
        assert!(told.contains(advice), "{refused}");
    }
    assert!(!home.path().join("assessment.json").exists());
}

#[test]
fn the_profile_of_the_manifest_or_of_the_flag_sets_what_is_expected() {
    let home = planted(0.1);
    let directory = home.path().display().to_string();
    let code = |more: &[&str]| {
        let arguments = [&["--gate=lenient", directory.as_str()], more].concat();
        said(&analyze(&arguments)).0
    };
    assert_eq!(code(&[]), 3, "10 % of the calls failed");
    assert_eq!(code(&["--profile", "stress"]), 0, "80 % have to succeed");
    let (unknown, _, told) = said(&analyze(&["--profile", "stres", &directory]));
    assert_eq!(unknown, 2, "{told}");
    assert!(told.contains("Try: ") && told.contains("stress"), "{told}");
    for (tool, scenario) in [
        ("db-pool-bench", "sweep"),
        ("redis-bench", "cache"),
        ("ws-bench", "limit"),
        ("sysmon", "record"),
    ] {
        let report = format!("{tool}.{scenario}.json");
        let part = Part {
            profile: Some("stress".into()),
            status: PartStatus::Done { exit_code: 0 },
            ..Part::plan((tool, scenario), RUN, &report, "plimsoll", &[tool])
        };
        PartFile::create(home.path(), part).unwrap();
    }
    let (manifest, text, _) = said(&analyze(&["--gate=lenient", &directory]));
    assert_eq!(manifest, 0, "{text}");
    assert!(text.contains("[profile stress]"), "{text}");
    assert_eq!(
        code(&["--profile", "normal"]),
        3,
        "the flag comes before the manifest"
    );
}
