//! Throughput bound of the processors that server and generator may use.

use super::{EXPLAINS, ResourceBound, cpu_matters};
use crate::assessment::Confidence;
use crate::bench_facts::BenchFacts;
use crate::figures::{plain, share};
use crate::postgres::{OtherApplication, PostgresEvidence};
use crate::run_facts::RunFacts;
use crate::step_cpu_use::{CpuOwner, StepCpuUse};
use crate::target;
use bench_report::names;

pub(super) fn processors(bench: &BenchFacts<'_>, _: &RunFacts<'_>) -> Option<ResourceBound> {
    if !cpu_matters(bench) {
        return None;
    }
    let Some(cpu) = &bench.cpu else {
        return as_reported(bench);
    };
    let used_ratio = cpu.used_ratio()?;
    let outsider = busiest_other_application(bench);
    let (whose, reason) = match (cpu.owner(), &outsider) {
        (Some(CpuOwner::Server), Some(outsider)) => (".others", outsider.as_str()),
        (Some(CpuOwner::Server), None) => (
            ".server",
            "the server uses most of a CPU that is used up: more connections only queue for it",
        ),
        (Some(CpuOwner::Generator), _) => (
            ".generator",
            "the generator uses most of a CPU that is used up: the server may do more than was \
             measured",
        ),
        (Some(CpuOwner::Others), _) => (
            ".others",
            "programs that take no part use most of a CPU that is used up",
        ),
        (None, _) => ("", "the CPU is used up; whose it is was not recorded"),
    };
    let (name, title) = match cpu.binding_limit() {
        Some(limit) => ("cpu_quota", limit.resource()),
        None => ("machine_cpu", "machine CPU"),
    };
    let other = cpu.owner() != Some(CpuOwner::Server);
    Some(ResourceBound {
        factor: format!("{name}{whose}"),
        title: format!("{title}: {}", cpu.sentence()),
        reason: reason.to_owned(),
        used_ratio,
        confidence: confidence(cpu),
        evidence: cpu.evidence.clone(),
        to_find_out: other
            .then(|| "the same run with the generator on a machine of its own".to_owned()),
    })
}

/// Describes, as a reason, the other application that used more than half of the server's CPU time;
/// `None` if no application did or its CPU time was not read.
fn busiest_other_application(bench: &BenchFacts<'_>) -> Option<String> {
    let busiest = OtherApplication::busiest(&PostgresEvidence::of_operating_step(bench)?)?;
    (busiest.share > 0.5).then(|| {
        format!(
            "another application on the same server, {}, has {} of the server's use of a CPU that is \
             used up",
            busiest.name,
            share(busiest.share)
        )
    })
}

fn confidence(cpu: &StepCpuUse) -> Confidence {
    if cpu.busy.samples < 3 || cpu.owner().is_none() {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

/// Computes the bound without a recording of the machine, from the CPU times in the report. `None`
/// if these are missing, or if server and generator do not use up the CPU, because other programs
/// may have used the rest.
fn as_reported(bench: &BenchFacts<'_>) -> Option<ResourceBound> {
    let (_, step) = bench.operating_step()?;
    let cores = bench.source.report.environment.cores_available? as f64;
    let server_ns = bench
        .server_figure(names::postgres::SERVER_CPU_NS)
        .filter(|_| target::is_local(bench.source))?;
    let measured_ns = step.window.measured_s() * 1e9;
    let used_ratio = (server_ns + step.generator.cpu_ns as f64) / (cores * measured_ns);
    if used_ratio < EXPLAINS {
        return None;
    }
    let mut evidence: Vec<_> = bench
        .server_evidence(names::postgres::SERVER_CPU_NS)
        .into_iter()
        .collect();
    evidence.extend(bench.step_evidence("CPU time of the generator", "generator/cpu_ns"));
    Some(ResourceBound {
        factor: "machine_cpu".to_owned(),
        title: format!(
            "machine CPU: server and generator used {} of {} cores",
            share(used_ratio.min(1.0)),
            plain(cores)
        ),
        reason: "the two of them alone use up the CPU".to_owned(),
        used_ratio,
        confidence: Confidence::Medium,
        evidence,
        to_find_out: Some("sysmon record beside the bench, and the generator elsewhere".to_owned()),
    })
}
