//! Identity of a finding.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Rule;

/// Identity of a finding: its rule, the bench or machine that it is about, and the thing at fault if the rule
/// has several findings about that subject. Assessments show it as text, as in
/// `pool_too_small:postgres.sweep`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FindingId {
    /// Rule that the finding comes from.
    pub(crate) rule: Rule,
    /// Id of the bench that the finding is about, as in `postgres.sweep`, or `machine`.
    pub(crate) subject: String,
    /// Name that tells several findings of one rule about one subject apart.
    mark: Option<String>,
}

impl FindingId {
    /// Creates the id of the finding of `rule` about `subject`, which is the id of a bench or `machine`. A
    /// colon in `subject` becomes a full stop.
    pub(crate) fn new(rule: Rule, subject: &str) -> Self {
        Self {
            rule,
            subject: subject.replace(':', "."),
            mark: None,
        }
    }

    /// Returns the id of the finding about `mark`, for rules with several findings about one subject.
    #[must_use]
    pub(crate) fn with_mark(self, mark: &str) -> Self {
        let mark = Some(mark.replace(':', "."));
        Self { mark, ..self }
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rule, self.subject)?;
        match &self.mark {
            Some(mark) => write!(f, ":{mark}"),
            None => Ok(()),
        }
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FindingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.splitn(3, ':');
        let (rule, subject) = (parts.next().unwrap_or_default(), parts.next());
        let read = Rule::named(rule).zip(subject);
        let Some((rule, subject)) = read else {
            let message = format!("{text} is no id of a finding: it must begin with a rule's name");
            return Err(serde::de::Error::custom(message));
        };
        let id = Self::new(rule, subject);
        Ok(match parts.next() {
            Some(mark) => id.with_mark(mark),
            None => id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let plain = FindingId::new(Rule::LockWaits, "postgres.sweep");
        let marked = plain.clone().with_mark("Lock:advisory 42");
        assert_eq!(plain.to_string(), "lock_waits:postgres.sweep");
        assert_eq!(
            marked.to_string(),
            "lock_waits:postgres.sweep:Lock.advisory 42"
        );
        for id in [plain, marked] {
            let written = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<FindingId>(&written).unwrap(), id);
        }
    }

    #[test]
    fn an_id_of_no_rule_is_refused() {
        for text in ["\"lock_waits\"", "\"lock_wait:postgres.sweep\"", "\"\""] {
            assert!(serde_json::from_str::<FindingId>(text).is_err(), "{text}");
        }
    }
}
