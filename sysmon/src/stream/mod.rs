//! Raw samples on disk: every reading of a recording, as an Arrow IPC stream that grows while the
//! recording goes on.
//!
//! One row is one reading, so that a series that appears late changes no schema:
//!
//! | Column | Type | What |
//! |---|---|---|
//! | `at_ns` | int64 | end of the tick on `CLOCK_MONOTONIC`, as in reports |
//! | `series` | dictionary of utf8 | its name, unit included, as in reports |
//! | `labels` | dictionary of utf8 | its labels as a JSON object; `{}` for none |
//! | `value` | float64 | the reading |
//! | `error` | float64, nullable | the most that it may be off; null where it is exact |
//!
//! A reading that failed has no row. The schema's metadata is a [`RawHeader`]: enough to align the
//! rows with reports of the same boot and to turn their times into wall-clock times. Wall clocks
//! step, so no row has one.
//!
//! A dictionary is replaced when a label is new, and labels that are not in use any more are then
//! left out: it stays small however many processes come and go, and every reader of Arrow streams
//! supports replacements, which is not so of deltas.

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
