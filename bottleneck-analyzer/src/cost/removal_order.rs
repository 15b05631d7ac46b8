//! Order in which the causes of a component are removed: the one that costs most first, then the queues are
//! computed again, then the next. What a cause saves after those before it adds up; what each saves alone
//! does not (Lighthouse's audits and Oracle's ADDM have the same overlap).

use std::collections::BTreeMap;

use super::mean_call::{MeanCall, Removal};
use super::removal_plan::plan;
use super::saving::measured;
use crate::assessment::{Finding, FindingId, FindingKind, Impact, ImpactOf};
use crate::bench_facts::BenchFacts;
use crate::own_time::OwnTime;

/// Problem that takes time of a call, with what its removal does.
struct Candidate {
    /// Index of the finding.
    place: usize,
    removal: Removal,
    /// Saved time that the finding tells ÷ saved time computed for the chosen repeat. The finding may tell
    /// the time of another repeat.
    scale: f64,
    /// Weight of the finding's confidence, from 0 to 1.
    weight: f64,
    /// True if the cause, although rare, breaks the objective; such causes come first.
    is_urgent: bool,
}

/// Removes the problems of each bench one after another and writes into their impacts what each saves after
/// those before it. Sets the scores so that they stand in the same order, and names the problems whose order
/// is not known.
pub(crate) fn remove_in_turn(
    findings: &mut [Finding],
    own_times: &BTreeMap<FindingId, OwnTime>,
    benches: &[BenchFacts<'_>],
) {
    for bench in benches {
        let Some(call) = measured(bench) else {
            continue;
        };
        let candidates = candidates(findings, own_times, &bench.id(), &call);
        let places: Vec<usize> = candidates.iter().map(|c| c.place).collect();
        take_out(findings, candidates, call);
        name_unordered(findings, &places);
    }
}

fn candidates(
    findings: &[Finding],
    own_times: &BTreeMap<FindingId, OwnTime>,
    bench: &str,
    call: &MeanCall<'_>,
) -> Vec<Candidate> {
    let candidate = |(place, finding): (usize, &Finding)| {
        let own = own_times.get(&finding.id);
        let is_ours = own.map_or_else(|| finding.is_about(bench), |own| own.bench == bench);
        let is_cause =
            finding.kind == FindingKind::Problem && finding.parent.is_none() && finding.is_sure();
        let impact = finding.impact.filter(|i| i.of == ImpactOf::ResponseTime)?;
        let saved_ns = impact.saved_ns.filter(|_| is_ours && is_cause)?;
        let told = || OwnTime::new(bench.to_owned(), finding.rule(), Vec::new(), saved_ns);
        let removal = plan(call, &own.cloned().unwrap_or_else(told));
        let alone = call.total_ns() - call.without(&removal).total_ns();
        Some(Candidate {
            place,
            removal,
            scale: if alone > 0.0 { saved_ns / alone } else { 0.0 },
            weight: finding.confidence.weight(),
            is_urgent: finding.breaks_objective,
        })
    };
    findings.iter().enumerate().filter_map(candidate).collect()
}

/// Takes the candidates out of `call` one after another. The next is always the one that now saves the most
/// time × confidence; urgent ones come before all others.
fn take_out(findings: &mut [Finding], mut candidates: Vec<Candidate>, mut call: MeanCall<'_>) {
    let mut is_first = true;
    let mut last: Option<(bool, f64)> = None;
    while let Some(next) = most(&candidates, &call) {
        let candidate = candidates.remove(next);
        let saved = saved_ns(&candidate, &call);
        let then = call.without(&candidate.removal);
        let finding = &mut findings[candidate.place];
        if let Some(impact) = finding.impact.as_mut().filter(|_| !is_first) {
            after_others(impact, saved, &call, &then);
            let ratio = impact.ratio.min(saved / call.measured_ns());
            let score = ratio * candidate.weight;
            let same = last.filter(|(urgent, _)| *urgent == candidate.is_urgent);
            finding.score = same.map_or(score, |(_, least)| score.min(least));
        }
        last = Some((candidate.is_urgent, finding.score));
        is_first = false;
        call = then;
    }
}

/// Returns the index of the candidate to remove next from `call`; `None` if none is left.
fn most(candidates: &[Candidate], call: &MeanCall<'_>) -> Option<usize> {
    let worth = |c: &Candidate| (c.is_urgent, saved_ns(c, call) * c.weight);
    let indexed = candidates.iter().map(worth).enumerate();
    // `max_by` returns the last of equal candidates; reversed, it is the first.
    let most = indexed.rev().max_by(|(_, a), (_, b)| {
        let urgent = a.0.cmp(&b.0);
        urgent.then(a.1.total_cmp(&b.1))
    });
    most.map(|(index, _)| index)
}

fn saved_ns(candidate: &Candidate, call: &MeanCall<'_>) -> f64 {
    let then = call.without(&candidate.removal);
    ((call.total_ns() - then.total_ns()) * candidate.scale).clamp(0.0, call.total_ns())
}

/// Writes into `impact` what its cause saves from `call`, from which the causes before are removed; `then` is
/// the call without it.
fn after_others(impact: &mut Impact, saved_ns: f64, call: &MeanCall<'_>, then: &MeanCall<'_>) {
    impact.saved_after_ns = Some(saved_ns);
    let most = then.most_per_s().zip(call.most_per_s());
    let gain = most.map(|(then, now)| then / now.max(f64::MIN_POSITIVE) - 1.0);
    impact.capacity_gain_after_ratio = gain.filter(|gain| gain.is_finite() && *gain > 0.0);
}

/// Names, in each finding at `places`, those others whose saved times overlap with its own over the repeats.
fn name_unordered(findings: &mut [Finding], places: &[usize]) {
    let range = |place: &usize| findings[*place].impact.and_then(|i| i.saved_range_ns());
    let ranges: Vec<_> = places.iter().map(|p| (*p, range(p))).collect();
    let overlaps = |a: (f64, f64), b: (f64, f64)| {
        let (of_a, of_b) = (a.1 - a.0, b.1 - b.0);
        a.0 <= b.1 && b.0 <= a.1 && of_a.max(of_b) > 0.0
    };
    for (place, own) in &ranges {
        let others = ranges.iter().filter(|(other, theirs)| {
            let both = own.zip(*theirs);
            other != place && both.is_some_and(|(a, b)| overlaps(a, b))
        });
        let ids: Vec<FindingId> = others.map(|(o, _)| findings[*o].id.clone()).collect();
        findings[*place].not_ordered_with = ids;
    }
}

#[cfg(test)]
mod tests {
    use super::super::mean_call::tests::{call, model, pooled, removal};
    use super::*;
    use crate::assessment::{ComponentKind, Confidence, Rule};
    use crate::own_time::CausePart;

    /// Creates a cause that takes these times of the parts of a call, in nanoseconds.
    fn cause(parts_ns: &[f64], confidence: Confidence) -> Candidate {
        Candidate {
            place: 0,
            removal: removal(parts_ns),
            scale: 1.0,
            weight: confidence.weight(),
            is_urgent: false,
        }
    }

    #[test]
    fn the_next_cause_is_the_one_of_the_largest_saved_time_weighed_by_its_confidence() {
        let model = model(&[("io.a", 20e6), ("io.b", 20e6)]);
        let call = call(&model);
        let certain = || cause(&[6e6, 0.0], Confidence::High);
        let doubtful = |ns: f64| cause(&[0.0, ns], Confidence::Medium);
        // 9 ms × 0.6 = 5.4 ms and 11 ms × 0.6 = 6.6 ms, beside 6 ms × 1.
        assert_eq!(most(&[doubtful(9e6), certain()], &call), Some(1));
        assert_eq!(most(&[doubtful(11e6), certain()], &call), Some(0));
        // The finding tells half of what was computed for this repeat: 11 ms × 0.5 × 0.6 = 3.3 ms.
        let scaled = Candidate {
            scale: 0.5,
            ..doubtful(11e6)
        };
        assert_eq!(most(&[scaled, certain()], &call), Some(1));
        let urgent = Candidate {
            is_urgent: true,
            ..doubtful(1e6)
        };
        assert_eq!(most(&[certain(), urgent], &call), Some(1));
        assert_eq!(most(&[certain(), certain()], &call), Some(0));
        assert_eq!(most(&[], &call), None);
    }

    /// Returns the impact of a cause that saves 1 ms, after which calls hold a connection of a pool of 8 for
    /// `then_ns` and not for 2 ms.
    fn impact_after(then_ns: f64) -> Impact {
        let (now, then) = (model(&[("io.a", 2e6)]), model(&[("io.a", then_ns)]));
        let mut impact = Impact::share(0.5, ImpactOf::ResponseTime);
        after_others(&mut impact, 1e6, &pooled(&now, 8.0), &pooled(&then, 8.0));
        impact
    }

    #[test]
    fn a_gain_after_the_causes_before_is_told_only_if_there_is_one() {
        // 8 connections carry 4,000 calls of 2 ms a second, and 5,000 calls of 1.6 ms.
        let more = impact_after(1.6e6);
        let gain = more.capacity_gain_after_ratio.unwrap();
        assert!((gain - 0.25).abs() < 1e-9, "{gain}");
        for then_ns in [2e6, 2.5e6] {
            let none = impact_after(then_ns);
            assert_eq!(none.capacity_gain_after_ratio, None, "{then_ns}");
            assert_eq!(none.saved_after_ns, Some(1e6));
        }
        // Without a recording of the machine it is not known.
        let model = model(&[("io.a", 2e6)]);
        let mut unknown = Impact::share(0.5, ImpactOf::ResponseTime);
        after_others(&mut unknown, 1e6, &call(&model), &call(&model));
        assert_eq!(unknown.capacity_gain_after_ratio, None);
    }

    /// Creates a problem whose saved time lies in `range`, in nanoseconds, over the repeats.
    fn problem(subject: &str, range: Option<(f64, f64)>) -> Finding {
        Finding {
            id: FindingId::new(Rule::LockWaits, subject),
            component: ComponentKind::Postgres,
            kind: FindingKind::Problem,
            thing: None,
            title: String::new(),
            detail: String::new(),
            impact: Some(Impact {
                saved_least_ns: range.map(|(least, _)| least),
                saved_most_ns: range.map(|(_, most)| most),
                ..Impact::share(0.5, ImpactOf::ResponseTime)
            }),
            breaks_objective: false,
            confidence: Confidence::High,
            score: 0.5,
            evidence: Vec::new(),
            computed: Vec::new(),
            parent: None,
            not_ordered_with: Vec::new(),
            advice: None,
        }
    }

    /// Returns the subjects of the problems that each one with such a range is not ordered with, if the problems
    /// at `places` take time of the same calls.
    fn unordered(ranges: &[Option<(f64, f64)>], places: &[usize]) -> Vec<String> {
        let named = ranges.iter().enumerate();
        let problems = named.map(|(place, range)| problem(&place.to_string(), *range));
        let mut problems: Vec<Finding> = problems.collect();
        name_unordered(&mut problems, places);
        let others = problems.iter().map(|one| {
            let ids = one.not_ordered_with.iter();
            ids.map(|id| id.subject.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        });
        others.collect()
    }

    #[test]
    fn problems_whose_saved_times_overlap_are_not_ordered_and_none_overlaps_with_itself() {
        let ranges = [
            Some((1.0, 3.0)),
            Some((2.0, 4.0)),
            Some((5.0, 6.0)),
            None,
            // It only touches the one before.
            Some((6.0, 7.0)),
        ];
        assert_eq!(
            unordered(&ranges, &[0, 1, 2, 3, 4]),
            ["1", "0", "4", "", "2"]
        );
        // What takes time of other calls is left out.
        assert_eq!(unordered(&ranges, &[0, 2, 3]), ["", "", "", "", ""]);
        // Times that are the same in each repeat are measured as equal.
        let equal = [Some((2.0, 2.0)), Some((2.0, 2.0)), Some((1.0, 2.0))];
        assert_eq!(unordered(&equal, &[0, 1, 2]), ["2", "2", "0 1"]);
    }

    #[track_caller]
    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
    }

    /// Takes two causes out of a call of 40 ms: one of 12 ms with the score 0.1, and one of 10 ms, which tells an
    /// impact of `ratio`. Returns the second.
    fn second_of_two(is_urgent: bool, ratio: f64, confidence: Confidence) -> Finding {
        let model = model(&[("io.a", 20e6), ("io.b", 20e6)]);
        let mut findings = vec![problem("first", None), problem("second", None)];
        findings[0].score = 0.1;
        findings[1].impact = Some(Impact::share(ratio, ImpactOf::ResponseTime));
        let first = Candidate {
            is_urgent,
            ..cause(&[12e6, 0.0], Confidence::High)
        };
        let second = Candidate {
            place: 1,
            ..cause(&[0.0, 10e6], confidence)
        };
        take_out(&mut findings, vec![second, first], call(&model));
        // Nothing was removed before the first one.
        assert_eq!(findings[0].impact.unwrap().saved_after_ns, None);
        near(findings[0].score, 0.1);
        findings.remove(1)
    }

    #[test]
    fn a_score_is_of_what_is_saved_after_the_others_and_falls_unless_they_are_urgent() {
        let (high, medium) = (Confidence::High, Confidence::Medium);
        // 10 of 40 ms, of which a cause that is likely counts for 0.6.
        let after_an_urgent_one = second_of_two(true, 0.5, high);
        near(after_an_urgent_one.score, 0.25);
        let saved_ns = after_an_urgent_one.impact.unwrap().saved_after_ns;
        near(saved_ns.unwrap(), 10e6);
        near(second_of_two(true, 0.5, medium).score, 0.15);
        // The finding itself tells less.
        near(second_of_two(true, 0.05, high).score, 0.05);
        // Among causes of one urgency no score is higher than one before.
        near(second_of_two(false, 0.5, high).score, 0.1);
        near(second_of_two(false, 0.05, high).score, 0.05);
    }

    /// Returns a problem of `postgres.sweep` that would save 5 ms of a call.
    fn costly() -> Finding {
        let mut finding = problem("postgres.sweep", None);
        finding.impact.as_mut().unwrap().saved_ns = Some(5e6);
        finding
    }

    /// Returns the candidate that `finding` is among the causes of `postgres.sweep`, whose calls spend 20 ms in each
    /// of two waits; `None` if it is none. The cause takes 10 ms of the first wait in the calls of `bench`, if that
    /// is known.
    fn candidate(finding: Finding, bench: Option<&str>) -> Option<Candidate> {
        let model = model(&[("io.a", 20e6), ("io.b", 20e6)]);
        let own_times = bench.map(|bench| {
            let parts = vec![CausePart::Name("io.a".to_owned())];
            let own = OwnTime::new(bench.to_owned(), Rule::LockWaits, parts, 10e6);
            (finding.id.clone(), own)
        });
        let own_times: BTreeMap<FindingId, OwnTime> = own_times.into_iter().collect();
        candidates(&[finding], &own_times, "postgres.sweep", &call(&model)).pop()
    }

    #[test]
    fn a_cause_is_scaled_to_what_its_finding_tells() {
        let own = candidate(costly(), Some("postgres.sweep")).unwrap();
        assert_eq!(own.removal, removal(&[10e6, 0.0]));
        near(own.scale, 0.5);
        near(own.weight, 1.0);
        assert!(!own.is_urgent);
        // Without a time of its own it is what the finding tells, taken from the whole service.
        let told = candidate(costly(), None).unwrap();
        assert_eq!(told.removal, removal(&[2.5e6, 2.5e6]));
        near(told.scale, 1.0);
        // Nothing can be taken from a call that only waits for what others hold.
        let waits = model(&[("lock.tuple", 10e6)]);
        let none = candidates(
            &[costly()],
            &BTreeMap::new(),
            "postgres.sweep",
            &call(&waits),
        );
        near(none[0].scale, 0.0);
    }

    #[test]
    fn only_sure_problems_of_the_bench_that_save_response_time_and_have_no_cause_are_removed() {
        let own = Some("postgres.sweep");
        assert!(candidate(costly(), own).is_some());
        assert!(candidate(costly(), Some("redis.cache")).is_none());
        let elsewhere = Finding {
            id: FindingId::new(Rule::LockWaits, "redis.cache"),
            ..costly()
        };
        assert!(candidate(elsewhere, None).is_none());
        for kind in [FindingKind::Symptom, FindingKind::Information] {
            assert!(candidate(Finding { kind, ..costly() }, own).is_none());
        }
        let echo = Finding {
            parent: Some(FindingId::new(Rule::CommitWaits, "postgres.sweep")),
            ..costly()
        };
        assert!(candidate(echo, own).is_none());
        let doubtful = Finding {
            confidence: Confidence::Low,
            ..costly()
        };
        assert!(candidate(doubtful, own).is_none());
        let mut of_sessions = costly();
        of_sessions.impact.as_mut().unwrap().of = ImpactOf::SessionTime;
        assert!(candidate(of_sessions, own).is_none());
        assert!(candidate(problem("postgres.sweep", None), own).is_none());
    }
}
