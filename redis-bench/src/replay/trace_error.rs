//! Errors of traces: the fault, with the file and the place in it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use bench_cli::table::counted;
use thiserror::Error;

/// Length of the longest line, in bytes. A file with a longer one is no trace in text.
pub(crate) const LONGEST_LINE: usize = 16 << 20;
/// Length of the longest piece of a trace that a message shows, in characters.
const LONGEST_TEXT: usize = 40;

/// Fault of a trace file.
#[derive(Debug, Error)]
#[error("{}, {place}: {fault}", file.display())]
pub(crate) struct TraceError {
    /// Path of the trace.
    pub(crate) file: PathBuf,
    /// Place of the fault.
    pub(crate) place: TracePlace,
    /// Reason for which the trace ends here.
    #[source]
    pub(crate) fault: TraceFault,
}

/// Place in a trace, after decompression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TracePlace {
    /// Number of a line, counted from 1; 0 before the first.
    Line(u64),
    /// Number of bytes before the record.
    Offset(u64),
}

impl fmt::Display for TracePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(0) => f.write_str("before its first line"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Offset(bytes) => write!(f, "offset {bytes}"),
        }
    }
}

/// Reason for which a trace cannot be read on.
#[derive(Debug, Error)]
pub(crate) enum TraceFault {
    /// The file cannot be opened, read or decompressed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line does not end where lines of any format do.
    #[error("the line is longer than {} MiB", LONGEST_LINE >> 20)]
    LongLine,
    /// A line has bytes that are no UTF-8.
    #[error("the line is no UTF-8 text")]
    NoText,
    /// A line has another number of columns than the format.
    #[error("the line has {}, not {wanted}", counted(*found as u64, "column"))]
    Columns {
        /// Number of columns of the line.
        found: usize,
        /// Number of columns of the format.
        wanted: usize,
    },
    /// The header names no such column, or a command has no such word.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A column holds something else than a whole number in its range.
    #[error("{column} is no whole number in its range: {text:?}")]
    NoNumber {
        /// Name of the column.
        column: &'static str,
        /// Text of the column, or its beginning.
        text: String,
    },
    /// The format has no such operation.
    #[error("there is no operation {0:?} in this format")]
    UnknownOperation(String),
    /// The last record lacks bytes.
    #[error("the record is cut off after {found} of {wanted} bytes")]
    CutOff {
        /// Number of bytes that are there.
        found: usize,
        /// Number of bytes of a record.
        wanted: usize,
    },
    /// A word between quotes is not closed, or has a wrong escape.
    #[error("a quoted word has no end, or a wrong escape")]
    OpenWord,
    /// An event has no time, so that a replay does not know when to send it.
    #[error("the event has no time")]
    NoTime,
    /// So many events have the same second that its clock cannot be one of seconds.
    #[error("more than {0} events have the same second")]
    CrowdedSecond(usize),
}

impl TraceFault {
    /// Returns the fault of an operation that the format does not have.
    pub(crate) fn unknown_operation(text: &str) -> Self {
        Self::UnknownOperation(shortened(text))
    }
}

/// Parses the number in `text`, which is the column with the name `column`.
///
/// # Errors
/// Fails if it is no whole number that `T` can hold.
pub(crate) fn number<T: FromStr>(column: &'static str, text: &str) -> Result<T, TraceFault> {
    text.parse().map_err(|_| TraceFault::NoNumber {
        column,
        text: shortened(text),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_place_and_fault() {
        let error = TraceError {
            file: PathBuf::from("week.csv"),
            place: TracePlace::Line(7),
            fault: number::<u32>("key size", &"9".repeat(90)).unwrap_err(),
        };
        let text = format!(
            "week.csv, line 7: key size is no whole number in its range: \"{}\"",
            "9".repeat(LONGEST_TEXT)
        );
        assert_eq!(error.to_string(), text);
        assert_eq!(TracePlace::Offset(48).to_string(), "offset 48");
    }
}
