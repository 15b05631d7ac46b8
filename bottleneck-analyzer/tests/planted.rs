//! What is planted in a run is what the analyzer names, and a healthy run has no problem.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashMap;

use bench_report::{LimitOwner, Warning, WarningCode, store};
use bottleneck_analyzer::assessment::{
    Assessment, Component, Confidence, FindingKind, GateOutcome, Readiness,
};
use bottleneck_analyzer::{Run, Thresholds, analysis, cli};
use common::{Plant, save};

fn assess_at(directory: &std::path::Path) -> Assessment {
    let run = Run::load(&[directory.to_owned()]).unwrap();
    let assessment = analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool());
    every_pointer_resolves(&assessment, directory);
    assessment
}

fn assess(plant: &Plant) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    plant.write(home.path());
    assess_at(home.path())
}

/// Every piece of evidence stands where it says, with the value it shows.
fn every_pointer_resolves(assessment: &Assessment, directory: &std::path::Path) {
    let mut walked = 0;
    let mut reports: HashMap<&str, serde_json::Value> = HashMap::new();
    for evidence in assessment.all_evidence() {
        let report = reports
            .entry(&evidence.file)
            .or_insert_with(|| store::load_json(&directory.join(&evidence.file)).unwrap());
        assert_eq!(
            report.pointer(&evidence.pointer),
            Some(&evidence.value),
            "{} of {}",
            evidence.pointer,
            evidence.file
        );
        assert!(!evidence.shown.is_empty());
        walked += 1;
    }
    assert!(walked > 0);
}

/// The problems and symptoms, first named first.
fn named(assessment: &Assessment) -> Vec<&str> {
    let wrong = assessment
        .findings
        .iter()
        .filter(|f| f.kind != FindingKind::Information);
    wrong.map(|f| f.id.split(':').next().unwrap()).collect()
}

fn factor(assessment: &Assessment, component: Component) -> &str {
    let mut all = assessment.components.iter();
    let found = all.find(|c| c.component == component).unwrap();
    &found.limiting_factor.factor
}

#[test]
fn a_healthy_run_has_no_problem_and_is_ready() {
    let assessment = assess(&Plant::default());
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert_eq!(
        assessment.verdict.readiness,
        Readiness::Ready,
        "{:?}",
        assessment.verdict
    );
    assert!(assessment.ruled_out.len() > 15);
    assert_eq!(assessment.components.len(), 4);
    for component in &assessment.components {
        assert_ne!(
            component.limiting_factor.factor, "inconclusive",
            "{component:?}"
        );
    }
}

#[test]
fn healthy_runs_of_other_sizes_have_no_problem_either() {
    for users in [1, 8] {
        for busy in [0.2, 0.85, 0.97] {
            let plant = Plant {
                users,
                cpu: (busy, busy * 0.6, busy * 0.3),
                ..Plant::default()
            };
            let assessment = assess(&plant);
            assert_eq!(
                named(&assessment),
                Vec::<&str>::new(),
                "{users} users, busy {busy}"
            );
        }
    }
}

#[test]
fn the_operating_point_is_the_recommended_pool_and_its_time_adds_up() {
    let assessment = assess(&Plant::default());
    let postgres = &assessment.components[0];
    let point = postgres.operating_point.as_ref().unwrap();
    assert!(point.setting.contains("deadpool") && point.setting.contains("pool size 8"));
    let model = postgres.time_model.as_ref().unwrap();
    let sum: f64 = model.parts.iter().map(|p| p.ns).sum();
    assert!((sum / model.whole_ns - 1.0).abs() < 0.01, "{model:?}");
    assert!(model.share("server_cpu").unwrap() > 0.0 && model.share("rest").unwrap() > 0.0);
}

#[test]
fn a_pool_that_is_too_small_is_named_with_its_share() {
    let assessment = assess(&Plant {
        pool_sizes: vec![1, 2],
        users: 32,
        cpu: (0.3, 0.2, 0.08),
        ..Plant::default()
    });
    assert_eq!(named(&assessment)[0], "pool_too_small");
    let first = &assessment.findings[0];
    assert_eq!(first.confidence, Confidence::High);
    assert!(first.impact.unwrap().ratio > 0.8, "{first:?}");
    assert_eq!(factor(&assessment, Component::Postgres), "pool_size");
}

#[test]
fn a_queue_before_a_pool_that_would_not_profit_is_not_called_too_small() {
    let assessment = assess(&Plant {
        users: 64,
        cpu: (0.98, 0.6, 0.37),
        ..Plant::default()
    });
    assert!(!named(&assessment).contains(&"pool_too_small"));
    assert_eq!(
        factor(&assessment, Component::Postgres),
        "machine_cpu.server"
    );
    let limit = &assessment.components[0].limiting_factor;
    assert!(limit.title.contains("98 % of 4 cores"), "{}", limit.title);
    assert!(
        limit.title.contains("60 % by the server"),
        "{}",
        limit.title
    );
}

#[test]
fn each_wait_inside_the_server_is_told_from_the_others() {
    for (lock, lwlock, io, rule, name) in [
        (0.5, 0.01, 0.01, "lock_waits", "wait.lock"),
        (0.01, 0.5, 0.01, "lwlock_waits", "wait.lwlock"),
        (0.01, 0.01, 0.5, "io_waits", "wait.io"),
    ] {
        let assessment = assess(&Plant {
            lock,
            lwlock,
            io,
            ..Plant::default()
        });
        assert_eq!(named(&assessment), [rule]);
        assert_eq!(factor(&assessment, Component::Postgres), name);
    }
}

#[test]
fn a_wait_inside_the_server_is_named_behind_a_queue_for_connections_too() {
    let assessment = assess(&Plant {
        lock: 0.6,
        users: 64,
        ..Plant::default()
    });
    assert_eq!(named(&assessment), ["lock_waits"]);
    assert_eq!(factor(&assessment, Component::Postgres), "wait.lock");
}

#[test]
fn a_cpu_that_the_generator_uses_up_is_laid_to_the_generator() {
    let assessment = assess(&Plant {
        cpu: (0.97, 0.3, 0.62),
        ..Plant::default()
    });
    assert_eq!(
        factor(&assessment, Component::Postgres),
        "machine_cpu.generator"
    );
}

#[test]
fn a_stranger_on_the_machine_is_named_by_its_name() {
    let assessment = assess(&Plant {
        stranger: Some(("stress-ng".into(), 2.0)),
        cpu: (0.99, 0.3, 0.18),
        ..Plant::default()
    });
    assert_eq!(named(&assessment)[0], "cpu_others");
    assert!(assessment.findings[0].title.contains("stress-ng"));
    let below = &assessment.findings[1];
    assert_eq!(below.parent.as_ref(), Some(&assessment.findings[0].id));
    assert_eq!(
        factor(&assessment, Component::Postgres),
        "machine_cpu.others"
    );
}

#[test]
fn the_machine_s_own_troubles_are_named() {
    for (plant, rule) in [
        (
            Plant {
                steal: 0.2,
                ..Plant::default()
            },
            "steal",
        ),
        (
            Plant {
                memory: 0.9,
                ..Plant::default()
            },
            "memory_used",
        ),
        (
            Plant {
                memory_pressure: 0.4,
                ..Plant::default()
            },
            "memory_pressure",
        ),
        (
            Plant {
                swap_in: 5e7,
                ..Plant::default()
            },
            "swapping",
        ),
    ] {
        assert_eq!(named(&assess(&plant)), [rule]);
    }
}

#[test]
fn a_cache_that_misses_because_keys_are_evicted_has_the_miss_under_the_eviction() {
    let assessment = assess(&Plant {
        hit_ratio: 0.55,
        evicted: 6_000.0,
        ..Plant::default()
    });
    assert_eq!(named(&assessment), ["evictions", "low_hit_ratio"]);
    assert_eq!(
        assessment.findings[1].parent.as_ref(),
        Some(&assessment.findings[0].id)
    );
    assert_eq!(assessment.verdict.readiness, Readiness::NotReady);
    let missed = assess(&Plant {
        hit_ratio: 0.55,
        ..Plant::default()
    });
    assert_eq!(named(&missed), ["low_hit_ratio"]);
}

#[test]
fn redis_s_main_thread_can_be_full_on_a_machine_that_is_not() {
    let assessment = assess(&Plant {
        redis_main_thread: 0.98,
        ..Plant::default()
    });
    assert_eq!(factor(&assessment, Component::Redis), "redis_main_thread");
}

#[test]
fn what_a_pool_costs_beside_multiplexing_is_information() {
    let assessment = assess(&Plant {
        multiplexed_gain: 1.6,
        ..Plant::default()
    });
    let found = assessment
        .findings
        .iter()
        .find(|f| f.id.starts_with("checkout_cost"));
    assert_eq!(found.unwrap().kind, FindingKind::Information);
}

#[test]
fn a_pool_past_the_knee_is_information_with_both_tails() {
    let assessment = assess(&Plant {
        pool_sizes: vec![2, 4, 8, 64, 256],
        ..Plant::default()
    });
    let found = assessment
        .findings
        .iter()
        .find(|f| f.id.starts_with("pool_too_large"));
    let found = found.expect("named");
    assert_eq!(
        (found.kind, found.evidence.len()),
        (FindingKind::Information, 2)
    );
}

#[test]
fn connections_near_the_limit_are_a_problem() {
    let assessment = assess(&Plant {
        connections: (96.0, 100.0),
        ..Plant::default()
    });
    assert_eq!(named(&assessment), ["connections_near_limit"]);
}

#[test]
fn slow_calls_and_failures_fail_their_gates() {
    let slow = assess(&Plant {
        redis_ns: 2e7,
        ..Plant::default()
    });
    assert_eq!(named(&slow), ["latency_past_objective"]);
    let gate = slow.gates.iter().find(|g| g.name == "redis.cache.p90");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Fail);
    assert_eq!(slow.verdict.readiness, Readiness::NotReady);
    let failing = assess(&Plant {
        errors: 0.2,
        ..Plant::default()
    });
    assert_eq!(named(&failing), ["errors_past_objective"]);
    let gate = failing
        .gates
        .iter()
        .find(|g| g.name == "postgres.sweep.errors");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Fail);
}

#[test]
fn a_percentile_of_a_handful_of_samples_neither_passes_nor_fails() {
    let assessment = assess(&Plant {
        service_ns: 9e8,
        ..Plant::default()
    });
    let gate = assessment
        .gates
        .iter()
        .find(|g| g.name == "postgres.sweep.p90");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Unknown);
    let found = assessment
        .findings
        .iter()
        .find(|f| f.id.starts_with("latency_past"));
    assert_eq!(found.unwrap().confidence, Confidence::Low);
}

#[test]
fn whose_limit_the_websocket_search_met_decides_what_it_means() {
    for (limit, factor_name, problem) in [
        (LimitOwner::Target, "target", false),
        (LimitOwner::Network, "network", true),
        (LimitOwner::Generator, "generator", true),
        (LimitOwner::Bound, "bound", false),
        (LimitOwner::Unknown, "inconclusive", false),
    ] {
        let assessment = assess(&Plant {
            limit,
            ..Plant::default()
        });
        assert_eq!(factor(&assessment, Component::Websocket), factor_name);
        assert_eq!(named(&assessment).contains(&"websocket_limit"), problem);
    }
}

#[test]
fn a_tail_that_was_cut_off_is_told() {
    let assessment = assess(&Plant {
        censored: 40,
        ..Plant::default()
    });
    assert_eq!(named(&assessment), ["censored_tail"]);
}

#[test]
fn what_a_warning_spoils_is_never_sure_and_passes_no_gate() {
    let home = tempfile::tempdir().unwrap();
    let plant = Plant {
        lock: 0.5,
        ..Plant::default()
    };
    plant.write(home.path());
    let mut report = plant.postgres();
    for index in 0..report.steps.len() {
        let doubt = Warning::new(WarningCode::GeneratorSaturated, "the generator was full")
            .of_step(index, &["operations", "server", "generator"]);
        report.warnings.push(doubt);
    }
    save(home.path(), &report);
    let assessment = assess_at(home.path());
    let postgres =
        |f: &&bottleneck_analyzer::assessment::Finding| f.component == Component::Postgres;
    let mut found = assessment.findings.iter().filter(postgres).peekable();
    assert!(found.peek().is_some());
    assert!(
        found.all(|f| f.confidence == Confidence::Low),
        "{:?}",
        assessment.findings
    );
    let gate = assessment
        .gates
        .iter()
        .find(|g| g.name == "postgres.sweep.p90");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Unknown);
    assert!(assessment.spoiled.iter().any(|s| s.touches_a_conclusion));
    assert!(named(&assessment).contains(&"generator_spoilt_results"));
}

#[test]
fn without_a_recording_the_machine_is_unknown_and_not_fine() {
    let home = tempfile::tempdir().unwrap();
    let plant = Plant::default();
    save(home.path(), &plant.postgres());
    let assessment = assess_at(home.path());
    assert_eq!(factor(&assessment, Component::Postgres), "inconclusive");
    assert!(
        assessment
            .unknown
            .iter()
            .any(|u| u.rule == "sysmon_missing")
    );
    assert!(
        !assessment
            .ruled_out
            .iter()
            .any(|r| r.component == Component::Machine)
    );
}

#[test]
fn a_recording_alone_and_each_component_alone_are_analyzed() {
    let plant = Plant::default();
    for report in [
        plant.postgres(),
        plant.redis(),
        plant.websocket(),
        plant.sysmon(),
    ] {
        let home = tempfile::tempdir().unwrap();
        save(home.path(), &report);
        let assessment = assess_at(home.path());
        assert_eq!(assessment.components.len(), 1);
    }
}

#[test]
fn an_interrupted_run_is_judged_as_far_as_it_goes_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().postgres();
    report.status = bench_report::Status::Interrupted;
    report.steps.truncate(3);
    report.summary.recommendations.clear();
    save(home.path(), &report);
    let assessment = assess_at(home.path());
    assert!(
        assessment.notes[0].contains("was interrupted"),
        "{:?}",
        assessment.notes
    );
    assert!(assessment.components[0].operating_point.is_some());
}

#[test]
fn a_report_without_a_step_is_inconclusive_rather_than_an_error() {
    let home = tempfile::tempdir().unwrap();
    let mut report = Plant::default().postgres();
    report.steps.clear();
    report.summary.recommendations.clear();
    report.summary.figure("samples", 1.0);
    save(home.path(), &report);
    let run = Run::load(&[home.path().to_owned()]).unwrap();
    let assessment = analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool());
    assert_eq!(factor(&assessment, Component::Postgres), "inconclusive");
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
}

/// A server that was watched under somebody else's load: no call was timed.
#[test]
fn what_holds_up_a_server_that_was_only_watched_is_named_by_its_sessions() {
    let watched = |lock: f64| {
        let home = tempfile::tempdir().unwrap();
        let mut report = Plant::default().postgres();
        "observe".clone_into(&mut report.scenario);
        report.summary = bench_report::Summary::default();
        report.steps.truncate(1);
        let step = &mut report.steps[0];
        step.operations = [(
            "transaction".to_owned(),
            bench_report::Operation {
                attempted: 9_000,
                succeeded: 9_000,
                throughput_per_s: 900.0,
                ..bench_report::Operation::default()
            },
        )]
        .into();
        let server = step.server.as_mut().unwrap();
        server.figure("sessions.cpu_mean", 1.0);
        server.figure("sessions.lock_mean", lock);
        save(home.path(), &report);
        assess_at(home.path())
    };
    assert!(named(&watched(5.0)).contains(&"lock_waits"));
    let healthy = watched(0.0);
    assert!(!named(&healthy).contains(&"lock_waits"));
    let ruled_out = healthy
        .ruled_out
        .iter()
        .any(|r| r.statement.contains("sessions at work"));
    assert!(ruled_out, "{:?}", healthy.ruled_out);
}
