//! Tests that nothing is called a problem, or sure, beyond what it was measured to cost: keys that are evicted,
//! failures and misses of a few requests, commands inside of scripts, counts, and causes in one of several repeats.

use bench_report::{ServerEvidence, Step};

use super::common::parts::{PlantFigure, row};
use super::common::server::Server;
use super::common::{Plant, SECOND, command};
use super::redis_server::{rows, run, server};
use super::{assess_reports, finding, gate, is_unknown, named};
use crate::assessment::{Assessment, Confidence, Finding, FindingKind, GateOutcome, ImpactOf};

fn is_ruled_out(assessment: &Assessment, rule: &str) -> bool {
    assessment.ruled_out.iter().any(|r| r.rule == rule)
}

/// Adds calls of a command that another client sends: their number, their time in microseconds, and the longest.
fn others(server: &mut ServerEvidence, name: &str, calls: (f64, f64), longest_us: f64) {
    rows(server, "commands").push(command(name, "others", calls, longest_us));
}

/// Assesses a cache with this hit ratio of which `evicted` keys were evicted, after `plant` changed the evidence.
fn cache(hit_ratio: f64, evicted: f64, plant: impl Fn(&mut ServerEvidence)) -> Assessment {
    let healthy = Plant {
        hit_ratio,
        evicted,
        ..Plant::default()
    };
    let mut report = healthy.redis();
    for step in &mut report.steps {
        plant(step.server.as_mut().unwrap());
    }
    assess_reports(&[report])
}

#[test]
fn a_full_cache_that_hits_nearly_always_stands_below_the_command_that_takes_the_time() {
    let assessment = cache(0.997, 300.0, |s| {
        others(s, "keys", (5.0, 300_000.0), 60_000.0);
    });
    assert_eq!(named(&assessment)[0], "redis_command");
    let evictions = finding(&assessment, "evictions").unwrap();
    assert_eq!(evictions.kind, FindingKind::Information);
    assert_eq!(evictions.impact, None);
}

#[test]
fn evictions_are_the_problem_only_where_they_explain_the_misses() {
    let few = cache(0.55, 300.0, |_| ());
    assert_eq!(named(&few), ["low_hit_ratio"]);
    assert_eq!(finding(&few, "low_hit_ratio").unwrap().parent, None);
    let kind = finding(&few, "evictions").unwrap().kind;
    assert_eq!(kind, FindingKind::Information);
    let most = cache(0.55, 6_000.0, |_| ());
    let evictions = finding(&most, "evictions").unwrap();
    assert_eq!(evictions.kind, FindingKind::Problem);
    assert_eq!(evictions.impact.unwrap().of, ImpactOf::ResponseTime);
}

#[test]
fn keys_are_compared_with_the_calls_of_all_commands_that_write() {
    let assessment = cache(0.94, 9_000.0, |s| {
        s.plant("commands.set.calls", 3_000.0);
        s.plant("commands.setex.calls", 40_000.0);
    });
    let found = finding(&assessment, "evictions").unwrap();
    assert!(
        found.detail.contains("43000 calls wrote"),
        "{}",
        found.detail
    );
}

/// Assesses a cache of whose reads `hits` found their key and `misses` did not.
fn few_reads(hits: u64, misses: u64) -> Assessment {
    run(|step| {
        for (name, count) in [("get", hits), ("miss", misses)] {
            let operation = step.operations.get_mut(name).unwrap();
            (operation.attempted, operation.succeeded) = (count, count);
        }
        let ratio = hits as f64 / (hits + misses) as f64;
        step.figures.insert("hit_ratio".into(), ratio);
    })
}

#[test]
fn three_reads_tell_neither_that_a_cache_hits_nor_that_it_misses() {
    for hits in [1, 2, 3] {
        let assessment = few_reads(hits, 3 - hits);
        let hit_ratio = gate(&assessment, "redis.cache.hit_ratio");
        assert_eq!(hit_ratio.outcome, GateOutcome::Unknown, "{hit_ratio:?}");
        assert!(is_unknown(&assessment, "low_hit_ratio"), "{hits}");
        assert!(!is_ruled_out(&assessment, "low_hit_ratio"), "{hits}");
        assert!(finding(&assessment, "low_hit_ratio").is_none(), "{hits}");
    }
    let none = few_reads(0, 3);
    let found = finding(&none, "low_hit_ratio").unwrap();
    assert!(found.confidence < Confidence::High, "{found:?}");
    let many = cache(0.55, 0.0, |_| ());
    let hit_ratio = gate(&many, "redis.cache.hit_ratio");
    assert_eq!(hit_ratio.outcome, GateOutcome::Fail);
    let found = finding(&many, "low_hit_ratio").unwrap();
    assert_eq!(found.confidence, Confidence::High);
}

/// Assesses three repeats of `attempted` requests each; `failed` of those of the first repeat, if any, fail.
fn failing(failed: u64, attempted: u64) -> Assessment {
    assess_reports(&Server::default().run_with(|repeat, step| {
        let call = step.operations.get_mut("call").unwrap();
        (call.attempted, call.succeeded) = (attempted, attempted);
        if repeat == 0 && failed > 0 {
            call.succeeded -= failed;
            call.errors.insert("reset".into(), failed);
        }
    }))
}

#[test]
fn a_few_failures_are_a_problem_whose_share_is_told_as_a_range() {
    let few = failing(2, 17);
    let found = &few.findings[0];
    assert_eq!(found.rule(), "errors_past_objective");
    let (kind, confidence) = (found.kind, found.confidence);
    assert_eq!(
        (kind, confidence),
        (FindingKind::Problem, Confidence::Medium)
    );
    assert!(
        found.detail.contains("may be 0.5 % to 13"),
        "{}",
        found.detail
    );
    let errors = gate(&few, "postgres.sweep.errors");
    assert_eq!(errors.outcome, GateOutcome::Unknown);
    let many = failing(200, 1_700);
    let found = finding(&many, "errors_past_objective").unwrap();
    assert_eq!(found.confidence, Confidence::High);
    assert!(!found.detail.contains("may be"), "{}", found.detail);
}

/// With 0 failures of n requests, the true share is at most 1 − 0.025^(1 ÷ n): 6.0 % for 60 requests, 1.003 % for
/// 366 and 0.995 % for 369. The bound is 1 %.
#[test]
fn a_few_requests_without_a_failure_tell_the_rule_as_little_as_the_gate() {
    for (each, outcome) in [
        (20, GateOutcome::Unknown),
        (122, GateOutcome::Unknown),
        (123, GateOutcome::Pass),
    ] {
        let assessment = failing(0, each);
        let errors = gate(&assessment, "postgres.sweep.errors");
        assert_eq!(errors.outcome, outcome, "{each}");
        let is_open = outcome == GateOutcome::Unknown;
        let rule = "errors_past_objective";
        assert_eq!(is_unknown(&assessment, rule), is_open, "{each}");
        assert_eq!(is_ruled_out(&assessment, rule), !is_open, "{each}");
    }
    let few = failing(0, 20);
    let mut asked = few.unknown.iter();
    let asked = asked.find(|u| u.rule == "errors_past_objective").unwrap();
    for words in ["0 of 60 requests failed", "0.0 % to 6.0 %", "bound 1.0 %"] {
        assert!(asked.question.contains(words), "{}", asked.question);
    }
}

/// Plants scripts of other clients, which take 200 ms in 100 calls, and 190 ms in as many calls of HGETALL.
fn script_and_command(s: &mut ServerEvidence) {
    others(s, "eval", (100.0, 200_000.0), 4_000.0);
    others(s, "hgetall", (100.0, 190_000.0), 3_800.0);
}

fn behind_others(assessment: &Assessment) -> f64 {
    let model = assessment.components[0].time_model.as_ref().unwrap();
    model.part("behind_others").unwrap().ns
}

#[test]
fn commands_inside_of_a_script_are_part_of_its_time() {
    let alone = server(|s| others(s, "eval", (100.0, 200_000.0), 4_000.0));
    let both = server(script_and_command);
    let (script, all) = (behind_others(&alone), behind_others(&both));
    assert!((all / script - 1.0).abs() < 1e-9, "{script} {all}");
    let model = both.components[0].time_model.as_ref().unwrap();
    assert!(
        model.notes.iter().any(|note| note.contains("scripts")),
        "{model:?}"
    );
    let found = finding(&both, "redis_command").unwrap();
    assert_eq!(found.thing.as_deref(), Some("EVAL"));
    let told = &found.detail;
    assert!(told.contains("190 ms in HGETALL is not known"), "{told}");
    assert!(!told.contains("commands of theirs"), "{told}");
}

#[test]
fn commands_that_cannot_have_run_inside_of_a_script_count_beside_it() {
    // The server counted all commands once, too, and nothing was counted twice.
    let apart = server(|s| {
        script_and_command(s);
        s.plant("eventloop_commands_us", 500_000.0);
    });
    let found = finding(&apart, "redis_command").unwrap();
    assert!(found.detail.contains("too: HGETALL"), "{}", found.detail);
    assert!(behind_others(&apart) > 1.5 * behind_others(&server(script_and_command)));
    // Each call took longer than any script.
    let longer = server(|s| {
        others(s, "eval", (100.0, 200_000.0), 4_000.0);
        others(s, "keys", (5.0, 300_000.0), 60_000.0);
    });
    let found = finding(&longer, "redis_command").unwrap();
    assert_eq!(found.thing.as_deref(), Some("KEYS"));
    assert!(found.detail.contains("too: EVAL"), "{}", found.detail);
}

#[test]
fn a_command_that_costs_enough_only_outside_of_scripts_is_an_open_question() {
    let assessment = server(|s| {
        others(s, "eval", (100.0, 80_000.0), 4_000.0);
        others(s, "hgetall", (100.0, 110_000.0), 2_200.0);
    });
    assert!(finding(&assessment, "redis_command").is_none());
    assert!(is_unknown(&assessment, "redis_command"));
    assert!(!is_ruled_out(&assessment, "redis_command"));
}

/// Assesses a server with these settings whose search for expired keys took 150 ms and reached its limit six
/// times; returns the finding.
fn expiring(hz: &str, effort: &str) -> Finding {
    let assessment = server(|s| {
        s.plant("expire_cycle_cpu_ms", 150.0);
        s.plant("expire_cap_reached", 6.0);
        s.plant("expired_keys", 90_000.0);
        for (name, value) in [("hz", hz), ("active-expire-effort", effort)] {
            rows(s, "settings").push(row([("setting", name), ("value", value)], []));
        }
    });
    finding(&assessment, "redis_expiry").unwrap().clone()
}

#[test]
fn the_slices_in_which_keys_expire_follow_from_the_settings() {
    for (hz, effort, slice) in [
        ("10", "1", "25.0 ms"),
        ("100", "1", "2.50 ms"),
        ("10", "10", "43.0 ms"),
    ] {
        let told = expiring(hz, effort).advice.unwrap().rationale;
        assert!(told.contains(slice), "{hz} {effort}: {told}");
    }
    // The longer the slices, the longer calls wait for them.
    let long = expiring("10", "1").impact.unwrap();
    assert_eq!(long.of, ImpactOf::ResponseTime);
    let short = expiring("100", "1").impact.unwrap();
    assert_eq!(short.of, ImpactOf::Capacity, "the thread's time is left");
}

/// Assesses `all` repeats of a healthy run of Redis after `plant` changed the steps of each.
pub(super) fn repeated(all: u64, plant: impl Fn(u64, &mut Step)) -> Assessment {
    let mut report = Plant::default().redis();
    let once = std::mem::take(&mut report.steps);
    for repeat in 0..all {
        for step in &once {
            let mut step = step.clone();
            step.repeat = repeat;
            for instant in [
                &mut step.window.start_ns,
                &mut step.window.measure_start_ns,
                &mut step.window.measure_end_ns,
                &mut step.window.end_ns,
            ] {
                *instant += repeat * 10 * SECOND;
            }
            plant(repeat, &mut step);
            report.steps.push(step);
        }
    }
    assess_reports(&[report])
}

fn keys(step: &mut Step) {
    others(
        step.server.as_mut().unwrap(),
        "keys",
        (5.0, 300_000.0),
        60_000.0,
    );
}

#[test]
fn a_cause_in_one_repeat_of_five_counts_for_all_five_and_one_in_most_counts_in_full() {
    let with_keys = |count: u64| {
        repeated(5, |repeat, step| {
            if repeat < count {
                keys(step);
            }
        })
    };
    let once = with_keys(1);
    let found = finding(&once, "redis_command").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(
        found.detail.contains("In 1 of 5 repeats only: an episode"),
        "{}",
        found.detail
    );
    assert!(found.impact.unwrap().ratio < 0.1, "{:?}", found.impact);
    for count in [3, 5] {
        let most = with_keys(count);
        assert_eq!(named(&most), ["redis_command"]);
        let found = finding(&most, "redis_command").unwrap();
        let told = format!("In {count} of 5 repeats.");
        assert!(found.detail.contains(&told), "{}", found.detail);
        let impact = found.impact.unwrap();
        assert!(impact.ratio > 0.25, "{impact:?}");
        assert_eq!(impact.saved_least_ns.is_some(), count == 5, "{impact:?}");
    }
}

#[test]
fn an_episode_in_which_calls_break_the_objective_is_a_problem() {
    let slow = repeated(5, |repeat, step| {
        if repeat == 2 {
            keys(step);
            for operation in step.operations.values_mut() {
                operation.call.as_mut().unwrap().max_ns = SECOND / 10;
            }
        }
    });
    assert_eq!(named(&slow), ["redis_command"]);
    assert!(finding(&slow, "redis_command").unwrap().breaks_objective);
}

#[test]
fn writes_that_waited_for_the_disk_are_a_problem_where_calls_waited_with_them() {
    let delayed = |answer_mean_ns: f64, answer_most_ns: f64| {
        server(move |s| {
            s.plant("aof_enabled", 1.0);
            s.plant("aof_delayed_fsync", 3.0);
            s.plant("answer_mean_ns", answer_mean_ns);
            s.plant("answer_most_ns", answer_most_ns);
        })
    };
    let unfelt = delayed(130_000.0, 400_000.0);
    assert_eq!(named(&unfelt), Vec::<&str>::new());
    let found = finding(&unfelt, "redis_append_only").unwrap();
    assert!(found.title.contains("3 times"), "{}", found.title);
    let felt = delayed(40e6, 0.4e9);
    assert_eq!(named(&felt), ["redis_append_only", "redis_stall"]);
    let cause = finding(&felt, "redis_append_only").unwrap();
    let stall = finding(&felt, "redis_stall").unwrap();
    assert_eq!(stall.parent.as_ref(), Some(&cause.id));
}

#[test]
fn clients_that_are_cut_off_are_a_problem_where_requests_of_the_load_were_lost() {
    let cut = run(|step| {
        step.server.as_mut().unwrap().plant("evicted_clients", 2.0);
        let set = step.operations.get_mut("set").unwrap();
        set.succeeded -= 3;
        set.errors.insert("closed".into(), 3);
    });
    assert_eq!(named(&cut), ["redis_output"]);
    let found = finding(&cut, "redis_output").unwrap();
    assert!(
        found.detail.contains("3 requests of the load"),
        "{}",
        found.detail
    );
    assert_eq!(found.impact.unwrap().of, ImpactOf::Requests);
}
