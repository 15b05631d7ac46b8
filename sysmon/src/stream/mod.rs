//! Raw samples on disk: every reading of a recording, as an Arrow IPC stream that grows while the recording
//! is running.
//!
//! A row is one reading, so that the schema does not change if a series appears late:
//!
//! | Column | Type | Content |
//! |---|---|---|
//! | `at_ns` | int64 | end of the tick on `CLOCK_MONOTONIC`, as in reports |
//! | `series` | dictionary of utf8 | name of the series, unit included, as in reports |
//! | `labels` | dictionary of utf8 | labels of the series as a JSON object; `{}` for none |
//! | `value` | float64 | the reading |
//! | `error` | float64, nullable | largest error of the value; null if it is exact |
//!
//! A reading that failed has no row. The metadata of the schema is a [`RawHeader`]. It allows to align rows
//! with reports of the same boot, and to convert their times to wall-clock times. Rows have no wall-clock
//! time, because wall clocks can be set.
//!
//! If a label is new, the dictionary is replaced, and labels that are no longer in use are left out. So it
//! stays small even if many processes come and go. Every reader of Arrow streams supports replacements, but
//! not every reader supports deltas.

mod columns;
mod ending;
mod error;
mod file;
pub(crate) mod flags;
mod header;
mod message;
mod outage;
pub(crate) mod paths;
mod reader;
mod report;
mod rotation;
pub(crate) mod sample;
#[cfg(test)]
mod whole_file;
mod writer;

pub(crate) use ending::Ending;
pub(crate) use error::StreamError;
pub(crate) use header::RawHeader;
pub(crate) use reader::RawPoint;
pub(crate) use reader::{RawReader, RawRow};
pub(crate) use rotation::Rotation;
#[cfg(test)]
pub(crate) use whole_file::read;
pub(crate) use writer::RawWriter;
