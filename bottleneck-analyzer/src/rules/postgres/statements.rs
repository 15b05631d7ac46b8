//! Rule `statement_cpu`: the statement that uses most of the server's CPU.
//!
//! Fires if one statement takes 30 % of the service time on a CPU. It is a problem if the statement's mean
//! time is 5 ms or more and ten times the mean of all others, over 50 calls or more. Reads the table
//! `statements` (`pg_stat_statements`) and sampled sessions. The cost is the running time of a call × the
//! statement's share of `exec_ns`.

use crate::assessment::Rule;
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{duration_ns, plain, share};
use crate::postgres::{CitedRow, OtherApplication, PostgresEvidence};
use bench_report::names;
use bench_report::names::postgres_tables;

const RULE: Rule = Rule::StatementCpu;

/// Smallest number of calls at which the mean time of a statement is reliable.
const LEAST_CALLS: f64 = 50.0;
/// Smallest ratio of the mean time of a statement ÷ mean time of all others at which the statement
/// is an outlier.
const OUTLIER: f64 = 10.0;
/// Smallest mean time of a statement, in nanoseconds, at which it can be a problem.
const SLOW_NS: f64 = 5e6;

/// Smallest share of the server's CPU used by another application at which that application's
/// statements are filtered out.
const OTHERS_SHARE: f64 = 0.05;

/// Returns the mean time of a call without a wait event, in nanoseconds: its session ran on a CPU
/// or was ready to.
pub(super) fn running_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    repeat.model.sum_of("server_cpu") + repeat.model.sum_of("server_runnable")
}

/// Statement of the load with its share of the time of all the load's statements.
pub(super) struct LoadStatement<'a> {
    pub(super) row: CitedRow<'a>,
    /// Share of the execution time of all statements of the load, from 0 to 1.
    pub(super) share: f64,
}

impl LoadStatement<'_> {
    pub(super) fn text(&self) -> &str {
        self.row.label("statement")
    }

    /// Returns the figure `name` of the statement, divided by its number of calls; `None` if the
    /// figure is missing or there were no calls.
    pub(super) fn per_call(&self, name: &str) -> Option<f64> {
        Some(self.row.figure(name)? / self.row.figure("calls").filter(|n| *n > 0.0)?)
    }

    /// Returns true if the statement's text contains the name of `relation` as a word, in any case of
    /// letters. A table of the same name that the text puts into another schema is a different one.
    pub(super) fn names(&self, relation: &str) -> bool {
        let relation = relation.to_lowercase().replace('"', "");
        let (schema, bare) = match relation.rsplit_once('.') {
            Some((schema, bare)) => (Some(schema), bare),
            None => (None, relation.as_str()),
        };
        let text = self.text().to_lowercase();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        text.split(|c| !is_part(c)).any(|word| {
            let parts: Vec<&str> = word.split('.').collect();
            match parts.iter().rposition(|part| *part == bare) {
                None => false,
                Some(0) => true,
                Some(at) => schema.is_none_or(|schema| parts[at - 1] == schema),
            }
        })
    }
}

/// Returns the statements of the load, those with the largest share of the time first; `None` if statements
/// were not counted. The server counts the statements of all applications. If another application was active,
/// only statements are kept that a session of the load was seen to run.
pub(super) fn of_load<'a>(server: &PostgresEvidence<'a>) -> Option<Vec<LoadStatement<'a>>> {
    let rows = server.table(postgres_tables::statements::TABLE)?;
    let seen: Vec<String> =
        if OtherApplication::busiest(server).is_some_and(|a| a.share >= OTHERS_SHARE) {
            let rows = server
                .rows(postgres_tables::waiting_statements::TABLE)
                .into_iter();
            rows.map(|row| shape(row.label("statement"))).collect()
        } else {
            Vec::new()
        };
    let own = |row: &CitedRow<'_>| seen.contains(&shape(row.label("statement")));
    let all = !rows.iter().any(own);
    let sent = |row: &CitedRow<'_>| row.label("toplevel") != "false" && (all || own(row));
    let total: f64 = rows
        .iter()
        .filter(|r| sent(r))
        .map(|r| r.count("exec_ns"))
        .sum();
    let mut found: Vec<LoadStatement<'a>> = rows
        .into_iter()
        .filter(sent)
        .map(|row| LoadStatement {
            share: row.count("exec_ns") / total.max(f64::EPSILON),
            row,
        })
        .collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    Some(found)
}

/// Returns the statement with every parameter `$n` replaced by `?`, so that texts from different views can be
/// compared.
fn shape(statement: &str) -> String {
    let mut shape = String::new();
    let mut letters = statement.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_parameter = letter == '$' && letters.peek().is_some_and(char::is_ascii_digit);
        shape.push(if is_parameter { '?' } else { letter });
        while is_parameter && letters.next_if(char::is_ascii_digit).is_some() {}
    }
    shape
}

/// Shortens a statement to 80 characters, the length that fits into a title; a cut text ends in
/// `…`.
pub(super) fn short(statement: &str) -> String {
    const MOST: usize = 80;
    if statement.chars().count() <= MOST {
        return statement.to_owned();
    }
    statement.chars().take(MOST - 1).collect::<String>() + "…"
}

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(statements) = of_load(&repeat.server) else {
        return vec![CheckResult::Unknown(
            RULE,
            "which statement uses the server's CPU: statements were not counted".to_owned(),
            "CREATE EXTENSION pg_stat_statements (it must be in shared_preload_libraries)"
                .to_owned(),
        )];
    };
    let Some(top) = statements.first().filter(|s| s.row.count("calls") > 0.0) else {
        return Vec::new();
    };
    let outlier = stands_out(top, &statements);
    vec![CheckResult::Cost(cost(repeat, top, outlier))]
}

/// Returns the cost of `top`, the statement with the largest share of the time. `outlier` tells
/// that its calls take far longer than those of all others.
fn cost(repeat: &RepeatFacts<'_, '_>, top: &LoadStatement<'_>, outlier: bool) -> CauseCost {
    let running = running_ns(repeat);
    let calls = top.row.count("calls");
    let mean = top.per_call("exec_ns").unwrap_or(0.0);
    let mut evidence: Vec<_> = top
        .row
        .evidence("time of the statement", "exec_ns")
        .into_iter()
        .collect();
    evidence.extend(top.row.evidence("its calls", "calls"));
    evidence.extend(repeat.server.evidence(names::postgres::SESSIONS_CPU_MEAN));
    let among = if outlier {
        " It stands out: the others take a tenth of that or less."
    } else {
        ""
    };
    CauseCost {
        rule: RULE,
        key: top.text().to_owned(),
        thing: short(top.text()),
        own_ns: running * top.share,
        least: 0.30,
        avoidable: outlier && calls >= LEAST_CALLS && mean >= SLOW_NS,
        lower_bound: false,
        title: format!(
            "Most of the server's CPU goes into one statement ({})",
            short(top.text())
        ),
        detail: format!(
            "It took {} of the time of all statements, {} at each of its {} calls.{among}",
            share(top.share),
            duration_ns(mean),
            plain(calls)
        ),
        evidence,
        actions: vec![
            "see its plan: EXPLAIN (ANALYZE, BUFFERS)".to_owned(),
            "make it touch fewer rows, or call it less often".to_owned(),
        ],
        rationale: "CPU that a call does not use is there for others".to_owned(),
        restart: false,
    }
}

/// Returns true if the mean time of `top` is ten times the mean time of all other statements, and these have
/// at least as many calls together.
fn stands_out(top: &LoadStatement<'_>, all: &[LoadStatement<'_>]) -> bool {
    let of = |name: &str| all[1..].iter().map(|s| s.row.count(name)).sum::<f64>();
    let (calls, exec_ns) = (of("calls"), of("exec_ns"));
    let mean = top.per_call("exec_ns").unwrap_or(0.0);
    calls >= top.row.count("calls") && mean >= OUTLIER * exec_ns / calls.max(1.0)
}
