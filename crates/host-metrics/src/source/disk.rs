//! `/proc/diskstats`: counters of reads and writes of each whole disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Unit in which the kernel counts transferred data, in bytes: 512, whatever the sector size of the
/// device.
const SECTOR_BYTES: u64 = 512;
/// Resolution of the kernel's counters of disk time, in nanoseconds: one millisecond.
pub(crate) const TIME_QUANTUM_NS: u64 = 1_000_000;

/// Counters of one disk's reads and writes since the device appeared. Times are in nanoseconds, in
/// steps of one millisecond. Off Linux only the two byte counters are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskCounters {
    /// Number of completed reads since the device appeared; `None` on systems other than Linux.
    pub reads: Option<u64>,
    /// Number of bytes read from the disk since it appeared.
    pub read_bytes: u64,
    /// Time that reads took, in nanoseconds, summed over concurrent reads; `None` if the system
    /// does not count it.
    pub read_ns: Option<u64>,
    /// Number of completed writes since the device appeared; `None` on systems other than Linux.
    pub writes: Option<u64>,
    /// Number of bytes written to the disk since it appeared.
    pub written_bytes: u64,
    /// Time that writes took, in nanoseconds, summed over concurrent writes; `None` if the system
    /// does not count it.
    pub write_ns: Option<u64>,
    /// Time in which at least one read or write was in progress, in nanoseconds; `None` if the
    /// system does not count it.
    pub busy_ns: Option<u64>,
    /// Sum over time of the number of reads and writes in progress, in nanoseconds: two transfers
    /// of 1 ms at once add 2 ms. `None` if the system does not count it.
    pub queued_ns: Option<u64>,
}

/// Counters of every disk, by the name of its device, such as `sda`.
pub(crate) type DiskSample = BTreeMap<String, DiskCounters>;

/// Filter that admits whole disks, and rejects partitions and virtual devices (loop devices, memory
/// disks, floppy and network block devices). Remembers its decision for each name.
#[derive(Debug)]
pub(crate) struct DiskFilter {
    block: PathBuf,
    known: BTreeMap<String, bool>,
}

impl DiskFilter {
    /// Creates a filter that finds whole disks in the directory `block` below `sys`. If that
    /// directory does not exist, partitions are admitted too.
    pub(crate) fn new(sys: &Path) -> Self {
        Self {
            block: sys.join("block"),
            known: BTreeMap::new(),
        }
    }

    fn admits(&mut self, name: &str) -> bool {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let virtual_device = ["loop", "ram", "zram", "nbd", "fd"].iter().any(|kind| {
            name.strip_prefix(kind)
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        });
        // The kernel writes a `/` in a device's name as `!` in the name of its directory.
        let directory = self.block.join(name.replace('/', "!"));
        let whole = !virtual_device && (directory.exists() || !self.block.exists());
        self.known.insert(name.to_owned(), whole);
        whole
    }
}

/// Parses `/proc/diskstats` into the counters of each whole disk. Leaves out malformed lines,
/// devices that never transferred a byte, and those that `filter` rejects.
pub(crate) fn parse(text: &str, filter: &mut DiskFilter) -> DiskSample {
    text.lines()
        .filter_map(line)
        .filter(|(_, counters)| counters.read_bytes > 0 || counters.written_bytes > 0)
        .filter(|(name, _)| filter.admits(name))
        .map(|(name, counters)| (name.to_owned(), counters))
        .collect()
}

/// Parses one line, `major minor name reads merged sectors ms writes merged sectors ms in_flight
/// busy_ms queued_ms …`, into the name of the device and its counters. `None` if a number up to the
/// written sectors is malformed or missing.
fn line(text: &str) -> Option<(&str, DiskCounters)> {
    let mut words = text.split_ascii_whitespace().skip(2);
    let name = words.next()?;
    let mut number = |skip: usize| -> Option<u64> { words.nth(skip)?.parse().ok() };
    let (reads, read_sectors, read_ms) = (number(0)?, number(1)?, number(0)?);
    let (writes, written_sectors, write_ms) = (number(0)?, number(1)?, number(0));
    let (busy_ms, queued_ms) = (number(1), number(0));
    let ns = |ms: u64| ms.checked_mul(TIME_QUANTUM_NS);
    Some((
        name,
        DiskCounters {
            reads: Some(reads),
            read_bytes: read_sectors.checked_mul(SECTOR_BYTES)?,
            read_ns: ns(read_ms),
            writes: Some(writes),
            written_bytes: written_sectors.checked_mul(SECTOR_BYTES)?,
            write_ns: write_ms.and_then(ns),
            busy_ns: busy_ms.and_then(ns),
            queued_ns: queued_ms.and_then(ns),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &str = "   8 0 sda 10 1 200 5 20 2 400 6 0 77 11 0 0\n   \
                         8 1 sda1 9 1 190 5 20 2 400 6 0 70 11\n   \
                         7 0 loop0 5 0 50 1 0 0 0 0 0 1 1\n   \
                         8 16 sdb 0 0 0 0 0 0 0 0 0 0 0\n\
                         259 0 nvme0n1 1 0 8 0 0 0 0";

    #[test]
    fn whole_disks_that_were_used_are_read() {
        let root = tempfile::tempdir().unwrap();
        for disk in ["sda", "sdb", "loop0", "nvme0n1"] {
            std::fs::create_dir_all(root.path().join("block").join(disk)).unwrap();
        }
        let disks = parse(STATS, &mut DiskFilter::new(root.path()));
        assert_eq!(disks.keys().collect::<Vec<_>>(), ["nvme0n1", "sda"]);
        let sda = disks["sda"];
        assert_eq!((sda.reads, sda.read_bytes), (Some(10), 102_400));
        assert_eq!((sda.writes, sda.written_bytes), (Some(20), 204_800));
        assert_eq!(
            (sda.read_ns, sda.write_ns),
            (Some(5_000_000), Some(6_000_000))
        );
        assert_eq!(sda.busy_ns, Some(77_000_000));
        assert_eq!(sda.queued_ns, Some(11_000_000));
        let cut = disks["nvme0n1"];
        assert_eq!(
            (cut.write_ns, cut.busy_ns, cut.queued_ns),
            (None, None, None)
        );
    }

    #[test]
    fn without_sys_partitions_pass_too() {
        let root = tempfile::tempdir().unwrap();
        let disks = parse(STATS, &mut DiskFilter::new(root.path()));
        assert_eq!(disks.keys().collect::<Vec<_>>(), ["nvme0n1", "sda", "sda1"]);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let odd = "8 0\n8 0 sda x 1 2 3 4 5 6\n8 0 sdb 1 1 36028797018963969 1 1 1 1 1 1 1 1\n";
        assert!(parse(odd, &mut DiskFilter::new(root.path())).is_empty());
    }
}
