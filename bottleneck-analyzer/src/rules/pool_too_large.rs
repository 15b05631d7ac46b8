//! Rule `pool_too_large`: connections past the knee, which add latency and no throughput.
//!
//! Fires if the p99 of the sweep's largest setting is `pool.too_large_p99_ratio` times the p99 of the
//! operating point or more, while its throughput is higher by no more than the noise. Reads p99 and
//! throughput of both settings.

use crate::assessment::{ComponentKind, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::requests::slowest;
use crate::run_facts::RunFacts;
use crate::sweep::SweepSetting;

const RULE: Rule = Rule::PoolTooLarge;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some((sweep, place)) = bench.operating_sweep() else {
        return;
    };
    let here = &sweep.settings[place];
    let Some(largest) = bench.past_operating().last() else {
        out.cannot_judge(
            RULE,
            bench.component,
            format!(
                "what more than {} {} would cost: none was measured",
                plain(here.value),
                spoken(&sweep.parameter)
            ),
            "a sweep past the operating point",
        );
        return;
    };
    let (Some(now), Some(then)) = (here.p99_ns, largest.p99_ns) else {
        return;
    };
    let ratio = then / now;
    let gain = largest.throughput_per_s / here.throughput_per_s - 1.0;
    let limit = facts.thresholds.pool.too_large_p99_ratio;
    let evidence = [here, largest].map(|s| p99_of(bench, s));
    let what = spoken(&sweep.parameter);
    if ratio < limit || gain > bench.noise_ratio() {
        let statement = format!(
            "{} {what} against {}: p99 {} against {}",
            plain(largest.value),
            plain(here.value),
            duration_ns(then),
            duration_ns(now)
        );
        out.rule_out(
            RULE,
            bench.component,
            statement,
            evidence.into_iter().flatten(),
        );
        return;
    }
    let finding = finding(bench, (here, now), (largest, then), gain, what);
    let sure = confidence_past(ratio, limit, bench.noise_ratio());
    out.add_finding(
        finding
            .confidence(sure)
            .evidence(evidence.into_iter().flatten()),
    );
}

/// Builds the finding about settings past the operating point, with the p99 of the operating point
/// and of the largest setting in nanoseconds. `gain` is the relative rise of throughput between
/// them.
fn finding(
    bench: &BenchFacts<'_>,
    (here, now): (&SweepSetting, f64),
    (largest, then): (&SweepSetting, f64),
    gain: f64,
    what: &str,
) -> FindingDraft {
    let ratio = then / now;
    let detail = format!(
        "From {} to {} {what} throughput changed by {:+.0} % and p99 went from {} to {}.",
        plain(here.value),
        plain(largest.value),
        gain * 100.0,
        duration_ns(now),
        duration_ns(then)
    );
    bench
        .finding(RULE, FindingKind::Information)
        .says(
            format!(
                "More than {} {what} cost latency and buy nothing",
                plain(here.value)
            ),
            detail,
        )
        .advice(
            &["keep the pools of all instances together at the recommended size"],
            format!(
                "p99 stays {ratio:.1} times lower than with {}",
                plain(largest.value)
            ),
            "past the knee each connection only takes its share of what is used up already",
        )
}

fn spoken(parameter: &str) -> &'static str {
    if parameter == "pool_size" {
        "connections"
    } else {
        "users"
    }
}

fn p99_of(
    bench: &BenchFacts<'_>,
    setting: &SweepSetting,
) -> Option<crate::assessment::EvidenceItem> {
    let index = *setting.steps.first()?;
    let step = bench.source.report.steps.get(index)?;
    let slow = slowest(step, |h| h.percentiles_ns.p99)?;
    let label = format!("p99 of {} at {}", slow.operation, plain(setting.value));
    bench.source.evidence(label, &slow.pointer(index, "p99"))
}
