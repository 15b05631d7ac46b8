//! Recorder of the names that a program reads from reports, for the test that every figure has a reader. It
//! records only with the feature `recorded-reads`, and only if the environment names a file.

use super::entry::Place;

/// Environment variable with the path of the file to which each name is appended when it is first read.
pub const FILE: &str = "BENCH_REPORT_RECORDED_READS";

/// Notes that the figure, series or column `name` in `place` was read.
#[cfg(not(feature = "recorded-reads"))]
#[inline]
pub fn note(_place: Place, _name: &str) {}

/// Notes that the figure, series or column `name` in `place` was read. Each entry of the registry is written
/// once, as its place and its name, separated by a tabulator.
#[cfg(feature = "recorded-reads")]
pub fn note(place: Place, name: &str) {
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::sync::{Mutex, PoisonError};

    static SEEN: Mutex<BTreeSet<(Place, String)>> = Mutex::new(BTreeSet::new());
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let name = super::find(place, name).map_or(name.to_owned(), super::NameEntry::pattern);
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.insert((place, name.clone())) {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        // A name that cannot be written is missing in the file, so the test that reads it fails.
        let _ = file.and_then(|mut file| writeln!(file, "{place}\t{name}"));
    }
}
