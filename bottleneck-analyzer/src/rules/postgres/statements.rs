//! Statements of the load with their shares of the time, from the table `statements` (`pg_stat_statements`).

use crate::cost::RepeatFacts;
use crate::postgres::{CitedRow, OtherApplication, PostgresEvidence};
use bench_report::names::postgres_tables;

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
