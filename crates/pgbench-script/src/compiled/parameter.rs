//! Bind parameters of a script's statements.

use crate::language::diagnostic::Position;

/// Bind parameter of a statement: the variable whose value is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptParameter {
    /// Slot of the variable whose value is bound, an index into [`Variables`](crate::Variables).
    pub slot: usize,
    /// Position in the script of the colon before the variable's name.
    pub position: Position,
}
