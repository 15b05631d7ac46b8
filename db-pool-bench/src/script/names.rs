//! Variables by name: all scripts of a workload share them, and each user has values of its own.

use std::collections::{BTreeMap, HashSet};

use super::place::{Fault, Place};
use super::value::Value;

/// Set by itself: what `hash` takes for a seed where none is given.
pub(crate) const DEFAULT_SEED: &str = "default_seed";
/// Set by itself: the user, from 0.
pub(crate) const CLIENT_ID: &str = "client_id";

/// The names of variables, each with its place among a user's values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Names {
    slots: BTreeMap<String, usize>,
    initial: Vec<Option<Value>>,
    changing: HashSet<usize>,
}

impl Names {
    /// `constants` and what is set by itself.
    pub(crate) fn new(constants: &[(String, Value)], seed: u64) -> Self {
        let mut names = Self::default();
        for (name, value) in constants {
            let slot = names.slot(name);
            names.initial[slot] = Some(*value);
        }
        // Within 53 bits, so that it reads the same everywhere.
        let seed = Value::Integer((seed & ((1 << 53) - 1)).cast_signed());
        for (name, value) in [(DEFAULT_SEED, seed), ("random_seed", seed)] {
            let slot = names.slot(name);
            names.initial[slot].get_or_insert(value);
        }
        names.declare(CLIENT_ID);
        names
    }

    /// Notes that something sets `name`; gives its slot.
    pub(crate) fn declare(&mut self, name: &str) -> usize {
        let slot = self.slot(name);
        self.changing.insert(slot);
        slot
    }

    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = self.initial.len();
        self.slots.insert(name.to_owned(), slot);
        self.initial.push(None);
        slot
    }

    /// All names with their slots.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, usize)> {
        self.slots.iter().map(|(name, slot)| (name.as_str(), *slot))
    }

    /// Returns where `name` is, if anything sets it.
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// Returns where `name` is.
    pub(crate) fn find(&self, name: &str, place: Place) -> Result<usize, Fault> {
        self.get(name).ok_or_else(|| {
            let message =
                format!("nothing sets :{name}; \\set {name} first, or --define {name}=VALUE");
            Fault::new(place, message)
        })
    }

    /// The value of a variable that nothing changes.
    pub(crate) fn constant(&self, slot: usize) -> Option<Value> {
        (!self.changing.contains(&slot))
            .then(|| self.initial.get(slot).copied().flatten())
            .flatten()
    }

    /// Returns what variables hold in the beginning.
    pub(crate) fn initial(&self) -> Vec<Option<Value>> {
        self.initial.clone()
    }
}
