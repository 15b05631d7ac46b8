//! The processors that server and generator may use.

use super::{Bound, EXPLAINS, cpu_matters};
use crate::assessment::Confidence;
use crate::cpu_use::{CpuUse, Owner};
use crate::facts::{Bench, Facts};
use crate::figures::{plain, share};
use crate::postgres::{Application, View};
use crate::target;

pub(super) fn processors(bench: &Bench<'_>, _: &Facts<'_>) -> Option<Bound> {
    if !cpu_matters(bench) {
        return None;
    }
    let Some(cpu) = &bench.cpu else {
        return as_reported(bench);
    };
    let used_ratio = cpu.used_ratio()?;
    let stranger = stranger_on_the_server(bench);
    let (whose, reason) = match (cpu.owner(), &stranger) {
        (Some(Owner::Server), Some(stranger)) => (".others", stranger.as_str()),
        (Some(Owner::Server), None) => (
            ".server",
            "the server uses most of a CPU that is used up: more connections only queue for it",
        ),
        (Some(Owner::Generator), _) => (
            ".generator",
            "the generator uses most of a CPU that is used up: the server may do more than was \
             measured",
        ),
        (Some(Owner::Others), _) => (
            ".others",
            "programs that take no part use most of a CPU that is used up",
        ),
        (None, _) => ("", "the CPU is used up; whose it is was not recorded"),
    };
    let (name, title) = if cpu.quota_binds() {
        ("cpu_quota", "CPU quota")
    } else {
        ("machine_cpu", "machine CPU")
    };
    let other = cpu.owner() != Some(Owner::Server);
    Some(Bound {
        factor: format!("{name}{whose}"),
        title: format!("{title}: {}", cpu.sentence()),
        reason: reason.to_owned(),
        used_ratio,
        confidence: confidence(cpu),
        evidence: cpu.evidence.clone(),
        would_tell: other
            .then(|| "the same run with the generator on a machine of its own".to_owned()),
    })
}

/// The reason for which the server's use is not the load's, where another application has most of it.
fn stranger_on_the_server(bench: &Bench<'_>) -> Option<String> {
    let (index, _) = bench.operating()?;
    let busiest = Application::busiest(&View::of(bench.source, index)?)?;
    (busiest.share > 0.5).then(|| {
        format!(
            "another application on the same server, {}, has {} of the server's use of a CPU that is \
             used up",
            busiest.name,
            share(busiest.share)
        )
    })
}

fn confidence(cpu: &CpuUse) -> Confidence {
    if cpu.busy.samples < 3 || cpu.owner().is_none() {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

/// Without a recording of the machine: server and generator alone may be seen to use all of it.
/// What they leave is not known to be free.
fn as_reported(bench: &Bench<'_>) -> Option<Bound> {
    let (_, step) = bench.operating()?;
    let cores = bench.source.report.environment.cores_available? as f64;
    let server_ns = bench
        .server("server.cpu_ns")
        .filter(|_| target::is_local(bench.source))?;
    let measured_ns = step.window.measured_s() * 1e9;
    let used_ratio = (server_ns + step.generator.cpu_ns as f64) / (cores * measured_ns);
    if used_ratio < EXPLAINS {
        return None;
    }
    let mut evidence: Vec<_> = bench.server_evidence("server.cpu_ns").into_iter().collect();
    evidence.extend(bench.step_evidence("CPU time of the generator", "generator/cpu_ns"));
    Some(Bound {
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
        would_tell: Some("sysmon record beside the bench, and the generator elsewhere".to_owned()),
    })
}
