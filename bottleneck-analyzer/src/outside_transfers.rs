//! Transfers to and from the disks by programs that take no part in the run.

use std::collections::BTreeMap;

use bench_report::{Series, Window};

use crate::assessment::EvidenceItem;
use crate::figures::{bytes, share};
use crate::machine_recording::MachineRecording;
use crate::participants::takes_part;
use crate::resource_owner::process_words;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;
use crate::target;

/// Share of the disks' bytes from which programs outside the run are the cause of waits for a disk.
const MOST: f64 = 0.5;
const OF_DISKS: [&str; 2] = ["disk.read_bytes_per_s", "disk.write_bytes_per_s"];
const OF_PROCESSES: [&str; 2] = [
    "process.disk_read_bytes_per_s",
    "process.disk_write_bytes_per_s",
];

/// Transfers of programs outside the run in one window.
#[derive(Debug, Clone)]
pub(crate) struct OutsideTransfers<'a> {
    machine: MachineRecording<'a>,
    /// Bytes per second of all disks, and those of outside programs among them.
    all: f64,
    others: f64,
    /// Program that transfers the most in one direction, with its bytes per second in all its processes.
    busiest: Option<(&'a str, f64)>,
    /// Process of that program that transfers the most in that direction.
    process: Option<(&'a Series, SeriesReading)>,
}

impl<'a> OutsideTransfers<'a> {
    /// Adds up the transfers in `window`; `None` if those of processes were not recorded, or if a bench, whose
    /// window it may be, is not on the clock of the recording.
    pub(crate) fn in_window(facts: &RunFacts<'a>, window: Window) -> Option<Self> {
        let machine = facts.machine.filter(|_| facts.is_all_recorded())?;
        let benches = facts.benches.iter();
        let servers: Vec<&str> = benches
            .filter_map(|bench| target::process_name(bench.source))
            .collect();
        let read = |names: [&str; 2]| {
            let all = names.into_iter().flat_map(|name| machine.all(name, window));
            all.collect::<Vec<_>>()
        };
        let mut outside = read(OF_PROCESSES);
        if outside.is_empty() {
            return None;
        }
        outside.retain(|(series, _)| {
            let name = name_of(series);
            !takes_part(name) && !servers.contains(&name)
        });
        let mut programs: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for (series, reading) in &outside {
            *programs.entry((name_of(series), &series.name)).or_default() += reading.mean;
        }
        let busiest = programs.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let busiest = busiest.filter(|(_, per_s)| *per_s > 0.0);
        let others = outside.iter().map(|(_, reading)| reading.mean).sum();
        let of_busiest = outside.into_iter().filter(|(series, _)| {
            busiest.is_some_and(|(program, _)| program == (name_of(series), series.name.as_str()))
        });
        Some(Self {
            machine,
            all: read(OF_DISKS).iter().map(|(_, reading)| reading.mean).sum(),
            others,
            process: of_busiest.max_by(|a, b| a.1.mean.total_cmp(&b.1.mean)),
            busiest: busiest.map(|((name, _), per_s)| (name, per_s)),
        })
    }

    /// Returns the share of outside programs in the bytes of the disks, from 0 to 1. Writes are counted when
    /// a program makes them and reach the disk later, and those of a child again when its parent learns
    /// that it has ended, so that the sum may exceed the whole, which counts as 1.
    pub(crate) fn ratio(&self) -> f64 {
        (self.others / self.all.max(self.others).max(f64::MIN_POSITIVE)).min(1.0)
    }

    /// Returns true if outside programs transferred at least half of the disks' bytes.
    pub(crate) fn are_most(&self) -> bool {
        self.busiest.is_some() && self.ratio() >= MOST
    }

    /// Returns the name of the program that transfers the most; empty if none does.
    pub(crate) fn name(&self) -> &'a str {
        self.busiest.map_or("", |(name, _)| name)
    }

    /// Returns the busiest program in words, with the process that transfers most and its control group.
    pub(crate) fn who(&self) -> String {
        let who = self.process.map(|(series, _)| process_words(series));
        who.unwrap_or_else(|| "a program outside the run".to_owned())
    }

    /// Returns what the busiest program does: `writes 76.3 MiB/s`.
    pub(crate) fn does(&self) -> String {
        let writes = self
            .process
            .is_some_and(|(series, _)| series.name == OF_PROCESSES[1]);
        let verb = if writes { "writes" } else { "reads" };
        let per_s = self.busiest.map_or(0.0, |(_, per_s)| per_s);
        format!("{verb} {}/s", bytes(per_s))
    }

    /// Returns the share in words: `98 % of the disks' bytes`.
    pub(crate) fn share_words(&self) -> String {
        format!("{} of the disks' bytes", share(self.ratio()))
    }

    /// Returns the transfers of the busiest process as evidence; `None` without one.
    pub(crate) fn evidence(&self) -> Option<EvidenceItem> {
        let (_, reading) = self.process?;
        self.machine
            .typical_sample("bytes of the busiest process", reading)
    }
}

fn name_of(series: &Series) -> &str {
    series.labels.get("name").map_or("", String::as_str)
}
