//! Other applications on the same server: what they use of its CPU, and what the load waits for it.

use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts};
use crate::figures::{plain, share};
use crate::postgres::OtherApplication;

const RULE: &str = "other_applications";
/// Their share of the CPU that the server's processes used from which they are told.
const LEAST_SHARE: f64 = 0.05;
/// Share of the time in service that the load must wait for a CPU because of them to be told a cost.
const LEAST_WAIT: f64 = 0.10;

pub(super) fn look(probe: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    if probe.view.table("processes").is_none() {
        return Vec::new();
    }
    let measured_ns = probe.view.step.window.measured_s() * 1e9;
    let found = OtherApplication::busiest(&probe.view);
    let Some(other) = found.filter(|a| a.share >= LEAST_SHARE && measured_ns > 0.0) else {
        let statement = format!(
            "no other application used {} of the server's CPU",
            share(LEAST_SHARE)
        );
        return vec![CheckResult::Fine(RULE, statement, Vec::new())];
    };
    let waited = waited_ns(probe, &other);
    let title = format!(
        "Another application, {}, uses {} of the server's CPU",
        other.name,
        share(other.share)
    );
    let detail = format!(
        "Its {} session(s) used {} cores while the load ran.",
        plain(other.sessions),
        plain(other.cpu_ns / measured_ns)
    );
    let actions = vec!["stop it, or measure on a server of its own".to_owned()];
    let rationale = "what others use is neither the load's nor repeatable".to_owned();
    let Some(own_ns) = waited.filter(|ns| probe.share_of_service(*ns) >= LEAST_WAIT) else {
        return vec![CheckResult::Note(Note {
            rule: RULE,
            thing: other.name,
            title,
            detail,
            evidence: other.evidence,
            actions,
            gain: "figures that are the load's alone".to_owned(),
            rationale,
        })];
    };
    let mut evidence = other.evidence;
    evidence.extend(probe.view.evidence("server.load_ready_ns"));
    vec![CheckResult::Cost(CauseCost {
        rule: RULE,
        key: other.name.clone(),
        thing: other.name,
        own_ns,
        least: LEAST_WAIT,
        avoidable: true,
        lower_bound: false,
        title: format!("{title}, for which the load's sessions wait"),
        detail: format!(
            "{detail} The load's sessions were ready to run and had no CPU; of that time it is charged \
             with its share of the CPU that was used."
        ),
        evidence,
        actions,
        rationale,
        restart: false,
    })]
}

/// Time of a call that its session was ready to run and had no CPU, by the share of the CPU in use
/// that this application has; `None` where either is not known.
fn waited_ns(probe: &RepeatFacts<'_, '_>, other: &OtherApplication) -> Option<f64> {
    let view = &probe.view;
    let (ready, on_cpu) = (
        view.figure("server.load_ready_ns")?,
        view.figure("server.load_cpu_ns").filter(|ns| *ns > 0.0)?,
    );
    let waited = probe.model.sum_of("server_cpu") * ready / on_cpu;
    let waited = waited.min(probe.model.sum_of("server_runnable"));
    let used_by_server = if let Some(cpu) = &probe.bench.cpu {
        cpu.server_ratio? / cpu.busy_ratio()
    } else {
        let server = view.figure("server.cpu_ns")?;
        server / (server + view.step.generator.cpu_ns as f64)
    };
    Some(waited * other.share * used_by_server)
}
