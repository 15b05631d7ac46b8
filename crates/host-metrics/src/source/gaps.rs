//! Record of readings that failed, with the number of processes affected.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

/// Names of the readings that failed, each with the reason of its first failure.
#[derive(Debug, Default)]
pub struct Gaps {
    reasons: BTreeMap<Cow<'static, str>, String>,
    processes: BTreeMap<&'static str, ProcessCount>,
}

/// Number of processes of which one figure was requested, and number of those of which it could not
/// be read.
#[derive(Debug, Default, Clone, Copy)]
struct ProcessCount {
    asked: u64,
    missing: u64,
}

impl Gaps {
    /// Returns the value that was read. If the read failed, records the reason under the name
    /// `what` and returns `None`.
    pub fn keep<T, E: Display>(&mut self, what: &'static str, read: Result<T, E>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(reason) => {
                self.note(what, &reason);
                None
            }
        }
    }

    /// Records the reading named `what` as absent, with its reason. If it is recorded already,
    /// keeps the first reason.
    pub fn note(&mut self, what: impl Into<Cow<'static, str>>, reason: &impl Display) {
        self.reasons
            .entry(what.into())
            .or_insert_with(|| reason.to_string());
    }

    /// Returns true if no reading is recorded as absent.
    pub(super) fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Adds the absent readings of `others`. Keeps the own reason of a reading that is recorded in
    /// both, and ignores the process counts of `others`.
    pub(super) fn join(&mut self, others: Self) {
        for (what, reason) in others.reasons {
            self.note(what, &reason);
        }
    }

    /// Removes the record of the absent reading `what`, for example because it can be read now.
    pub(crate) fn forget(&mut self, what: &str) {
        self.reasons.remove(what);
    }

    /// Counts one more process of which the figure `what` is requested for the first time.
    pub(super) fn asked(&mut self, what: &'static str) {
        self.processes.entry(what).or_default().asked += 1;
    }

    /// Counts one process, already counted by `asked`, as lacking the figure `what`, and records
    /// the reason.
    pub(super) fn missing(&mut self, what: &'static str, reason: &impl Display) {
        self.processes.entry(what).or_default().missing += 1;
        self.note(what, reason);
    }

    /// Iterates over the absent readings as pairs of name and first reason, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.reasons.iter();
        all.map(|(what, why)| (what.as_ref(), why.as_str()))
    }

    /// Iterates over the absent readings as pairs of name and sentence, such as `process.io is
    /// absent for 1 of 130 processes: …`, in the order of names. The numbers appear only if some of
    /// the processes could be read.
    pub fn sentences(&self) -> impl Iterator<Item = (&str, String)> {
        self.iter().map(|(what, why)| {
            let of = self.processes.get(what);
            let partly = of.filter(|of| of.missing < of.asked);
            let of = partly.map_or_else(String::new, |ProcessCount { asked, missing }| {
                format!(" for {missing} of {asked} processes")
            });
            (what, format!("{what} is absent{of}: {why}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(gaps: &Gaps) -> Vec<String> {
        gaps.sentences().map(|(_, sentence)| sentence).collect()
    }

    #[test]
    fn what_some_processes_lack_is_told_with_counts_and_what_all_lack_without() {
        let mut gaps = Gaps::default();
        for _ in 0..3 {
            gaps.asked("process.io");
        }
        assert!(told(&gaps).is_empty());
        gaps.missing("process.io", &"denied");
        assert_eq!(
            told(&gaps),
            ["process.io is absent for 1 of 3 processes: denied"]
        );
        gaps.missing("process.io", &"another reason");
        gaps.missing("process.io", &"");
        assert_eq!(told(&gaps), ["process.io is absent: denied"]);
    }

    #[test]
    fn what_is_there_again_is_no_gap() {
        let mut gaps = Gaps::default();
        gaps.note("cgroup late".to_owned(), &"no such group");
        assert_eq!(told(&gaps), ["cgroup late is absent: no such group"]);
        gaps.forget("cgroup late");
        assert!(told(&gaps).is_empty());
    }
}
