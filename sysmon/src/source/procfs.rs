//! Linux: every file of `/proc` that a sample is made of.

use bench_report::clock::monotonic_ns;
use nix::sys::resource::{Resource, getrlimit};

use super::cpu::CpuSample;
use super::disk::DiskFilter;
use super::pressure::Stall;
use super::process::ProcessTable;
use super::{
    Gaps, KeptFile, Roots, Sample, Span, Timed, Units, cpu, disk, memory, network, pressure,
};

/// Reads this machine, or a made-up tree that looks like one.
#[derive(Debug)]
pub struct ProcSource {
    units: Units,
    stat: KeptFile,
    meminfo: KeptFile,
    vmstat: KeptFile,
    diskstats: KeptFile,
    disk_filter: DiskFilter,
    net_dev: KeptFile,
    net_snmp: KeptFile,
    pressure_cpu: KeptFile,
    pressure_memory: KeptFile,
    pressure_io: KeptFile,
    processes: Option<ProcessTable>,
}

impl ProcSource {
    /// Opens nothing yet. Without `processes` no process is looked at.
    pub fn new(roots: &Roots, units: Units, processes: bool) -> Self {
        let file = |path: &str| KeptFile::new(roots.proc.join(path));
        Self {
            units,
            stat: file("stat"),
            meminfo: file("meminfo"),
            vmstat: file("vmstat"),
            diskstats: file("diskstats"),
            disk_filter: DiskFilter::new(&roots.sys),
            net_dev: file("net/dev"),
            net_snmp: file("net/snmp"),
            pressure_cpu: file("pressure/cpu"),
            pressure_memory: file("pressure/memory"),
            pressure_io: file("pressure/io"),
            processes: processes.then(|| ProcessTable::new(&roots.proc, units, most_handles())),
        }
    }

    /// Reads everything once; what fails is absent and noted in `gaps`.
    pub fn sample(&mut self, gaps: &mut Gaps) -> Sample {
        let begin_ns = monotonic_ns();
        let Units {
            tick_ns,
            page_bytes,
        } = self.units;
        let filter = &mut self.disk_filter;
        let cpu = self.stat.read("CPU times", |t| cpu::parse(t, tick_ns));
        let memory = self.meminfo.read("MemTotal", memory::parse_meminfo);
        let paging = self.vmstat.read("pswpin and pswpout", |t| {
            memory::parse_vmstat(t, page_bytes)
        });
        let disks = self
            .diskstats
            .read("devices", |t| Some(disk::parse(t, filter)));
        let network = self.net_dev.read("interfaces", network::parse_dev);
        let tcp = self.net_snmp.read("RetransSegs", network::parse_snmp);
        let pressure = pressure::PressureSample {
            cpu: gaps.keep(
                "pressure.cpu",
                self.pressure_cpu.read("total", pressure::parse),
            ),
            memory: gaps.keep(
                "pressure.memory",
                self.pressure_memory.read("total", pressure::parse),
            ),
            io: gaps.keep(
                "pressure.io",
                self.pressure_io.read("total", pressure::parse),
            ),
        };
        let processes = self.processes.as_mut().and_then(|table| table.sample(gaps));
        let sample = Sample {
            cpu: gaps.keep("cpu", cpu),
            memory: gaps.keep("memory", memory),
            paging: gaps.keep("swap traffic", paging),
            disks: gaps.keep("disks", disks),
            network: gaps.keep("network", network),
            tcp: gaps.keep("tcp.retransmits", tcp),
            pressure,
            processes,
            span: Span {
                begin_ns,
                end_ns: monotonic_ns(),
            },
        };
        note_missing_parts(&sample, gaps);
        sample
    }
}

/// Names the figures that a file, readable as a whole, lacks.
fn note_missing_parts(sample: &Sample, gaps: &mut Gaps) {
    let mut note = |missing: bool, what, file: &str| {
        if missing {
            gaps.note(what, &format!("{file} does not have it"));
        }
    };
    if let Some(cpu) = &sample.cpu {
        let CpuSample { all, runnable, .. } = &cpu.value;
        note(all.iowait_ns.is_none(), "cpu.iowait", "stat");
        note(all.irq_ns.is_none(), "cpu.irq", "stat");
        note(all.steal_ns.is_none(), "cpu.steal", "stat");
        note(runnable.is_none(), "load.runnable", "stat");
    }
    if let Some(memory) = &sample.memory {
        let memory = &memory.value;
        note(
            memory.available_bytes.is_none(),
            "memory.available",
            "meminfo",
        );
        note(memory.swap_used_bytes.is_none(), "swap.used", "meminfo");
    }
    let lacks_full = |stall: &Option<Timed<Stall>>| {
        stall
            .as_ref()
            .is_some_and(|stall| stall.value.full_ns.is_none())
    };
    let pressure = &sample.pressure;
    note(
        lacks_full(&pressure.memory),
        "pressure.memory.full",
        "pressure/memory",
    );
    note(lacks_full(&pressure.io), "pressure.io.full", "pressure/io");
}

/// Half of the files that this program may open: the rest is for everything else.
fn most_handles() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| (soft / 2) as usize)
}
