//! Tests of missing reports and figures, which prevent a verdict.

use std::path::Path;

use crate::assessment::{Assessment, ComponentKind, GateOutcome, Readiness, Spoiled};
use crate::render::terminal;
use bench_report::manifest::{Part, PartFile, PartStatus};
use bench_report::{Load, Report};

use super::common::{Plant, RUN, coherent, held_for, hist, save};
use super::{assess_at, assess_reports, gate, judge, promise};

/// Parts that a suite plans for the healthy run: program and scenario.
const PLANNED: [(&str, &str); 4] = [
    ("db-pool-bench", "sweep"),
    ("redis-bench", "cache"),
    ("ws-bench", "limit"),
    ("sysmon", "record"),
];

fn plan(directory: &Path, of: (&str, &str), run: &str, status: PartStatus) {
    let report = format!("{}.{}.json", of.0, of.1);
    let part = Part::plan(of, run, &report, "plimsoll", &[of.0, of.1]);
    let mut file = PartFile::create(directory, part).unwrap();
    file.set_status(status).unwrap();
}

/// Writes the healthy run into a temporary directory, with a manifest in which every part is done.
fn whole() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    for of in PLANNED {
        plan(home.path(), of, RUN, PartStatus::Done { exit_code: 0 });
    }
    home
}

/// Panics unless the readiness is `CannotTell` with `reason` as one of the reasons, and the
/// terminal shows both.
fn cannot_be_told(assessment: &Assessment, reason: &str) {
    let verdict = &assessment.verdict;
    assert_eq!(verdict.readiness, Readiness::CannotTell, "{verdict:?}");
    let given = verdict.reasons.iter().any(|r| r.contains(reason));
    assert!(given, "{reason}: {:?}", verdict.reasons);
    assert!(!assessment.every_gate_passed());
    let text = terminal::render(assessment);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("CANNOT TELL") && text.contains(reason),
        "{text}"
    );
}

#[test]
fn a_run_that_did_all_that_its_manifest_names_is_ready() {
    let (_, assessment) = judge(whole().path());
    assert_eq!(assessment.verdict.readiness, Readiness::Ready);
    assert!(assessment.every_gate_passed() && assessment.notes.is_empty());
}

#[test]
fn every_end_of_a_part_but_a_good_one_is_missing() {
    let skipped = "an interrupt came first".to_owned();
    for (status, reason) in [
        (PartStatus::Planned, "never started"),
        (PartStatus::Running, "unfinished"),
        (PartStatus::Killed { signal: 9 }, "killed by signal 9"),
        (PartStatus::Done { exit_code: 1 }, "ended with code 1"),
        (PartStatus::Done { exit_code: 3 }, "ended by a guard"),
        (PartStatus::Done { exit_code: 130 }, "interrupted"),
        (PartStatus::Failed, "failed before its result"),
        (
            PartStatus::Skipped { reason: skipped },
            "an interrupt came first",
        ),
    ] {
        let home = whole();
        plan(home.path(), PLANNED[1], RUN, status);
        let assessment = assess_at(home.path());
        cannot_be_told(&assessment, "redis-bench.cache ");
        cannot_be_told(&assessment, reason);
    }
}

#[test]
fn a_bench_that_ends_well_and_writes_no_report_is_missing() {
    let home = whole();
    std::fs::remove_file(home.path().join("ws-bench.limit.json")).unwrap();
    let (_, assessment) = judge(home.path());
    cannot_be_told(&assessment, "ws-bench.limit wrote no report");
    for of in PLANNED {
        let report = home.path().join(format!("{}.{}.json", of.0, of.1));
        let _ = std::fs::remove_file(report);
    }
    let (_, assessment) = judge(home.path());
    cannot_be_told(&assessment, "db-pool-bench.sweep wrote no report");
    assert_eq!(assessment.run_id, RUN);
}

#[test]
fn a_report_of_an_earlier_run_does_not_stand_for_one_that_is_missing() {
    let home = whole();
    let mut old = Plant::default().redis();
    old.run_id = "20260301-080000-0001d".into();
    save(home.path(), &old);
    let assessment = assess_at(home.path());
    cannot_be_told(
        &assessment,
        "redis-bench.cache.json is of run 20260301-080000-0001d",
    );
}

#[test]
fn a_report_that_no_manifest_names_is_judged_and_marked() {
    let home = whole();
    std::fs::remove_file(home.path().join("manifest/redis-bench.cache.json")).unwrap();
    let assessment = assess_at(home.path());
    let verdict = &assessment.verdict;
    assert_eq!(verdict.readiness, Readiness::ReadyWithReservations);
    assert!(assessment.notes[0].contains("redis-bench.cache.json is not in the manifest"));
    let p90 = gate(&assessment, "redis.cache.p90");
    assert_eq!(p90.outcome, GateOutcome::Pass);
}

#[test]
fn a_report_without_a_step_is_missing_among_others_that_are_fine() {
    let plant = Plant::default();
    let mut empty = plant.postgres();
    empty.steps.clear();
    empty.summary.recommendations.clear();
    let all = [empty, plant.redis(), plant.websocket(), plant.sysmon()];
    let assessment = assess_reports(&all);
    cannot_be_told(&assessment, "db-pool-bench.sweep.json holds no step");
}

#[test]
fn a_recording_alone_is_not_ready_for_anything() {
    let assessment = assess_reports(&[Plant::default().sysmon()]);
    assert_eq!(
        gate(&assessment, "machine.memory").outcome,
        GateOutcome::Pass
    );
    cannot_be_told(&assessment, "no load was made");
}

/// Returns the report of an observer: transactions that the server counted, without load of the bench.
fn observed() -> Report {
    let mut report = Plant::default().postgres();
    report.scenario = "observe".into();
    report.summary.recommendations.clear();
    report.steps.truncate(1);
    let step = &mut report.steps[0];
    step.load = Load::Closed {
        users: 0,
        think_time_ns: 0,
    };
    report
}

#[test]
fn what_was_only_watched_gets_no_gate_and_no_promise() {
    let assessment = assess_reports(&[held_for(observed(), 3_600)]);
    assert_eq!(assessment.gates, []);
    assert_eq!(assessment.promises, []);
    cannot_be_told(&assessment, "no load was made");
    let text = terminal::render(&assessment);
    assert!(text.contains("None: no load was measured."), "{text}");
}

#[test]
fn a_second_and_a_half_of_load_promises_nothing() {
    let plant = Plant::default();
    for report in [plant.postgres(), plant.redis(), plant.websocket()] {
        let assessment = assess_reports(&[report]);
        assert!(!assessment.promises.is_empty());
        for promise in &assessment.promises {
            assert_eq!(promise.value, None, "{promise:?}");
            assert!(promise.shown.contains("are needed"), "{promise:?}");
        }
    }
    let long = assess_reports(&[held_for(plant.postgres(), 300)]);
    let availability = promise(&long, ComponentKind::Postgres, "availability").unwrap();
    // Two repeats of 300 s without a failure; each second is one trial.
    assert_eq!(availability.value, Some(0.995));
}

#[test]
fn two_reports_of_one_kind_keep_their_gates_and_promises_apart() {
    let home = tempfile::tempdir().unwrap();
    let quick = held_for(Plant::default().postgres(), 30);
    let slow = Plant {
        service_ns: 2e9 / 10.0,
        ..Plant::default()
    };
    let slow = held_for(slow.postgres(), 30);
    for (name, report) in [("after.json", &quick), ("before.json", &slow)] {
        bench_report::store::save_json(&home.path().join(name), &coherent(report)).unwrap();
    }
    let assessment = assess_at(home.path());
    let mut names: Vec<&str> = assessment.gates.iter().map(|g| &*g.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), assessment.gates.len());
    let measured = |name| gate(&assessment, name).measured;
    assert!(measured("postgres.sweep.after.errors").is_some());
    let promised = |file: &str| {
        let mut all = assessment.promises.iter();
        let promise = all.find(|o| o.indicator == "latency_p95" && o.file.as_deref() == Some(file));
        promise.unwrap().value
    };
    assert_ne!(promised("after.json"), promised("before.json"));
    let text = terminal::render(&assessment);
    let sla = text.split("SLA recommendations").nth(1).unwrap();
    let sla = sla.split("Ruled out").next().unwrap();
    assert_eq!(sla.matches("PostgreSQL sweep (").count(), 2, "{sla}");
    assert_eq!(sla.matches("p95 at most").count(), 2, "{sla}");
}

#[test]
fn the_generators_own_lateness_lets_a_latency_pass_and_never_fail() {
    use bench_report::{Warning, WarningCode};
    for code in [WarningCode::PacingLag, WarningCode::GeneratorStalled] {
        for (service_ns, outcome) in [(1e6, GateOutcome::Pass), (6e8, GateOutcome::Unknown)] {
            let plant = Plant {
                service_ns,
                ..Plant::default()
            };
            let mut report = plant.postgres();
            for step in &mut report.steps {
                for operation in step.operations.values_mut() {
                    operation.call = hist(service_ns, 10_000);
                }
            }
            for index in 0..report.steps.len() {
                let late = Warning::new(code, "late");
                let fields = ["operations/*/call/percentiles_ns/p90"];
                report.warnings.push(late.about_step(index, &fields));
            }
            let assessment = assess_reports(&[report]);
            let p90 = gate(&assessment, "postgres.sweep.p90");
            assert_eq!(p90.outcome, outcome, "{p90:?}");
        }
    }
}

#[test]
fn a_bench_of_which_every_request_fails_fails_its_gate() {
    let mut report = Plant::default().postgres();
    report.summary.recommendations.clear();
    for step in &mut report.steps {
        for operation in step.operations.values_mut() {
            operation.errors = [("sqlstate.22012".to_owned(), operation.attempted)].into();
            (operation.succeeded, operation.throughput_per_s) = (0, 0.0);
            (operation.call, operation.checkout, operation.service) = (None, None, None);
        }
    }
    let assessment = assess_reports(&[report.clone()]);
    let errors = gate(&assessment, "postgres.sweep.errors");
    assert_eq!(
        (errors.outcome, errors.measured),
        (GateOutcome::Fail, Some(1.0))
    );
    assert_eq!(assessment.verdict.readiness, Readiness::NotReady);
    // A stop rule that ended every step does not hide the failures either.
    for step in &mut report.steps {
        step.end = bench_report::StepEnd::Stopped {
            rule: "errors>10%".into(),
            reason: "all failed".into(),
        };
    }
    let assessment = assess_reports(&[report]);
    let errors = gate(&assessment, "postgres.sweep.errors");
    assert_eq!(errors.outcome, GateOutcome::Fail);
}

#[test]
fn doubts_are_told_of_shown_figures_only_the_gravest_first_with_their_place() {
    use bench_report::{Warning, WarningCode};
    let mut report = held_for(Plant::default().postgres(), 30);
    let point = report.summary.recommendations[0].steps[0];
    let other = report.steps.len() - 1;
    let mut add = |code, index: usize, field: &str, message: &str| {
        let doubt = Warning::new(code, message).with_figures(1.0, 2.0);
        report.warnings.push(doubt.about_step(index, &[field]));
    };
    let p99 = "operations/*/call/percentiles_ns/p99";
    let far = "operations/*/call/percentiles_ns/p9999";
    add(WarningCode::TooFewSamples, point, far, "of the far tail");
    add(WarningCode::TooFewSamples, point, p99, "too few");
    add(WarningCode::GeneratorStalled, point, p99, "stood still");
    add(WarningCode::GeneratorStalled, other, p99, "elsewhere");
    let name = report.steps[point].name.clone();
    let assessment = assess_reports(&[report]);
    let shown = assessment.spoiled.iter().filter(|s| s.is_shown());
    let messages: Vec<&str> = shown.clone().map(|s| &*s.message).collect();
    assert_eq!(messages, ["stood still", "too few"]);
    let first = shown.map(Spoiled::sentence).next().unwrap();
    let place = format!("PostgreSQL [{name}]: p99 of write");
    assert!(first.starts_with(&place), "{first}");
    let text = terminal::render(&assessment);
    assert!(text.contains("stood still"), "{text}");
    assert!(
        !text.contains("far tail") && !text.contains("elsewhere"),
        "{text}"
    );
}

#[test]
fn a_doubt_whose_figure_is_of_another_step_names_that_step() {
    use bench_report::{Warning, WarningCode};
    let mut report = held_for(Plant::default().postgres(), 30);
    let point = report.summary.recommendations[0].steps[0];
    let other = report.steps.len() - 1;
    let worst = report.steps[other].name.clone();
    let mut doubt = Warning::new(WarningCode::GeneratorStalled, "late (the worst of 2 steps)");
    doubt.step = Some(other);
    for index in [point, other] {
        doubt.spoils.push(format!(
            "/steps/{index}/operations/*/call/percentiles_ns/p99"
        ));
    }
    report.warnings.push(doubt);
    let assessment = assess_reports(&[report]);
    let told = assessment.spoiled[0].sentence();
    assert!(
        told.ends_with(&format!("late (the worst of 2 steps): {worst}")),
        "{told}"
    );
}

#[test]
fn no_report_is_expected_of_what_was_never_started() {
    let home = whole();
    std::fs::remove_file(home.path().join("redis-bench.cache.json")).unwrap();
    plan(home.path(), PLANNED[1], RUN, PartStatus::Planned);
    let assessment = assess_at(home.path());
    assert_eq!(assessment.missing.len(), 1, "{:?}", assessment.missing);
}

#[test]
fn a_latency_that_was_not_measured_is_no_matter_of_samples() {
    let mut report = Plant::default().postgres();
    for step in &mut report.steps {
        for operation in step.operations.values_mut() {
            (operation.call, operation.response) = (None, None);
        }
    }
    let assessment = assess_reports(&[report]);
    let p90 = gate(&assessment, "postgres.sweep.p90");
    assert_eq!(p90.outcome, GateOutcome::Unknown);
    assert_eq!(p90.reason.as_deref(), Some("no request was timed"));
}

#[test]
fn a_report_without_a_step_is_not_called_one_that_only_watched() {
    let mut empty = Plant::default().postgres();
    empty.steps.clear();
    empty.summary.recommendations.clear();
    let assessment = assess_reports(&[empty, Plant::default().sysmon()]);
    assert_eq!(assessment.missing.len(), 1, "{:?}", assessment.missing);
}
