//! Rules `nested_checkout` and `leaked_connections`: pool connections that are not given back in time.
//!
//! `nested_checkout` fires if all connections were held by requests that each waited for a second connection;
//! it reads the figures `deadlock.*` and `holders.kept` of scenario `exhaust`. The pool must have one
//! connection more than there are such requests at once, so that one of them can always finish.
//! `leaked_connections` fires if a connection was still in use after the load ended; it reads the figures
//! `leaks.*` of scenario `lifecycle`.

use bench_report::Step;

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, plain};
use crate::json_pointer::escape;
use crate::requests;
use crate::run_facts::RunFacts;

const NESTED: Rule = Rule::NestedCheckout;
const LEAKED: Rule = Rule::LeakedConnections;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        nested(bench, out);
        leaked(bench, out);
    }
}

/// Returns the step with the highest value of the step's figure `name`: its index, the step, and
/// the value. `None` if no step has the figure.
fn most<'a>(bench: &BenchFacts<'a>, name: &str) -> Option<(usize, &'a Step, f64)> {
    let steps = bench.source.report.steps.iter().enumerate();
    let having = steps.filter_map(|(at, step)| Some((at, step, *step.figures.get(name)?)));
    having.max_by(|a, b| a.2.total_cmp(&b.2))
}

fn figures(bench: &BenchFacts<'_>, step: usize, names: &[(&str, &str)]) -> Vec<EvidenceItem> {
    let of = |(label, name): &(&str, &str)| {
        let pointer = format!("/steps/{step}/figures/{}", escape(name));
        bench.source.evidence(*label, &pointer)
    };
    names.iter().filter_map(of).collect()
}

fn nested(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let Some((at, step, times)) = most(bench, "deadlock.times") else {
        never_nested(bench, out);
        return;
    };
    let evidence = figures(
        bench,
        at,
        &[
            ("times", "deadlock.times"),
            ("longest", "deadlock.longest_ns"),
            ("ended by the time-out alone", "deadlock.timed_out"),
        ],
    );
    let size = step.parameter("pool_size");
    let all = size.map_or_else(
        || "connections".to_owned(),
        |size| counted(size, "connection"),
    );
    let larger = step.parameter("holders").map_or_else(
        || "or make the pool larger than there are such requests at a time".to_owned(),
        |holders| {
            format!(
                "or make the pool {} or larger for {} such requests at a time",
                plain(holders + 1.0),
                plain(holders)
            )
        },
    );
    let mut draft = bench
        .finding(NESTED, FindingKind::Problem)
        .says(
            "Requests that take a second connection block each other",
            format!(
                "{} all {all} were held by requests that each waited for a second one of the same \
                 pool: only the checkout time-out ended it.",
                counted(times, "time")
            ),
        )
        .confidence(Confidence::High)
        .evidence(evidence)
        .advice(
            &[
                "take one connection for each request, and hand it down",
                &larger,
            ],
            "no request waits for itself",
            "with one connection more than such requests, one of them can always go on",
        )
        .needs_restart();
    if let Some(lost) = requests::error_ratio(step) {
        draft = draft.impact(lost, ImpactOf::Requests);
    }
    out.add_finding(draft);
}

/// Rules out nested checkouts if the scenario tried them and no deadlock occurred.
fn never_nested(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let holds = |step: &&Step| {
        let holder = step.parameters.get("holder").map(ToString::to_string);
        holder.as_deref() == Some("nested") && step.figures.contains_key("holders.kept")
    };
    let mut steps = bench.source.report.steps.iter().enumerate();
    if let Some((at, _)) = steps.find(|(_, step)| holds(step)) {
        let statement = "requests that take a second connection never all waited for one";
        let evidence = figures(bench, at, &[("connections kept", "holders.kept")]);
        out.rule_out(NESTED, bench.component, statement, evidence);
    }
}

fn leaked(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let Some((at, step, in_use)) = most(bench, "leaks.in_use") else {
        return;
    };
    let evidence = figures(
        bench,
        at,
        &[
            ("still taken out", "leaks.in_use"),
            ("sessions left on the server", "leaks.sessions"),
        ],
    );
    let size = step.parameter("pool_size").filter(|size| *size > 0.0);
    if in_use < 1.0 {
        let statement = "every connection came back once nobody was at work";
        out.rule_out(LEAKED, bench.component, statement, evidence);
        return;
    }
    let mut draft = bench.finding(LEAKED, FindingKind::Problem)
        .says(
            size.map_or_else(
                || format!("{} never came back", counted(in_use, "connection")),
                |size| {
                    let size = counted(size, "connection");
                    format!("{} of {size} never came back", plain(in_use))
                },
            ),
            "They were still taken out although nobody was at work any more: the pool shrinks by \
             each of them until everyone waits.",
        )
        .confidence(Confidence::High)
        .evidence(evidence)
        .advice(
            &[
                "find who takes a connection and does not give it back on every way out, errors too",
                "the report names the server's processes: pg_stat_activity shows their last statement",
            ],
            "the whole pool",
            "a pool does not take back what the application still holds",
        );
    if let Some(size) = size {
        draft = draft.impact(in_use / size, ImpactOf::Capacity);
    }
    out.add_finding(draft);
}
