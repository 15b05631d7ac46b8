//! Table of the operations of a step, by name. It can grow while the step runs, and never shrinks.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Largest number of operations with figures of their own. Any further name is counted under
/// [`OTHER`].
const CAPACITY: usize = 1_024;
/// Name of the operation that counts the requests of all names beyond [`CAPACITY`].
const OTHER: &str = "other";
/// Largest number of phases of an operation; further ones are dropped.
pub(crate) const MOST_PHASES: usize = 6;

/// Position of an operation in the table of its step, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OperationId(u16);

impl OperationId {
    /// Id of the first operation of a table. Arrivals that no session took up are counted under it.
    pub const FIRST: Self = Self::nth(0);

    /// Returns the id of the operation at position `index` of a table, counted from 0. An index
    /// above 65,535 is reduced to 65,535.
    pub const fn nth(index: usize) -> Self {
        if index > u16::MAX as usize {
            return Self(u16::MAX);
        }
        Self(index as u16)
    }

    /// Returns the operation's position in the table, counted from 0.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Name of an operation, and names of the phases of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationSpec {
    name: Cow<'static, str>,
    phases: &'static [&'static str],
}

impl OperationSpec {
    /// Creates an operation without phases.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            phases: &[],
        }
    }

    /// Sets the names of the successive phases of a request, such as `tcp`, `tls`, `ready`. All
    /// phases after the sixth are dropped.
    #[must_use]
    pub fn with_phases(mut self, phases: &'static [&'static str]) -> Self {
        self.phases = &phases[..phases.len().min(MOST_PHASES)];
        self
    }
}

/// Operations of a step by name and by [`OperationId`]. All clones share one table.
#[derive(Debug, Clone, Default)]
pub struct OperationTable(Arc<Mutex<Vec<OperationSpec>>>);

impl OperationTable {
    /// Adds an operation at the end, even if its name exists, and returns its id. Once the table
    /// holds 1,024, drops it and returns the id of `other`. To be called before the step begins.
    pub(crate) fn add(&self, spec: OperationSpec) -> OperationId {
        let mut specs = self.lock();
        let mut added = spec;
        if specs.len() >= CAPACITY {
            if let Some(other) = specs.iter().position(|spec| spec.name == OTHER) {
                return OperationId::nth(other);
            }
            added = OperationSpec::new(OTHER);
        }
        specs.push(added);
        OperationId::nth(specs.len() - 1)
    }

    /// Returns the name of the operation with `id`; `None` if the table has no such operation.
    pub(crate) fn name(&self, id: OperationId) -> Option<Cow<'static, str>> {
        let specs = self.lock();
        specs.get(id.index()).map(|s| s.name.clone())
    }

    /// Returns the names of all operations, in the order of their ids.
    pub(crate) fn names(&self) -> Vec<Cow<'static, str>> {
        self.lock().iter().map(|spec| spec.name.clone()).collect()
    }

    /// Returns the phase names, in order, of the operation with `id`; `None` if the table has no
    /// such operation.
    pub(crate) fn phases(&self, id: OperationId) -> Option<&'static [&'static str]> {
        let specs = self.lock();
        specs.get(id.index()).map(|spec| spec.phases)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OperationSpec>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Into<Cow<'static, str>>> FromIterator<S> for OperationTable {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let table = Self::default();
        for name in names {
            table.add(OperationSpec::new(name));
        }
        table
    }
}

impl From<Vec<OperationSpec>> for OperationTable {
    fn from(specs: Vec<OperationSpec>) -> Self {
        Self(Arc::new(Mutex::new(specs)))
    }
}

impl From<&'static [&'static str]> for OperationTable {
    fn from(names: &'static [&'static str]) -> Self {
        names.iter().copied().collect()
    }
}

impl<const N: usize> From<&'static [&'static str; N]> for OperationTable {
    fn from(names: &'static [&'static str; N]) -> Self {
        Self::from(&names[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_table_and_ids_follow_the_order() {
        let table = OperationTable::from(&["get", "set"]);
        let clone = table.clone();
        let del = clone.add(OperationSpec::new("del"));
        assert_eq!(del, OperationId::nth(2));
        assert_eq!(table.name(OperationId::nth(1)).unwrap(), "set");
        assert_eq!(table.name(del).unwrap(), "del");
        assert_eq!(table.name(OperationId::nth(3)), None);
    }

    #[test]
    fn names_beyond_the_capacity_count_for_one_operation() {
        let table = OperationTable::default();
        let ids: Vec<OperationId> = (0..CAPACITY + 3)
            .map(|n| table.add(OperationSpec::new(format!("operation {n}"))))
            .collect();
        assert_eq!(ids[CAPACITY - 1], OperationId::nth(CAPACITY - 1));
        let other = OperationId::nth(CAPACITY);
        assert_eq!(ids[CAPACITY..], [other; 3]);
        assert_eq!(table.add(OperationSpec::new("one more")), other);
        assert_eq!(table.name(other).unwrap(), OTHER);
        assert_eq!(table.name(ids[7]).unwrap(), "operation 7");
    }
}
