//! Catalogue of failures: the meaning of each kind under load, and the actions against it.

use std::sync::OnceLock;

use serde::Deserialize;

use super::matches;

const TABLE: &str = include_str!("../../error-codes.toml");

/// Entry of the catalogue about one or several kinds of failure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailureEntry {
    names: Vec<String>,
    /// Texts of which the failure's message must contain at least one, in the same case of letters;
    /// an empty list matches every message.
    #[serde(default)]
    contains: Vec<String>,
    /// Meaning of the failure in a load test, in words.
    pub(crate) means: String,
    /// Recommended actions, in order.
    pub(crate) actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureFile {
    code: Vec<FailureEntry>,
}

fn all() -> &'static [FailureEntry] {
    static CODES: OnceLock<Vec<FailureEntry>> = OnceLock::new();
    // The `else` branch is never reached: a test checks that the embedded table can be parsed.
    CODES.get_or_init(|| {
        toml::from_str::<FailureFile>(TABLE).map_or_else(|_| Vec::new(), |t| t.code)
    })
}

/// Finds the first entry that matches a failure by its kind, as in `sqlstate.40001`, and its
/// message. The last entry of the table matches every kind, so the result is never `None` in
/// practice.
pub(crate) fn find(kind: &str, message: &str) -> Option<&'static FailureEntry> {
    all().iter().find(|code| {
        let says = |word: &String| message.contains(word.as_str());
        let named = code.names.iter().any(|name| matches(name, kind));
        named && (code.contains.is_empty() || code.contains.iter().any(says))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_and_means_every_kind() {
        let table: FailureFile = toml::from_str(TABLE).unwrap();
        for code in &table.code {
            assert!(
                !code.means.is_empty() && !code.actions.is_empty(),
                "{code:?}"
            );
        }
        assert_eq!(
            find("never heard of", "").unwrap().means,
            "the request failed"
        );
    }

    /// Codes that a load meets, each with a word of what it means. An entry for all codes says no more than
    /// that the server refused.
    #[test]
    fn each_code_that_a_load_meets_has_a_meaning_of_its_own() {
        let general = &find("sqlstate.99999", "").unwrap().means;
        for (codes, word) in [
            ("55P03", "lock"),
            ("57P05", "idle_session_timeout"),
            ("25P03", "idle_in_transaction_session_timeout"),
            ("25P04", "transaction_timeout"),
            ("25P02", "earlier statement"),
            ("25006", "no writes"),
            ("40P01", "deadlock"),
            ("23505 23P01", "already there"),
            ("23503 23502 23514", "constraint"),
            ("53300", "max_connections"),
            ("53100", "disk is full"),
            ("54000 54001 54023", "limit"),
            ("57P01", "administrator"),
            ("57P02", "crashed"),
            ("57P03", "starting up"),
            ("08006 08003", "lost"),
            ("08001 08004", "refused"),
            ("08P01", "protocol"),
            ("26000 42P05", "prepared statement"),
            ("42P01 3F000 42703 42883", "does not have"),
            ("42601", "does not accept"),
            ("42501", "privilege"),
            ("28P01", "password"),
            ("28000", "let this user in"),
            ("3D000", "no database"),
            ("P0001", "function"),
            ("P0002 P0003", "INTO STRICT"),
            ("22012", "zero"),
            ("22001 22P02 22003", "fit"),
            ("XX000", "internal"),
            ("XX001 XX002", "corrupted"),
            ("58030 58P01", "files"),
        ] {
            for code in codes.split(' ') {
                let means = &find(&format!("sqlstate.{code}"), "").unwrap().means;
                assert!(means.contains(word), "{code}: {means}");
                assert_ne!(means, general, "{code}");
            }
        }
    }

    /// Classes of the manual's appendix A that are errors: 00, 01 and 02 are success and warnings.
    #[test]
    fn each_class_of_codes_has_a_meaning() {
        let general = &find("sqlstate.99999", "").unwrap().means;
        for class in [
            "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "22", "23", "24",
            "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40",
            "42", "44", "53", "54", "55", "57", "58", "F0", "HV", "P0", "XX",
        ] {
            let means = &find(&format!("sqlstate.{class}ZZZ"), "").unwrap().means;
            assert_ne!(means, general, "{class}");
        }
    }

    /// Kind of failure, its message, and a word of what it means.
    const MESSAGES: [(&str, &str, &str); 24] = [
        (
            "sqlstate.57014",
            "canceling statement due to user request",
            "cancelled",
        ),
        (
            "sqlstate.57014",
            "canceling statement due to statement timeout",
            "statement_timeout",
        ),
        (
            "sqlstate.40001",
            "canceling statement due to conflict with recovery",
            "standby",
        ),
        (
            "sqlstate.57014",
            "canceling statement due to conflict with recovery",
            "standby",
        ),
        (
            "sqlstate.53300",
            "too many connections for role \"reserved\"",
            "the role has",
        ),
        (
            "sqlstate.53300",
            "too many connections for database \"shop\"",
            "the database has",
        ),
        (
            "sqlstate.53300",
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "reserved",
        ),
        (
            "sqlstate.53300",
            "remaining connection slots are reserved for non-replication superuser connections",
            "reserved",
        ),
        (
            "sqlstate.53300",
            "number of requested standby connections exceeds max_wal_senders (currently 10)",
            "replication connections",
        ),
        (
            "sqlstate.53300",
            "sorry, too many clients already",
            "all connections of the server",
        ),
        (
            "sqlstate.53300",
            "zu viele Verbindungen für Rolle »app«",
            "or the CONNECTION LIMIT",
        ),
        (
            "sqlstate.53400",
            "temporary file size exceeds \"temp_file_limit\" (1024kB)",
            "temporary files",
        ),
        (
            "sqlstate.40001",
            "could not serialize access",
            "serialization",
        ),
        ("sqlstate.53200", "out of shared memory", "locks"),
        ("sqlstate.53200", "out of memory", "memory"),
        ("sqlstate.22012", "division by zero", "value"),
        (
            "sqlstate.25006",
            "cannot execute UPDATE in a read-only transaction",
            "standby",
        ),
        ("sqlstate.99999", "", "refused"),
        ("response.OOM", "", "maxmemory"),
        ("response.SOMETHING", "", "command"),
        ("timeout.checkout", "", "pool"),
        ("closed.1006", "", "broke"),
        ("missing_key", "", "removed"),
        ("wrong_value", "", "answer"),
    ];

    #[test]
    fn the_message_tells_failures_of_one_code_apart() {
        for (kind, message, word) in MESSAGES {
            let means = &find(kind, message).unwrap().means;
            assert!(means.contains(word), "{kind} {message}: {means}");
        }
    }
}
