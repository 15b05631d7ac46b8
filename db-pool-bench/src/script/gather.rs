//! `\gset` and `\aset`: variables that are set to what a query gives.
//!
//! Source: PostgreSQL documentation, *pgbench*, section *Meta Commands*.

use super::names::Names;
use super::place::{Fault, Place};

/// What one statement of a message gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Names of its columns; none where it gives no rows.
    pub columns: Vec<String>,
    /// Number of rows it gave.
    pub rows: u64,
    /// The last of them, as text; NULL is absent.
    pub last: Vec<Option<String>>,
}

/// Which variables a query sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gather {
    place: Place,
    /// Of all statements that are sent together, not only of the last one.
    all: bool,
    /// Names of columns, with the slot of the variable that each sets.
    columns: Vec<(String, usize)>,
}

impl Gather {
    /// The variables whose names are `prefix` and that of a column. Only those that something reads
    /// have a slot.
    pub(super) fn new(place: Place, all: bool, prefix: &str, names: &Names) -> Self {
        let columns = names.all().filter_map(|(name, slot)| {
            let column = name.strip_prefix(prefix)?;
            Some((column.to_owned(), slot))
        });
        Self {
            place,
            all,
            columns: columns.collect(),
        }
    }

    /// Hands each variable that `answers` set to `set`, as text; NULL is an empty one.
    ///
    /// # Errors
    /// Fails where exactly one row is wanted and another number came.
    pub(crate) fn keep(
        &self,
        answers: &[Answer],
        mut set: impl FnMut(usize, &str),
    ) -> Result<(), Fault> {
        let rows = answers.last().map_or(0, |answer| answer.rows);
        if !self.all && rows != 1 {
            let message = format!("\\gset takes one row, and the query gave {rows}");
            return Err(Fault::new(self.place, message));
        }
        let first = if self.all { 0 } else { answers.len() - 1 };
        for answer in answers[first..].iter().filter(|answer| answer.rows > 0) {
            for (column, value) in answer.columns.iter().zip(&answer.last) {
                let known = self.columns.iter().find(|(name, _)| name == column);
                if let Some((_, slot)) = known {
                    set(*slot, value.as_deref().unwrap_or_default());
                }
            }
        }
        Ok(())
    }
}
