//! Pattern that selects the series that are shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regex::Regex;

/// Regular expressions of which a series must match at least one. If there are none, every series
/// matches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pattern(Vec<Regex>);

impl Pattern {
    /// Creates a pattern of these expressions; without any, it selects every series.
    pub(crate) fn new(expressions: &[Regex]) -> Self {
        Self(expressions.to_vec())
    }

    /// Returns true if the pattern has no expressions, so that it selects every series.
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if the series with this name and these labels is selected. Expressions search
    /// in one text of both, such as `process.rss_bytes name=postgres pid=4711`.
    pub(crate) fn matches(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        self.is_all() || {
            let text = full_name(name, labels);
            self.0.iter().any(|expression| expression.is_match(&text))
        }
    }
}

/// Returns name and labels of a series as one text, such as `process.rss_bytes name=postgres
/// pid=4711`.
pub(super) fn full_name(name: &str, labels: &BTreeMap<String, String>) -> String {
    labels.iter().fold(name.to_owned(), |mut text, (key, of)| {
        let _ = write!(text, " {key}={of}");
        text
    })
}

/// Parses a regular expression from the command line.
///
/// # Errors
/// If it is invalid; the message shows it and gives examples.
pub(super) fn expression(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|_| {
        format!(
            "{text:?} is no regular expression; write one such as cpu, ^memory or name=postgres"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_matched() {
        let labels = [("name", "postgres"), ("pid", "4711")];
        let labels = labels.map(|(key, of)| (key.to_owned(), of.to_owned()));
        let labels = BTreeMap::from(labels);
        let matches = |texts: &[&str]| {
            let all: Vec<Regex> = texts.iter().map(|t| expression(t).unwrap()).collect();
            Pattern::new(&all).matches("process.rss_bytes", &labels)
        };
        assert!(matches(&[]) && matches(&["rss"]) && matches(&["cpu", "name=postgres"]));
        assert!(matches(&["^process.*pid=4711$"]));
        assert!(!matches(&["cpu"]) && !matches(&["^rss"]));
        assert!(expression("(").unwrap_err().contains("write one"));
    }
}
