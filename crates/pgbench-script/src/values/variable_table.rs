//! Table of the names of variables, which all scripts of a mix share. Each client has values of its
//! own.

use std::collections::{BTreeMap, HashSet};

use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::value::ScriptValue;
use crate::values::variables::Variables;

/// Name of the variable with the default seed of `hash`. It always has a value: that of `--define`,
/// else the seed of the run.
pub(crate) const DEFAULT_SEED: &str = "default_seed";
/// Name of the variable with the seed of the run, cut to 53 bits. `--define` can replace its value.
const RANDOM_SEED: &str = "random_seed";
/// Name of the variable with the index of the client, counted from 0, which is always set.
const CLIENT_ID: &str = "client_id";

/// Names of all variables of a mix of scripts, each with its slot: the index of its value in the
/// [`Variables`] of a client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariableTable {
    slots: BTreeMap<String, usize>,
    initial: Vec<Option<ScriptValue>>,
    /// Slots of variables that a script or the client's index may set, so that their initial value
    /// is no constant.
    assigned: HashSet<usize>,
}

impl VariableTable {
    /// Creates a table with the variables `constants` (names and values, as from `--define`),
    /// `default_seed` and `random_seed` (53 bits of `seed`, unless a constant replaces them), and
    /// `client_id`.
    pub(crate) fn new(constants: &[(String, ScriptValue)], seed: u64) -> Self {
        let mut table = Self::default();
        for (name, value) in constants {
            let slot = table.slot(name);
            table.initial[slot] = Some(*value);
        }
        // At most 53 bits, so that a double represents it exactly.
        let seed = ScriptValue::Integer((seed & ((1 << 53) - 1)).cast_signed());
        for name in [DEFAULT_SEED, RANDOM_SEED] {
            let slot = table.slot(name);
            table.initial[slot].get_or_insert(seed);
        }
        table.declare(CLIENT_ID);
        table
    }

    /// Returns the variables of a client before its first request; `client_id` is the client's
    /// index, from 0.
    pub fn client(&self, client_id: i64) -> Variables {
        let mut variables = Variables::new(self.initial.clone());
        if let Some(slot) = self.get(CLIENT_ID) {
            variables.set(slot, ScriptValue::Integer(client_id));
        }
        variables
    }

    /// Records that a script may set the variable `name`, and returns its slot, a new one if the
    /// name is new.
    pub(crate) fn declare(&mut self, name: &str) -> usize {
        let slot = self.slot(name);
        self.assigned.insert(slot);
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

    /// Iterates over all names with their slots, in order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.slots.iter().map(|(name, slot)| (name.as_str(), *slot))
    }

    /// Returns the slot of the variable `name`; `None` if neither a script nor `--define` sets it.
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// Returns the slot of the variable `name`, which a script reads at `position`.
    ///
    /// # Errors
    /// Fails if neither a script nor `--define` sets the variable.
    pub(crate) fn require(&self, name: &str, position: Position) -> Result<usize, Diagnostic> {
        self.get(name).ok_or_else(|| {
            let message =
                format!("nothing sets :{name}; \\set {name} first, or --define {name}=VALUE");
            Diagnostic::new(position, message)
        })
    }

    /// Returns the value in `slot` if it is the same for all clients and no script changes it; else
    /// `None`.
    pub(crate) fn constant(&self, slot: usize) -> Option<ScriptValue> {
        (!self.assigned.contains(&slot))
            .then(|| self.initial.get(slot).copied().flatten())
            .flatten()
    }
}
