//! File `/proc/PID/stat`: one line with most of the figures of a process that a tick needs.

use std::sync::Arc;

use super::words::WordReader;
use super::{ProcessId, ProcessSample};
use crate::source::{KernelUnits, ReadSpan};

/// Figures in the line `stat` of one process. The name is borrowed, unmasked; times are in
/// nanoseconds, but `started` is in clock ticks since boot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StatLine<'a> {
    pub(super) name: &'a [u8],
    pub(super) parent: u32,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    pub(super) cpu_ns: u64,
    pub(super) children_cpu_ns: Option<u64>,
    pub(super) threads: u64,
    pub(super) started: u64,
    pub(super) rss_bytes: u64,
}

impl StatLine<'_> {
    /// Returns the figures as the sample of process `pid`, with its masked `name`, read during
    /// `span`.
    pub(super) fn sample(&self, pid: u32, name: Arc<str>, span: ReadSpan) -> ProcessSample {
        ProcessSample {
            id: ProcessId {
                pid,
                started: self.started,
            },
            parent: self.parent,
            name,
            cpu_ns: self.cpu_ns,
            children_cpu_ns: self.children_cpu_ns,
            rss_bytes: self.rss_bytes,
            threads: Some(self.threads),
            minor_faults: Some(self.minor_faults),
            major_faults: Some(self.major_faults),
            span,
        }
    }
}

/// Parses `pid (name) state …`. The name may contain anything, including brackets, so the last `)`
/// ends it. The code numbers fields as proc(5) does, where the state is field 3. `None` if the line
/// end or a field is missing, or a number is malformed.
pub(super) fn parse(line: &[u8], units: KernelUnits) -> Option<StatLine<'_>> {
    let line = line.strip_suffix(b"\n")?;
    let open = line.iter().position(|b| *b == b'(')?;
    let close = line.iter().rposition(|b| *b == b')')?;
    let name = line.get(open + 1..close)?;
    let mut words = WordReader::new(&line[close + 1..]);
    let parent = words.number(4 - 3)?;
    let minor_faults = words.number(10 - 5)?;
    let major_faults = words.number(12 - 11)?;
    let (user, system) = (words.number(14 - 13)?, words.number(0)?);
    // These two are signed, and negative in some kernels.
    let (child_user, child_system) = (words.number(0), words.number(0));
    let threads = words.number(20 - 18)?;
    let started = words.number(22 - 21)?;
    let resident_pages = words.number(24 - 23)?;
    let time = |user: u64, system: u64| user.checked_add(system)?.checked_mul(units.tick_ns);
    Some(StatLine {
        name,
        parent: u32::try_from(parent).ok()?,
        minor_faults,
        major_faults,
        cpu_ns: time(user, system)?,
        children_cpu_ns: child_user.and_then(|user| time(user, child_system?)),
        threads,
        started,
        rss_bytes: resident_pages.checked_mul(units.page_bytes)?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::source::process) const UNITS: KernelUnits = KernelUnits {
        tick_ns: 10_000_000,
        page_bytes: 4096,
    };

    /// Returns a line `stat` of a process with these values in the fields that are parsed, and `0`
    /// in all others.
    pub(in crate::source::process) fn line(
        pid: u32,
        name: &str,
        user: u64,
        system: u64,
        started: u64,
        pages: i64,
    ) -> String {
        format!(
            "{pid} ({name}) S 1 1 1 0 -1 4194560 11 0 12 0 {user} {system} 2 3 20 0 4 0 {started} \
             100 {pages} 18446744073709551615 0 0\n"
        )
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
            assert_eq!((stat.parent, stat.threads), (1, 4), "{name}");
            assert_eq!((stat.minor_faults, stat.major_faults), (11, 12), "{name}");
            assert_eq!(stat.children_cpu_ns, Some(50_000_000), "{name}");
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
    fn a_childs_time_that_makes_no_sense_takes_nothing_else_along() {
        let text = line(7, "x", 3, 4, 99, 5).replace(" 2 3 20 ", " -2 3 20 ");
        let stat = parse(text.as_bytes(), UNITS).unwrap();
        assert_eq!((stat.children_cpu_ns, stat.threads), (None, 4));
    }
}
