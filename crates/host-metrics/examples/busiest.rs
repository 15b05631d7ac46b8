//! Example that prints CPU use, available memory and the five busiest processes every second for
//! five seconds.
#![allow(clippy::print_stdout)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use host_metrics::Masking;
use host_metrics::rate_window::{Baseline, tick_window_ns};
use host_metrics::source::process::{ProcessId, ProcessSample};
use host_metrics::source::{Gaps, HostSource, KernelUnits, Roots, SourceOptions};

const SECONDS: u32 = 5;
const SHOWN: usize = 5;

fn main() {
    let units = KernelUnits::host();
    let options = SourceOptions {
        // Only the user sees the output, so names are shown unmasked.
        processes: Some(Masking::NONE),
        ..SourceOptions::default()
    };
    let mut gaps = Gaps::default();
    let mut source = HostSource::new(&Roots::host(), units, &options, &mut gaps);
    let mut cpu = Baseline::with_least_window(tick_window_ns(1_000_000_000));
    let mut before = BTreeMap::new();
    for second in 0..=SECONDS {
        let sample = source.sample(&mut gaps);
        let processes = sample.processes.unwrap_or_default();
        cpu.advance(sample.cpu, |old, new, window| {
            let (old_ns, new_ns) = (Some(old.all.busy_ns), Some(new.all.busy_ns));
            if let Some(cores) = window.mean(old_ns, new_ns, units.tick_ns) {
                println!("CPU {:.2} ± {:.2} cores", cores.value, cores.error);
            }
        });
        if let (true, Some(memory)) = (second > 0, sample.memory) {
            let available = memory.value.available_bytes;
            let mib = available.map_or("unknown".to_owned(), |bytes| (bytes >> 20).to_string());
            println!("memory available: {mib} MiB");
            show(&processes, &before);
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

/// Prints the five processes that used the most CPU time since the sample before, with that time.
/// `before` has the CPU time of each process in that sample, in nanoseconds.
fn show(processes: &[ProcessSample], before: &BTreeMap<ProcessId, u64>) {
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
