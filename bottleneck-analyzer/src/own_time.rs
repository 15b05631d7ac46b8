//! Time that one cause takes of a call by itself, without the queues that it makes longer.

use crate::assessment::{Rule, TimePart};

/// Part of a call in which the time of a cause is spent. A cause that was joined from several has several parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CausePart {
    /// Part of the time model by its title, which all events of one entry of the catalogue share.
    Title(String),
    /// Part of the time model by its name: an event that the catalogue does not have.
    Name(String),
    /// Thing or work that is no part of the time model, as in the table `audit.logs`.
    Thing(String),
}

impl CausePart {
    /// Creates a thing or work called `name`, which is no part of the time model even if one has that name.
    pub(crate) fn thing(name: impl Into<String>) -> Self {
        Self::Thing(name.into())
    }

    /// Returns the title or the name.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Title(text) | Self::Name(text) | Self::Thing(text) => text,
        }
    }

    fn is(&self, part: &TimePart) -> bool {
        match self {
            Self::Title(title) => *title == part.title,
            Self::Name(name) => *name == part.name,
            Self::Thing(_) => false,
        }
    }
}

/// Time that one cause takes of a call by itself. It tells which part of the time model the time is taken
/// from when the cause is removed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnTime {
    /// Id of the bench whose calls take the time, as in `postgres.sweep`.
    pub(crate) bench: String,
    /// Rule that found the cause.
    pub(crate) rule: Rule,
    /// Parts in which the time is spent; empty if only the rule tells it.
    pub(crate) parts: Vec<CausePart>,
    /// Mean time that a call spends in the cause, in nanoseconds.
    pub(crate) ns: f64,
    /// Share of the machine's CPU, from 0 to 1, that is free again without the cause and that no call used.
    pub(crate) freed_cpu_ratio: f64,
}

impl OwnTime {
    /// Creates the own time of a cause that takes `ns` nanoseconds of a call and uses no CPU beside it.
    pub(crate) fn new(bench: String, rule: Rule, parts: Vec<CausePart>, ns: f64) -> Self {
        Self {
            bench,
            rule,
            parts,
            ns,
            freed_cpu_ratio: 0.0,
        }
    }

    /// Returns true if `part` of the time model is time of the cause.
    pub(crate) fn is_in(&self, part: &TimePart) -> bool {
        self.parts.iter().any(|own| own.is(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_by_its_title_or_its_name_and_no_thing_is_one() {
        let part = |name: &str, title: &str| TimePart {
            name: name.to_owned(),
            title: title.to_owned(),
            ns: 1.0,
            share_ratio: 0.5,
            evidence: Vec::new(),
        };
        let parts = vec![
            CausePart::Title("waiting for row locks".to_owned()),
            CausePart::Name("extension.queue".to_owned()),
            // A table that has the name of a part of a call.
            CausePart::thing("network"),
        ];
        let own = OwnTime::new("postgres.sweep".to_owned(), Rule::LockWaits, parts, 1.0);
        assert!(own.is_in(&part("lock.tuple", "waiting for row locks")));
        assert!(own.is_in(&part("extension.queue", "waiting for Extension:Queue")));
        assert!(!own.is_in(&part("network", "network")));
        assert!(!own.is_in(&part("waiting for row locks", "extension.queue")));
        // Titles with a separator in them are not split.
        let two = "waiting for row locks; extension.queue";
        assert!(!own.is_in(&part(two, two)));
    }
}
