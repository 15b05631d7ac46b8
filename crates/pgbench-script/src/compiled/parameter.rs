//! Bind parameters of statements.

use crate::language::diagnostic::Position;

/// Bind parameter of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptParameter {
    /// Slot of the variable in [`Variables`](crate::Variables).
    pub slot: usize,
    /// Position of the variable in the script.
    pub position: Position,
}
