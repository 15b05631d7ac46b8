//! Marks from outside, and how they get into a recording under way.
//!
//! Beside its report a recorder keeps a file, `REPORT.marks`, and a lock on it for as long as it
//! records. `sysmon mark` appends one line with its own clock reading, so that a mark is as exact
//! as the clock however rarely the recorder samples; the recorder takes lines in at each sample.
//! The lock tells a recording from what a killed one left. The file is its owner's alone, so that
//! nobody else can write into a report; a recording that ends takes it away, and a mark that comes
//! too late sees that it is gone.

mod inbox;
mod recorder;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use bench_report::Mark;
use serde::{Deserialize, Serialize};

pub use inbox::{Inbox, InboxError};
pub use recorder::{PutError, Recorder, recorders};

/// Marks of one recording at most.
pub const MOST_MARKS: usize = 1000;

const SCHEMA: &str = "plimsoll.marks/1";
const ENDING: &str = ".marks";
/// More than the longest line takes, and than `MOST_MARKS` of them.
const LONGEST_LINE: usize = 4096;
const LARGEST_FILE: u64 = (MOST_MARKS * LONGEST_LINE) as u64;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    schema: String,
    pid: u32,
}

/// The file of marks of the recording that writes `report`.
pub fn beside(report: &Path) -> PathBuf {
    let mut path = report.as_os_str().to_owned();
    path.push(ENDING);
    PathBuf::from(path)
}

/// The marks that a recording which was killed had not saved; none where there is no such file.
pub fn left_behind(report: &Path) -> Vec<Mark> {
    let Ok(file) = File::open(beside(report)) else {
        return Vec::new();
    };
    let Some((_, marks)) = read(&file) else {
        return Vec::new();
    };
    marks
}

/// Header and marks of a file; `None` when it is not one of marks.
fn read(file: &File) -> Option<(Header, Vec<Mark>)> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut lines = BufReader::new(file.take(LARGEST_FILE)).split(b'\n');
    let first = lines.next()?.ok()?;
    let header: Header = serde_json::from_slice(&first).ok()?;
    if header.schema != SCHEMA {
        return None;
    }
    let marks = lines.map_while(Result::ok).filter_map(|line| parse(&line));
    Some((header, marks.take(MOST_MARKS).collect()))
}

/// The mark in one line; what is none, or has a name that no mark may have, is left out.
fn parse(line: &[u8]) -> Option<Mark> {
    let mark: Mark = serde_json::from_slice(line).ok()?;
    Mark::new(mark.at_ns, &mark.name).ok()
}

#[cfg(test)]
mod tests;
