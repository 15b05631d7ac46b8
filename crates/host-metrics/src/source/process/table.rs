//! Table of all processes, each read through a file that stays open.
//!
//! An open file belongs to its process, not to the process id: once the process has ended every
//! read fails, even if the id is reused. The number of files kept open is bounded well below the
//! limit; files of the processes beyond that are opened and closed at each tick.
//!
//! Listing `/proc` costs a fifth of reading all processes, so it is done only after a process has
//! started, which the kernel counts. A process is read again only if it may have run since its last
//! reading (`RunDetector`): most processes of a host sleep.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::clock::monotonic_ns;

use super::detail::ProcessDetailReader;
use super::detail_files::DetailFiles;
use super::hidden;
use super::listing::ProcessListing;
use super::run_detector;
use super::table_entry::{LINE_BYTES, PROCESSES, ReadFailure, TableEntry};
use super::{ProcessDetail, ProcessDirectory, ProcessFields, ProcessId, ProcessSample};
use crate::source::{Gaps, KernelUnits};
use crate::{CommandLine, Masking};

/// Reader of all processes below one directory `/proc`.
#[derive(Debug)]
pub(in crate::source) struct ProcessTable {
    proc: PathBuf,
    units: KernelUnits,
    masking: Masking,
    listing: ProcessListing,
    known: BTreeMap<u32, TableEntry>,
    most_handles: usize,
    handles: usize,
    /// Ids of the processes that had ended by the last sample; their children have another parent
    /// now.
    gone: BTreeSet<u32>,
    listings: u64,
    line: Vec<u8>,
    reader: ProcessDetailReader,
    runs_are_counted: bool,
    /// Reason for which processes of other users are hidden, until it is recorded as a gap; `None`
    /// afterwards, or if none are hidden.
    hidden: Option<String>,
}

impl ProcessTable {
    /// Creates a table of the processes below `proc` that keeps about `most_handles` files open at
    /// most.
    pub(in crate::source) fn new(
        proc: &Path,
        units: KernelUnits,
        masking: Masking,
        most_handles: usize,
    ) -> Self {
        Self {
            proc: proc.to_owned(),
            units,
            masking,
            listing: ProcessListing::new(proc),
            known: BTreeMap::new(),
            most_handles,
            handles: 0,
            gone: BTreeSet::new(),
            listings: 0,
            line: vec![0; LINE_BYTES],
            reader: ProcessDetailReader::new(proc),
            runs_are_counted: run_detector::is_counted(proc),
            hidden: hidden::reason(proc),
        }
    }

    /// Reads all processes; leaves out those that end meanwhile or may not be read. `forks` is the
    /// number of processes and threads started since boot, read before this call; without it
    /// `/proc` is listed every time. `None` if `/proc` cannot be listed.
    pub(in crate::source) fn sample(
        &mut self,
        forks: Option<u64>,
        gaps: &mut Gaps,
    ) -> Option<Vec<ProcessSample>> {
        if let Some(why) = self.hidden.take() {
            gaps.note("processes of other users", &why);
        }
        let (known, next) = (&mut self.known, self.listings + 1);
        let listed = self.listing.update(forks, |pid| {
            let known = known.entry(pid).or_insert_with(|| TableEntry::new(pid));
            known.listed = next;
        });
        if gaps.keep(PROCESSES, listed)? {
            self.listings = next;
        }
        let listings = self.listings;
        let (proc, line) = (&self.proc, &mut self.line);
        let reading = (self.units, self.masking);
        let (handles, most_handles) = (&mut self.handles, self.most_handles);
        let gone = std::mem::take(&mut self.gone);
        let now_ns = monotonic_ns();
        let mut missed = 0;
        let count = known.len();
        let mut samples = Vec::with_capacity(count);
        known.retain(|pid, known| {
            let before = known.handles();
            let keep = *handles < most_handles;
            known.check_asleep(proc, now_ns, keep && self.runs_are_counted, &gone);
            let read = if known.listed == listings {
                known.read(proc, reading, line, keep)
            } else {
                Err(ReadFailure::Gone)
            };
            let gone = matches!(read, Err(ReadFailure::Gone));
            let after = if gone { 0 } else { known.handles() };
            *handles = (*handles + after).saturating_sub(before);
            if gone {
                self.gone.insert(*pid);
                missed += 1;
            } else {
                known.count(read.as_ref().err(), gaps);
            }
            samples.extend(read);
            !gone
        });
        if missed > 0 {
            // A process that could not be read may still exist.
            self.listing.forget();
        }
        Some(samples)
    }

    /// Reads the expensive figures that `fields` selects of process `id`; none if it is not in the
    /// last sample. A figure whose reading fails is absent, and recorded in `gaps` unless the
    /// process has ended.
    pub(in crate::source) fn detail(
        &mut self,
        id: ProcessId,
        fields: ProcessFields,
        gaps: &mut Gaps,
    ) -> ProcessDetail {
        let known = self.known.get_mut(&id.pid).filter(|known| known.id == id);
        let Some(known) = known else {
            return ProcessDetail::default();
        };
        let files = known
            .detail
            .get_or_insert_with(|| Box::new(DetailFiles::new(id.pid)));
        if let Some(detail) = known.asleep.and_then(|still| files.reuse(fields, still)) {
            return detail;
        }
        let keep = self.handles < self.most_handles;
        let threads = known.sample.as_ref().and_then(|sample| sample.threads);
        let detail = self
            .reader
            .read(files, fields, threads.unwrap_or(1), keep, gaps);
        let handles = files.handles();
        self.handles = (self.handles + handles).saturating_sub(known.detail_handles);
        known.detail_handles = handles;
        detail
    }

    /// Reads the masked command line of process `pid`; `None` if it has none, as a kernel thread,
    /// or cannot be read.
    pub(in crate::source) fn command_line(&self, pid: u32) -> Option<CommandLine> {
        let directory = ProcessDirectory::below(&self.proc, pid);
        directory.command_line(self.masking).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::stat::tests::{UNITS, line};
    use super::*;

    fn put(root: &Path, pid: u32, text: &str) {
        let directory = root.join(pid.to_string());
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("stat"), text).unwrap();
    }

    #[test]
    fn processes_come_go_and_give_their_number_away() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("self")).unwrap();
        put(root.path(), 1, &line(1, "init", 1, 1, 10, 1));
        put(root.path(), 2, &line(2, "a) R 1 (b", 5, 5, 20, 1));
        std::fs::create_dir_all(root.path().join("3")).unwrap();
        for most_handles in [100, 1, 0] {
            let mut table = ProcessTable::new(root.path(), UNITS, Masking::NONE, most_handles);
            let mut gaps = Gaps::default();
            let mut first = table.sample(None, &mut gaps).unwrap();
            first.sort_by_key(|p| p.id);
            let names: Vec<&str> = first.iter().map(|p| &*p.name).collect();
            assert_eq!(names, ["init", "a) R 1 (b"]);

            put(root.path(), 2, &line(2, "other", 0, 0, 30, 1));
            let second = table.sample(None, &mut gaps).unwrap();
            let reused = second.iter().find(|p| p.id.pid == 2).unwrap();
            assert_eq!((reused.id.started, &*reused.name), (30, "other"));
            assert_ne!(reused.id, first[1].id);

            std::fs::remove_dir_all(root.path().join("2")).unwrap();
            let pids = table.sample(None, &mut gaps).unwrap();
            assert!(pids.iter().any(|p| p.id.pid == 1));
            assert!(table.handles <= most_handles);
            assert!(gaps.iter().next().is_none());
            put(root.path(), 2, &line(2, "a) R 1 (b", 5, 5, 20, 1));
        }
    }

    /// Reads all processes, and returns the resident memory in pages and the parent id of process
    /// `pid`; `None` if it is not among them.
    fn read(table: &mut ProcessTable, pid: u32) -> Option<(u64, u32)> {
        let samples = table.sample(None, &mut Gaps::default()).unwrap();
        let found = samples.iter().find(|sample| sample.id.pid == pid)?;
        Some((found.rss_bytes / UNITS.page_bytes, found.parent))
    }

    #[test]
    fn a_process_is_read_again_once_it_ran_or_lost_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let ran = |name: &str, slices: u32| {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            let text = format!("1 1 {slices}\n");
            std::fs::write(root.path().join(name).join("schedstat"), text).unwrap();
        };
        let of_one_thread = |parent: u32, pages: i64| {
            let text = line(7, "sleeper", 5, 5, 20, pages).replace(" 20 0 4 0 ", " 20 0 1 0 ");
            text.replacen("S 1 ", &format!("S {parent} "), 1)
        };
        ran("self", 1);
        put(root.path(), 2, &line(2, "parent", 5, 5, 19, 1));
        put(root.path(), 7, &of_one_thread(2, 10));
        ran("7", 1);
        let mut table = ProcessTable::new(root.path(), UNITS, Masking::NONE, 100);
        assert_eq!(read(&mut table, 7), Some((10, 2)));
        // The process did not run, so its file is not read.
        put(root.path(), 7, &of_one_thread(2, 11));
        assert_eq!(read(&mut table, 7), Some((10, 2)));
        ran("7", 2);
        assert_eq!(read(&mut table, 7), Some((11, 2)));
        put(root.path(), 7, &of_one_thread(1, 12));
        assert_eq!(read(&mut table, 7), Some((11, 2)));
        std::fs::remove_dir_all(root.path().join("2")).unwrap();
        assert_eq!(read(&mut table, 7), Some((11, 2)));
        assert_eq!(read(&mut table, 7), Some((12, 1)), "the parent had gone");
        std::fs::remove_dir_all(root.path().join("7")).unwrap();
        assert_eq!((read(&mut table, 7), table.handles), (None, 0));
    }

    #[test]
    fn a_process_of_several_threads_is_read_each_time() {
        let root = tempfile::tempdir().unwrap();
        for name in ["self", "7"] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("schedstat"), "1 1 1\n").unwrap();
        }
        let mut table = ProcessTable::new(root.path(), UNITS, Masking::NONE, 100);
        for pages in 1..5 {
            put(root.path(), 7, &line(7, "server", 5, 5, 20, pages));
            assert_eq!(read(&mut table, 7), Some((pages as u64, 1)));
        }
    }

    #[test]
    fn a_tree_that_cannot_be_listed_is_named() {
        let mut gaps = Gaps::default();
        let mut table = ProcessTable::new(Path::new("/nowhere/proc"), UNITS, Masking::NONE, 1);
        assert!(table.sample(None, &mut gaps).is_none());
        let (what, why) = gaps.iter().next().unwrap();
        assert_eq!(what, "processes");
        assert!(why.contains("/nowhere/proc"), "{why}");
    }

    #[test]
    fn this_process_tells_what_it_was_called_with() {
        let table = ProcessTable::new(Path::new("/proc"), UNITS, Masking::NONE, 1);
        let words = table.command_line(std::process::id()).unwrap();
        assert_eq!(words.masked(), std::env::args().collect::<Vec<_>>());
        assert!(table.command_line(0).is_none());
    }
}
