//! Time that one cause takes of a call by itself, without the queues that it makes longer.

use crate::assessment::Rule;

/// Separator of the titles of several parts in [`OwnTime::key`].
pub(crate) const SEVERAL_PARTS: &str = "; ";

/// Time that one cause takes of a call by itself. It tells which part of the time model the time is taken
/// from when the cause is removed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnTime {
    /// Id of the bench whose calls take the time, as in `postgres.sweep`.
    pub(crate) bench: String,
    /// Rule that found the cause.
    pub(crate) rule: Rule,
    /// Title or name of the part of the time model that is this time, or titles of several separated by
    /// [`SEVERAL_PARTS`]; any other text if there is no such part.
    pub(crate) key: String,
    /// Mean time that a call spends in the cause, in nanoseconds.
    pub(crate) ns: f64,
    /// Share of the machine's CPU, from 0 to 1, that is free again without the cause and that no call used.
    pub(crate) freed_cpu_ratio: f64,
}

impl OwnTime {
    /// Returns true if the time is that of the part with `title` and `name`.
    pub(crate) fn is_part(&self, title: &str, name: &str) -> bool {
        let mut keys = self.key.split(SEVERAL_PARTS);
        self.key == name || keys.any(|key| key == title)
    }

    /// Creates the own time of a cause that takes `ns` nanoseconds of a call and uses no CPU beside it.
    pub(crate) fn new(bench: String, rule: Rule, key: impl Into<String>, ns: f64) -> Self {
        Self {
            bench,
            rule,
            key: key.into(),
            ns,
            freed_cpu_ratio: 0.0,
        }
    }
}
