//! Types of names in reports.

use std::fmt;

/// Name of a figure or series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureName(pub(super) &'static str);

impl FigureName {
    /// Returns the name as reports have it.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for FigureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Names of figures that differ in one part, as `waits.Lock.tuple_mean` and `waits.IO.WALSync_mean` do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureFamily {
    pub(super) prefix: &'static str,
    pub(super) suffix: &'static str,
}

impl FigureFamily {
    /// Returns the name of the figure of `member`, as in `Lock.tuple`.
    pub fn of(self, member: impl fmt::Display) -> String {
        format!("{}{member}{}", self.prefix, self.suffix)
    }

    /// Returns the member that the figure `name` is about; `None` if the name is not of this family.
    pub fn member(self, name: &str) -> Option<&str> {
        let member = name.strip_prefix(self.prefix)?.strip_suffix(self.suffix)?;
        (!member.is_empty()).then_some(member)
    }
}

/// Name of a table of the server's evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(pub(super) &'static str);

impl TableName {
    /// Returns the name as reports have it.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Name of a column of a table: a figure or a label of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnName {
    /// Table that has the column.
    pub table: TableName,
    pub(super) name: &'static str,
}

impl ColumnName {
    /// Returns the name as reports have it.
    pub const fn as_str(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
