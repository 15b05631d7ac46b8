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

    #[test]
    fn the_message_tells_failures_of_one_code_apart() {
        for (kind, message, word) in [
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
        ] {
            let means = &find(kind, message).unwrap().means;
            assert!(means.contains(word), "{kind} {message}: {means}");
        }
    }
}
