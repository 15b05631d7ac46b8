//! Marks: named instants that `sysmon mark` adds to a running recording.
//!
//! A recorder keeps a file `REPORT.marks` beside its report, and holds a lock on it while it
//! records. `sysmon mark` adds a line with the instant that it reads from the clock itself, so a
//! mark is as exact as the clock, even if the recorder samples rarely. The recorder reads new lines
//! at each sample.
//!
//! The lock distinguishes a running recording from one that was killed. Only the owner can read or
//! write the file, so that no other user can write into a report. A recording that ends removes the
//! file, and a mark that comes too late notices that.

mod active;
mod marks_file;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use bench_report::Mark;
use serde::{Deserialize, Serialize};

pub(crate) use active::{ActiveRecording, active_recordings};
pub(crate) use marks_file::{MarksFile, MarksFileError};

/// Largest number of marks in one recording; further ones are rejected.
pub(crate) const MOST_MARKS: usize = 1000;

const SCHEMA: &str = "plimsoll.marks/1";
const ENDING: &str = ".marks";
/// Bound on the length of one line of a file of marks, in bytes; every valid line is shorter.
const LONGEST_LINE: usize = 4096;
const LARGEST_FILE: u64 = (MOST_MARKS * LONGEST_LINE) as u64;

/// First line of a file of marks: its schema, and the recorder's process id as the recorder sees
/// it.
#[derive(Debug, Serialize, Deserialize)]
struct MarksHeader {
    schema: String,
    pid: u32,
}

/// Returns the path of the file of marks that belongs to `report`: that path with `.marks`
/// appended.
pub(crate) fn path_for(report: &Path) -> PathBuf {
    let mut path = report.as_os_str().to_owned();
    path.push(ENDING);
    PathBuf::from(path)
}

/// Returns the marks in the file of marks beside `report`, in the order in which they were written;
/// a killed recording may not have saved them in its report. Empty if there is no valid file of
/// marks.
pub(crate) fn unsaved(report: &Path) -> Vec<Mark> {
    let Ok(file) = File::open(path_for(report)) else {
        return Vec::new();
    };
    let Some((_, marks)) = read(&file) else {
        return Vec::new();
    };
    marks
}

/// Reads the header and at most [`MOST_MARKS`] marks of a file of marks, without invalid lines.
/// `None` if it is not a regular file or its header is not that of a file of marks.
fn read(file: &File) -> Option<(MarksHeader, Vec<Mark>)> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut lines = BufReader::new(file.take(LARGEST_FILE)).split(b'\n');
    let first = lines.next()?.ok()?;
    let header: MarksHeader = serde_json::from_slice(&first).ok()?;
    if header.schema != SCHEMA {
        return None;
    }
    let marks = lines.map_while(Result::ok).filter_map(|line| parse(&line));
    Some((header, marks.take(MOST_MARKS).collect()))
}

/// Parses one line of a file of marks; `None` if it is no mark, or its name is invalid.
fn parse(line: &[u8]) -> Option<Mark> {
    let mark: Mark = serde_json::from_slice(line).ok()?;
    Mark::new(mark.at_ns, &mark.name).ok()
}

#[cfg(test)]
mod tests;
