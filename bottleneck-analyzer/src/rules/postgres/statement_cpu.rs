//! Rule `statement_cpu`: the statement that uses most of the server's CPU.
//!
//! Fires if one statement takes 30 % of the service time on a CPU. It is a problem if the statement's mean
//! time is 5 ms or more and ten times the mean of all others, waits left out, over 50 calls or more. Reads the
//! tables `statements` (`pg_stat_statements`) and `waiting_statements`, `statements.dealloc` and sampled
//! sessions. The cost is the running time of a call × the statement's share of `exec_ns` without waits.

use super::statement_work::HITS;
use super::statements::{LoadStatement, of_load, running_ns, short};
use crate::assessment::{Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{counted, duration_ns, plain, share};
use crate::own_time::CausePart;
use crate::postgres::PostgresEvidence;
use bench_report::names;

const RULE: Rule = Rule::StatementCpu;

/// Smallest number of calls at which the mean time of a statement is reliable.
const LEAST_CALLS: f64 = 50.0;
/// Smallest ratio of the mean time of a statement ÷ mean time of all others at which the statement
/// is an outlier.
const OUTLIER: f64 = 10.0;
/// Smallest mean time of a statement, in nanoseconds, at which it can be a problem.
const SLOW_NS: f64 = 5e6;

/// Smallest number of pages that a call looks at, and of pages for each row of its answer, at which an index
/// or a better one may be missing.
const MANY_PAGES: f64 = 100.0;
const PAGES_BY_ROW: f64 = 10.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(mut statements) = of_load(&repeat.server) else {
        return vec![CheckResult::Unknown(
            RULE,
            "which statement uses the server's CPU: statements were not counted".to_owned(),
            "CREATE EXTENSION pg_stat_statements (it must be in shared_preload_libraries)"
                .to_owned(),
        )];
    };
    statements.sort_by(|a, b| b.running_share.total_cmp(&a.running_share));
    let Some(top) = statements.first().filter(|s| s.row.count("calls") > 0.0) else {
        return Vec::new();
    };
    let outlier = stands_out(top, &statements);
    vec![CheckResult::Cost(cost(repeat, top, outlier))]
}

/// Returns the cost of `top`, the statement that runs for most of the time. `outlier` tells that its
/// calls run far longer than those of all others.
fn cost(repeat: &RepeatFacts<'_, '_>, top: &LoadStatement<'_>, outlier: bool) -> CauseCost {
    let running = running_ns(repeat);
    let calls = top.row.count("calls");
    let mean = top.per_call("exec_ns").unwrap_or(0.0);
    let mut evidence = top.time_evidence(&repeat.server);
    evidence.extend(top.row.evidence("its calls", "calls"));
    evidence.extend(top.row.evidence("mean time of its calls", "exec_mean_ns"));
    evidence.extend(repeat.server.evidence(names::postgres::SESSIONS_CPU_MEAN));
    let (waited, sampled) = waits_left_out(top);
    let (looked_at, pages) = pages_looked_at(repeat, top);
    let (varied, spread) = spread(top);
    let (forgotten, count) = forgotten(&repeat.server);
    evidence.extend(sampled.into_iter().chain(pages).chain(spread).chain(count));
    let mut actions = vec![
        "see its plan: EXPLAIN (ANALYZE, BUFFERS)".to_owned(),
        "make it touch fewer rows, or call it less often".to_owned(),
    ];
    if !varied.is_empty() {
        actions.push(
            "compare the plans of its slow and its fast calls (auto_explain), also with plan_cache_mode = \
             force_custom_plan"
                .to_owned(),
        );
    }
    if !forgotten.is_empty() {
        actions.push(
            "send values as parameters instead of as text, or raise pg_stat_statements.max"
                .to_owned(),
        );
    }
    let among = if outlier {
        " It stands out: without waits the others take a tenth of its time or less."
    } else {
        ""
    };
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing(top.text())],
        thing: short(top.text()),
        own_ns: running * top.running_share,
        least: 0.30,
        avoidable: outlier && calls >= LEAST_CALLS && top.running_ns / calls >= SLOW_NS,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: format!(
            "Most of the server's CPU goes into one statement ({})",
            short(top.text())
        ),
        detail: format!(
            "It took {} of the time of all statements, {} at each of its {} \
             calls.{waited}{among}{looked_at}{varied}{forgotten}",
            share(top.share),
            duration_ns(mean),
            plain(calls)
        ),
        evidence,
        actions,
        rationale: "CPU that a call does not use is there for others".to_owned(),
        restart: false,
    }
}

/// Returns a sentence about the waits in `top` that are no use of the CPU, with its evidence; both empty if none
/// was sampled.
fn waits_left_out(top: &LoadStatement<'_>) -> (String, Vec<EvidenceItem>) {
    let Some((sessions, evidence)) = top.sessions_running() else {
        return Default::default();
    };
    let sentence = format!(
        " Its waits are left out here: {} run it on average.",
        counted(sessions, "session")
    );
    (sentence, evidence)
}

/// Returns a sentence about the pages in shared buffers that `top` looks at, with its evidence, if `top` looks
/// at most of them and at many for each row; both empty otherwise.
fn pages_looked_at(
    repeat: &RepeatFacts<'_, '_>,
    top: &LoadStatement<'_>,
) -> (String, Vec<EvidenceItem>) {
    let server = &repeat.server;
    let pages = top.per_call("blocks_hit").unwrap_or(0.0);
    let rows = top.per_call("rows").unwrap_or(f64::MAX);
    let worker = HITS.most(server).filter(|w| w.text() == top.text());
    match worker.filter(|_| pages >= MANY_PAGES && pages >= PAGES_BY_ROW * rows.max(1.0)) {
        Some(worker) => (worker.sentence(), worker.evidence(server)),
        None => Default::default(),
    }
}

/// Returns a sentence about calls of `top` that take far longer than the others, with its evidence; both empty
/// if the calls are alike or their times were not counted.
fn spread(top: &LoadStatement<'_>) -> (String, Vec<EvidenceItem>) {
    let mean = top.per_call("exec_ns").unwrap_or(f64::MAX);
    let figures = ["stddev_exec_ns", "max_exec_ns"].map(|name| top.row.figure(name));
    let [Some(deviation), Some(longest)] = figures else {
        return Default::default();
    };
    if deviation < mean || longest < OUTLIER * mean {
        return Default::default();
    }
    let sentence = format!(
        " Some of its calls take far longer than the others: since it was first counted the longest took {}, \
         and the standard deviation is {}.",
        duration_ns(longest),
        duration_ns(deviation)
    );
    let evidence = [
        ("standard deviation of its calls", "stddev_exec_ns"),
        ("its longest call", "max_exec_ns"),
    ];
    let evidence = evidence.map(|(label, name)| top.row.evidence(label, name));
    (sentence, evidence.into_iter().flatten().collect())
}

/// Returns a sentence about statements that the extension forgot because its table was full, with its evidence;
/// both empty if it forgot none, or if that was not counted.
fn forgotten(server: &PostgresEvidence<'_>) -> (String, Option<EvidenceItem>) {
    let times = server.figure(names::postgres::STATEMENTS_DEALLOC);
    let Some(times) = times.filter(|times| *times > 0.0) else {
        return Default::default();
    };
    let sentence = format!(
        " pg_stat_statements was full {} and forgot statements, so the time of all of them may be larger.",
        counted(times, "time")
    );
    (
        sentence,
        server.evidence(names::postgres::STATEMENTS_DEALLOC),
    )
}

/// Returns true if the mean time of `top`, the first of `all`, is ten times the mean time of all other
/// statements, waits left out, and these have at least as many calls together.
fn stands_out(top: &LoadStatement<'_>, all: &[LoadStatement<'_>]) -> bool {
    let own = top.row.count("calls");
    let calls: f64 = all[1..].iter().map(|s| s.row.count("calls")).sum();
    let running_ns: f64 = all[1..].iter().map(|s| s.running_ns).sum();
    calls >= own && top.running_ns / own.max(1.0) >= OUTLIER * running_ns / calls.max(1.0)
}
