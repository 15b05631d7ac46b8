//! Tests of Redis's rules about time without a CPU, expiring keys and refused commands on both sides of their
//! bounds, and of how causes in one or several of the repeats are joined.

use crate::assessment::{Assessment, Confidence, Finding, FindingKind, ImpactOf};
use bench_report::{ServerEvidence, Step};

use super::common::parts::{PlantFigure, row};
use super::common::{Plant, SECOND, command};
use super::proven_costs::repeated;
use super::redis_server::{rows, run, server};
use super::{assess_reports, finding, is_unknown};

#[track_caller]
fn found<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

/// Returns how often `rule` is ruled out, and how often it is an open question.
fn fine_and_unknown(assessment: &Assessment, rule: &str) -> (usize, usize) {
    let fine = assessment.ruled_out.iter().filter(|r| r.rule == rule);
    let unknown = assessment.unknown.iter().filter(|u| u.rule == rule);
    (fine.count(), unknown.count())
}

fn evidence(step: &mut Step) -> &mut ServerEvidence {
    step.server.as_mut().unwrap()
}

/// Planted: a main thread that was ready to run without a CPU for `ready_s` of `seconds`.
fn is_without_cpu(ready_s: f64, seconds: f64) -> bool {
    let assessment = server(|s| {
        s.plant("main_thread_ready_s", ready_s);
        s.plant("interval_s", seconds);
    });
    let is_told = finding(&assessment, "redis_no_cpu").is_some();
    let (fine, _) = fine_and_unknown(&assessment, "redis_no_cpu");
    assert_eq!(fine, usize::from(!is_told));
    is_told
}

#[test]
fn a_tenth_of_the_time_without_a_cpu_is_told() {
    assert!(is_without_cpu(1.0, 10.0));
    assert!(!is_without_cpu(1.0, 11.0));
}

/// Planted: a main thread without a CPU for a third of the time, on a machine of four cores, of which it may use
/// `allowed`; the machine's CPU is busy `busy` (0 to 1).
fn without_cpu(allowed: f64, busy: f64) -> Finding {
    let plant = Plant {
        cpu: (busy, 0.0, 0.125),
        redis_main_thread: 0.5,
        ..Plant::default()
    };
    let mut report = plant.redis();
    for step in &mut report.steps {
        evidence(step).plant("cores_allowed", allowed);
        evidence(step).plant("cores_allowed_either", 4.0);
        evidence(step).plant("main_thread_ready_s", 0.34);
        step.generator.cpu_ns = SECOND * 49 / 100;
    }
    let assessment = assess_reports(&[report, plant.sysmon()]);
    found(&assessment, "redis_no_cpu").clone()
}

#[test]
fn an_affinity_is_the_reason_for_no_cpu_only_on_a_machine_with_room() {
    let confined = without_cpu(1.0, 0.26);
    assert_eq!(confined.kind, FindingKind::Problem);
    assert_eq!(confined.impact.unwrap().of, ImpactOf::Capacity);
    let words = "It may use 1 of 4 cores";
    assert!(confined.detail.contains(words), "{}", confined.detail);
    let own = "so its own scheduling or a quota is the reason.";
    for (allowed, busy, is_own) in [(4.0, 0.26, true), (4.0, 0.97, false), (1.0, 0.97, false)] {
        let other = without_cpu(allowed, busy);
        assert_eq!(other.kind, FindingKind::Information, "{allowed} {busy}");
        assert!(other.impact.is_none(), "{:?}", other.impact);
        assert_eq!(other.detail.contains(own), is_own, "{}", other.detail);
    }
    let unrecorded = server(|s| s.plant("main_thread_ready_s", 0.34));
    let told = &found(&unrecorded, "redis_no_cpu").detail;
    let words = "The machine's CPU was not recorded.";
    assert!(told.contains(words), "{told}");
}

/// Planted: a stranger on a full machine.
#[test]
fn who_fills_the_machine_is_the_cause_of_a_main_thread_without_a_cpu() {
    let plant = Plant {
        outsider: Some(("stress-ng".into(), 2.0)),
        cpu: (0.99, 0.3, 0.18),
        ..Plant::default()
    };
    let mut report = plant.redis();
    let server = serde_json::json!({"name": "redis-server"});
    report.config.insert("server_process".to_owned(), server);
    for step in &mut report.steps {
        evidence(step).plant("main_thread_ready_s", 0.34);
    }
    let assessment = assess_reports(&[report, plant.sysmon()]);
    let cause = found(&assessment, "cpu_others");
    let waiting = found(&assessment, "redis_no_cpu");
    assert_eq!(waiting.parent.as_ref(), Some(&cause.id));
}

/// Planted: a search for expired keys of `ms` milliseconds that reached its time limit, 25 ms, `capped` times.
fn expiring(ms: f64, capped: f64, plant: impl Fn(&mut ServerEvidence)) -> Assessment {
    server(|s| {
        s.plant("expire_cycle_cpu_ms", ms);
        s.plant("expire_cap_reached", capped);
        s.plant("expired_keys", 90_000.0);
        plant(s);
    })
}

#[test]
fn expiring_keys_is_told_from_a_twentieth_of_the_thread_s_time_on() {
    let is_told = |ms: f64, seconds: f64| {
        let assessment = expiring(ms, 0.0, |s| s.plant("interval_s", seconds));
        finding(&assessment, "redis_expiry").is_some()
    };
    assert!(is_told(50.0, 1.0) && !is_told(49.0, 1.0));
    assert!(!is_told(80.0, 2.0));
}

/// Planted: 60 ms in three searches, which each of 6 or 7 users waits for: 6.2 % to 6.6 % of a call, more than the
/// 6 % of the thread's time, and less than the tenth that matters. 150 ms in six searches cost more than that.
#[test]
fn calls_that_wait_for_the_search_are_told_only_where_that_matters() {
    let waited = "Calls waited for it up to";
    let little = expiring(60.0, 3.0, |_| ());
    let told = found(&little, "redis_expiry");
    assert_eq!(told.kind, FindingKind::Information);
    assert!(!told.detail.contains(waited), "{}", told.detail);
    let assumed = "if hz, which was not read, has its default";
    for is_read in [true, false] {
        let much = expiring(150.0, 6.0, |s| {
            let hz = row([("setting", "hz"), ("value", "10")], []);
            let settings = rows(s, "settings");
            settings.extend(is_read.then_some(hz));
        });
        let told = found(&much, "redis_expiry");
        assert_eq!(told.kind, FindingKind::Problem);
        assert!(told.detail.contains(waited), "{}", told.detail);
        assert_eq!(told.detail.contains(assumed), !is_read, "{}", told.detail);
    }
    // No search reached its limit, so that only the thread's time is known.
    let short = expiring(150.0, 0.0, |_| ());
    let told = found(&short, "redis_expiry");
    assert_eq!(told.impact.unwrap().of, ImpactOf::Capacity);
    assert!(!told.detail.contains(waited), "{}", told.detail);
}

/// Planted: 222 ms in 8 s, which is under a twentieth of the thread's time. With 64 searches that reached their limit
/// 6.6 of them took 25 ms, and all others a millisecond; with 222 none took longer.
#[test]
fn a_few_long_searches_are_told_though_the_thread_has_time() {
    let storm = |capped| expiring(222.0, capped, |s| s.plant("interval_s", 8.0));
    let told = found(&storm(64.0), "redis_expiry").clone();
    assert_eq!(told.kind, FindingKind::Problem);
    assert_eq!(told.impact.unwrap().of, ImpactOf::ResponseTime);
    assert!(finding(&storm(222.0), "redis_expiry").is_none());
}

/// Planted: half of the load's writes failed with `kind`, and the server counts these error answers to SET. Returns
/// the explanation of the failures.
fn failing(kind: &str, rejected: f64, failed: f64) -> String {
    let assessment = run(|step| {
        let set = step.operations.get_mut("set").unwrap();
        set.succeeded /= 2;
        let lost = set.attempted - set.succeeded;
        set.errors.insert(kind.into(), lost);
        let mut all = rows(evidence(step), "commands").iter_mut();
        let set = all.find(|row| row.labels["command"] == "set").unwrap();
        for (column, count) in [("rejected_calls", rejected), ("failed_calls", failed)] {
            set.figures.insert(column.into(), count);
        }
    });
    found(&assessment, "errors_past_objective").detail.clone()
}

#[test]
fn the_server_s_count_of_error_answers_explains_only_errors_that_it_answered() {
    let refused = failing("response.OOM", 2_000.0, 1_000.0);
    let words = "2000 calls of SET that it refused before";
    assert!(refused.contains(words), "{refused}");
    let failed = failing("response.WRONGTYPE", 1_000.0, 2_000.0);
    let words = "2000 calls of SET that it answered with an error";
    assert!(failed.contains(words), "{failed}");
    for (kind, count) in [
        ("response.OOM", 0.0),
        ("response.maxclients", 2_000.0),
        ("reset", 2_000.0),
    ] {
        let other = failing(kind, count, count);
        assert!(!other.contains("the server counts"), "{kind}: {other}");
    }
}

/// Adds five calls of KEYS by another client, which took `usec` microseconds together.
fn keys(step: &mut Step, usec: f64) {
    let row = command("keys", "others", (5.0, usec), usec / 5.0);
    rows(evidence(step), "commands").push(row);
}

/// Planted: KEYS of others for `usec` microseconds in the first `count` of `all` repeats.
fn keys_in(count: u64, all: u64, usec: f64) -> Assessment {
    repeated(all, |repeat, step| {
        if repeat < count {
            keys(step, usec);
        }
    })
}

#[test]
fn a_cause_in_one_of_several_repeats_has_its_share_of_all_of_them() {
    let always = keys_in(5, 5, 300_000.0);
    let whole = found(&always, "redis_command").impact.unwrap();
    let once = keys_in(1, 5, 300_000.0);
    let episode = found(&once, "redis_command");
    let impact = episode.impact.unwrap();
    let fifth = whole.ratio / 5.0;
    assert!((impact.ratio / fifth - 1.0).abs() < 1e-3, "{impact:?}");
    let saved = impact.saved_ns.unwrap() * 5.0 / whole.saved_ns.unwrap();
    assert!((saved - 1.0).abs() < 1e-3, "{impact:?} {whole:?}");
    assert!(episode.confidence < Confidence::High, "{episode:?}");
    let score = episode.confidence.weight() * impact.ratio;
    assert!((episode.score / score - 1.0).abs() < 1e-6, "{episode:?}");
    let words = "Averaged over all repeats its impact is";
    assert!(episode.detail.contains(words), "{}", episode.detail);
}

#[test]
fn an_episode_that_costs_enough_over_all_repeats_stays_a_problem() {
    // Each of 7 users waits for 400 ms once in 20,000 calls: 43 % of a call, a third of which counts.
    let large = keys_in(1, 3, 400_000.0);
    let episode = found(&large, "redis_command");
    assert_eq!(episode.kind, FindingKind::Problem);
    assert!(!episode.breaks_objective);
    assert!(episode.detail.contains("In 1 of 3 repeats only"));
}

#[test]
fn a_cause_in_one_of_two_repeats_is_an_episode_and_one_in_both_is_not() {
    let detail = |count: u64| {
        let assessment = keys_in(count, 2, 300_000.0);
        found(&assessment, "redis_command").detail.clone()
    };
    let one = detail(1);
    assert!(one.contains("In 1 of 2 repeats only: an episode."), "{one}");
    let both = detail(2);
    assert!(both.contains("In 2 of 2 repeats."), "{both}");
    let single = keys_in(1, 1, 300_000.0);
    let told = &found(&single, "redis_command").detail;
    assert!(!told.contains("repeats"), "{told}");
}

/// The calls of the episode take as long as the objective of 10 ms allows, and 1 ns longer.
#[test]
fn an_episode_breaks_the_objective_only_past_its_bound() {
    for (max_ns, breaks) in [(10_000_000, false), (10_000_001, true)] {
        let assessment = repeated(5, |repeat, step| {
            if repeat == 0 {
                keys(step, 300_000.0);
                for operation in step.operations.values_mut() {
                    operation.call.as_mut().unwrap().max_ns = max_ns;
                }
            }
        });
        let episode = found(&assessment, "redis_command");
        assert_eq!(episode.breaks_objective, breaks, "{max_ns}");
        let is_problem = episode.kind == FindingKind::Problem;
        assert_eq!(is_problem, breaks, "{max_ns}");
    }
}

/// Planted: five calls of KEYS by another client in four of five repeats, of 40, 60, 80 and 100 ms. The last repeat
/// carries most, and has none of them.
#[test]
fn of_a_cause_that_the_operating_point_lacks_the_middle_one_is_shown() {
    let assessment = repeated(5, |repeat, step| {
        if repeat < 4 {
            keys(step, 5.0 * (40_000.0 + 20_000.0 * repeat as f64));
        } else {
            for operation in step.operations.values_mut() {
                operation.throughput_per_s *= 1.02;
            }
        }
    });
    let told = &found(&assessment, "redis_command").detail;
    assert!(told.contains("In 4 of 5 repeats."), "{told}");
    assert!(
        told.contains("5 calls of 80.0 ms on average"),
        "the third of four: {told}"
    );
}

/// Expiring keys takes 22 % of the thread's time in `problems` of three repeats, and 6 % in the others.
fn expiry(problems: u64) -> Finding {
    let assessment = repeated(3, |repeat, step| {
        let ms = if repeat < problems { 220.0 } else { 60.0 };
        evidence(step).plant("expire_cycle_cpu_ms", ms);
        evidence(step).plant("expired_keys", 90_000.0);
    });
    found(&assessment, "redis_expiry").clone()
}

#[test]
fn repeats_with_a_note_alone_do_not_make_a_problem_of_others_persistent() {
    for (problems, kind, told) in [
        (0, FindingKind::Information, "In 3 of 3 repeats."),
        (1, FindingKind::Information, "In 1 of 3 repeats only"),
        (2, FindingKind::Problem, "In 2 of 3 repeats."),
        (3, FindingKind::Problem, "In 3 of 3 repeats."),
    ] {
        let joined = expiry(problems);
        assert_eq!(joined.kind, kind, "{problems}");
        assert!(joined.detail.contains(told), "{told}: {}", joined.detail);
    }
    // A third of 22 %.
    let ratio = expiry(1).impact.unwrap().ratio;
    assert!((ratio * 3.0 / 0.22 - 1.0).abs() < 1e-6, "{ratio}");
}

/// Planted: in one repeat of three the server cut off clients, with three requests of the load.
#[test]
fn requests_that_were_lost_in_one_repeat_stay_a_problem() {
    let assessment = repeated(3, |repeat, step| {
        if repeat == 1 {
            evidence(step).plant("evicted_clients", 2.0);
            let set = step.operations.get_mut("set").unwrap();
            set.succeeded -= 3;
            set.errors.insert("closed".into(), 3);
        }
    });
    let lost = found(&assessment, "redis_output");
    assert_eq!(lost.kind, FindingKind::Problem);
    assert_eq!(lost.impact.unwrap().of, ImpactOf::Requests);
    assert!(lost.detail.contains("In 1 of 3 repeats only"));
}

/// Planted: in the first repeat a fork or none, and in the second no count of forks.
#[test]
fn each_rule_is_told_once_as_a_finding_or_an_open_question_or_ruled_out() {
    let saving = |forks: f64, is_counted: bool| {
        repeated(3, |repeat, step| {
            let s = evidence(step);
            match repeat {
                0 => {
                    s.plant("forks", forks);
                    s.plant("latest_fork_us", 200_000.0);
                }
                1 if !is_counted => {
                    s.figures.remove("forks");
                }
                _ => {}
            }
        })
    };
    let fine = saving(0.0, true);
    assert_eq!(fine_and_unknown(&fine, "redis_saving"), (1, 0));
    // The server's process is not seen in any repeat.
    assert_eq!(fine_and_unknown(&fine, "redis_no_cpu"), (0, 1));
    let open = saving(0.0, false);
    assert_eq!(fine_and_unknown(&open, "redis_saving"), (0, 1));
    assert!(is_unknown(&open, "redis_saving"));
    let told = saving(1.0, false);
    assert!(finding(&told, "redis_saving").is_some());
    assert_eq!(fine_and_unknown(&told, "redis_saving"), (0, 0));
}
