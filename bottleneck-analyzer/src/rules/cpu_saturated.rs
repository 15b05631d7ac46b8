//! Rule `cpu_saturated`: CPU use at each operating point, with its largest user.
//!
//! Fires if server and generator used `cpu.critical_ratio` or more of the CPU or quota that they may use.
//! Reads the recording's `cpu.busy_ratio` and `cpu.steal_ratio`, and the CPU times of server and generator
//! in the step, and names the most used key of a Redis server that uses most of it. It is information,
//! because a CPU that is used up at the knee is the expected limit.

use crate::assessment::{ComponentKind, FindingId, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::core_limit::CoreLimit;
use crate::figures::share;
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::postgres::PostgresEvidence;
use crate::queueing::erlang_wait_ns;
use crate::redis::{RedisEvidence, SampledKey};
use crate::run_facts::RunFacts;
use crate::step_cpu_use::{CpuOwner, StepCpuUse};

const RULE: Rule = Rule::CpuSaturated;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        let Some(cpu) = &bench.cpu else {
            continue;
        };
        match bench.cpu_past(facts.thresholds.cpu.critical_ratio) {
            Some(true) => out.add_finding(saturated(bench, cpu, facts)),
            Some(false) => out.rule_out(
                RULE,
                bench.component,
                format!("CPU at the operating point: {}", cpu.sentence()),
                cpu.evidence.clone(),
            ),
            None => out.cannot_judge(
                RULE,
                bench.component,
                format!("whether the CPU quota was used up: {}", cpu.sentence()),
                "the same run without a CPU quota, or sysmon record beside the server",
            ),
        }
    }
}

/// Builds the finding about a CPU that is used up. It is a symptom of `cpu_others` if other programs use
/// most of it.
fn saturated(bench: &BenchFacts<'_>, cpu: &StepCpuUse, facts: &RunFacts<'_>) -> FindingDraft {
    let owner = cpu.owner();
    let whose = match owner {
        Some(CpuOwner::Server) => ", most of it by the server",
        Some(CpuOwner::Generator) => ", most of it by the generator",
        Some(CpuOwner::Others) => ", most of it by somebody else",
        None => "; by whom was not recorded",
    };
    let title = format!("The {} is used up{whose}", cpu.resource());
    let key = most_used_key(bench, owner);
    let detail = format!(
        "At the operating point it is {}. Server and generator share it, so the capacity measured \
         is a lower bound of what the server does alone.{}",
        cpu.sentence(),
        key.as_ref().map_or_else(String::new, SampledKey::sentence)
    );
    let draft = bench
        .finding(RULE, FindingKind::Information)
        .says(title, detail)
        .confidence(confidence_past(
            cpu.used_ratio().unwrap_or(0.0),
            facts.thresholds.cpu.critical_ratio,
            0.02,
        ))
        .evidence(cpu.evidence.clone())
        .evidence(key.into_iter().flat_map(|key| key.evidence));
    advise(with_impact(draft, bench, cpu), cpu)
}

/// Returns the most used key of a Redis server that uses most of the CPU; `None` for other owners and servers, or
/// if the server does not tell.
fn most_used_key(bench: &BenchFacts<'_>, owner: Option<CpuOwner>) -> Option<SampledKey> {
    let is_redis = bench.component == ComponentKind::Redis && owner == Some(CpuOwner::Server);
    let (index, _) = bench.operating_step().filter(|_| is_redis)?;
    RedisEvidence::of_step(bench.source, index)?.most_used_key()
}

/// Adds the response time that would come back at the same load if server and generator could use the cores
/// of the machine that their affinity leaves idle: the waits for a CPU and for the pool behind it, less the
/// wait for one of these cores (Erlang's C formula). Leaves the finding as it is without such a limit: how
/// many cores a server could be given is not known.
fn with_impact(draft: FindingDraft, bench: &BenchFacts<'_>, cpu: &StepCpuUse) -> FindingDraft {
    let limit = cpu.binding_limit().filter(|limit| limit.is_affinity());
    let model = bench
        .time_model
        .as_ref()
        .filter(|model| !model.is_of_sessions());
    let (Some(limit), Some(model)) = (limit, model) else {
        return draft;
    };
    let server = PostgresEvidence::of_operating_step(bench);
    let rate_per_s = server.map_or(0.0, |server| server.calls_per_s());
    let usable = cpu.usable_cores();
    let used = cpu.used_ratio().unwrap_or(1.0) * limit.cores;
    if usable <= limit.cores || rate_per_s <= 0.0 {
        return draft;
    }
    let waits_ns = model.sum_of("server_runnable") + model.sum_of("checkout");
    let left_ns = erlang_wait_ns(usable, rate_per_s, used / rate_per_s * 1e9);
    draft.saves(
        (waits_ns - left_ns.unwrap_or(waits_ns)).max(0.0),
        model.whole_ns,
    )
}

/// Adds advice that depends on the user of the largest share of the CPU. If outside programs use
/// it, sets their finding as the parent instead.
fn advise(draft: FindingDraft, cpu: &StepCpuUse) -> FindingDraft {
    let owner = cpu.owner();
    if owner == Some(CpuOwner::Others) {
        return draft.parent(Some(FindingId::new(Rule::CpuOthers, "machine")));
    }
    if owner == Some(CpuOwner::Generator) {
        return draft.advice(
            &["run the generator on a machine of its own (--url points at the server)"],
            format!(
                "up to {} of the CPU for the server",
                share(cpu.generator_ratio)
            ),
            "server and generator take CPU from each other; measured capacity is a lower bound",
        );
    }
    if cpu.binding_limit().is_some_and(CoreLimit::is_affinity) {
        return draft.advice(
            &["let server and generator use the other cores of the machine as well, or give each its own (taskset, cpuset), and sweep again"],
            "throughput in proportion to the cores added",
            "a core that no process may use stays idle while others wait",
        );
    }
    draft.advice(
        &[
            "make each call cheaper (prepared statements, fewer round trips, better plans)",
            "or give the server more cores, and sweep again",
        ],
        "throughput in proportion to the CPU time saved or added",
        "with the CPU used up, more connections only lengthen the queue for it",
    )
}
