//! Other applications on the same server: what they use of its CPU.

use std::collections::BTreeMap;

use crate::cost::{Look, Note, Probe};
use crate::figures::{plain, share};
use crate::postgres::Row;

const RULE: &str = "other_applications";
/// Their share of the CPU that the server's processes used from which they are told.
const LEAST_SHARE: f64 = 0.05;

pub(super) fn look(probe: &Probe<'_, '_>) -> Vec<Look> {
    let Some(processes) = probe.view.table("processes") else {
        return Vec::new();
    };
    let total: f64 = processes.iter().map(|p| p.count("cpu_ns")).sum();
    let mut theirs: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let strangers: Vec<&Row<'_>> = processes.iter().filter(|p| is_strange(p)).collect();
    for row in &strangers {
        let sum = theirs.entry(row.label("application")).or_default();
        sum.0 += row.count("cpu_ns");
        sum.1 += row.count("count");
    }
    let most = theirs.into_iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0));
    let measured_ns = probe.view.step.window.measured_s() * 1e9;
    let (name, (cpu_ns, sessions)) = most.unwrap_or(("none", (0.0, 0.0)));
    let part = cpu_ns / total.max(1.0);
    let evidence = strangers
        .iter()
        .filter(|row| row.label("application") == name)
        .filter_map(|row| row.evidence(format!("CPU of {name}"), "cpu_ns"));
    let evidence: Vec<_> = evidence.collect();
    if part < LEAST_SHARE || measured_ns <= 0.0 {
        let statement = format!(
            "other applications used {} of the server's CPU",
            share(part)
        );
        return vec![Look::Fine(RULE, statement, evidence)];
    }
    vec![Look::Note(Note {
        rule: RULE,
        thing: name.to_owned(),
        title: format!(
            "Another application, {name}, uses {} of the server's CPU",
            share(part)
        ),
        detail: format!(
            "Its {} session(s) used {} cores while the load ran.",
            plain(sessions),
            plain(cpu_ns / measured_ns)
        ),
        evidence,
        actions: vec!["stop it, or measure on a server of its own".to_owned()],
        gain: "figures that are the load's alone".to_owned(),
        rationale: "what others use is neither the load's nor repeatable".to_owned(),
    })]
}

/// Sessions of somebody who is neither the load nor its observer.
fn is_strange(row: &Row<'_>) -> bool {
    let of_a_client = matches!(
        row.label("backend_type"),
        "client backend" | "parallel worker"
    );
    of_a_client && !matches!(row.label("application"), "ours" | "watch")
}
