//! Rule `littles_law`: figures of a step that contradict each other.
//!
//! Fires if throughput × (time of a call + think time) differs from the number of users by more than a
//! twentieth in a step of a closed loop. Reads `load`, `throughput_per_s`, `call`, `failed` and `unfinished` of
//! every step of every report. Findings about the same bench then have less confidence if the step is one
//! of the operating point. Source: Little, *A Proof for the Queuing Formula L = λW*, Operations Research
//! 9(3), 1961.

use crate::assessment::{ComputedFigure, Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{plain, share};
use crate::run_facts::RunFacts;
use crate::step_balance::StepBalance;

const RULE: Rule = Rule::LittlesLaw;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches.iter().filter(|bench| bench.made_load()) {
        judge(bench, out);
    }
}

fn judge(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let steps = 0..bench.source.report.steps.len();
    let balances: Vec<StepBalance> = steps
        .filter_map(|index| StepBalance::of_step(bench.source, index))
        .collect();
    let by_size =
        |a: &&StepBalance, b: &&StepBalance| a.off_ratio().abs().total_cmp(&b.off_ratio().abs());
    let Some(worst) = balances.iter().max_by(by_size) else {
        return;
    };
    if !worst.is_off() {
        let statement = format!(
            "throughput × time of a call makes the number of users in all {} steps of the closed loop, \
             within {}",
            balances.len(),
            share(worst.off_ratio().abs())
        );
        return out.rule_out(
            RULE,
            bench.component,
            statement,
            worst.evidence(bench.source),
        );
    }
    let off: Vec<&StepBalance> = balances.iter().filter(|balance| balance.is_off()).collect();
    let concerned = off
        .iter()
        .any(|balance| bench.repeats.contains(&balance.index));
    if concerned {
        doubt_findings(bench, out);
    }
    tell(bench, worst, (off.len(), balances.len(), concerned), out);
}

/// Adds the finding about the step `worst`. `steps` are the number of steps that are off, the number of
/// those that were checked, and whether the operating point is among the first.
fn tell(
    bench: &BenchFacts<'_>,
    worst: &StepBalance,
    (off, checked, concerned): (usize, usize, bool),
    out: &mut Conclusions,
) {
    let step = &bench.source.report.steps[worst.index];
    let (missing, why) = if worst.off_ratio() < 0.0 {
        (
            "less",
            "calls that were not counted, users who paused or left, or a generator that was late",
        )
    } else {
        (
            "more",
            "calls that were counted twice, or times that include more than the call",
        )
    };
    let doubted = if concerned {
        "The operating point is among these steps, so findings that rest on its times have less confidence."
    } else {
        "The operating point is not among these steps."
    };
    let draft = bench
        .finding(RULE, FindingKind::Information)
        .says(
            format!(
                "{}'s figures contradict each other: throughput × time of a call makes {} users, and {} were at work",
                bench.component.title(),
                plain(worst.inside),
                plain(worst.users)
            ),
            format!(
                "In {} of {checked} steps with a fixed number of users the two differ by more than a \
                 twentieth, most in {}: there the calls take {} {missing} time than the users have. The \
                 usual reason: {why}. {doubted}",
                off,
                step.name,
                share(worst.off_ratio().abs()),
            ),
        )
        .confidence(Confidence::High)
        .evidence(worst.evidence(bench.source))
        .computes([
            ComputedFigure::new(
                "users by throughput × time of a call",
                worst.inside,
                "throughput × (mean time of a call + think time), added up over all operations",
            ),
            ComputedFigure::new(
                "difference of both numbers of users, as a share",
                worst.off_ratio().abs(),
                "users by throughput × time of a call ÷ users of the load − 1",
            ),
        ])
        .advice(
            &["repeat the step for longer, and read its warnings"],
            "figures that agree with each other",
            "users at work = throughput × time of a call (Little's law), whatever the target does",
        );
    out.add_finding(draft);
}

/// Lowers the confidence of the findings about the bench whose impact is a share of the response time.
fn doubt_findings(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    out.lower_confidence(|finding| {
        let of_time = finding
            .impact
            .is_some_and(|impact| impact.saved_ns.is_some());
        finding.is_about(&id) && of_time
    });
}
