//! Figures of the last minutes for sparklines. Memory is bounded for any interval: time is divided
//! into slots of a second or an interval, whichever is longer, and only the peak of each slot is
//! stored.

use std::collections::{BTreeMap, VecDeque};

use super::latest::LatestFigures;
use crate::metric::{disk, gpu, network, pressure};

/// Number of slots that are stored for each sparkline; the oldest ones are dropped.
pub(crate) const SLOTS: usize = 600;
const LEAST_SLOT_NS: u64 = 1_000_000_000;
/// Largest number of sparklines; further ones are not stored. It bounds the memory on a host with
/// thousands of interfaces.
const MOST_TRACES: usize = 256;

/// Figure of the machine that has a sparkline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trend {
    /// Share of CPU time in use, 0 to 1; in a container with a limit, of that limit.
    Cpu,
    /// Share of memory in use, 0 to 1; in a container with a limit, of that limit.
    Memory,
    /// Share of time in which some tasks waited for a resource, with the name of its series.
    Stalled(&'static str),
    /// Bytes per second to and from a disk, with the disk's name.
    Disk(String),
    /// Bytes per second over an interface in both directions, with the interface's name.
    Interface(String),
    /// Share of time in which a GPU was busy, 0 to 1, with the GPU's number.
    Gpu(String),
}

/// Pressure figures of the machine that have a sparkline. Each has a title, the series of the time
/// in which some task waited, and the series of the time in which all tasks waited.
pub(crate) const STALLED: [(&str, &str, Option<&str>); 3] = [
    ("CPU", pressure::CPU_SOME.name(), None),
    (
        "memory",
        pressure::MEMORY_SOME.name(),
        Some(pressure::MEMORY_FULL.name()),
    ),
    (
        "I/O",
        pressure::IO_SOME.name(),
        Some(pressure::IO_FULL.name()),
    ),
];

/// Peaks of each sparkline's figure in each slot of the last minutes.
#[derive(Debug, Clone)]
pub(crate) struct History {
    slot_ns: u64,
    slot: u64,
    began_ns: Option<u64>,
    traces: BTreeMap<Trend, VecDeque<Option<f64>>>,
}

impl History {
    /// Creates an empty history for samples that are taken every `interval_ns` nanoseconds.
    pub(crate) fn new(interval_ns: u64) -> Self {
        Self {
            slot_ns: interval_ns.max(LEAST_SLOT_NS),
            slot: 0,
            began_ns: None,
            traces: BTreeMap::new(),
        }
    }

    /// Adds the figures of the tick that ended at `at_ns`, in nanoseconds of the monotonic clock,
    /// on a machine with `cores` cores, `None` if that number is unknown.
    pub(crate) fn take(&mut self, at_ns: u64, machine: &LatestFigures, cores: Option<u64>) {
        let began_ns = *self.began_ns.get_or_insert(at_ns);
        // A tick that is a little late or early must not move to another slot.
        let slot = (at_ns.saturating_sub(began_ns) + self.slot_ns / 4) / self.slot_ns;
        for _ in 0..slot.saturating_sub(self.slot).min(SLOTS as u64) {
            for trace in self.traces.values_mut() {
                push(trace, None);
            }
        }
        self.slot = self.slot.max(slot);
        self.traces
            .retain(|_, trace| trace.iter().any(Option::is_some));
        for (trace, value) in traces(machine, cores) {
            if self.traces.len() >= MOST_TRACES && !self.traces.contains_key(&trace) {
                continue;
            }
            let kept = self.traces.entry(trace).or_default();
            if kept.is_empty() {
                push(kept, None);
            }
            if let Some(newest) = kept.back_mut() {
                *newest = Some(newest.map_or(value, |peak| peak.max(value)));
            }
        }
    }

    /// Returns the newest `count` columns of a sparkline, oldest first. A column is the peak of
    /// `slots_each` slots, `None` without a value. Columns begin at multiples of their length, so
    /// that the peak of a complete column does not change as time passes.
    pub(crate) fn columns(&self, of: &Trend, count: usize, slots_each: usize) -> Vec<Option<f64>> {
        let slots_each = slots_each.max(1);
        let mut columns = vec![None; count];
        let Some(kept) = self.traces.get(of) else {
            return columns;
        };
        let newest_column = self.slot / slots_each as u64;
        for (age, value) in kept.iter().rev().enumerate() {
            let Some(slot) = self.slot.checked_sub(age as u64) else {
                break;
            };
            let back = (newest_column - slot / slots_each as u64) as usize;
            let Some(column) = count.checked_sub(back + 1).map(|i| &mut columns[i]) else {
                break;
            };
            *column = [*column, *value].into_iter().flatten().reduce(f64::max);
        }
        columns
    }

    /// Returns the length of a slot in nanoseconds.
    pub(crate) fn slot_ns(&self) -> u64 {
        self.slot_ns
    }

    /// Returns the highest value of a sparkline in its stored slots; `None` if it has none.
    pub(crate) fn peak(&self, of: &Trend) -> Option<f64> {
        let kept = self.traces.get(of)?;
        kept.iter().flatten().copied().reduce(f64::max)
    }
}

fn push(trace: &mut VecDeque<Option<f64>>, value: Option<f64>) {
    if trace.len() >= SLOTS {
        trace.pop_front();
    }
    trace.push_back(value);
}

fn traces(machine: &LatestFigures, cores: Option<u64>) -> Vec<(Trend, f64)> {
    let mut found = Vec::new();
    let mut put = |trace, value: Option<f64>| found.extend(value.map(|value| (trace, value)));
    put(Trend::Cpu, machine.cpu(cores).ratio);
    put(Trend::Memory, machine.memory().ratio);
    for (_, name, _) in STALLED {
        put(Trend::Stalled(name), machine.value(name));
    }
    for (disk, read) in machine.all(disk::READ_BYTES.name()) {
        let written = machine.of(disk::WRITTEN_BYTES.name(), disk);
        let both = written.map(|written| read + written);
        put(Trend::Disk(disk.to_owned()), both);
    }
    for (interface, received) in machine.all(network::RECEIVED_BYTES.name()) {
        let sent = machine.of(network::SENT_BYTES.name(), interface);
        let both = sent.map(|sent| received + sent);
        put(Trend::Interface(interface.to_owned()), both);
    }
    for (gpu, busy) in machine.all(gpu::UTILISATION.name()) {
        put(Trend::Gpu(gpu.to_owned()), Some(busy));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figures;

    const S: u64 = 1_000_000_000;

    fn busy(value: Option<f64>) -> LatestFigures {
        let mut figures = Figures::default();
        figures.put_labelled("cpu.busy_ratio", &[], value);
        let mut machine = LatestFigures::default();
        machine.take(0, figures);
        machine
    }

    #[test]
    fn columns_keep_their_peaks_and_what_was_missed_stays_empty() {
        let mut history = History::new(S);
        for (second, value) in [(0, 0.0), (1, 0.1), (2, 0.9), (3, 0.3), (6, 0.6)] {
            history.take(second * S + 1000, &busy(Some(value)), None);
        }
        let columns = |count, each| history.columns(&Trend::Cpu, count, each);
        let each = [Some(0.9), Some(0.3), None, None, Some(0.6)];
        assert_eq!(columns(5, 1), each);
        // Columns of slots 0 and 1, 2 and 3, 4 and 5, and 6.
        assert_eq!(columns(4, 2), [Some(0.1), Some(0.9), None, Some(0.6)]);
        assert_eq!(columns(6, 2)[..2], [None, None]);
        assert_eq!(history.peak(&Trend::Cpu), Some(0.9));
        assert_eq!(history.columns(&Trend::Memory, 2, 1), [None, None]);
        assert_eq!(columns(0, 1), []);
    }

    #[test]
    fn a_full_column_does_not_change_as_time_goes_by() {
        let mut history = History::new(S);
        let mut seen: Vec<f64> = Vec::new();
        for second in 0..50_u64 {
            let value = (second * 7 % 10) as f64;
            history.take(second * S, &busy(Some(value)), None);
            if second % 5 == 4 {
                let newest = history.columns(&Trend::Cpu, 1, 5)[0];
                seen.push(newest.unwrap());
            }
        }
        let all: Vec<f64> = history
            .columns(&Trend::Cpu, 10, 5)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(all, seen);
    }

    #[test]
    fn memory_is_bounded_however_often_and_long_one_looks() {
        let mut history = History::new(S / 100);
        let mut machine = busy(Some(0.5));
        for tick in 0..100 * 1200_u64 {
            history.take(tick * S / 100, &machine, None);
        }
        assert_eq!(history.traces[&Trend::Cpu].len(), SLOTS);
        let mut figures = Figures::default();
        for interface in 0..2000 {
            for name in [
                "network.receive_bytes_per_s",
                "network.transmit_bytes_per_s",
            ] {
                let veth = format!("veth{interface}");
                figures.put_labelled(name, &[("interface", &veth)], Some(1.0));
            }
        }
        machine.take(1, figures);
        history.take(1201 * S, &machine, None);
        assert!(history.traces.len() <= MOST_TRACES);
        // Interfaces that no longer exist make room for others.
        history.take(3 * 1201 * S, &busy(None), None);
        assert!(history.traces.is_empty());
    }

    #[test]
    fn an_early_tick_stays_in_its_slot() {
        let mut history = History::new(2 * S);
        for tick in 0..10_u64 {
            let early = if tick % 2 == 1 { 300_000_000 } else { 0 };
            history.take(100 * S + tick * 2 * S - early, &busy(Some(1.0)), None);
        }
        assert_eq!(history.columns(&Trend::Cpu, 10, 1), vec![Some(1.0); 10]);
    }
}
