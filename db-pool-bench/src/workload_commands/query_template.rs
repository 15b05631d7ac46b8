//! Template of a query: its text with placeholders instead of values.
//!
//! `pg_stat_statements` replaces constants by `$1`, except if an entry was evicted while its statement ran.
//! Values that are still in the text are removed here.

use pg_evidence::fingerprint;
use pgbench_script::is_single_statement;

/// First words of the statements that a suggested mix can contain. The server does not replace the
/// constants of other statements, which may contain passwords.
const QUERIES: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE"];
/// Placeholder for a value that the server has not replaced by a parameter.
const VALUE: char = '?';

/// Text of a query without its values, by which calls are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueryTemplate {
    /// Text of the query on one line, with `$1` and so on for values that the server replaced, and
    /// `?` for the others.
    pub(super) sql: String,
    /// True if the query only reads, judged by its words: it begins with SELECT and has no word
    /// UPDATE, as in FOR UPDATE.
    pub(super) reads: bool,
}

impl QueryTemplate {
    /// Returns the template of `query`; `None` if it is not a single statement of a kind that a
    /// workload can contain.
    pub(super) fn parse(query: &str) -> Option<Self> {
        if !is_single_statement(query) {
            return None;
        }
        let sql = fingerprint::full_fingerprint(query);
        let first = sql.split_whitespace().next()?.to_uppercase();
        // A quoted name keeps its quotes, so that a column "update" is no such word.
        let mut words = sql.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '"'));
        let reads = first == "SELECT" && !words.any(|word| word.eq_ignore_ascii_case("update"));
        QUERIES
            .contains(&first.as_str())
            .then_some(Self { sql, reads })
    }

    /// Returns the text for a script, with `:p1` for `$1`. `None` if the template contains `?`,
    /// because the script would lack that value.
    pub(super) fn script(&self) -> Option<String> {
        if self.sql.contains(VALUE) {
            return None;
        }
        let mut script = String::new();
        let mut rest = self.sql.chars().peekable();
        while let Some(c) = rest.next() {
            if c == '$' && rest.peek().is_some_and(char::is_ascii_digit) {
                script.push_str(":p");
            } else {
                script.push(c);
            }
        }
        Some(script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_left_in_a_shape() {
        for (query, fingerprint) in [
            (
                "SELECT * FROM t WHERE id = $1",
                "SELECT * FROM t WHERE id = $1",
            ),
            (
                "select a1 from t2 where n = 42.5",
                "select a1 from t2 where n = ?",
            ),
            ("SELECT 'secret' || E'x\\'y', $$z$$", "SELECT ? || ?"),
            (
                "SELECT \"Name1\" /* user 7 */ FROM t -- 8",
                "SELECT \"Name1\" FROM t",
            ),
            ("UPDATE t\n SET a = $1", "UPDATE t SET a = $1"),
        ] {
            assert_eq!(QueryTemplate::parse(query).unwrap().sql, fingerprint);
        }
    }

    #[test]
    fn a_query_that_locks_rows_for_an_update_does_not_only_read() {
        let reads = |query| QueryTemplate::parse(query).unwrap().reads;
        for query in [
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM (SELECT * FROM t FOR UPDATE) x",
            "UPDATE t SET a = $1",
        ] {
            assert!(!reads(query), "{query}");
        }
        assert!(reads("SELECT \"update\", updated_at FROM t"));
    }

    #[test]
    fn what_is_no_query_is_left_out() {
        for query in [
            "BEGIN",
            "ALTER ROLE a PASSWORD 'x'",
            "SET a = 1",
            "",
            "SELECT 1; SELECT 2",
            "SELECT 'open",
        ] {
            assert_eq!(QueryTemplate::parse(query), None, "{query}");
        }
    }

    #[test]
    fn a_script_has_variables_for_parameters() {
        let script = |query| QueryTemplate::parse(query).unwrap().script();
        assert_eq!(
            script("SELECT $1, $12").as_deref(),
            Some("SELECT :p1, :p12")
        );
        assert_eq!(script("SELECT 5"), None);
        assert!(
            QueryTemplate::parse("SELECT a FROM t FOR UPDATE")
                .is_some_and(|fingerprint| !fingerprint.reads)
        );
    }
}
