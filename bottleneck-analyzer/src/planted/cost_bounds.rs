//! Tests of a cause over the repeats of an operating point: from which share on, and in how many repeats, it is a
//! finding, of which kind, and how sure. The causes are made up; their shares stay exactly as planted.

use bench_report::{Step, names};

use crate::assessment::{Confidence, Finding, FindingKind, Rule};
use crate::chosen_step::ChosenStep;
use crate::conclusions::Conclusions;
use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts, RepeatRule, check_repeats};
use crate::own_time::CausePart;

use super::common::server::{Server, row};
use super::limit_bounds::with_facts;

/// Returns the figure `name` of the repeat, with which a test tells its rule what to find.
fn figure(repeat: &RepeatFacts<'_, '_>, name: &str) -> Option<f64> {
    repeat.server.step.figures.get(name).copied()
}

/// Creates the cost of work called `name` that takes `own_ns` of a call.
fn cost(repeat: &RepeatFacts<'_, '_>, name: &str, own_ns: f64) -> CauseCost {
    let samples = repeat.server.evidence(names::postgres::SESSIONS_SAMPLES);
    CauseCost {
        rule: Rule::Sleeps,
        key: vec![CausePart::thing(name)],
        thing: name.to_owned(),
        own_ns,
        least: if figure(repeat, "no_bound").is_some() {
            f64::INFINITY
        } else {
            figure(repeat, "least").unwrap_or(0.25)
        },
        avoidable: figure(repeat, "unavoidable").is_none(),
        lower_bound: figure(repeat, "lower_bound").is_some(),
        highest_confidence: Confidence::High,
        title: format!("The work {name}"),
        detail: String::new(),
        evidence: samples.into_iter().collect(),
        computed: Vec::new(),
        actions: Vec::new(),
        rationale: String::new(),
        restart: false,
    }
}

/// Finds work in the repeats that have the figure `part`: it takes that share of the service time.
fn work(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let part = figure(repeat, "part").into_iter();
    let own = part.map(|part| cost(repeat, "one", part * repeat.model.served_ns()));
    own.map(CheckResult::Cost).collect()
}

/// Returns what `rule` concludes from as many repeats of `server` as `parts` has entries. Each repeat has its entry
/// as the figure `part` and is changed by `plant`. The first one stands for the operating point.
fn concluded(
    server: &Server,
    rule: RepeatRule,
    parts: &[Option<f64>],
    plant: impl Fn(usize, &mut Step),
) -> Conclusions {
    let mut report = server.run().remove(0);
    let once = report.steps.remove(0);
    report.steps.clear();
    for (repeat, part) in parts.iter().enumerate() {
        let mut step = once.clone();
        step.repeat = repeat as u64;
        let part = part.map(|part| ("part".to_owned(), part));
        step.figures.extend(part);
        plant(repeat, &mut step);
        report.steps.push(step);
    }
    with_facts(vec![report], |facts| {
        let bench = &mut facts.benches[0];
        bench.choice = Some(ChosenStep {
            step: 0,
            recommendation: None,
            reason: String::new(),
        });
        bench.repeats = (0..parts.len()).collect();
        let mut out = Conclusions::default();
        check_repeats(&facts.benches[0], facts, &[rule], &mut out);
        out
    })
}

/// Returns what is concluded from work with these shares of the service time, where each repeat has the figure
/// `more`.
fn of_work(parts: &[Option<f64>], more: (&str, f64)) -> Conclusions {
    concluded(&Server::default(), work, parts, |_, step| {
        step.figures.insert(more.0.to_owned(), more.1);
    })
}

/// Returns the only finding about work with these shares.
#[track_caller]
fn found(parts: &[Option<f64>], more: (&str, f64)) -> Finding {
    let mut findings = of_work(parts, more).findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

const NOTHING: (&str, f64) = ("nothing", 0.0);

#[test]
fn a_cause_needs_its_bound_in_one_repeat_and_half_of_it_in_the_others() {
    let parts = [Some(0.25), Some(0.125), Some(0.12)];
    let seen = found(&parts, NOTHING);
    assert_eq!(seen.kind, FindingKind::Problem);
    let words = "Seen in 2 of 3 repeats.";
    assert!(seen.detail.ends_with(words), "{}", seen.detail);
    let small = of_work(&[Some(0.24), Some(0.23), Some(0.22)], NOTHING);
    assert!(small.findings.is_empty(), "{:?}", small.findings);
    assert_eq!(small.ruled_out.len(), 1);
    let told = "The work one: 24 % of the time that a call holds its connection (bound 25 %)";
    assert_eq!(small.ruled_out[0].statement, told);
}

#[test]
fn a_cause_in_more_than_half_of_the_repeats_is_persistent_and_else_an_episode() {
    let third = Some(0.33);
    for (parts, words) in [
        (vec![third, third, third, None, None], "Seen in 3 of 5"),
        (vec![third, third, None, None], "seen only in 2 of 4"),
        (vec![third, None], "seen only in 1 of 2"),
    ] {
        let seen = found(&parts, NOTHING);
        assert!(seen.detail.contains(words), "{words}: {}", seen.detail);
    }
    let both = found(&[third, third], NOTHING).impact.unwrap();
    assert!(both.saved_range_ns().is_some());
    // What was measured once is neither of them.
    let once = found(&[third], NOTHING);
    assert!(!once.detail.contains("repeat"), "{}", once.detail);
    assert_eq!(once.impact.unwrap().saved_range_ns(), None);
}

#[test]
fn a_cause_is_told_as_it_is_at_the_operating_point_or_in_the_repeat_in_the_middle_or_at_its_worst()
{
    let step = |parts: &[Option<f64>]| {
        let seen = found(parts, NOTHING);
        let pointer = &seen.evidence[0].pointer;
        pointer.split('/').nth(2).unwrap().to_owned()
    };
    assert_eq!(step(&[Some(0.3), Some(0.5), Some(0.6)]), "0");
    // Sorted, these are 0.3, 0.4, 0.5 and 0.6.
    let without_the_first = [None, Some(0.3), Some(0.5), Some(0.4), Some(0.6)];
    assert_eq!(step(&without_the_first), "2");
    let episode = [Some(0.4), None, Some(0.6), None, None];
    assert_eq!(step(&episode), "2");
}

#[test]
fn a_persistent_cause_is_a_problem_from_a_tenth_of_the_response_time_on_if_it_can_be_avoided() {
    let kind = |part: f64, name: &str| {
        let server = Server::default();
        let conclusions = concluded(&server, work, &[Some(part); 3], |_, step| {
            step.figures.insert("least".to_owned(), 0.05);
            step.figures.insert(name.to_owned(), 1.0);
        });
        conclusions.findings[0].kind
    };
    assert_eq!(kind(0.11, "nothing"), FindingKind::Problem);
    assert_eq!(kind(0.09, "nothing"), FindingKind::Information);
    assert_eq!(kind(0.09, "lower_bound"), FindingKind::Problem);
    assert_eq!(kind(0.11, "unavoidable"), FindingKind::Information);
}

#[test]
fn an_episode_is_a_problem_by_its_mean_over_all_repeats_and_none_if_nobody_can_avoid_it() {
    let kind = |part: f64| found(&[Some(part), None, None], NOTHING).kind;
    assert_eq!(kind(0.33), FindingKind::Problem);
    assert_eq!(kind(0.27), FindingKind::Information);
    let fate = of_work(&[Some(0.33), None, None], ("unavoidable", 1.0));
    assert!(fate.findings.is_empty(), "{:?}", fate.findings);
    assert_eq!(fate.ruled_out.len(), 1);
}

/// Planted: work of 27 % in these repeats of three, in which a call took `longest_ns`. The objective is 500 ms.
fn with_a_long_call(parts: &[Option<f64>], longest_ns: u64) -> (FindingKind, bool) {
    let conclusions = concluded(&Server::default(), work, parts, |repeat, step| {
        if parts[repeat].is_some() {
            let call = step.operations.get_mut("call").unwrap();
            call.call.as_mut().unwrap().max_ns = longest_ns;
        }
    });
    let found = &conclusions.findings[0];
    (found.kind, found.breaks_objective)
}

#[test]
fn an_episode_in_which_a_call_took_longer_than_the_objective_breaks_it() {
    let episode = [Some(0.27), None, None];
    let at_it = with_a_long_call(&episode, 500_000_000);
    assert_eq!(at_it, (FindingKind::Information, false));
    let past_it = with_a_long_call(&episode, 500_000_001);
    assert_eq!(past_it, (FindingKind::Problem, true));
    let persistent = with_a_long_call(&[Some(0.27); 3], 500_000_001);
    assert_eq!(persistent, (FindingKind::Problem, false));
}

/// Returns the confidence in work with these shares, if sessions were sampled so many times in the first repeat
/// and in each of the others.
fn sure(parts: &[Option<f64>], least: f64, (first, others): (f64, f64)) -> Confidence {
    let conclusions = concluded(&Server::default(), work, parts, |repeat, step| {
        step.figures.insert("least".to_owned(), least);
        let samples = if repeat == 0 { first } else { others };
        let server = step.server.as_mut().unwrap();
        server
            .figures
            .insert("sessions.samples".to_owned(), samples);
    });
    conclusions.findings[0].confidence
}

/// Of 300 samples half show the work: the noise is √(0.5 × 0.5 ÷ 300), 2.9 %.
#[test]
fn the_distance_from_the_bound_counts_in_units_of_the_samples_noise() {
    let half = [Some(0.5); 3];
    for (least, confidence) in [
        (0.43, Confidence::High),
        (0.457, Confidence::Medium),
        (0.48, Confidence::Low),
    ] {
        assert_eq!(sure(&half, least, (100.0, 100.0)), confidence, "{least}");
    }
}

#[test]
fn samples_of_all_repeats_count_and_each_repeat_must_have_the_cause() {
    let half = [Some(0.5); 3];
    assert_eq!(sure(&half, 0.1, (34.0, 33.0)), Confidence::High);
    assert_eq!(sure(&half, 0.1, (33.0, 33.0)), Confidence::Medium);
    assert_eq!(sure(&half, 0.1, (6.0, 7.0)), Confidence::Medium);
    assert_eq!(sure(&half, 0.1, (5.0, 7.0)), Confidence::Low);
    let most = [Some(0.5), Some(0.5), None];
    assert_eq!(sure(&most, 0.1, (100.0, 100.0)), Confidence::Medium);
    // An episode is no less sure, because its one repeat has few samples.
    let episode = [Some(0.5), None, None];
    assert_eq!(sure(&episode, 0.1, (5.0, 5.0)), Confidence::Medium);
}

/// Finds two causes of one rule, the smaller one first.
fn two_works(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let part = figure(repeat, "part").unwrap();
    let own = [("small", part), ("large", 1.5 * part)].into_iter();
    let costs = own.map(|(name, part)| cost(repeat, name, part * repeat.model.served_ns()));
    costs.map(CheckResult::Cost).collect()
}

#[test]
fn each_cause_of_a_rule_is_a_finding_the_largest_first_and_small_ones_are_ruled_out_together() {
    let of = |part: f64| concluded(&Server::default(), two_works, &[Some(part); 3], |_, _| ());
    let both = of(0.3).findings;
    let things: Vec<Option<&str>> = both.iter().map(|f| f.thing.as_deref()).collect();
    assert_eq!(things, [Some("large"), Some("small")]);
    assert_eq!(both[0].id.to_string(), "sleeps:postgres.sweep");
    assert_eq!(both[1].id.to_string(), "sleeps:postgres.sweep:small");
    let neither = of(0.1);
    assert!(neither.findings.is_empty(), "{:?}", neither.findings);
    assert_eq!(neither.ruled_out.len(), 1);
    let told = &neither.ruled_out[0].statement;
    assert!(told.starts_with("The work large: 15 %"), "{told}");
}

/// Notes `a` in each repeat and `b` in those that have the figure `part`, and checks the same rule.
fn notes(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let note = |thing: &str| {
        CheckResult::Note(Note {
            rule: Rule::DeadRows,
            thing: thing.to_owned(),
            title: format!("{thing} is there"),
            detail: String::new(),
            evidence: Vec::new(),
            computed: Vec::new(),
            actions: Vec::new(),
            gain: String::new(),
            rationale: String::new(),
        })
    };
    let fine = |rule| CheckResult::Fine(rule, "nothing is there".to_owned(), Vec::new());
    let mut all = vec![note("a"), fine(Rule::DeadRows)];
    if figure(repeat, "part").is_some() {
        let question = "what is there".to_owned();
        all.push(CheckResult::Unknown(Rule::Toast, question, String::new()));
        all.push(note("b"));
    }
    all.push(fine(Rule::Toast));
    all.push(fine(Rule::TempFiles));
    all
}

#[test]
fn each_note_question_and_check_is_told_once_for_all_repeats() {
    let parts = [Some(1.0), None, Some(1.0)];
    let out = concluded(&Server::default(), notes, &parts, |_, _| ());
    let ids = out.findings.iter().map(|f| f.id.to_string());
    let ids: Vec<String> = ids.collect();
    assert_eq!(
        ids,
        ["dead_rows:postgres.sweep", "dead_rows:postgres.sweep:b"]
    );
    let open: Vec<Rule> = out.unknown.iter().map(|u| u.rule).collect();
    assert_eq!(open, [Rule::Toast]);
    let fine: Vec<Rule> = out.ruled_out.iter().map(|r| r.rule).collect();
    assert_eq!(fine, [Rule::TempFiles]);
}

/// Finds a part of the commits, as large as the figure `part` tells, or as much of other work if there is the figure
/// `other`.
fn commits(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let commit = repeat.model.part("io.walsync").unwrap();
    let part = figure(repeat, "part").unwrap();
    let cost = if figure(repeat, "other").is_some() {
        cost(repeat, "other", part * repeat.model.served_ns())
    } else {
        CauseCost {
            key: vec![CausePart::Name(commit.name.clone())],
            ..cost(repeat, "commit", part * commit.ns)
        }
    };
    vec![CheckResult::Cost(cost)]
}

/// Planted: a hot lock whose holders commit all the time, and a part of the commits far below its bound.
#[test]
fn what_lengthens_the_hold_of_a_hot_lock_by_a_tenth_is_told_however_short_it_is() {
    let labels = [
        ("lock", "transactionid"),
        ("blocking_state", "active"),
        ("blocking_event", "IO.WalSync"),
        ("ours", "true"),
    ];
    let holder = row(&labels, &[("looks", 100.0), ("looks_total", 100.0)]);
    let server = Server {
        users: 16.0,
        pool: 16,
        waits: vec![("Lock.transactionid", 0.5), ("IO.WalSync", 0.2)],
        tables: vec![("blockers", vec![holder])],
        ..Server::default()
    };
    let is_told = |part: f64, more: &str| {
        let out = concluded(&server, commits, &[Some(part); 3], |_, step| {
            step.figures.insert("least".to_owned(), 0.9);
            step.figures.insert(more.to_owned(), 1.0);
        });
        !out.findings.is_empty()
    };
    assert!(is_told(0.11, "nothing"));
    assert!(!is_told(0.09, "nothing"));
    // Too few sessions were there at once, or the time is no part of the call that the holder spends.
    assert!(!is_told(0.11, "no_bound"));
    assert!(!is_told(0.4, "other"));
}
