//! Capture of query results in variables, for `\gset` and `\aset`.
//!
//! Source: PostgreSQL manual, *pgbench*, section *Meta Commands*.

use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::variable_table::VariableTable;
use crate::values::variables::Variables;

/// Result that the server returned for one statement in the simple query protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatementResult {
    /// Names of the result's columns, in order; empty for a statement that returns no rows.
    pub columns: Vec<String>,
    /// Number of rows that the statement returned.
    pub rows: u64,
    /// Values of the last row as text, in the order of `columns`; `None` for NULL. Empty if there
    /// is no row.
    pub last_row: Vec<Option<String>>,
}

/// Variables that a `\gset` or `\aset` sets from the results of the query before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    position: Position,
    /// True for `\aset`, which uses the results of all statements that were sent together; false
    /// for `\gset`, which uses that of the last one only.
    all: bool,
    /// Names of columns, each with the slot of the variable that the column sets.
    columns: Vec<(String, usize)>,
}

impl Capture {
    /// Creates a capture: column `c` of the results sets the variable that is named `prefix`
    /// followed by `c`. Columns for which `variables` has no such name are ignored. `position` is
    /// that of the command, for errors.
    pub(crate) fn new(
        position: Position,
        all: bool,
        prefix: &str,
        variables: &VariableTable,
    ) -> Self {
        let columns = variables.iter().filter_map(|(name, slot)| {
            let column = name.strip_prefix(prefix)?;
            Some((column.to_owned(), slot))
        });
        Self {
            position,
            all,
            columns: columns.collect(),
        }
    }

    /// Sets the captured variables from `results`, which has one element for each statement that
    /// was sent. Each result with rows gives the values of its last row; NULL becomes an empty
    /// text.
    ///
    /// # Errors
    /// Fails, with nothing set, if the last query of a `\gset` did not return exactly one row.
    pub fn store(
        &self,
        results: &[StatementResult],
        variables: &mut Variables,
    ) -> Result<(), Diagnostic> {
        let rows = results.last().map_or(0, |result| result.rows);
        if !self.all && rows != 1 {
            let message = format!("\\gset takes one row, and the query gave {rows}");
            return Err(Diagnostic::new(self.position, message));
        }
        let first = if self.all { 0 } else { results.len() - 1 };
        for result in results[first..].iter().filter(|result| result.rows > 0) {
            for (column, value) in result.columns.iter().zip(&result.last_row) {
                let known = self.columns.iter().find(|(name, _)| name == column);
                if let Some((_, slot)) = known {
                    variables.set_text(*slot, value.as_deref().unwrap_or_default());
                }
            }
        }
        Ok(())
    }
}
