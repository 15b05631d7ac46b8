//! Prints CPU use, memory in use and the five busiest processes every second for five seconds.
#![allow(clippy::print_stdout)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use host_metrics::Masking;
use host_metrics::derive::Derivation;
use host_metrics::figure::Figures;
use host_metrics::source::process::{ProcessId, ProcessSample};
use host_metrics::source::{Gaps, HostSource, KernelUnits, Roots, SourceOptions};

const SECONDS: u32 = 5;
const SHOWN: usize = 5;

fn main() {
    let units = KernelUnits::host();
    let selection = SourceOptions {
        // Only the user sees the output, so names are shown unmasked.
        processes: Some(Masking::NONE),
        ..SourceOptions::default()
    };
    let mut gaps = Gaps::default();
    let mut source = HostSource::new(&Roots::host(), units, &selection, &mut gaps);
    let mut derivation = Derivation::new(units, None, 1_000_000_000);
    let mut before = BTreeMap::new();
    for second in 0..=SECONDS {
        let mut sample = source.sample(&mut gaps);
        let processes = sample.processes.take().unwrap_or_default();
        let figures = derivation.figures(&mut sample);
        if second > 0 {
            show(&figures, &processes, &before);
        }
        let used = processes.iter().map(|process| (process.id, process.cpu_ns));
        before = used.collect();
        if second < SECONDS {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    for (_, sentence) in gaps.sentences() {
        println!("{sentence}");
    }
}

/// Prints the figures of one second, and the CPU time that each process used in it.
fn show(figures: &Figures, processes: &[ProcessSample], before: &BTreeMap<ProcessId, u64>) {
    let percent = |name: &str| {
        let mut all = figures.iter();
        let found = all.find(|figure| figure.name == name && figure.labels.is_empty());
        found.map_or_else(
            || "unknown".to_owned(),
            |figure| format!("{:.1} %", figure.reading.value * 100.0),
        )
    };
    println!(
        "CPU {}  memory {}",
        percent("cpu.busy_ratio"),
        percent("memory.used_ratio")
    );
    let used = processes.iter().filter_map(|process| {
        let used_ns = process.cpu_ns.checked_sub(*before.get(&process.id)?)?;
        Some((used_ns, process))
    });
    let mut used: Vec<_> = used.collect();
    used.sort_by_key(|(used_ns, process)| (Reverse(*used_ns), process.id));
    for (used_ns, process) in used.into_iter().take(SHOWN) {
        let (pid, name) = (process.id.pid, &process.name);
        let used_ms = used_ns / 1_000_000;
        let rss_mib = process.rss_bytes >> 20;
        println!("  {pid:>8} {name:<16} {used_ms:>6} ms CPU {rss_mib:>6} MiB");
    }
}
