//! Advice about the index of a table that is read whole: an index that is there already is not advised
//! again, and statistics that are out of date come first where an index may be there.

use bench_report::names::postgres_tables;

use super::plain_statement::{self, PlainStatement};
use crate::assessment::EvidenceItem;
use crate::figures::plain;
use crate::postgres::{CitedRow, PostgresEvidence};

/// Smallest number of rows of a table whose statistics matter.
const LEAST_ROWS: f64 = 1_000.0;
/// Smallest share of the rows that changed since the last ANALYZE at which it is due.
const DUE_RATIO: f64 = 0.10;

/// Index of a table whose leading column a statement compares.
pub(super) struct FittingIndex<'a> {
    row: CitedRow<'a>,
}

impl<'a> FittingIndex<'a> {
    /// Finds an index of `relation` whose leading column or expression stands in the WHERE of
    /// `statement`. `None` if there is none, or if indexes were not read.
    pub(super) fn find(
        server: &PostgresEvidence<'a>,
        relation: &str,
        statement: &str,
    ) -> Option<Self> {
        let condition = plain_statement::condition(statement)?;
        let rows = server.rows(postgres_tables::indexes::TABLE).into_iter();
        let mut of_table = rows.filter(|row| row.label("relation") == relation);
        let found = of_table.find(|row| compares(&condition, &leading(row.label("columns"))));
        found.map(|row| Self { row })
    }

    /// Returns the index with its columns, as in `by_who (who)`.
    pub(super) fn name(&self) -> String {
        named(&self.row)
    }

    /// Returns name and columns of the index as evidence.
    pub(super) fn evidence(&self) -> Vec<EvidenceItem> {
        let labels = [("index", "index"), ("its columns", "columns")].into_iter();
        labels
            .filter_map(|(label, name)| self.row.label_evidence(label, name))
            .collect()
    }
}

/// Returns actions against reading `relation` whole in `statement`. `index` is the index that is there already.
pub(super) fn actions(
    server: &PostgresEvidence<'_>,
    relation: &str,
    statement: &str,
    index: Option<&FittingIndex<'_>>,
) -> Vec<String> {
    let plan = "see the plan: EXPLAIN (ANALYZE, BUFFERS)";
    let others = server.table(postgres_tables::indexes::TABLE).map(|rows| {
        let of_table = rows.iter().filter(|row| row.label("relation") == relation);
        of_table.map(named).collect::<Vec<String>>()
    });
    let may_be_there = index.is_some() || others.is_none();
    let statistics = analyze_first(server, relation).filter(|_| may_be_there);
    let mut actions: Vec<String> = statistics.into_iter().collect();
    if let Some(index) = index {
        actions.push(format!(
            "find out why index {} is not used: compare its column without a cast or a function, and with a \
             value of its type",
            index.name()
        ));
        actions.push(format!(
            "{plan}; where it is only the costs, see random_page_cost"
        ));
        return actions;
    }
    let parsed = PlainStatement::read(statement, Some(relation));
    let create = match parsed.and_then(|parsed| parsed.compared_columns()) {
        Some(columns) => format!(
            "CREATE INDEX CONCURRENTLY ON {relation} ({})",
            columns.join(", ")
        ),
        None => {
            format!(
                "CREATE INDEX CONCURRENTLY on the columns of {relation} that the WHERE compares"
            )
        }
    };
    match others {
        None => {
            actions.push(format!("{create}, if there is none (\\d {relation})"));
            actions.push(format!(
                "{plan}; where the index is there, ANALYZE the table, compare without a cast or a function \
                 on the column, and see random_page_cost"
            ));
        }
        Some(others) if others.is_empty() => {
            actions.push(format!("{create}; it has no index"));
            actions.push(format!("ANALYZE {relation}, and {plan}"));
        }
        Some(others) => {
            actions.push(format!("{create}; its indexes are {}", others.join(", ")));
            actions.push(format!("ANALYZE {relation}, and {plan}"));
        }
    }
    actions
}

/// Returns the action to analyse `relation` first; `None` if its statistics are up to date or not known.
fn analyze_first(server: &PostgresEvidence<'_>, relation: &str) -> Option<String> {
    let rows = server.rows(postgres_tables::tables::TABLE).into_iter();
    let row = rows
        .into_iter()
        .find(|row| row.label("relation") == relation)?;
    let changed = row.figure("modified_since_analyze")?;
    let live = row.figure("live").filter(|live| *live >= LEAST_ROWS)?;
    if row.figure("seconds_since_analyze").is_none() {
        return Some(format!("ANALYZE {relation} first: it never was"));
    }
    (changed >= DUE_RATIO * live).then(|| {
        format!(
            "ANALYZE {relation} first: {} rows changed since the last time, and it has {}",
            plain(changed),
            plain(live)
        )
    })
}

fn named(row: &CitedRow<'_>) -> String {
    format!("{} ({})", row.label("index"), row.label("columns"))
}

/// Returns the leading column or expression of an index in lower case, without quotes.
fn leading(columns: &str) -> String {
    let mut depth = 0;
    let end = columns.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    let first = &columns[..end.unwrap_or(columns.len())];
    first
        .trim()
        .trim_end_matches(" (partial)")
        .replace('"', "")
        .to_lowercase()
}

/// Returns true if `condition` contains the column or expression `column` as a whole word.
fn compares(condition: &str, column: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let is_edge = |c: Option<char>| c.is_none_or(|c| !is_part(c));
    let mut places = condition.match_indices(column);
    !column.is_empty()
        && places.any(|(at, _)| {
            is_edge(condition[..at].chars().next_back())
                && is_edge(condition[at + column.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leading_column_of_an_index_is_told_from_the_others() {
        for (columns, first) in [
            ("who", "who"),
            ("tenant, who", "tenant"),
            ("lower(who::text), id", "lower(who::text)"),
            ("coalesce(a, b), c", "coalesce(a, b)"),
            ("\"Who\" (partial)", "who"),
        ] {
            assert_eq!(leading(columns), first);
        }
    }

    #[test]
    fn a_condition_compares_whole_names_only() {
        assert!(compares(" who::int = $1", "who"));
        assert!(compares(" l.who = $1", "who"));
        assert!(!compares(" whom = $1", "who"));
        assert!(!compares(" id = $1", "who"));
    }
}
