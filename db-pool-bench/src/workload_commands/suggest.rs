//! Command `workload suggest`: proposes a weighted mix of the statements that a server has counted.
//! Statements are grouped by template, and values are never shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use bench_cli::table::{self, Table};
use bench_cli::{Remedy as _, UsageError, output};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::ServerConnection;
use super::flags::SuggestFlags;
use super::query_template::QueryTemplate;
use crate::connect::ParameterDescriber;
use crate::failure::from_postgres;
use crate::workloads::{Builtin, LASTING, PREFIX, Schema, quoted};
use pg_evidence::Client;
use pg_evidence::fingerprint;

/// SQL query for the schema in which `pg_stat_statements` is installed; no row if this database
/// does not have it.
const PLACE: &str = "SELECT /* plimsoll */ n.nspname::text FROM pg_extension e
    JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'";
/// Text that the server shows instead of a statement that the role may not read.
const HIDDEN: &str = "<insufficient privilege>";
/// Name of the extension and its view. Statements that read the view observe the load and are not
/// part of it.
const EXTENSION: &str = "pg_stat_statements";
/// Remedy if the server does not count statements, as text for the user.
const LOADED: &str = "CREATE EXTENSION pg_stat_statements in this database; the server's \
                      shared_preload_libraries must name it too";
/// Largest number of rows that are read from the view; `pg_stat_statements` keeps fewer by default.
const MOST_READ: usize = 10_000;
const WIDEST: usize = 100;

/// Counted statements with the calls that are left out, or the reason for which there are none and
/// the remedy.
enum StatementCounts {
    Statements(Vec<CountedStatement>, SkippedCalls),
    Unavailable { reason: String, to_do: &'static str },
}

/// Numbers of calls that are not part of the mix, by the reason.
#[derive(Debug, Clone, Copy, Default)]
struct SkippedCalls {
    /// Calls of statements that the role may not read.
    by_rights: i64,
    /// Calls of statements that no workload can contain: transaction control, settings,
    /// definitions, and queries of the counts themselves.
    by_kind: i64,
    /// Calls that runs of this tool made.
    ours: i64,
}

/// Calls of all statements with one template: their number, and their total time on the server in
/// milliseconds.
#[derive(Debug, Clone, PartialEq)]
struct CountedStatement {
    template: QueryTemplate,
    calls: i64,
    total_ms: f64,
}

pub(super) fn run(flags: &SuggestFlags) -> anyhow::Result<()> {
    let schema = Schema::lasting(LASTING).map_err(UsageError)?;
    let server = ServerConnection::begin(&flags.url, &schema)?;
    let counted = server.run(count(&server.client))?;
    let (statements, hidden) = match counted.context("cannot read pg_stat_statements")? {
        StatementCounts::Unavailable { reason, to_do } => {
            return Err(anyhow::anyhow!("there is no mix to suggest: {reason}")).remedy(to_do);
        }
        StatementCounts::Statements(statements, hidden) => (statements, hidden),
    };
    let taken = &statements[..statements.len().min(flags.top as usize)];
    let mut text = shown(&statements, taken, hidden);
    if let Some(directory) = &flags.write {
        let types = server.run(types(&server.client, taken))?;
        text.push_str(&write(directory, taken, &types)?);
    } else {
        text.push_str("--write DIR makes a script of each.\n");
    }
    output::print(&text)
}

async fn count(client: &Client) -> Result<StatementCounts, Error> {
    let Some(row) = client.query_opt(PLACE, &[]).await? else {
        return Ok(StatementCounts::Unavailable {
            reason: "this database has no pg_stat_statements".to_owned(),
            to_do: LOADED,
        });
    };
    let schema: String = row.try_get(0)?;
    // Since version 14 the server marks statements that were called inside functions.
    let version: String = client
        .query_one("SHOW server_version_num", &[])
        .await?
        .try_get(0)?;
    let top_level = if version.parse::<u32>().unwrap_or(0) >= 140_000 {
        "AND s.toplevel"
    } else {
        ""
    };
    let question = format!(
        "SELECT /* plimsoll */ s.query, s.calls::int8, s.total_exec_time::float8
           FROM {}.pg_stat_statements AS s
          WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND s.query IS NOT NULL {top_level}
          ORDER BY s.calls DESC LIMIT {MOST_READ}",
        quoted(&schema)
    );
    let rows = match client.query(&question, &[]).await {
        Ok(rows) => rows,
        Err(error) => {
            return match error.code() {
                Some(
                    &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
                    | &SqlState::INSUFFICIENT_PRIVILEGE
                    | &SqlState::UNDEFINED_COLUMN
                    | &SqlState::UNDEFINED_TABLE,
                ) => Ok(StatementCounts::Unavailable {
                    reason: from_postgres(&error).to_string(),
                    to_do: LOADED,
                }),
                _ => Err(error),
            };
        }
    };
    let mut seen = Vec::with_capacity(rows.len());
    for row in rows {
        seen.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    Ok(gather(seen))
}

/// Adds up rows of query, calls and milliseconds by template; the template with the most calls
/// comes first. Without any template, returns the reason.
fn gather(rows: Vec<(String, i64, f64)>) -> StatementCounts {
    let mut hidden = SkippedCalls::default();
    let mut by_sql: BTreeMap<String, CountedStatement> = BTreeMap::new();
    for (query, calls, total_ms) in rows {
        if query == HIDDEN {
            hidden.by_rights += calls;
            continue;
        }
        if fingerprint::is_own_statement(&query) || query.contains(PREFIX) {
            hidden.ours += calls;
            continue;
        }
        let Some(template) =
            QueryTemplate::parse(&query).filter(|template| !template.sql.contains(EXTENSION))
        else {
            hidden.by_kind += calls;
            continue;
        };
        let statement = by_sql
            .entry(template.sql.clone())
            .or_insert(CountedStatement {
                template,
                calls: 0,
                total_ms: 0.0,
            });
        statement.calls += calls;
        statement.total_ms += total_ms;
    }
    let mut statements: Vec<CountedStatement> = by_sql.into_values().collect();
    statements.sort_by_key(|statement| std::cmp::Reverse(statement.calls));
    if statements.is_empty() {
        let (reason, to_do) = if hidden.by_rights > 0 {
            (
                "this role may not see the statements of others",
                "GRANT pg_read_all_stats TO this role, or a role that has it",
            )
        } else {
            (
                "no statement of an application has been counted in this database yet",
                "again once the application has been at work, or the database that it uses",
            )
        };
        let reason = reason.to_owned();
        return StatementCounts::Unavailable { reason, to_do };
    }
    StatementCounts::Statements(statements, hidden)
}

fn shown(all: &[CountedStatement], taken: &[CountedStatement], hidden: SkippedCalls) -> String {
    let calls: i64 = all.iter().map(|s| s.calls).sum();
    let total_ms: f64 = all.iter().map(|s| s.total_ms).sum();
    let mut rows = Table::new(&["statement", "weight", "calls", "time", "mean"]);
    for statement in taken {
        let mean_ns = statement.total_ms / statement.calls.max(1) as f64 * 1e6;
        let sql: String = statement.template.sql.chars().take(WIDEST).collect();
        rows.row(&[
            sql,
            weight(statement.calls, calls).to_string(),
            table::ratio(statement.calls as f64 / calls.max(1) as f64),
            table::ratio(statement.total_ms / total_ms.max(f64::MIN_POSITIVE)),
            table::duration_ns(mean_ns as u64),
        ]);
    }
    let mut text = format!("{rows}\n");
    let left: i64 = calls - taken.iter().map(|s| s.calls).sum::<i64>();
    if left > 0 {
        let share = table::ratio(left as f64 / calls.max(1) as f64);
        let _ = writeln!(
            text,
            "{share} of calls are of further statements; --top takes more."
        );
    }
    if hidden.by_rights > 0 {
        let _ = writeln!(
            text,
            "{} calls of others are hidden from this role; GRANT pg_read_all_stats shows them.",
            hidden.by_rights
        );
    }
    if hidden.by_kind > 0 {
        let _ = writeln!(
            text,
            "{} calls are left out: transactions, settings, definitions, questions about these counts.",
            hidden.by_kind
        );
    }
    if hidden.ours > 0 {
        let _ = writeln!(
            text,
            "{} calls of this tool's own runs are left out.",
            hidden.ours
        );
    }
    let reads: i64 = all
        .iter()
        .filter(|s| s.template.reads)
        .map(|s| s.calls)
        .sum();
    let read_ratio = reads as f64 / calls.max(1) as f64;
    let _ = writeln!(
        text,
        "{} of calls read; of what is built in, {} comes closest.\nWhich statements belong to one transaction is not counted: join scripts that do.",
        table::ratio(read_ratio),
        closest(read_ratio).name()
    );
    text
}

/// Returns the built-in workload whose share of reads is nearest to `read_ratio` (0 to 1).
fn closest(read_ratio: f64) -> Builtin {
    let known = [
        (1.0, Builtin::PointSelect),
        (0.95, Builtin::ReadHeavy),
        (0.7, Builtin::Mixed),
        (0.2, Builtin::WriteHeavy),
    ];
    let distance = |(ratio, _): &(f64, Builtin)| (ratio - read_ratio).abs();
    let nearest = known
        .into_iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.map_or(Builtin::Mixed, |(_, builtin)| builtin)
}

/// Returns the weight of a statement in a mix: `calls` as a percentage of `all` calls, rounded, at
/// least 1.
fn weight(calls: i64, all: i64) -> i64 {
    (100.0 * calls as f64 / all.max(1) as f64).round().max(1.0) as i64
}

/// Returns the names of the types of each statement's parameters, in order; empty for a statement
/// without parameters, or whose types the server cannot infer.
async fn types(client: &Client, statements: &[CountedStatement]) -> Vec<Vec<String>> {
    let mut all = Vec::with_capacity(statements.len());
    for statement in statements {
        // A refused statement aborts its transaction, so each statement gets a transaction of its own.
        let types = match ParameterDescriber::beside(client, "").await {
            Ok(mut describer) => {
                let types = describer.parameters(&statement.template.sql).await;
                describer.close().await;
                types
            }
            Err(error) => Err(error),
        };
        let names = types.map(|all| all.into_iter().map(|one| one.type_name).collect());
        all.push(names.unwrap_or_default());
    }
    all
}

/// Creates `directory` and writes a script for each statement into it, except for those with values
/// that are missing. `types` are the types of their parameters. Returns text about how to use the
/// scripts. Fails if the directory exists.
fn write(
    directory: &Path,
    statements: &[CountedStatement],
    types: &[Vec<String>],
) -> anyhow::Result<String> {
    fs::create_dir(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))
        .remedy("--write with a directory that does not exist yet")?;
    let calls: i64 = statements.iter().map(|s| s.calls).sum();
    let mut scripts = String::new();
    for (number, (statement, types)) in (1..).zip(statements.iter().zip(types)) {
        let Some(sql) = statement.template.script() else {
            continue;
        };
        let file = directory.join(format!("{number:02}.sql"));
        let mut text = String::new();
        if !types.is_empty() {
            text.push_str("-- Values are never read; say how each is drawn.\n");
        }
        for (number, of) in (1..).zip(types) {
            let _ = writeln!(text, "-- {of}: \\set p{number} random(1, …)");
        }
        let _ = writeln!(text, "{sql};");
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let weight = weight(statement.calls, calls);
        let _ = write!(scripts, " \\\n  --script {}@{weight}", file.display());
    }
    Ok(format!(
        "Say in each script how its values are drawn, then:\n  db-pool-bench sweep{scripts}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_gathered_by_shape_and_the_rest_is_counted() {
        let rows = [
            ("SELECT a FROM t WHERE id = 1", 5, 1.0),
            ("SELECT a FROM t WHERE id = 2", 7, 1.0),
            ("UPDATE t SET a = $1", 4, 9.0),
            ("BEGIN", 3, 0.0),
            (HIDDEN, 2, 0.0),
            (
                "UPDATE plimsoll_20260314.pgbench_accounts SET a = $1",
                8,
                1.0,
            ),
            ("SELECT /* plimsoll evidence */ 1", 9, 1.0),
        ];
        let rows = rows.map(|(query, calls, ms)| (query.to_owned(), calls, ms));
        let StatementCounts::Statements(statements, hidden) = gather(rows.to_vec()) else {
            panic!("there are statements");
        };
        let seen: Vec<(&str, i64)> = statements
            .iter()
            .map(|s| (s.template.sql.as_str(), s.calls))
            .collect();
        assert_eq!(
            seen,
            [
                ("SELECT a FROM t WHERE id = ?", 12),
                ("UPDATE t SET a = $1", 4)
            ]
        );
        assert_eq!((hidden.by_rights, hidden.by_kind, hidden.ours), (2, 3, 17));
        let text = shown(&statements, &statements, hidden);
        assert!(text.contains("75") && text.contains("mixed"), "{text}");
    }

    #[test]
    fn where_all_is_hidden_it_says_so() {
        let rows = vec![(HIDDEN.to_owned(), 2, 0.0)];
        let StatementCounts::Unavailable { to_do, .. } = gather(rows) else {
            panic!("nothing can be seen");
        };
        assert!(to_do.contains("pg_read_all_stats"), "{to_do}");
    }
}
