//! Paths of raw samples: beside the report, with the report's name.
//!
//! A recording without rotation has one file, `sysmon.record.arrows`, which replaces an earlier one
//! as the report does. A rotated recording has `sysmon.record.000001.arrows` and so on. Its numbers
//! continue after the existing ones, so that no file of an earlier recording is changed.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Extension of the names of files of raw samples.
pub(crate) const EXTENSION: &str = "arrows";
/// Least number of digits of a part's number in a file name. Names of hourly files sort correctly
/// for a hundred years.
const DIGITS: usize = 6;

/// Returns the path of the only file of a recording without rotation, from the path of its report:
/// `x.arrows` for `x.json`.
pub(crate) fn single(report: &Path) -> PathBuf {
    with_suffix(report, EXTENSION)
}

/// Returns the path of the file with the number `number` in a rotated recording, from the path of
/// its report: `x.000007.arrows` for `x.json`.
pub(crate) fn part(report: &Path, number: u64) -> PathBuf {
    with_suffix(report, &format!("{number:0DIGITS$}.{EXTENSION}"))
}

/// Returns a shell pattern that matches the paths of all files of a rotated recording, from the
/// path of its report: `x.*.arrows` for `x.json`.
pub(crate) fn pattern(report: &Path) -> PathBuf {
    with_suffix(report, &format!("*.{EXTENSION}"))
}

/// Lists the files of raw samples that are named after `report`: the one without a number, then the
/// others by number. They may belong to several recordings; files of the same recording have the
/// same run id in their headers.
///
/// # Errors
/// If the directory cannot be listed.
pub(crate) fn files(report: &Path) -> io::Result<Vec<PathBuf>> {
    let single = Some(single(report)).filter(|file| file.exists());
    let parts = parts(report)?;
    Ok(single
        .into_iter()
        .chain(parts.into_iter().map(|(_, file)| file))
        .collect())
}

/// Returns the number for the next file that is named after `report`: one more than the largest
/// existing number, or 1.
///
/// # Errors
/// If the directory cannot be listed.
pub(super) fn next_part(report: &Path) -> io::Result<u64> {
    let last = parts(report)?.last().map_or(0, |(number, _)| *number);
    Ok(last + 1)
}

fn parts(report: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let directory = match report.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            let stem = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
            stem.rsplit('.').next()?.parse().ok()
        });
        let Some(number) = number else {
            continue;
        };
        if part(report, number).file_name() == Some(&name) {
            found.push((number, report.with_file_name(name)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the path of `report` with `.` and `suffix` in place of the ending `.json`. For a name
/// with another ending it appends them, so that two reports never get the same path.
fn with_suffix(report: &Path, suffix: &str) -> PathBuf {
    let stem = if report.extension().is_some_and(|end| end == "json") {
        report.file_stem()
    } else {
        report.file_name()
    };
    let mut name: OsString = stem.unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    report.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_report_and_never_like_it() {
        for (report, expected) in [
            ("d/sysmon.record.json", "d/sysmon.record.arrows"),
            ("run", "run.arrows"),
            ("x.arrows", "x.arrows.arrows"),
            ("a.b/x.v2", "a.b/x.v2.arrows"),
        ] {
            assert_eq!(single(Path::new(report)), Path::new(expected));
        }
        let report = Path::new("d/x.json");
        assert_eq!(part(report, 7), Path::new("d/x.000007.arrows"));
        assert_eq!(pattern(report), Path::new("d/x.*.arrows"));
    }

    #[test]
    fn parts_are_found_in_order_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let report = home.path().join("x.json");
        assert_eq!(next_part(&report).unwrap(), 1);
        let strangers = [
            "x.1.arrows",
            "x.00000a.arrows",
            "y.000009.arrows",
            "x.000008.json",
        ];
        let ours = [
            "x.arrows",
            "x.000002.arrows",
            "x.000010.arrows",
            "x.1000000.arrows",
        ];
        for name in strangers.iter().chain(&ours) {
            std::fs::write(home.path().join(name), "").unwrap();
        }
        let expected: Vec<PathBuf> = ours.iter().map(|name| home.path().join(name)).collect();
        assert_eq!(files(&report).unwrap(), expected);
        assert_eq!(next_part(&report).unwrap(), 1_000_001);
    }
}
