//! Rule `unexplained_time`: time of a call that no figure of the reports explains.
//!
//! Asks if more than a quarter of the response time is neither a phase that the client timed, nor an activity
//! that the server's sessions were sampled in, nor the generator's own CPU time. Reads the time model and
//! `generator.cpu_per_operation_ns`. Nothing is asked if a finding already explains that time (round
//! trips, or a generator or a CPU that is used up), or if the rule `round_trips` asks for the same.

use bench_report::names;

use crate::assessment::{ComponentKind, EvidenceItem, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, share};
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::UnexplainedTime;

/// Largest share of the response time, from 0 to 1, that may stay unexplained.
const MOST: f64 = 0.25;

/// Rules whose findings explain time outside of the server.
const EXPLAIN: [Rule; 4] = [
    Rule::RoundTrips,
    Rule::CpuSaturated,
    Rule::CpuOthers,
    Rule::GeneratorSpoiltResults,
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        judge(bench, out);
    }
}

fn judge(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let Some((_, step)) = bench.operating_step() else {
        return;
    };
    let Some(model) = bench.time_model.as_ref().filter(|m| !m.is_of_sessions()) else {
        return;
    };
    // A service time that was not divided is asked about by the rule that wants the samples.
    if bench
        .server_figure(names::postgres::SESSIONS_CPU_MEAN)
        .is_none()
    {
        return;
    }
    let rest = model.sum_of("rest");
    let own = step.generator.cpu_per_operation_ns.unwrap_or(0.0);
    let unexplained = (rest - own).max(0.0);
    let ratio = unexplained / model.whole_ns.max(f64::MIN_POSITIVE);
    if ratio > MOST {
        if is_explained(bench, out) {
            return;
        }
        out.cannot_judge(
            RULE,
            bench.component,
            format!(
                "where {} of a call's {} go ({}): neither in the server's sessions as sampled, nor in a \
                 phase that the client timed, nor in the generator's own {}",
                duration_ns(unexplained),
                duration_ns(model.whole_ns),
                share(ratio),
                duration_ns(own)
            ),
            "the round trip to the server (ping), and the same load with the generator on an idle machine",
        );
        return;
    }
    let statement = format!(
        "time of a call that no figure explains: {} of {}",
        share(ratio),
        duration_ns(model.whole_ns)
    );
    let parts = model.parts.iter().flat_map(|part| part.evidence.iter());
    let evidence: Vec<EvidenceItem> = parts.take(3).cloned().collect();
    out.rule_out(RULE, bench.component, statement, evidence);
}

/// Returns true if a conclusion so far explains where the time goes, or asks for it.
fn is_explained(bench: &BenchFacts<'_>, out: &Conclusions) -> bool {
    let id = bench.id();
    let mut findings = out.findings.iter();
    let mut unknown = out.unknown.iter();
    findings.any(|f| EXPLAIN.contains(&f.rule()) && (f.is_about(&id) || f.is_about("machine")))
        || unknown.any(|u| u.rule == Rule::RoundTrips && u.component == bench.component)
}
