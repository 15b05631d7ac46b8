//! Rule `other_applications`: other applications on the same server.
//!
//! Reports an application that used a twentieth of the server's CPU or more. It is a problem if the load's
//! sessions waited for a CPU because of the application for a tenth of the service time. Reads the table
//! `processes` and `server.load_ready_ns`. The cost is the load's wait for a CPU less the one that the load with
//! its parallel workers would have alone (Erlang's C formula), but at least the application's share of the CPU in
//! use.

use crate::assessment::{ComputedFigure, Confidence, Rule};
use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts};
use crate::figures::{counted, duration_ns, share};
use crate::own_time::CausePart;
use crate::postgres::OtherApplication;
use crate::queueing::erlang_wait_ns;
use crate::step_cpu_use::StepCpuUse;
use bench_report::names;
use bench_report::names::postgres_tables;

const RULE: Rule = Rule::OtherApplications;
/// Smallest share of the server's CPU time at which an application is reported.
const LEAST_SHARE: f64 = 0.05;
/// Smallest share of the service time at which waiting for a CPU because of the application has a
/// cost.
const LEAST_WAIT: f64 = 0.10;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    if server.table(postgres_tables::processes::TABLE).is_none() {
        return Vec::new();
    }
    let measured_ns = server.step.window.measured_s() * 1e9;
    let found = OtherApplication::busiest(server);
    let Some(other) = found.filter(|a| a.share >= LEAST_SHARE && measured_ns > 0.0) else {
        let statement = format!(
            "no other application used {} of the server's CPU",
            share(LEAST_SHARE)
        );
        return vec![CheckResult::Fine(RULE, statement, Vec::new())];
    };
    let waited = waited_ns(repeat, &other);
    let title = format!(
        "Another application, {}, uses {} of the server's CPU",
        other.name,
        share(other.share)
    );
    let detail = format!(
        "Its {} used {} while the load ran.",
        counted(other.sessions, "session"),
        counted(other.cpu_ns / measured_ns, "core")
    );
    let computed = computed(&other, measured_ns);
    let actions = vec!["stop it, or measure on a server of its own".to_owned()];
    let rationale = "what others use is not the load's, and differs from run to run".to_owned();
    let Some(own_ns) = waited.filter(|ns| repeat.share_of_service(*ns) >= LEAST_WAIT) else {
        return vec![CheckResult::Note(Note {
            rule: RULE,
            thing: other.name,
            title,
            detail,
            evidence: other.evidence,
            actions,
            computed,
            gain: "figures that another application does not change".to_owned(),
            rationale,
        })];
    };
    let mut evidence = other.evidence;
    evidence.extend(server.evidence(names::postgres::SERVER_LOAD_READY_NS));
    vec![CheckResult::Cost(CauseCost {
        rule: RULE,
        key: vec![CausePart::thing(&other.name)],
        thing: other.name,
        own_ns,
        least: LEAST_WAIT,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed,
        title: format!("{title}, for which the load's sessions wait"),
        detail: format!(
            "{detail} The load's sessions were ready to run and had no CPU for {} of each call; without it, at \
             the same load, that would be at most {}.",
            duration_ns(ready_ns(repeat).unwrap_or(own_ns)),
            duration_ns((ready_ns(repeat).unwrap_or(own_ns) - own_ns).max(0.0))
        ),
        evidence,
        actions,
        rationale,
        restart: false,
    })]
}

/// Returns the figures of title and detail about the application, which used its CPU time in `measured_ns`
/// nanoseconds.
fn computed(other: &OtherApplication, measured_ns: f64) -> Vec<ComputedFigure> {
    vec![
        ComputedFigure::new(
            "share of the server's CPU",
            other.share,
            "CPU time of the application ÷ CPU time of all the server's processes",
        ),
        ComputedFigure::new(
            "cores of the application",
            other.cpu_ns / measured_ns,
            "CPU time of the application ÷ measured time",
        ),
        ComputedFigure::new(
            "server processes of the application",
            other.sessions,
            "processes with its name that worked during the step",
        ),
    ]
}

/// Returns the time of a call, in nanoseconds, in which its session was ready to run and had no CPU, at most
/// the part of the time model; `None` if it was not counted.
fn ready_ns(repeat: &RepeatFacts<'_, '_>) -> Option<f64> {
    let ready = repeat.server.ready_ns()?;
    Some(ready.min(repeat.model.sum_of("server_runnable")))
}

/// Returns the time of a call, in nanoseconds, for which its session would not wait for a CPU without the
/// application `other`: the wait less the one that the CPU time of the calls and of their parallel workers makes
/// at the same load (Erlang's C formula), but at least the application's share of the CPU that was used. `None` if
/// the time for which sessions were ready to run, or the CPU use, is not known.
fn waited_ns(repeat: &RepeatFacts<'_, '_>, other: &OtherApplication) -> Option<f64> {
    let server = &repeat.server;
    let waited = ready_ns(repeat)?;
    let used_by_server = if let Some(cpu) = &repeat.bench.cpu {
        cpu.server_ratio? / cpu.busy_ratio()
    } else {
        let server_ns = server.figure(names::postgres::SERVER_CPU_NS)?;
        server_ns / (server_ns + server.step.generator.cpu_ns as f64)
    };
    let charged = waited * other.share * used_by_server;
    let cores = repeat.bench.cpu.as_ref().map(StepCpuUse::usable_cores);
    let own_ns = repeat.model.sum_of("server_cpu");
    // What the workers of a call run counts as further calls of the same length.
    let rate_per_s = server.calls_per_s() * server.cpu_with_workers_ratio();
    let alone = cores.and_then(|cores| erlang_wait_ns(cores, rate_per_s, own_ns));
    Some(alone.map_or(charged, |alone| charged.max(waited - alone)))
}
