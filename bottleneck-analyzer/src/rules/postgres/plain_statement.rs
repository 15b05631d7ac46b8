//! Conditions of statements, and statements that are plain enough for their text to tell which columns of which
//! table they compare.

/// Clauses that may stand after the condition of a statement.
const CLAUSES_AFTER: [&str; 8] = [
    " group by ",
    " having ",
    " order by ",
    " limit ",
    " offset ",
    " fetch ",
    " for ",
    " returning ",
];
/// Comparisons other than `=`, as they begin after a column.
const OTHER_COMPARISONS: [&str; 6] = ["<", ">", "in ", "in(", "like ", "between "];

/// Statement on one table, whose condition is a plain list of terms joined by AND. Its text is in lower case and
/// without quotes.
#[derive(Debug)]
pub(super) struct PlainStatement {
    /// Table as the statement names it.
    table: String,
    /// Name by which the statement calls the table instead; `None` if it has none.
    alias: Option<String>,
    terms: Vec<String>,
}

impl PlainStatement {
    /// Reads the text of a statement on the table `relation`, or on any table if that is not known. `None` if
    /// it names another table or more than one, contains a further SELECT, or has no condition or another kind
    /// of condition.
    pub(super) fn read(statement: &str, relation: Option<&str>) -> Option<Self> {
        let (before, condition) = divided(statement)?;
        let mut further = words(&before).skip(1).chain(words(&condition));
        if condition.contains(" where ") || further.any(|word| word == "select") {
            return None;
        }
        let (table, alias) = named_table(&before)?;
        let statement = Self {
            table,
            alias,
            terms: condition.split(" and ").map(str::to_owned).collect(),
        };
        let is_on_it = relation.is_none_or(|relation| statement.is_on(relation));
        (is_on_it && !condition.contains(" or ")).then_some(statement)
    }

    /// Returns true if `relation` is the statement's table. A schema counts only if both names have one.
    fn is_on(&self, relation: &str) -> bool {
        let relation = relation.to_lowercase().replace('"', "");
        match (self.table.rsplit_once('.'), relation.rsplit_once('.')) {
            (None, Some((_, bare))) => self.table == bare,
            (Some((_, bare)), None) => relation == bare,
            _ => self.table == relation,
        }
    }

    /// Returns the columns that the condition compares, those compared with `=` first. `None` if a term of the
    /// condition is no comparison of a column of the table.
    pub(super) fn compared_columns(&self) -> Option<Vec<String>> {
        let compared = self.terms.iter().map(|term| self.compared_column(term));
        let mut compared: Vec<(bool, String)> = compared.collect::<Option<_>>()?;
        compared.sort_by_key(|(is_equal, _)| !is_equal);
        let mut columns: Vec<String> = compared.into_iter().map(|(_, column)| column).collect();
        columns.dedup();
        Some(columns)
    }

    /// Returns the column that a term begins with, and true if it is compared with `=`; `None` if the term is
    /// no comparison of a column of the table.
    fn compared_column(&self, term: &str) -> Option<(bool, String)> {
        let term = term.trim();
        let end = term.find(|c: char| !is_part_of_name(c) && c != '.')?;
        let (name, rest) = term.split_at(end);
        let (of, column) = match name.rsplit_once('.') {
            Some((of, column)) => (Some(of), column),
            None => (None, name),
        };
        let is_own = of.is_none_or(|of| self.alias.as_deref() == Some(of) || self.is_on(of));
        let rest = rest.trim_start();
        let is_equal = rest.starts_with('=');
        let is_compared = is_equal
            || OTHER_COMPARISONS
                .iter()
                .any(|other| rest.starts_with(other));
        (is_own && is_compared && begins_name(column)).then(|| (is_equal, column.to_owned()))
    }

    /// Returns true if a term compares a column, or what is computed from one, with a value by `=`.
    pub(super) fn compares_for_equality(&self) -> bool {
        self.terms.iter().any(|term| {
            let Some((left, right)) = term.split_once('=') else {
                return false;
            };
            let is_equal = !left.ends_with(['<', '>', '!']) && !left.starts_with("not ");
            is_equal && begins_name(left) && right.contains(['$', '?'])
        })
    }
}

/// Returns the condition of a statement, in lower case and without quotes: what stands after its first WHERE, up
/// to the clause after it. A further SELECT after the WHERE may have clauses of its own, so that all of the rest
/// counts then. `None` if the statement has no WHERE.
pub(super) fn condition(statement: &str) -> Option<String> {
    divided(statement).map(|(_, condition)| condition)
}

/// Returns what stands before the first WHERE of a statement, and its [`condition`]; `None` if it has no WHERE.
fn divided(statement: &str) -> Option<(String, String)> {
    let spaced: Vec<&str> = statement.split_whitespace().collect();
    let text = spaced.join(" ").to_lowercase().replace('"', "");
    let text = text.replace(" where(", " where (");
    let (before, rest) = text.split_once(" where ")?;
    let selects = words(rest).any(|word| word == "select");
    let ends = CLAUSES_AFTER.iter().filter(|_| !selects);
    let end = ends.filter_map(|clause| rest.find(clause)).min();
    let condition = &rest[..end.unwrap_or(rest.len())];
    Some((before.to_owned(), condition.to_owned()))
}

/// Iterates over the words of a text: names, numbers and what is empty between other characters.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_part_of_name(c))
}

/// Returns the table that a statement names before its WHERE, and its alias; `None` if it names several, or if
/// the text is not understood.
fn named_table(before: &str) -> Option<(String, Option<String>)> {
    let named = if let Some(rest) = before.strip_prefix("update ") {
        let (named, values) = rest.split_once(" set ")?;
        (!values.contains(" from ")).then_some(named)
    } else if before.starts_with("select ") {
        let (list, named) = before.rsplit_once(" from ")?;
        (!list.contains(" join ")).then_some(named)
    } else {
        before.strip_prefix("delete from ")
    };
    let is_other = |c: char| !is_part_of_name(c) && c != '.';
    let is_name = |word: &str| begins_name(word) && !word.contains(is_other);
    let words = named?
        .split(' ')
        .filter(|word| !["as", "only"].contains(word));
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [table] if is_name(table) => Some(((*table).to_owned(), None)),
        [table, alias] if is_name(table) && is_name(alias) => {
            Some(((*table).to_owned(), Some((*alias).to_owned())))
        }
        _ => None,
    }
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn begins_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(statement: &str, relation: &str) -> Option<String> {
        let plain = PlainStatement::read(statement, Some(relation))?;
        Some(plain.compared_columns()?.join(", "))
    }

    #[test]
    fn the_columns_of_a_plain_condition_are_told_those_with_an_equality_first() {
        for (statement, relation, told) in [
            ("SELECT count(note) FROM logs WHERE who = $1", "logs", "who"),
            (
                "select * from logs l where l.at > $1 and l.who = $2 order by at",
                "logs",
                "who, at",
            ),
            (
                "SELECT a FROM \"Logs\" AS l WHERE l.who = $1",
                "audit.\"Logs\"",
                "who",
            ),
            (
                "SELECT a FROM audit.logs WHERE logs.who = $1",
                "logs",
                "who",
            ),
            (
                "DELETE FROM logs WHERE tenant = $1 AND note LIKE $2",
                "logs",
                "tenant, note",
            ),
            (
                "UPDATE stock SET n = n + ? WHERE kind IN (?) RETURNING n",
                "stock",
                "kind",
            ),
        ] {
            let found = columns(statement, relation);
            assert_eq!(found.as_deref(), Some(told), "{statement}");
        }
    }

    #[test]
    fn other_conditions_tell_no_columns() {
        for statement in [
            "SELECT * FROM logs JOIN b ON logs.x = b.x WHERE logs.y = $1",
            "SELECT * FROM logs, b WHERE y = b.y",
            "SELECT * FROM logs WHERE who = $1 OR note = $2",
            "SELECT * FROM logs WHERE lower(who) = $1",
            "SELECT * FROM logs WHERE who::text = $1",
            "SELECT * FROM logs WHERE at BETWEEN $1 AND $2",
            "SELECT * FROM logs",
        ] {
            assert_eq!(columns(statement, "logs"), None, "{statement}");
        }
    }

    #[test]
    fn the_columns_of_another_table_are_not_told() {
        for statement in [
            "SELECT * FROM people WHERE id IN (SELECT who FROM logs)",
            "SELECT *, (SELECT max(at) FROM logs) FROM people WHERE id = $1",
            "SELECT id FROM people WHERE id = $1 UNION SELECT who FROM logs",
            "UPDATE people SET note = logs.note FROM logs WHERE id = $1",
            "DELETE FROM people USING logs WHERE id = $1",
            "DELETE FROM logs USING people WHERE id = $1",
            "WITH old AS (DELETE FROM logs WHERE at < $1 RETURNING who) TABLE old",
            "SELECT * FROM logs l WHERE p.id = $1",
            "SELECT * FROM people WHERE id = $1",
            "SELECT * FROM other.logs WHERE who = $1",
        ] {
            assert_eq!(columns(statement, "public.logs"), None, "{statement}");
        }
    }

    #[test]
    fn a_condition_ends_before_the_next_clause_unless_a_further_select_may_own_that() {
        for (statement, told) in [
            (
                "SELECT note FROM \"Logs\"\n WHERE  \"Who\" = $1\n ORDER BY at",
                Some("who = $1"),
            ),
            (
                "SELECT note FROM logs WHERE(who = $1) LIMIT 3",
                Some("(who = $1)"),
            ),
            (
                "SELECT * FROM a JOIN b ON a.x = b.x WHERE b.y = $1 FOR UPDATE",
                Some("b.y = $1"),
            ),
            (
                "SELECT * FROM a WHERE x IN (SELECT x FROM b ORDER BY y) AND z = $1",
                Some("x in (select x from b order by y) and z = $1"),
            ),
            ("SELECT nowhere FROM logs", None),
            ("SELECT somewhere, who FROM logs", None),
        ] {
            assert_eq!(condition(statement).as_deref(), told, "{statement}");
        }
    }

    #[test]
    fn an_equality_with_a_value_is_told_from_other_conditions() {
        let is_one = |condition: &str| {
            let statement = format!("SELECT count(*) FROM logs l WHERE {condition}");
            let plain = PlainStatement::read(&statement, None);
            plain.is_some_and(|plain| plain.compares_for_equality())
        };
        for condition in [
            "who = $1",
            "l.who::int = $1",
            "at > $1 AND lower(who) = $2",
            "who=?",
        ] {
            assert!(is_one(condition), "{condition}");
        }
        for condition in [
            "at >= $1",
            "at <= ?",
            "who <> $1",
            "who != $1",
            "NOT who = $1",
            "a = b",
        ] {
            assert!(!is_one(condition), "{condition}");
        }
    }
}
