//! Every process, through one kept handle each.
//!
//! A kept handle belongs to its process, not to the number: once the process is gone it reads
//! as an error even when the number was given away again. Handles are bounded well below the
//! limit of open files; processes beyond the bound are opened anew at each tick.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::detail::{DetailFiles, Reader};
use super::stat::{self, Stat};
use super::{Detail, Fields, ProcessId, ProcessSample};
use crate::source::{Gaps, SourceError, Timed, Units};

/// Longer than any line: 52 numbers of 20 digits and a name of 64 bytes.
const LINE_BYTES: usize = 2048;
/// Longer than what is worth showing of a command line.
const COMMAND_LINE_BYTES: usize = 4096;

/// Every process of the tree at a root.
#[derive(Debug)]
pub struct ProcessTable {
    proc: PathBuf,
    units: Units,
    known: HashMap<u32, Known>,
    most_handles: usize,
    handles: usize,
    tick: u64,
    reader: Reader,
}

#[derive(Debug)]
struct Known {
    id: ProcessId,
    file: Option<File>,
    name: Arc<str>,
    seen_at_tick: u64,
    detail: Option<Box<DetailFiles>>,
}

impl ProcessTable {
    /// A table of the processes at `proc` that keeps at most `most_handles` files open.
    pub fn new(proc: &Path, units: Units, most_handles: usize) -> Self {
        Self {
            proc: proc.to_owned(),
            units,
            known: HashMap::new(),
            most_handles,
            handles: 0,
            tick: 0,
            reader: Reader::new(proc),
        }
    }

    /// Reads every process there is now; one that vanishes meanwhile is skipped.
    pub fn sample(&mut self, gaps: &mut Gaps) -> Option<Vec<ProcessSample>> {
        let pids = gaps.keep("processes", self.list())?;
        self.tick += 1;
        let mut samples = Vec::with_capacity(pids.len());
        samples.extend(pids.into_iter().filter_map(|pid| self.read(pid)));
        let tick = self.tick;
        self.known.retain(|_, known| known.seen_at_tick == tick);
        self.handles = self.known.values().map(Known::handles).sum();
        Some(samples)
    }

    /// Reads the rest of a process that the last sample had; what fails is absent, and noted in
    /// `gaps` unless it is because the process has gone.
    pub fn detail(&mut self, id: ProcessId, fields: Fields, gaps: &mut Gaps) -> Detail {
        let known = self.known.get_mut(&id.pid).filter(|known| known.id == id);
        let Some(known) = known else {
            return Detail::default();
        };
        let files = known
            .detail
            .get_or_insert_with(|| Box::new(DetailFiles::of(&self.proc, id.pid)));
        let before = files.handles();
        let keep = self.handles < self.most_handles;
        let detail = self.reader.read(files, fields, keep, gaps);
        self.handles = (self.handles + files.handles()).saturating_sub(before);
        detail
    }

    /// The words with which a process was called; `None` for a thread of the kernel.
    pub fn command_line(&self, pid: u32) -> Option<Vec<String>> {
        let file = File::open(self.proc.join(format!("{pid}/cmdline"))).ok()?;
        let mut bytes = vec![0; COMMAND_LINE_BYTES];
        let length = file.read_at(&mut bytes, 0).ok()?;
        let line = String::from_utf8_lossy(&bytes[..length]);
        let words = line.trim_end_matches('\0').split('\0');
        let words: Vec<String> = words.map(str::to_owned).collect();
        words.iter().any(|word| !word.is_empty()).then_some(words)
    }

    fn list(&self) -> Result<Vec<u32>, SourceError> {
        let failed = |source| SourceError::Read {
            path: self.proc.clone(),
            source,
        };
        let entries = std::fs::read_dir(&self.proc).map_err(failed)?;
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect())
    }

    fn read(&mut self, pid: u32) -> Option<ProcessSample> {
        let mut line = [0; LINE_BYTES];
        if let Some(known) = self.known.get_mut(&pid) {
            let kept = known.file.as_ref();
            let read = kept.and_then(|file| read_line(file, &mut line).ok());
            let stat = read
                .as_ref()
                .and_then(|read| stat::parse(&line[..read.value], self.units));
            if let Some((read, stat)) = read.zip(stat)
                && stat.started == known.id.started
            {
                known.seen_at_tick = self.tick;
                known.rename(stat.name);
                return Some(known.sample(&stat, &read));
            }
        }
        let file = File::open(self.proc.join(format!("{pid}/stat"))).ok()?;
        let read = read_line(&file, &mut line).ok()?;
        let stat = stat::parse(&line[..read.value], self.units)?;
        let started = stat.started;
        let id = ProcessId { pid, started };
        let mut known = match self.known.remove(&pid) {
            Some(known) if known.id == id => known,
            _ => Known::new(id),
        };
        known.file = (self.handles < self.most_handles).then_some(file);
        self.handles += usize::from(known.file.is_some());
        known.seen_at_tick = self.tick;
        known.rename(stat.name);
        let sample = known.sample(&stat, &read);
        self.known.insert(pid, known);
        Some(sample)
    }
}

impl Known {
    fn new(id: ProcessId) -> Self {
        Self {
            id,
            file: None,
            name: Arc::from(""),
            seen_at_tick: 0,
            detail: None,
        }
    }

    fn handles(&self) -> usize {
        let detail = self.detail.as_ref().map_or(0, |files| files.handles());
        usize::from(self.file.is_some()) + detail
    }

    /// A process changes its name when it becomes another program.
    fn rename(&mut self, name: &[u8]) {
        if self.name.as_bytes() != name {
            self.name = Arc::from(String::from_utf8_lossy(name));
        }
    }

    fn sample(&self, stat: &Stat<'_>, read: &Timed<usize>) -> ProcessSample {
        ProcessSample {
            id: self.id,
            parent: stat.parent,
            name: Arc::clone(&self.name),
            cpu_ns: stat.cpu_ns,
            children_cpu_ns: stat.children_cpu_ns,
            rss_bytes: stat.rss_bytes,
            threads: Some(stat.threads),
            minor_faults: Some(stat.minor_faults),
            major_faults: Some(stat.major_faults),
            span: read.span,
        }
    }
}

/// One read takes the whole line: the kernel writes it in one piece.
fn read_line(file: &File, line: &mut [u8]) -> std::io::Result<Timed<usize>> {
    Timed::around(|| file.read_at(line, 0))
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
            let mut table = ProcessTable::new(root.path(), UNITS, most_handles);
            let mut gaps = Gaps::default();
            let mut first = table.sample(&mut gaps).unwrap();
            first.sort_by_key(|p| p.id);
            let names: Vec<&str> = first.iter().map(|p| &*p.name).collect();
            assert_eq!(names, ["init", "a) R 1 (b"]);

            put(root.path(), 2, &line(2, "other", 0, 0, 30, 1));
            let second = table.sample(&mut gaps).unwrap();
            let reused = second.iter().find(|p| p.id.pid == 2).unwrap();
            assert_eq!((reused.id.started, &*reused.name), (30, "other"));
            assert_ne!(reused.id, first[1].id);

            std::fs::remove_dir_all(root.path().join("2")).unwrap();
            let pids = table.sample(&mut gaps).unwrap();
            assert!(pids.iter().any(|p| p.id.pid == 1));
            assert!(table.handles <= most_handles);
            assert!(gaps.iter().next().is_none());
            put(root.path(), 2, &line(2, "a) R 1 (b", 5, 5, 20, 1));
        }
    }

    #[test]
    fn a_tree_that_cannot_be_listed_is_named() {
        let mut gaps = Gaps::default();
        let mut table = ProcessTable::new(Path::new("/nowhere/proc"), UNITS, 1);
        assert!(table.sample(&mut gaps).is_none());
        let (what, why) = gaps.iter().next().unwrap();
        assert_eq!(what, "processes");
        assert!(why.contains("/nowhere/proc"), "{why}");
    }

    #[test]
    fn this_process_tells_what_it_was_called_with() {
        let table = ProcessTable::new(Path::new("/proc"), UNITS, 1);
        let words = table.command_line(std::process::id()).unwrap();
        assert_eq!(words, std::env::args().collect::<Vec<_>>());
        assert_eq!(table.command_line(0), None);
    }
}
