//! Smallest loop that samples the machine with the library sysinfo. Comparing `sysmon record` with
//! it shows the saving of reading files directly.
//!
//! `sample_sysinfo host|processes|everything MILLISECONDS SAMPLES` takes this number of samples
//! after a first one, which is not counted. It prints `operations=N seconds=S
//! cpu_per_operation_ns=C`.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_report::clock::process_cpu_ns;
use sysinfo::{
    DiskRefreshKind, Disks, MemoryRefreshKind, Networks, ProcessRefreshKind, ProcessesToUpdate,
    System,
};

struct Machine {
    system: System,
    disks: Disks,
    networks: Networks,
}

impl Machine {
    fn host(&mut self) {
        self.system.refresh_cpu_usage();
        let everything = MemoryRefreshKind::everything();
        self.system.refresh_memory_specifics(everything);
        let usage = DiskRefreshKind::nothing().with_io_usage();
        self.disks.refresh_specifics(false, usage);
        self.networks.refresh(false);
        let _ = std::hint::black_box(System::load_average());
    }

    fn processes(&mut self, everything: bool) {
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        let kind = if everything {
            kind.with_disk_usage().with_tasks()
        } else {
            kind.without_tasks()
        };
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        if everything {
            for process in self.system.processes().values() {
                std::hint::black_box(process.open_files());
            }
        }
    }

    fn sample(&mut self, reach: &str) {
        self.host();
        if reach != "host" {
            self.processes(reach == "everything");
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().context("three arguments are needed");
    let (reach, interval, count) = (next()?, next()?, next()?);
    let interval = Duration::from_millis(interval.parse()?);
    let count: u32 = count.parse()?;
    let mut machine = Machine {
        system: System::new()?,
        disks: Disks::new_with_refreshed_list()?,
        networks: Networks::new_with_refreshed_list()?,
    };
    machine.sample(&reach);
    let (began, cpu_ns) = (Instant::now(), process_cpu_ns());
    for n in 1..=count {
        std::thread::sleep((began + interval * n).saturating_duration_since(Instant::now()));
        machine.sample(&reach);
    }
    let (seconds, cpu_ns) = (began.elapsed().as_secs_f64(), process_cpu_ns() - cpu_ns);
    let per_sample = cpu_ns as f64 / f64::from(count);
    bench_cli::output::print(&format!(
        "operations={count} seconds={seconds} cpu_per_operation_ns={per_sample:.0}\n"
    ))
}
