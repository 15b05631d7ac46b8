//! Rows that a statement keeps of those that a scan reads: the fewer, the more an index saves.
//!
//! The number of rows that a statement returns tells it, unless the statement returns an aggregate or stops
//! early. If such a statement compares a column with a value by `=`, few rows are likely.

use super::plain_statement::{self, PlainStatement};
use super::statements::LoadStatement;
use crate::assessment::{ComputedFigure, Confidence, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::share;

/// Largest ratio of kept rows ÷ read rows at which an index would help.
const MOST_KEPT: f64 = 0.01;

/// Functions and clauses by which a statement returns few rows whatever its condition matches, with the reason
/// as the end of a sentence.
const SUMMARIES: [(&[&str], &str); 3] = [
    (
        &[
            "count(",
            "sum(",
            "avg(",
            "min(",
            "max(",
            "_agg(",
            "bool_and(",
            "bool_or(",
            "group by",
            "select distinct",
        ],
        "the statement returns an aggregate",
    ),
    (&["exists("], "the statement asks only whether there is one"),
    (
        &["limit ", "fetch first", "fetch next"],
        "the statement returns a limited number of them",
    ),
];
const NOT_COUNTED: &str = "statements were not counted";

/// Returns true if the statement has a condition, and returns or changes few of the rows that a scan reads.
pub(super) fn returns_few(statement: &LoadStatement<'_>, rows_read: f64) -> bool {
    let text = statement.text();
    let returned = statement.per_call("rows").unwrap_or(f64::MAX) / rows_read;
    let is_insert = text.to_lowercase().starts_with("insert");
    plain_statement::condition(text).is_some() && returned <= MOST_KEPT && !is_insert
}

/// Rows that a statement keeps of those that a scan reads, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeptRows {
    /// Share of them, from 0 to 1: the statement returns or changes each row that it keeps.
    Share(f64),
    /// Few are likely; the number is not known for this reason.
    LikelyFew(&'static str),
    /// Not known for this reason.
    Unknown(&'static str),
}

impl KeptRows {
    /// Returns the rows that `statement`, if it is known, keeps of the `rows_read` rows of a scan of the table
    /// `relation`, if that is known.
    pub(super) fn of(
        statement: Option<&LoadStatement<'_>>,
        rows_read: f64,
        relation: Option<&str>,
    ) -> Self {
        let Some(statement) = statement else {
            return Self::Unknown(NOT_COUNTED);
        };
        let Some(reason) = summary(statement.text()) else {
            return Self::Share(statement.per_call("rows").unwrap_or(0.0) / rows_read);
        };
        let plain = PlainStatement::read(statement.text(), relation);
        if plain.is_some_and(|plain| plain.compares_for_equality()) {
            Self::LikelyFew(reason)
        } else {
            Self::Unknown(reason)
        }
    }

    /// Returns the share of the rows that are kept, from 0 to 1; 0 if it is not known.
    pub(super) fn share(self) -> f64 {
        match self {
            Self::Share(kept) => kept,
            Self::LikelyFew(_) | Self::Unknown(_) => 0.0,
        }
    }

    /// Returns a sentence about the rows that are kept.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Share(kept) => format!("A scan keeps {} of the rows that it reads.", share(kept)),
            Self::LikelyFew(reason) | Self::Unknown(reason) => {
                format!("How many rows match is not known, because {reason}.")
            }
        }
    }

    /// Returns the share of the rows that are kept as a figure, with the way in which it was computed; `None` if
    /// it is not known.
    pub(super) fn computed(self) -> Option<ComputedFigure> {
        let Self::Share(kept) = self else {
            return None;
        };
        let how = "rows that the statement returned or changed in each call ÷ rows of a scan";
        let what = "share of the rows of a scan that the statement keeps";
        Some(ComputedFigure::new(what, kept, how))
    }

    /// Returns the result of a scan that has this cost. It is an open question only if the cost is large enough
    /// for a finding.
    pub(super) fn result(self, repeat: &RepeatFacts<'_, '_>, cost: CauseCost) -> CheckResult {
        match self {
            Self::Share(_) => CheckResult::Cost(cost),
            Self::Unknown(reason) if repeat.share_of_service(cost.own_ns) >= cost.least => {
                let question = format!(
                    "whether an index would help where all rows are read ({}): how many of them match is not \
                     known, because {reason}",
                    cost.thing
                );
                let to_find_out = "the plan of the statement: EXPLAIN (ANALYZE) tells how many rows it keeps \
                                   and how many its filter removes";
                CheckResult::Unknown(Rule::SequentialScans, question, to_find_out.to_owned())
            }
            Self::LikelyFew(_) | Self::Unknown(_) => CheckResult::Cost(CauseCost {
                highest_confidence: Confidence::Medium,
                ..cost
            }),
        }
    }
}

/// Returns the reason why the number of rows that a statement returns does not tell how many rows match its
/// condition, as the end of a sentence; `None` if it does.
fn summary(statement: &str) -> Option<&'static str> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let text = words.join(" ").to_lowercase().replace(" (", "(");
    // The rows of a statement that changes rows are those that match.
    if ["update ", "delete ", "merge "]
        .iter()
        .any(|verb| text.starts_with(*verb))
    {
        return None;
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has = |mark: &&str| {
        let mut places = text.match_indices(*mark);
        places.any(|(at, _)| mark.starts_with('_') || !text[..at].ends_with(is_part))
    };
    let found = SUMMARIES.iter().find(|(marks, _)| marks.iter().any(has));
    found.map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_returns_fewer_rows_than_match_is_told_from_others() {
        for (statement, reason) in [
            ("SELECT count (*) FROM a WHERE b = $1", "an aggregate"),
            (
                "SELECT b, json_agg(c) FROM a WHERE b > $1 GROUP BY b",
                "an aggregate",
            ),
            ("SELECT DISTINCT b FROM a WHERE c = $1", "an aggregate"),
            (
                "SELECT EXISTS (SELECT $2 FROM a WHERE b = $1)",
                "whether there is one",
            ),
            ("SELECT json_agg(c) FROM a WHERE b > $1", "an aggregate"),
            (
                "SELECT b FROM a WHERE c > $1 ORDER BY c LIMIT $2",
                "a limited number",
            ),
        ] {
            let found = summary(statement).unwrap_or_default();
            assert!(found.contains(reason), "{statement}: {found}");
        }
        for statement in [
            "SELECT discount(b), minimum FROM a WHERE c = $1",
            "SELECT row_count(b), no2sum(b) FROM a WHERE c = $1",
            "UPDATE a SET b = (SELECT max(b) FROM c) WHERE d = $1",
            "DELETE FROM a WHERE b IS DISTINCT FROM $1",
        ] {
            assert_eq!(summary(statement), None, "{statement}");
        }
    }

    #[test]
    fn rows_that_are_kept_are_told_as_a_share_or_with_the_reason_why_it_is_not_known() {
        let known = KeptRows::Share(0.25);
        assert!((known.share() - 0.25).abs() < 1e-9);
        let words = "A scan keeps 25 % of the rows that it reads.";
        assert_eq!(known.sentence(), words);
        let reason = "the statement returns an aggregate";
        for unknown in [KeptRows::LikelyFew(reason), KeptRows::Unknown(reason)] {
            assert!(unknown.share().abs() < 1e-9);
            let words =
                "How many rows match is not known, because the statement returns an aggregate.";
            assert_eq!(unknown.sentence(), words);
        }
    }

    #[test]
    fn rows_of_statements_that_were_not_counted_are_not_known() {
        let kept = KeptRows::of(None, 1e5, Some("logs"));
        assert!(matches!(kept, KeptRows::Unknown(NOT_COUNTED)));
    }
}
