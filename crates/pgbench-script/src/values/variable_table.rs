//! Table of the names of variables. All scripts of a mix share it; each client has its own values.

use std::collections::{BTreeMap, HashSet};

use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::value::ScriptValue;
use crate::values::variables::Variables;

/// Variable with the default seed of `hash`; always set.
pub(crate) const DEFAULT_SEED: &str = "default_seed";
/// Variable with the seed of the run; always set.
const RANDOM_SEED: &str = "random_seed";
/// Variable with the number of the client, from 0; always set.
const CLIENT_ID: &str = "client_id";

/// Variables that scripts can read, each with its slot in [`Variables`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariableTable {
    slots: BTreeMap<String, usize>,
    initial: Vec<Option<ScriptValue>>,
    /// Slots of variables that a script may set.
    assigned: HashSet<usize>,
}

impl VariableTable {
    /// Creates a table with `constants` and the variables that are always set.
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

    /// Returns the initial values of client `client_id`, counted from 0.
    pub fn client(&self, client_id: i64) -> Variables {
        let mut variables = Variables::new(self.initial.clone());
        if let Some(slot) = self.get(CLIENT_ID) {
            variables.set(slot, ScriptValue::Integer(client_id));
        }
        variables
    }

    /// Records that a script may set `name`; returns its slot.
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

    /// Iterates over all names with their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.slots.iter().map(|(name, slot)| (name.as_str(), *slot))
    }

    /// Returns the slot of `name`; `None` if nothing sets it.
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        self.slots.get(name).copied()
    }

    /// Returns the slot of `name`, which is read at `position`.
    ///
    /// # Errors
    /// Fails if nothing sets the variable.
    pub(crate) fn require(&self, name: &str, position: Position) -> Result<usize, Diagnostic> {
        self.get(name).ok_or_else(|| {
            let message =
                format!("nothing sets :{name}; \\set {name} first, or --define {name}=VALUE");
            Diagnostic::new(position, message)
        })
    }

    /// Returns the value in `slot`, if no script changes it.
    pub(crate) fn constant(&self, slot: usize) -> Option<ScriptValue> {
        (!self.assigned.contains(&slot))
            .then(|| self.initial.get(slot).copied().flatten())
            .flatten()
    }
}
