//! Constant patterns.

use regex::Regex;

/// Compiles a pattern that a test has compiled.
#[expect(clippy::expect_used, reason = "constant patterns, compiled by tests")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("constant pattern")
}
