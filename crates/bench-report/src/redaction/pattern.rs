//! Compilation of the constant regular expressions of this module.

use regex::Regex;

/// Compiles a constant regular expression. Panics if it is invalid, which the tests exclude.
#[expect(clippy::expect_used, reason = "constant patterns, compiled by tests")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("constant pattern")
}
