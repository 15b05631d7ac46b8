//! Rules `limiter_over_admits` and `limiter_locks_out` about the decisions of a rate limiter.
//!
//! - `limiter_over_admits` fires if a limiter admitted more than its limit allows: more in a window of the clock, if
//!   it counts by these; more in a stretch as long as a window than its algorithm permits; or otherwise than the
//!   model of its algorithm. A limiter whose algorithm has no bound in the report may admit twice the limit in
//!   a stretch, as those that refill do. It is ruled out for all others.
//! - `limiter_locks_out` fires on a counter that never expires.
//!
//! Both judge each setting of the scenario `rate-limit`, whichever is the operating point, because a wrong decision is
//! no matter of load. They read the figures `limiter.*`.

use bench_report::names::steps;

use super::variants::{VariantSteps, of_report};
use crate::assessment::{ComputedFigure, Confidence, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, percent, plain};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

const OVER: Rule = Rule::LimiterOverAdmits;
const LOCKS: Rule = Rule::LimiterLocksOut;
/// Parameter of a step that names its limiter.
const LIMITER: &str = "limiter";
/// Beginning of the names of limiters that count by the windows of the clock.
const BY_WINDOW: &str = "fixed-window";
/// Beginning of the names of limiters that permit no more than the limit in any stretch.
const BY_LOG: &str = "sliding-log";
/// Largest number of requests in a stretch as long as a window ÷ the limit, of any algorithm.
const MOST_RATIO: f64 = 2.0;
/// Smallest share of the limit, from 0 to 1, by which decisions at the edge of a window cannot be mistaken.
const CERTAIN: f64 = 0.01;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let all = of_report(bench, LIMITER, steps::LIMITER_DECISIONS);
        if all.is_empty() {
            continue;
        }
        for limiter in &all {
            over_admits(bench, limiter, out);
            locks_out(bench, limiter, out);
        }
        let judged = counted(all.len() as f64, "limiter");
        let is_told = |rule| {
            out.findings
                .iter()
                .any(|f| f.rule() == rule && f.is_about(&bench.id()))
        };
        let (over, locks) = (is_told(OVER), is_told(LOCKS));
        if !over {
            let statement = format!("{judged} admitted no more than the algorithm permits");
            let evidence = all
                .iter()
                .flat_map(|one| one.evidence(steps::LIMITER_WORST_WINDOW_RATIO));
            out.rule_out(OVER, bench.component, statement, evidence);
        }
        if !locks {
            let statement = format!("no counter of {judged} stays for ever");
            let evidence = all
                .iter()
                .flat_map(|one| one.evidence(steps::LIMITER_NEVER_EXPIRING));
            out.rule_out(LOCKS, bench.component, statement, evidence);
        }
    }
}

fn over_admits(bench: &BenchFacts<'_>, limiter: &VariantSteps<'_, '_>, out: &mut Conclusions) {
    let over = limiter
        .largest(steps::LIMITER_OVER_ADMITTED_RATIO)
        .unwrap_or(0.0);
    let worst = limiter
        .largest(steps::LIMITER_WORST_WINDOW_RATIO)
        .unwrap_or(0.0);
    let disagreed = limiter.sum(steps::LIMITER_DISAGREED);
    let by_window = limiter.variant.starts_with(BY_WINDOW) && over >= CERTAIN;
    let most = limiter.largest(steps::LIMITER_BOUND_RATIO);
    let most = most.unwrap_or(if limiter.variant.starts_with(BY_LOG) {
        1.0
    } else {
        MOST_RATIO
    });
    if !by_window && worst < most + CERTAIN && disagreed < 1.0 {
        return;
    }
    out.add_finding(too_many(bench, limiter, (by_window, over), (worst, most)));
}

/// Returns the title of the finding: what certainly is too much. `over` is the share of the limit that was admitted
/// beyond it, of a limiter that counts by windows.
fn title(limiter: &VariantSteps<'_, '_>, over: Option<f64>, (worst, most): (f64, f64)) -> String {
    let name = &limiter.variant;
    if let Some(over) = over {
        return format!(
            "The limiter {name} admits {} more than its limit",
            percent(over)
        );
    }
    if worst >= most + CERTAIN {
        return format!(
            "The limiter {name} admits {} times its limit within a window's length",
            plain(worst)
        );
    }
    format!(
        "The limiter {name} decided {} otherwise than its algorithm",
        counted(limiter.sum(steps::LIMITER_DISAGREED), "time")
    )
}

/// Returns the numbers that title and explanation name, over all repeats.
fn computed(limiter: &VariantSteps<'_, '_>, most: f64) -> [ComputedFigure; 3] {
    let disagreed = limiter.sum(steps::LIMITER_DISAGREED);
    [
        (
            "decisions that were compared with the model",
            limiter.sum(steps::LIMITER_AGREED) + disagreed,
            "agreed + disagreed, over the repeats",
        ),
        (
            "decisions that are not those of the model",
            disagreed,
            "sum over the repeats",
        ),
        (
            "times the limit that the algorithm permits in a stretch",
            most,
            "its bound; without one 1 for a log of requests, and 2 for others",
        ),
    ]
    .map(|(what, value, how)| ComputedFigure::new(what, value, how))
}

/// Builds the finding about a limiter that admitted too many requests: in windows of the clock beyond the limit the
/// share `over` of it, and in the worst stretch `worst` times the limit, where its algorithm permits `most` times.
fn too_many(
    bench: &BenchFacts<'_>,
    limiter: &VariantSteps<'_, '_>,
    (by_window, over): (bool, f64),
    (worst, most): (f64, f64),
) -> FindingDraft {
    let name = &limiter.variant;
    let admitted = limiter
        .largest(steps::LIMITER_ADMITTED_RATIO)
        .unwrap_or(1.0);
    let disagreed = limiter.sum(steps::LIMITER_DISAGREED);
    let title = title(limiter, by_window.then_some(over), (worst, most));
    let model = if disagreed >= 1.0 {
        let agreed = limiter.sum(steps::LIMITER_AGREED);
        format!(
            " {} of {} are not those of the algorithm's model.",
            counted(disagreed, "decision"),
            plain(agreed + disagreed)
        )
    } else {
        String::new()
    };
    let detail = format!(
        "In windows of the clock it admitted {} of what the limit allows, {} of it beyond the limit of a window; in \
         the worst stretch as long as a window {} times the limit, where the algorithm permits {} times.{model}",
        percent(admitted),
        percent(over),
        plain(worst),
        plain(most),
    );
    let figures = [
        steps::LIMITER_ADMITTED_RATIO,
        steps::LIMITER_OVER_ADMITTED_RATIO,
        steps::LIMITER_WORST_WINDOW_RATIO,
        steps::LIMITER_BOUND_RATIO,
        steps::LIMITER_AGREED,
        steps::LIMITER_DISAGREED,
    ];
    bench
        .finding(OVER, FindingKind::Problem)
        .one_of_several(limiter.setting)
        .thing(name.clone())
        .says(title, detail)
        .impact((over / admitted.max(1.0)).max(f64::MIN_POSITIVE), ImpactOf::Requests)
        .confidence(Confidence::High)
        .computes(computed(limiter, most))
        .evidence(figures.into_iter().flat_map(|name| limiter.evidence(name)))
        .advice(
            &[
                "decide and count in one step: a script (EVALSHA) or a module, by the server's clock (TIME)",
                "or count first and decide by the count (INCR, then compare)",
            ],
            "no more requests than the limit allows",
            "between a check and the count that follows, other clients check the same count and are admitted as well",
        )
}

fn locks_out(bench: &BenchFacts<'_>, limiter: &VariantSteps<'_, '_>, out: &mut Conclusions) {
    let locked = limiter
        .largest(steps::LIMITER_NEVER_EXPIRING)
        .unwrap_or(0.0);
    if locked < 1.0 {
        return;
    }
    let name = &limiter.variant;
    out.add_finding(
        bench
            .finding(LOCKS, FindingKind::Problem)
            .one_of_several(limiter.setting)
            .thing(name.clone())
            .says(
                format!(
                    "The limiter {name} locks {} out for ever: a counter never expires",
                    counted(locked, "key")
                ),
                format!(
                    "In the worst of {} their requests were refused to the end by a counter without an expiry.",
                    counted(limiter.repeats(), "repeat")
                ),
            )
            .confidence(Confidence::High)
            .computes([ComputedFigure::new("repeats", limiter.repeats(), "steps of the setting")])
            .evidence(limiter.evidence(steps::LIMITER_NEVER_EXPIRING))
            .advice(
                &["set the expiry with the first count: SET key 0 EX … NX before INCR, or a script"],
                "no user who stays locked out",
                "a client that ends between INCR and EXPIRE leaves a counter that nothing removes",
            ),
    );
}
