//! Connections that the kernel's firewall tracks, from `/proc/sys/net/netfilter` and
//! `/proc/net/stat/nf_conntrack`. Absent where no module tracks connections.

use std::path::Path;

use crate::source::text::words;
use crate::source::{Gaps, SlowFile, Timed};

/// Number of tracked connections, and counters since boot of those that could not be tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConntrackSample {
    /// Number of connections that are tracked now.
    pub count: u64,
    /// Largest number of connections that may be tracked; `None` if it could not be read.
    pub most: Option<u64>,
    /// Number of connections since boot whose entry could not be inserted; their packets were
    /// dropped. `None` if the counters could not be read.
    pub insert_failed: Option<u64>,
    /// Number of packets dropped since boot because the table was full; `None` if the counters
    /// could not be read.
    pub dropped: Option<u64>,
    /// Number of entries of other connections removed early since boot to make room; `None` if the
    /// counters could not be read.
    pub early_dropped: Option<u64>,
}

/// Open files about tracked connections.
#[derive(Debug)]
pub(in crate::source) struct Conntrack {
    count: SlowFile<u64>,
    most: SlowFile<u64>,
    stat: SlowFile<[Option<u64>; 3]>,
}

impl Conntrack {
    /// Opens the files below `proc`; `None` if connections are not tracked.
    pub(in crate::source) fn find(proc: &Path, slow_max_age_ns: u64) -> Option<Self> {
        let netfilter = proc.join("sys/net/netfilter");
        let count = netfilter.join("nf_conntrack_count");
        count.exists().then(|| Self {
            count: SlowFile::new(count, slow_max_age_ns),
            most: SlowFile::new(netfilter.join("nf_conntrack_max"), slow_max_age_ns),
            stat: SlowFile::new(proc.join("net/stat/nf_conntrack"), slow_max_age_ns),
        })
    }

    pub(in crate::source) fn sample(&mut self, gaps: &mut Gaps) -> Option<Timed<ConntrackSample>> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let count = self.count.read("number", number);
        let count = gaps.keep("conntrack", count)?;
        let most = self.most.read("number", number).ok();
        let mut sample = ConntrackSample {
            count: count.value,
            most: most.map(|read| read.value).filter(|most| *most > 0),
            ..ConntrackSample::default()
        };
        let counters = self.stat.read("insert_failed", parse_stat);
        if let Some(counters) = gaps.keep("conntrack.drops", counters) {
            let [insert_failed, dropped, early_dropped] = counters.value;
            sample.insert_failed = insert_failed;
            sample.dropped = dropped;
            sample.early_dropped = early_dropped;
        }
        Some(count.map(|_| sample))
    }
}

/// Parses a line of names, followed by a line of hexadecimal numbers for each CPU, and adds up
/// `insert_failed`, `drop` and `early_drop` over the CPUs. `None` without the first of them.
fn parse_stat(text: &str) -> Option<[Option<u64>; 3]> {
    let (names, numbers) = text.split_once('\n')?;
    let names: Vec<&str> = names.split_ascii_whitespace().collect();
    let sum = |wanted: &str| {
        let column = names.iter().position(|name| *name == wanted)?;
        let mut sum = 0_u64;
        for line in numbers.lines() {
            let mut cells = words(line).filter(|cell| !cell.is_empty());
            sum = sum.checked_add(u64::from_str_radix(cells.nth(column)?, 16).ok()?)?;
        }
        Some(sum)
    };
    let insert_failed = sum("insert_failed");
    insert_failed?;
    Some([insert_failed, sum("drop"), sum("early_drop")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_up_over_cpus() {
        let text = "entries  clashres found new insert insert_failed drop early_drop\n\
                    00000007  00000000 00000000 00000000 00000000 0000000a 00000001 00000000\n\
                    00000007  00000000 00000000 00000000 00000000 00000001 00000002 00000003\n";
        assert_eq!(parse_stat(text), Some([Some(11), Some(3), Some(3)]));
        assert_eq!(parse_stat("entries found\n1 2\n"), None);
        assert_eq!(
            parse_stat("insert_failed drop\n1\n"),
            Some([Some(1), None, None])
        );
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn where_nothing_is_tracked_there_is_no_gap() {
        let proc = tempfile::tempdir().unwrap();
        assert!(Conntrack::find(proc.path(), 0).is_none());
        let netfilter = proc.path().join("sys/net/netfilter");
        std::fs::create_dir_all(&netfilter).unwrap();
        std::fs::write(netfilter.join("nf_conntrack_count"), "12\n").unwrap();
        let mut gaps = Gaps::default();
        let sample = Conntrack::find(proc.path(), 0).unwrap().sample(&mut gaps);
        let sample = sample.unwrap().value;
        assert_eq!(
            (sample.count, sample.most, sample.dropped),
            (12, None, None)
        );
        let told: Vec<&str> = gaps.iter().map(|(what, _)| what).collect();
        assert_eq!(told, ["conntrack.drops"]);
    }
}
