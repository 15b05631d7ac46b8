//! `/proc/PID/stat` of every process, through one kept handle each.
//!
//! A kept handle belongs to its process, not to the number: once the process is gone it reads
//! as an error even when the number was given away again. Handles are bounded well below the
//! limit of open files; processes beyond the bound are opened anew at each tick.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Gaps, SourceError, Span, Timed, Units};

/// A process beyond doubt: its number, and when it started, because numbers are given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    /// The number.
    pub pid: u32,
    /// When it started, on a clock that grows (ticks since boot on Linux).
    pub started: u64,
}

/// What one process has used so far, its threads included and its children not.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSample {
    /// Which process.
    pub id: ProcessId,
    /// The command's name, at most 15 bytes of it on Linux.
    pub name: Arc<str>,
    /// CPU time, user and system, in nanoseconds (a multiple of the tick).
    pub cpu_ns: u64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// When it was read.
    pub span: Span,
}

/// What a line of `stat` says; borrowed until it is known whether the name is a new one.
#[derive(Debug, PartialEq, Eq)]
struct Stat<'a> {
    name: &'a [u8],
    started: u64,
    cpu_ns: u64,
    rss_bytes: u64,
}

/// Longer than any line: 52 numbers of 20 digits and a name of 64 bytes.
const LINE_BYTES: usize = 2048;

/// Every process of the tree at a root.
#[derive(Debug)]
pub struct ProcessTable {
    proc: PathBuf,
    units: Units,
    known: HashMap<u32, Known>,
    most_handles: usize,
    tick: u64,
}

#[derive(Debug)]
struct Known {
    file: Option<File>,
    name: Arc<str>,
    seen_at_tick: u64,
}

impl ProcessTable {
    /// A table of the processes at `proc` that keeps at most `most_handles` files open.
    pub fn new(proc: &Path, units: Units, most_handles: usize) -> Self {
        Self {
            proc: proc.to_owned(),
            units,
            known: HashMap::new(),
            most_handles,
            tick: 0,
        }
    }

    /// Reads every process there is now; one that vanishes meanwhile is skipped.
    pub fn sample(&mut self, gaps: &mut Gaps) -> Option<Vec<ProcessSample>> {
        let pids = gaps.keep("processes", self.list())?;
        self.tick += 1;
        let samples = pids.into_iter().filter_map(|pid| self.read(pid)).collect();
        let tick = self.tick;
        self.known.retain(|_, known| known.seen_at_tick == tick);
        Some(samples)
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
        let mut known = self.known.remove(&pid);
        let kept = known.as_mut().and_then(|known| known.file.take());
        let still_there = kept.and_then(|file| Some((read_line(&file, &mut line).ok()?, file)));
        let (read, file) = if let Some(read) = still_there {
            read
        } else {
            let file = File::open(self.proc.join(format!("{pid}/stat"))).ok()?;
            (read_line(&file, &mut line).ok()?, file)
        };
        let stat = parse(&line[..read.value], self.units)?;
        let name = match known {
            Some(known) if known.name.as_bytes() == stat.name => known.name,
            _ => Arc::from(String::from_utf8_lossy(stat.name)),
        };
        let sample = ProcessSample {
            id: ProcessId {
                pid,
                started: stat.started,
            },
            name: Arc::clone(&name),
            cpu_ns: stat.cpu_ns,
            rss_bytes: stat.rss_bytes,
            span: read.span,
        };
        let known = Known {
            file: (self.known.len() < self.most_handles).then_some(file),
            name,
            seen_at_tick: self.tick,
        };
        self.known.insert(pid, known);
        Some(sample)
    }
}

/// One read takes the whole line: the kernel writes it in one piece.
fn read_line(file: &File, line: &mut [u8]) -> std::io::Result<Timed<usize>> {
    Timed::around(|| file.read_at(line, 0))
}

/// `pid (name) state …`: the name may hold anything, brackets too, so the last `)` ends it.
fn parse(line: &[u8], units: Units) -> Option<Stat<'_>> {
    let line = line.strip_suffix(b"\n")?;
    let open = line.iter().position(|b| *b == b'(')?;
    let close = line.iter().rposition(|b| *b == b')')?;
    let name = line.get(open + 1..close)?;
    let rest = std::str::from_utf8(&line[close + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Counted as in proc(5), where the state is field 3.
    let mut field = |skip: usize| -> Option<u64> { fields.nth(skip)?.parse().ok() };
    let (user, system) = (field(14 - 3)?, field(0)?);
    let started = field(22 - 16)?;
    let resident_pages = field(24 - 23)?;
    let ticks = user.checked_add(system)?;
    Some(Stat {
        name,
        started,
        cpu_ns: ticks.checked_mul(units.tick_ns)?,
        rss_bytes: resident_pages.checked_mul(units.page_bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Units = Units {
        tick_ns: 10_000_000,
        page_bytes: 4096,
    };

    /// A line with the fields that matter and `0` in the others.
    fn line(pid: u32, name: &str, user: u64, system: u64, started: u64, pages: i64) -> String {
        format!(
            "{pid} ({name}) S 1 1 1 0 -1 4194560 0 0 0 0 {user} {system} 0 0 20 0 1 0 {started} \
             100 {pages} 18446744073709551615 0 0\n"
        )
    }

    fn put(root: &Path, pid: u32, text: &str) {
        let directory = root.join(pid.to_string());
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("stat"), text).unwrap();
    }

    #[test]
    fn a_hostile_name_is_only_a_name() {
        for name in [
            ") R 1 (b",
            "a) R 1 (b",
            "(",
            ")",
            "",
            "two words\n",
            "\u{fffd}",
        ] {
            let text = line(7, name, 3, 4, 99, 5);
            let stat = parse(text.as_bytes(), UNITS).unwrap();
            assert_eq!(stat.name, name.as_bytes());
            assert_eq!(stat.cpu_ns, 70_000_000, "{name}");
            assert_eq!((stat.started, stat.rss_bytes), (99, 20_480), "{name}");
        }
    }

    #[test]
    fn lines_that_are_cut_or_odd_give_nothing() {
        let whole = line(7, "x", 3, 4, 99, 5);
        for length in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..length], UNITS), None, "{length}");
        }
        for odd in [
            "",
            "\n",
            "7\n",
            "7 )x( S 1\n",
            "7 (x S 1 1\n",
            "7 (x) S 1 1\n",
        ] {
            assert_eq!(parse(odd.as_bytes(), UNITS), None, "{odd}");
        }
        assert_eq!(
            parse(line(7, "x", u64::MAX, 1, 9, 5).as_bytes(), UNITS),
            None
        );
        assert_eq!(parse(line(7, "x", 1, 1, 9, -5).as_bytes(), UNITS), None);
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
}
