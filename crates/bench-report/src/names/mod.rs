//! Registry of the names in reports: figures, series, tables and columns, each with its meaning.
//!
//! The programs that write reports and those that read them use these constants, so that the compiler checks
//! that they mean the same figure. The end of a name states its unit (`_ns`, `_bytes`, `_per_s`, `_ratio`,
//! `_s`, `_us`); a name without one counts things. Names never change, because older reports have them.
//!
//! To add a figure, add a line to the file of its writer. What nobody reads must not be recorded: a test of
//! the analyzer lists the names that no rule reads.

mod entry;
mod macros;
mod name;
pub mod reads;
mod registry;

pub mod load_series;
pub mod machine;
pub mod postgres;
pub mod postgres_tables;
pub mod redis;
pub mod steps;
pub mod summaries;
pub mod websocket;

pub use entry::{NameEntry, Place};
pub use name::{ColumnName, FigureFamily, FigureName, TableName};
pub use registry::{all, find, table};
