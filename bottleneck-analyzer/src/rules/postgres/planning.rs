//! Rules `planning_time` and `jit`: time of a statement before it is executed.
//!
//! `planning_time` fires if planning takes a tenth of the service time; a problem if one planning takes 1 ms
//! or more. It reads `statements.plan_ns` and `.plans` (needs `track_planning`). `jit` fires if compiling
//! takes a twentieth of the service time; it reads `statements.jit_ns`. Both divide by the number of calls of
//! the load, and name the statement that takes most of the time.

use super::statement_work::{COMPILING, PLANNING, told};
use crate::assessment::{Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{duration_ns, plain, share};
use crate::own_time::CausePart;
use bench_report::names::{self, FigureName};

/// Smallest mean time to plan a statement, in nanoseconds, at which planning is a problem.
const SLOW_PLAN_NS: f64 = 1e6;
const LEAST_CALLS: f64 = 20.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let mut results = vec![planning(repeat)];
    results.extend(compiling(repeat));
    results
}

fn planning(repeat: &RepeatFacts<'_, '_>) -> CheckResult {
    const RULE: Rule = Rule::PlanningTime;
    let server = &repeat.server;
    let plans = server
        .figure(names::postgres::STATEMENTS_PLANS)
        .filter(|plans| *plans > 0.0);
    let (Some(plan_ns), Some(plans), Some(calls)) = (
        server.figure(names::postgres::STATEMENTS_PLAN_NS),
        plans,
        server.calls_of_counters(),
    ) else {
        return CheckResult::Unknown(
            RULE,
            "what planning costs: it was not timed".to_owned(),
            "pg_stat_statements.track_planning = on".to_owned(),
        );
    };
    let mean = plan_ns / plans;
    let (statement, of_statement) = told(PLANNING, server);
    let mut evidence = both(
        repeat,
        [
            names::postgres::STATEMENTS_PLAN_NS,
            names::postgres::STATEMENTS_PLANS,
        ],
    );
    evidence.extend(of_statement);
    CheckResult::Cost(CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("planning")],
        thing: "planning".to_owned(),
        own_ns: plan_ns / calls,
        least: 0.10,
        avoidable: mean >= SLOW_PLAN_NS,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: "Statements are planned anew at each call".to_owned(),
        detail: format!(
            "{} plans were made, {} each.{statement}",
            plain(plans),
            duration_ns(mean)
        ),
        evidence,
        actions: vec![
            "prepare statements (PgBouncer from 1.21 on: max_prepared_statements)".to_owned(),
            "use fewer partitions and indexes".to_owned(),
        ],
        rationale: "a prepared statement keeps its plan".to_owned(),
        restart: false,
    })
}

fn compiling(repeat: &RepeatFacts<'_, '_>) -> Option<CheckResult> {
    let server = &repeat.server;
    let jit_ns = server.figure(names::postgres::STATEMENTS_JIT_NS)?;
    let calls = server
        .calls_of_counters()
        .filter(|calls| *calls >= LEAST_CALLS)?;
    let (statement, of_statement) = told(COMPILING, server);
    let mut evidence = both(
        repeat,
        [
            names::postgres::STATEMENTS_JIT_NS,
            names::postgres::STATEMENTS_EXEC_NS,
        ],
    );
    evidence.extend(of_statement);
    let executed = server
        .figure(names::postgres::STATEMENTS_EXEC_NS)
        .filter(|ns| *ns > 0.0)
        .map_or(String::new(), |ns| {
            format!(
                " It takes {} of the time of executing them.",
                share(jit_ns / ns)
            )
        });
    Some(CheckResult::Cost(CauseCost {
        rule: Rule::Jit,
        key: vec![CausePart::thing("jit")],
        thing: "JIT".to_owned(),
        own_ns: jit_ns / calls,
        least: 0.05,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: "Statements are compiled to machine code at each call (JIT)".to_owned(),
        detail: format!("Compiling pays for long queries only.{executed}{statement}"),
        evidence,
        actions: vec!["jit = off for the load's role, or a higher jit_above_cost".to_owned()],
        rationale: "a short query runs faster without being compiled".to_owned(),
        restart: false,
    }))
}

fn both(repeat: &RepeatFacts<'_, '_>, names: [FigureName; 2]) -> Vec<EvidenceItem> {
    names
        .into_iter()
        .filter_map(|name| repeat.server.evidence(name))
        .collect()
}
