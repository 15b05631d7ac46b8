//! Rule `function_time`: time inside functions and triggers.
//!
//! Fires if a function takes a tenth of the service time; a problem if a trigger calls the function. Reads
//! the tables `functions` (needs `track_functions`) and `triggers`. The cost is `self_ns` ÷ calls of the
//! load, less the time in which the function sleeps, which the rule `sleeps` reports.

use super::statements::short;
use crate::assessment::{Confidence, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{duration_ns, plain};
use crate::own_time::CausePart;
use crate::postgres::CitedRow;
use bench_report::names::postgres_tables;

const RULE: Rule = Rule::FunctionTime;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let Some(functions) = server.table(postgres_tables::functions::TABLE) else {
        let triggers = server.rows(postgres_tables::triggers::TABLE);
        let Some(first) = triggers.first() else {
            return Vec::new();
        };
        return vec![CheckResult::Unknown(
            RULE,
            format!(
                "what triggers cost: {} of them are there ({} on {}), and functions are not timed",
                triggers.len(),
                first.label("trigger"),
                first.label("relation")
            ),
            "track_functions = 'all' for the load's role".to_owned(),
        )];
    };
    let calls = server.calls_of_counters().unwrap_or(1.0);
    // Sleeping inside a function is reported by the rule `sleeps`.
    let asleep = repeat.model.sum_of("timeout.pgsleep");
    let of_load = |f: &&CitedRow<'_>| !bare(f.label("function")).starts_with("pg_stat_statements");
    let costs = functions
        .iter()
        .filter(of_load)
        .filter(|f| f.count("calls") > 0.0);
    costs
        .map(|function| CheckResult::Cost(cost(repeat, function, calls, asleep)))
        .collect()
}

fn cost(
    repeat: &RepeatFacts<'_, '_>,
    function: &CitedRow<'_>,
    calls: f64,
    asleep: f64,
) -> CauseCost {
    let name = function.label("function");
    let triggers = repeat.server.rows(postgres_tables::triggers::TABLE);
    let same = |t: &&CitedRow<'_>| bare(t.label("function")) == bare(name);
    let trigger = triggers.iter().find(same);
    let mean = function.count("self_ns") / function.count("calls");
    let through = trigger.map_or(String::new(), |t| {
        format!(
            ", trigger {} on {}",
            t.label("trigger"),
            t.label("relation")
        )
    });
    let mut evidence: Vec<_> = function
        .evidence("time in the function itself", "self_ns")
        .into_iter()
        .collect();
    evidence.extend(function.evidence("its calls", "calls"));
    evidence.extend(function.evidence("time with the functions that it calls", "total_ns"));
    let whole = function
        .figure("total_ns")
        .filter(|ns| *ns > function.count("self_ns"));
    let whole = whole.map_or(String::new(), |ns| {
        format!(
            ", and {} with them",
            duration_ns(ns / function.count("calls"))
        )
    });
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing(name)],
        thing: format!("{}{through}", short(name)),
        own_ns: (function.count("self_ns") / calls - asleep).max(0.0),
        least: 0.10,
        // A function that statements call directly is part of what the load wants.
        avoidable: trigger.is_some(),
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: format!("Time goes into the function {}{through}", short(name)),
        detail: format!(
            "{} at each of its {} calls without the functions that it calls{whole}.",
            duration_ns(mean),
            plain(function.count("calls"))
        ),
        evidence,
        actions: vec![
            "make the function cheaper, or do its work once per statement instead of once per row"
                .to_owned(),
            "or move the work out of the transaction (a queue)".to_owned(),
        ],
        rationale: "a trigger is part of every statement that fires it".to_owned(),
        restart: false,
    }
}

fn bare(name: &str) -> &str {
    let name = name.split('(').next().unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name)
}
