//! Advice about the index of a table that is read whole: an index that is there already is not advised
//! again, and statistics that are out of date come first where an index may be there.

use bench_report::names::postgres_tables;

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
        let text = statement.to_lowercase();
        let (_, condition) = text.split_once("where")?;
        let rows = server.rows(postgres_tables::indexes::TABLE).into_iter();
        let mut of_table = rows.filter(|row| row.label("relation") == relation);
        let found = of_table.find(|row| compares(condition, &leading(row.label("columns"))));
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
    let create = match compared_columns(statement) {
        Some(columns) => format!(
            "CREATE INDEX CONCURRENTLY ON {relation} ({})",
            columns.join(", ")
        ),
        None => {
            format!("CREATE INDEX CONCURRENTLY on the columns of {relation} that the WHERE compares")
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

/// Returns the columns that the WHERE of `statement` compares, those compared with `=` first. `None` unless the
/// statement reads one table and its condition is a plain list of comparisons joined by AND.
fn compared_columns(statement: &str) -> Option<Vec<String>> {
    const ENDS: [&str; 6] = [" group by ", " order by ", " limit ", " offset ", " for ", " returning "];
    let text = statement.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (before, condition) = text.split_once(" where ")?;
    let is_one_table = text.matches(" where ").count() == 1
        && before.matches("select ").count() <= 1
        && ![" join ", ","].iter().any(|many| tables(before).contains(many));
    let end = ENDS.iter().filter_map(|end| condition.find(end)).min();
    let condition = &condition[..end.unwrap_or(condition.len())];
    if !is_one_table || condition.contains(" or ") {
        return None;
    }
    let mut compared: Vec<(bool, String)> = Vec::new();
    for term in condition.split(" and ") {
        compared.push(compared_column(term)?);
    }
    compared.sort_by_key(|(is_equal, _)| !is_equal);
    let mut columns: Vec<String> = compared.into_iter().map(|(_, column)| column).collect();
    columns.dedup();
    Some(columns)
}

/// Returns the part of a statement's text before WHERE that names its tables.
fn tables(before: &str) -> &str {
    before.split_once(" from ").map_or(before, |(_, tables)| tables)
}

/// Returns the column that a comparison begins with, and true if it is compared with `=`; `None` if the term is
/// no comparison of a column.
fn compared_column(term: &str) -> Option<(bool, String)> {
    const OTHERS: [&str; 6] = ["<", ">", "in ", "in(", "like ", "between "];
    let term = term.trim();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let (name, rest) = term.split_at(term.find(|c| !is_part(c))?);
    let column = name.rsplit('.').next().filter(|column| !column.is_empty())?;
    let rest = rest.trim_start();
    let is_equal = rest.starts_with('=');
    let is_compared = is_equal || OTHERS.iter().any(|other| rest.starts_with(other));
    let is_name = column.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_compared && is_name).then(|| (is_equal, column.to_owned()))
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
    fn an_index_is_advised_on_the_columns_of_a_plain_condition() {
        let columns = |statement| compared_columns(statement).map(|columns| columns.join(", "));
        for (statement, told) in [
            ("SELECT count(note) FROM logs WHERE who = $1", "who"),
            ("select * from logs l where l.at > $1 and l.who = $2 order by at", "who, at"),
            ("DELETE FROM logs WHERE tenant = $1 AND note LIKE $2", "tenant, note"),
            ("UPDATE stock SET n = n + ? WHERE kind IN (?) RETURNING n", "kind"),
        ] {
            assert_eq!(columns(statement).as_deref(), Some(told), "{statement}");
        }
        for statement in [
            "SELECT * FROM a JOIN b ON a.x = b.x WHERE a.y = $1",
            "SELECT * FROM a, b WHERE a.y = b.y",
            "SELECT * FROM logs WHERE who = $1 OR note = $2",
            "SELECT * FROM logs WHERE lower(who) = $1",
            "SELECT * FROM logs WHERE who::text = $1",
            "SELECT * FROM logs WHERE at BETWEEN $1 AND $2",
            "SELECT * FROM logs",
        ] {
            assert_eq!(columns(statement), None, "{statement}");
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
