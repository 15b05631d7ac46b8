//! Rule `redis_no_cpu`: the main thread was ready to run and had no CPU.
//!
//! Fires if that took a tenth of the time; a problem if an affinity restricts Redis to fewer cores than the
//! machine has while the machine has room. Reads `main_thread_ready_s` and `cores_allowed` of the server, and
//! the machine's CPU.

use super::materiality::MATTERS;
use crate::assessment::{Confidence, FindingId, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{plain, share};
use crate::redis::RedisEvidence;
use bench_report::names;

const RULE: Rule = Rule::RedisNoCpu;

/// Smallest busy share of the machine's CPU, from 0 to 1, at which threads wait for a CPU because
/// the machine is full.
const FULL: f64 = 0.70;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let Some(ready_s) = server.figure(names::redis::MAIN_THREAD_READY_S) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether Redis had a CPU whenever it had work: its process could not be seen",
            "redis-bench on the server's machine",
        );
        return;
    };
    let waited = ready_s / server.seconds;
    let evidence = server.evidence(names::redis::MAIN_THREAD_READY_S);
    if waited < MATTERS {
        let statement = format!(
            "Redis's thread waited {} of the time for a CPU",
            share(waited)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    let busy = bench
        .cpu
        .as_ref()
        .map(crate::step_cpu_use::StepCpuUse::busy_ratio);
    let has_room = busy.is_some_and(|busy| busy < FULL);
    let confined = confined(bench, server);
    // If the machine is full, the rules about the CPU tell which programs use it.
    let kind = if confined.is_some() && has_room {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let why = reason(confined.as_deref(), busy);
    let mut draft = bench.finding(RULE, kind)
        .thing(confined.unwrap_or_else(|| "no CPU".to_owned()))
        .says(
            format!("Redis had work but no CPU {} of the time", share(waited)),
            format!("Its main thread was ready to run while something else used its CPU. {why}"),
        )
        .confidence(Confidence::High)
        .parent((!has_room).then(|| FindingId::new(Rule::CpuOthers, "machine")))
        .evidence(evidence)
        .evidence(server.evidence(names::redis::CORES_ALLOWED))
        .evidence(server.evidence(names::redis::CORES_ALLOWED_EITHER))
        .advice(
            &[
                "give Redis a core that nobody else uses: other cores for the load (taskset, cpuset)",
                "or the generator on a machine of its own",
            ],
            format!("up to {} of the thread's time", share(waited)),
            "one thread serves everybody: while another program has its CPU, nobody is served",
        );
    if kind == FindingKind::Problem {
        draft = draft.impact(waited, ImpactOf::Capacity);
    }
    out.add_finding(draft);
}

/// Returns the reason why the thread had no CPU, as a sentence. `confined` describes its affinity,
/// and `busy` is the busy share of the machine's CPU.
fn reason(confined: Option<&str>, busy: Option<f64>) -> String {
    let has_room = busy.is_some_and(|busy| busy < FULL);
    match (confined, busy) {
        (Some(cores), _) => format!("It may use {cores}."),
        (None, Some(busy)) if !has_room => {
            format!("The machine's CPU was busy {}.", share(busy))
        }
        (None, Some(busy)) => format!(
            "The machine's CPU was busy {}, so its own scheduling or a quota is the reason.",
            share(busy)
        ),
        (None, None) => "The machine's CPU was not recorded.".to_owned(),
    }
}

/// Describes an affinity that allows Redis fewer cores than the machine has: `1 of 2 cores, shared with the
/// load`. `None` if there is none.
fn confined(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>) -> Option<String> {
    let cores = bench.source.report.environment.cores? as f64;
    let allowed = server
        .figure(names::redis::CORES_ALLOWED)
        .filter(|n| *n < cores)?;
    let load = bench.source.report.environment.cores_available? as f64;
    let shared = server
        .figure(names::redis::CORES_ALLOWED_EITHER)
        .is_some_and(|either| either < allowed + load);
    let with = if shared { ", shared with the load" } else { "" };
    Some(format!(
        "{} of {} cores{with}",
        plain(allowed),
        plain(cores)
    ))
}
