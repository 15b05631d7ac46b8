//! Rule `session_races`: a store of sessions that loses changes, brings ended sessions back, or accepts a token twice.
//!
//! Fires for each setting of the scenario `session` in which a client found such a thing by a later read. It is no
//! matter of load, so that each setting counts, whichever is the operating point. Reads the figures `sessions.*`. The
//! impact is the larger share of changes that were lost, or of log-ins whose session was.

use bench_report::names::FigureName;
use bench_report::names::steps;

use super::variants::{VariantSteps, of_report};
use crate::assessment::{ComputedFigure, Confidence, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, plain};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::SessionRaces;
/// Parameter of a step that names its form of storage.
const STORE: &str = "store";

/// Fault that clients find: the figure, one of it in words, and what became of it.
const WRONG: [(FigureName, &str, &str); 5] = [
    (
        steps::SESSIONS_LOST_UPDATES,
        "acknowledged change",
        "gone at a later read",
    ),
    (
        steps::SESSIONS_RESURRECTED,
        "session",
        "there again after its log-out or its expiry",
    ),
    (steps::SESSIONS_LOST, "session", "gone before its time"),
    (
        steps::SESSIONS_TOKENS_ACCEPTED_TWICE,
        "CSRF token",
        "accepted twice",
    ),
    (
        steps::SESSIONS_TOKENS_LOST,
        "CSRF token",
        "refused before its time",
    ),
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let all = of_report(bench, STORE, steps::SESSIONS_LOG_INS);
        if all.is_empty() {
            continue;
        }
        let is_wrong = |store: &&VariantSteps<'_, '_>| {
            WRONG.iter().any(|(figure, ..)| store.sum(*figure) >= 1.0)
        };
        let wrong: Vec<&VariantSteps<'_, '_>> = all.iter().filter(is_wrong).collect();
        if wrong.is_empty() {
            let changes: f64 = all.iter().map(|one| one.sum(steps::SESSIONS_UPDATES)).sum();
            let statement = format!("none of {} was lost", counted(changes, "change"));
            let evidence = all
                .iter()
                .flat_map(|one| one.evidence(steps::SESSIONS_UPDATES));
            out.rule_out(RULE, bench.component, statement, evidence);
        }
        for store in wrong {
            out.add_finding(finding(bench, store));
        }
    }
}

/// Builds the finding about a store in which something went wrong.
fn finding(bench: &BenchFacts<'_>, store: &VariantSteps<'_, '_>) -> FindingDraft {
    let seen = || {
        let counts = WRONG
            .iter()
            .map(|(figure, one, how)| (*figure, store.sum(*figure), one, how));
        counts.filter(|(_, count, ..)| *count >= 1.0)
    };
    let told: Vec<String> = seen()
        .map(|(_, count, one, how)| format!("{} {how}", counted(count, one)))
        .collect();
    let (updates, log_ins) = (
        store.sum(steps::SESSIONS_UPDATES),
        store.sum(steps::SESSIONS_LOG_INS),
    );
    let overwritten = store.sum(steps::SESSIONS_OVERWRITTEN_UPDATES);
    let unread = if overwritten >= 1.0 {
        format!(
            " {} written over another one that had not been read.",
            counted(overwritten, "change")
        )
    } else {
        String::new()
    };
    let lost = store.sum(steps::SESSIONS_LOST_UPDATES) / updates.max(1.0);
    let sessions = store.sum(steps::SESSIONS_LOST) + store.sum(steps::SESSIONS_RESURRECTED);
    let ratio = lost.max(sessions / log_ins.max(1.0));
    let name = &store.variant;
    let sums = seen()
        .map(|(figure, count, ..)| (figure, count))
        .chain([
            (steps::SESSIONS_UPDATES, updates),
            (steps::SESSIONS_LOG_INS, log_ins),
            (steps::SESSIONS_OVERWRITTEN_UPDATES, overwritten),
        ])
        .map(|(figure, sum)| ComputedFigure::new(figure.to_string(), sum, "sum over the repeats"));
    let shown = seen().map(|(figure, ..)| figure).chain([
        steps::SESSIONS_UPDATES,
        steps::SESSIONS_LOG_INS,
        steps::SESSIONS_OVERWRITTEN_UPDATES,
    ]);
    bench
        .finding(RULE, FindingKind::Problem)
        .one_of_several(store.setting)
        .thing(name.clone())
        .says(
            format!("Sessions stored as {name} go wrong: {}", told.join("; ")),
            format!(
                "That was among {} and {}.{unread} No form of load or of server makes up for it: two requests of \
                 one person are enough.",
                counted(updates, "change"),
                counted(log_ins, "log-in"),
            ),
        )
        .impact(ratio.max(f64::MIN_POSITIVE), ImpactOf::Requests)
        .confidence(Confidence::High)
        .computes(sums)
        .evidence(shown.flat_map(|figure| store.evidence(figure)))
        .advice(
            &[
                "write back only over the version that was read (a script that compares, or WATCH), and repeat if it is another",
                "create a session only at log-in: an update or a touch uses XX, or a script that checks that it is there",
            ],
            format!("none of {} lost or undone", plain(updates)),
            "of two requests that read the same session, the one that writes last undoes what the other one wrote",
        )
}
