//! Time that one cause takes of a call by itself, without the queues that it makes longer.

use crate::assessment::Rule;

/// Time that one cause takes of a call by itself. It tells which part of the time model the time is taken
/// from when the cause is removed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnTime {
    /// Id of the bench whose calls take the time, as in `postgres.sweep`.
    pub(crate) bench: String,
    /// Rule that found the cause.
    pub(crate) rule: Rule,
    /// Title or name of the part of the time model that is this time, if there is such a part; any other text
    /// if not.
    pub(crate) key: String,
    /// Mean time that a call spends in the cause, in nanoseconds.
    pub(crate) ns: f64,
    /// Share of the machine's CPU, from 0 to 1, that is free again without the cause and that no call used.
    pub(crate) freed_cpu_ratio: f64,
}

impl OwnTime {
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
