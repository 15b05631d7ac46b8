//! Processes with their newest figures, and the orders in which they are shown.

use std::cmp::{Ordering, Reverse};

use host_metrics::source::process::ProcessId;

use crate::follow::FollowedProcess;
use crate::metric::process;
use crate::process_history::ProcessHistory;

/// Name of the series of a process's CPU time, in cores.
pub(crate) const CORES: &str = process::CPU_CORES.name();
/// Name of the series of a process's resident memory, in bytes.
pub(crate) const MEMORY: &str = process::RSS.name();
/// Name of the series of the bytes that a process reads from disks, per second.
pub(crate) const DISK_READ: &str = process::DISK_READ.name();
/// Name of the series of the bytes that a process writes to disks, per second.
pub(crate) const DISK_WRITTEN: &str = process::DISK_WRITTEN.name();

/// Process with its newest figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProcessView {
    /// Process id.
    pub pid: u32,
    /// Name of the process as the kernel reports it, which the process may have set.
    pub name: String,
    /// Command line with secrets masked; `None` if the process has none, or if command lines are
    /// not read.
    pub command: Option<String>,
    /// Label of the followed target that the process belongs to; `None` if it belongs to none.
    pub follow: Option<String>,
    /// Newest figures that could be read, each with the name of its series.
    pub figures: Vec<(&'static str, f64)>,
}

impl ProcessView {
    /// Creates the view of the process `id` from its state at the last tick.
    pub(crate) fn of(id: ProcessId, followed: &FollowedProcess<ProcessHistory>) -> Self {
        let latest = followed.latest();
        Self {
            pid: id.pid,
            name: followed.name.to_string(),
            command: followed.command().map(str::to_owned),
            follow: followed.target().map(str::to_owned),
            figures: latest
                .map(|(name, reading)| (name, reading.value))
                .collect(),
        }
    }

    /// Returns the value of the figure whose series is called `name`; `None` if it could not be
    /// read.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        let mut figures = self.figures.iter();
        figures
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// Returns true if name, process id or command line contains `words`, regardless of case.
    pub(crate) fn matches(&self, words: &str) -> bool {
        let words = words.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&words);
        has(&self.name)
            || self.pid.to_string().contains(&words)
            || self.command.as_deref().is_some_and(has)
    }

    fn io(&self) -> Option<f64> {
        let (read, written) = (self.figure(DISK_READ), self.figure(DISK_WRITTEN));
        read.zip(written).map(|(read, written)| read + written)
    }
}

/// Order in which processes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// CPU time, highest first.
    Cpu,
    /// Resident memory, largest first.
    Memory,
    /// Bytes per second read from and written to disks together, highest first.
    Io,
    /// Name, in alphabetical order regardless of case.
    Name,
    /// Process id, lowest first.
    Pid,
}

impl Sort {
    /// Returns the name of the order as shown on the screen.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Io => "I/O",
            Self::Name => "name",
            Self::Pid => "number",
        }
    }

    /// Compares two processes in this order, or in the opposite one if `reversed`. A process
    /// without the figure comes last in both. Equal ones are ordered by memory, largest first, then
    /// by process id.
    pub(crate) fn order(self, reversed: bool, a: &ProcessView, b: &ProcessView) -> Ordering {
        let turned = |order: Ordering| if reversed { order.reverse() } else { order };
        let most_first = |of: fn(&ProcessView) -> Option<f64>| match (of(a), of(b)) {
            (Some(a), Some(b)) => turned(b.total_cmp(&a)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        let first = match self {
            Self::Cpu => most_first(|p| p.figure(CORES)),
            Self::Memory => most_first(|p| p.figure(MEMORY)),
            Self::Io => most_first(ProcessView::io),
            Self::Name => turned(a.name.to_lowercase().cmp(&b.name.to_lowercase())),
            Self::Pid => turned(a.pid.cmp(&b.pid)),
        };
        // Most processes use no CPU at all, so equal ones are ordered by memory.
        let larger = |p: &ProcessView| Reverse(p.figure(MEMORY).map_or(0, |bytes| bytes as u64));
        first
            .then_with(|| larger(a).cmp(&larger(b)))
            .then(a.pid.cmp(&b.pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, name: &str, figures: &[(&'static str, f64)]) -> ProcessView {
        ProcessView {
            pid,
            name: name.to_owned(),
            command: None,
            follow: None,
            figures: figures.to_vec(),
        }
    }

    fn order(sort: Sort, reversed: bool, all: &[ProcessView]) -> Vec<u32> {
        let mut all: Vec<&ProcessView> = all.iter().collect();
        all.sort_by(|a, b| sort.order(reversed, a, b));
        all.iter().map(|p| p.pid).collect()
    }

    #[test]
    fn every_order_is_total_and_what_is_absent_comes_last() {
        let all = [
            process(3, "beta", &[(CORES, 0.0), (MEMORY, 10.0)]),
            process(1, "Alpha", &[(CORES, 1.5), (MEMORY, 30.0)]),
            process(
                2,
                "gamma",
                &[(MEMORY, 20.0), (DISK_READ, 1.0), (DISK_WRITTEN, 5.0)],
            ),
            process(4, "alpha", &[(CORES, 0.0), (MEMORY, 40.0)]),
        ];
        for (sort, down, up) in [
            (Sort::Cpu, [1, 4, 3, 2], [4, 3, 1, 2]),
            (Sort::Memory, [4, 1, 2, 3], [3, 2, 1, 4]),
            (Sort::Io, [2, 4, 1, 3], [2, 4, 1, 3]),
            (Sort::Name, [4, 1, 3, 2], [2, 3, 4, 1]),
            (Sort::Pid, [1, 2, 3, 4], [4, 3, 2, 1]),
        ] {
            assert_eq!(order(sort, false, &all), down, "{sort:?}");
            assert_eq!(order(sort, true, &all), up, "{sort:?} reversed");
        }
    }

    #[test]
    fn a_filter_looks_at_name_number_and_command_line() {
        let mut postgres = process(4711, "Postgres", &[]);
        postgres.command = Some("postgres: writer process".to_owned());
        for (words, found) in [
            ("", true),
            ("postg", true),
            ("POSTG", true),
            ("47", true),
            ("writer", true),
            ("redis", false),
        ] {
            assert_eq!(postgres.matches(words), found, "{words}");
        }
    }
}
