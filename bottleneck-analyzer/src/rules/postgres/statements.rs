//! The server's CPU by statement: which statement takes it, and whether it stands out.

use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{duration_ns, plain, share};
use crate::postgres::{CitedRow, OtherApplication, PostgresEvidence};

const RULE: &str = "statement_cpu";

/// Calls of a statement below which its mean says little.
const LEAST_CALLS: f64 = 50.0;
/// Mean time of a statement ÷ that of all others from which it stands out.
const OUTLIER: f64 = 10.0;
/// Mean time of a statement below which it is what the load asks for, however little the others take.
const SLOW_NS: f64 = 5e6;

/// Share of the server's CPU that another application has from which its statements are told apart.
const STRANGE_SHARE: f64 = 0.05;

/// Time of a call without an event: on a CPU of the server, or ready for one.
pub(super) fn running_ns(probe: &RepeatFacts<'_, '_>) -> f64 {
    probe.model.sum_of("server_cpu") + probe.model.sum_of("server_runnable")
}

/// A statement of the load with its share of the time that all of them took.
pub(super) struct LoadStatement<'a> {
    pub(super) row: CitedRow<'a>,
    /// Of the time that statements took on the server, without waiting for locks.
    pub(super) share: f64,
}

impl LoadStatement<'_> {
    pub(super) fn text(&self) -> &str {
        self.row.label("statement")
    }

    /// Mean of a figure over its calls.
    pub(super) fn per_call(&self, name: &str) -> Option<f64> {
        Some(self.row.figure(name)? / self.row.figure("calls").filter(|n| *n > 0.0)?)
    }

    /// Returns true if it names a relation, with or without its schema.
    pub(super) fn names(&self, relation: &str) -> bool {
        let bare = relation
            .rsplit('.')
            .next()
            .unwrap_or(relation)
            .to_lowercase();
        let text = self.text().to_lowercase();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        text.split(|c| !word(c)).any(|token| token == bare)
    }
}

/// The statements that clients of the load sent, the longest first; `None` where they were not counted.
/// The server counts those of everybody: where others were at work, the load's are those that its
/// sessions were seen in.
pub(super) fn of_load<'a>(view: &PostgresEvidence<'a>) -> Option<Vec<LoadStatement<'a>>> {
    let rows = view.table("statements")?;
    let seen: Vec<String> =
        if OtherApplication::busiest(view).is_some_and(|a| a.share >= STRANGE_SHARE) {
            let rows = view.rows("waiting_statements").into_iter();
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

/// A statement with every parameter and every literal as `?`.
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

/// A statement that fits into a title.
pub(super) fn short(statement: &str) -> String {
    const MOST: usize = 80;
    if statement.chars().count() <= MOST {
        return statement.to_owned();
    }
    statement.chars().take(MOST - 1).collect::<String>() + "…"
}

pub(super) fn look(probe: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let running = running_ns(probe);
    let Some(statements) = of_load(&probe.view) else {
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
    let calls = top.row.count("calls");
    let mean = top.per_call("exec_ns").unwrap_or(0.0);
    let mut evidence: Vec<_> = top
        .row
        .evidence("time of the statement", "exec_ns")
        .into_iter()
        .collect();
    evidence.extend(top.row.evidence("its calls", "calls"));
    evidence.extend(probe.view.evidence("sessions.cpu_mean"));
    let among = if outlier {
        " It stands out: the others take a tenth of that or less."
    } else {
        ""
    };
    vec![CheckResult::Cost(CauseCost {
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
    })]
}

/// Returns true if its mean is ten times that of the others together, of which there are as many
/// calls.
fn stands_out(top: &LoadStatement<'_>, all: &[LoadStatement<'_>]) -> bool {
    let of = |name: &str| all[1..].iter().map(|s| s.row.count(name)).sum::<f64>();
    let (calls, exec_ns) = (of("calls"), of("exec_ns"));
    let mean = top.per_call("exec_ns").unwrap_or(0.0);
    calls >= top.row.count("calls") && mean >= OUTLIER * exec_ns / calls.max(1.0)
}
