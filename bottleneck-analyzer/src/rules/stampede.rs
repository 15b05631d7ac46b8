//! Rule `cache_stampede`: many requests call the back-end at once when the value of a hot key expires.
//!
//! Fires for each guard of `redis-bench cache --stampede` with six or more calls of the back-end at an expiry, on
//! average: a problem from twelve on, else information. One call is enough; computing the value early, at random,
//! takes 1 + (e − 1) = 2.7 by theory (`XFetch` with β = 1: Vattani, Chierichetti and Lowenstein, VLDB 2015), and up
//! to twice as many over a few expiries or on a busy machine. Each guard is judged, whichever is the operating point.
//! Reads the figures `stampede.*` and `backend_mean_ns`. The finding has no impact: what the calls cost the back-end
//! is not measured, and a request without a value waits for the back-end with a guard as well.

use bench_report::names::{FigureName, steps};

use super::variants::{VariantSteps, of_report};
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, plain};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::CacheStampede;
/// Parameter of a step that names its guard.
const GUARD: &str = "guard";
/// Name of the guard that keeps no request from the back-end.
const NONE: &str = "none";
/// Smallest mean number of calls at an expiry that is told, and smallest one that is a problem.
const SEVERAL: f64 = 6.0;
const MANY: f64 = 12.0;
/// Smallest number of expiries whose mean is certain.
const LEAST_EXPIRIES: f64 = 3.0;

/// Guard whose key expired, with the mean number of calls at an expiry over the repeats.
struct GuardedKey<'v, 'f, 'a> {
    steps: &'v VariantSteps<'f, 'a>,
    calls: f64,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let all = of_report(bench, GUARD, steps::STAMPEDE_EXPIRIES);
        let judged: Vec<GuardedKey<'_, '_, '_>> = all.iter().filter_map(GuardedKey::of).collect();
        for guard in all.iter().filter(|one| GuardedKey::of(one).is_none()) {
            let question = format!(
                "whether requests stampede with the guard {}: the hot key did not expire",
                guard.variant
            );
            let to_find_out = "a longer --duration, or a shorter --ttl";
            out.cannot_judge(RULE, bench.component, question, to_find_out);
        }
        let stampedes = || judged.iter().filter(|guard| guard.calls >= SEVERAL);
        if stampedes().next().is_none() && !judged.is_empty() {
            let needed: Vec<String> = judged.iter().map(GuardedKey::needed).collect();
            let statement = format!(
                "calls of the back-end at an expiry of the hot key: {}",
                needed.join(", ")
            );
            let evidence = judged.iter().flat_map(GuardedKey::calls_evidence);
            out.rule_out(RULE, bench.component, statement, evidence);
        }
        for guard in stampedes() {
            out.add_finding(finding(bench, guard, &judged));
        }
    }
}

impl<'v, 'f, 'a> GuardedKey<'v, 'f, 'a> {
    /// Returns the calls with a guard; `None` if the key did not expire.
    fn of(steps: &'v VariantSteps<'f, 'a>) -> Option<Self> {
        let (calls, weight) = (steps::STAMPEDE_CALLS_PER_EXPIRY, steps::STAMPEDE_EXPIRIES);
        let calls = steps.mean_by(calls, weight)?;
        Some(Self { steps, calls })
    }
}

impl GuardedKey<'_, '_, '_> {
    /// Returns the number of calls that the guard needs, as in `lock 1`.
    fn needed(&self) -> String {
        format!("{} {}", self.steps.variant, plain(self.calls))
    }

    fn calls_evidence(&self) -> Vec<EvidenceItem> {
        self.steps.evidence(steps::STAMPEDE_CALLS_PER_EXPIRY)
    }

    fn expiries(&self) -> f64 {
        self.steps.sum(steps::STAMPEDE_EXPIRIES)
    }
}

/// Builds the finding about a guard with several calls at an expiry. `all` are the guards of the same report.
fn finding(
    bench: &BenchFacts<'_>,
    guard: &GuardedKey<'_, '_, '_>,
    all: &[GuardedKey<'_, '_, '_>],
) -> FindingDraft {
    let kind = if guard.calls >= MANY {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let confidence = if guard.expiries() >= LEAST_EXPIRIES {
        Confidence::High
    } else {
        Confidence::Medium
    };
    let name = &guard.steps.variant;
    let how = if name == NONE {
        "Without a guard".to_owned()
    } else {
        format!("In spite of the guard {name}")
    };
    let better: Vec<&GuardedKey<'_, '_, '_>> = all
        .iter()
        .filter(|other| other.calls < SEVERAL && other.steps.is_beside(guard.steps, GUARD))
        .collect();
    let figures = [
        steps::STAMPEDE_EXPIRIES,
        steps::STAMPEDE_CALLS_PER_EXPIRY,
        steps::STAMPEDE_EXPECTED_CALLS,
        steps::STAMPEDE_WORST_CALLS,
        steps::STAMPEDE_MOST_AT_ONCE,
        steps::STAMPEDE_STALLED_PER_EXPIRY,
        steps::BACKEND_MEAN_NS,
    ];
    let computed = std::iter::once(guard).chain(better.iter().copied());
    let draft = bench
        .finding(RULE, kind)
        .one_of_several(guard.steps.setting)
        .thing(name.clone())
        .says(
            format!(
                "{how}, the back-end is called {} at each expiry of a hot key",
                counted(guard.calls, "time")
            ),
            detail(guard, &better),
        )
        .confidence(confidence)
        .computes(computed.map(|one| {
            let what = format!("calls at an expiry with {}", one.steps.variant);
            ComputedFigure::new(what, one.calls, "mean over all expiries of the repeats")
        }))
        .computes([ComputedFigure::new(
            "expiries",
            guard.expiries(),
            "sum over the repeats",
        )])
        .evidence(
            figures
                .into_iter()
                .flat_map(|name| guard.steps.evidence(name)),
        )
        .evidence(better.iter().flat_map(|one| one.calls_evidence()));
    advised(draft, name, &better)
}

/// Returns the explanation: the worst expiry, what theory expects, and what the guards `better` need.
fn detail(guard: &GuardedKey<'_, '_, '_>, better: &[&GuardedKey<'_, '_, '_>]) -> String {
    let largest = |name: FigureName| guard.steps.largest(name);
    let mut detail = format!(
        "Its value expired {}, and one call each time is enough.",
        counted(guard.expiries(), "time")
    );
    if let Some(at_once) = largest(steps::STAMPEDE_MOST_AT_ONCE) {
        detail += &format!(
            " At worst {} ran at the same time.",
            counted(at_once, "call")
        );
    }
    if let Some((stalled, ns)) =
        largest(steps::STAMPEDE_STALLED_PER_EXPIRY).zip(largest(steps::BACKEND_MEAN_NS))
    {
        detail += &format!(
            " Up to {} an expiry found no value; a call with its write takes {}.",
            counted(stalled, "request"),
            duration_ns(ns)
        );
    }
    if let Some(expected) = largest(steps::STAMPEDE_EXPECTED_CALLS) {
        detail += &format!(
            " Theory expects {}: the first one, and the arrivals until its value is written.",
            counted(expected, "call")
        );
    }
    if !better.is_empty() {
        let needed: Vec<String> = better.iter().map(|one| one.needed()).collect();
        detail += &format!(" Guards of the same run need: {}.", needed.join(", "));
    }
    detail
}

/// Adds the advice that fits the guard called `name`. `better` are guards of the same report that need fewer calls.
fn advised(draft: FindingDraft, name: &str, better: &[&GuardedKey<'_, '_, '_>]) -> FindingDraft {
    let least = better.iter().min_by(|a, b| a.calls.total_cmp(&b.calls));
    let gain = least.map_or("about one call at an expiry".to_owned(), |best| {
        format!(
            "{} at an expiry, as with {}",
            counted(best.calls, "call"),
            best.steps.variant
        )
    });
    match name {
        "lock" => draft.advice(
            &["let the lock live longer than the slowest call of the back-end (--lock-ttl), and read again once it is taken"],
            gain,
            "a lock that expires before the value is written lets the next request call the back-end as well",
        ),
        "early" => draft.advice(
            &["begin to compute the value sooner (a larger β, or a longer time to live), or take a lock before the call"],
            gain,
            "where the value is not ready at its expiry, all requests that arrive until then call the back-end",
        ),
        _ => draft.advice(
            &[
                "let one request compute the value: a lock (SET … NX PX) before the call, and a further read once it is taken",
                "or compute the value before it expires, by a reader at random (early expiration, XFetch): then nobody waits",
            ],
            gain,
            "all requests that arrive while the value is computed find none, and each calls the back-end",
        ),
    }
}
