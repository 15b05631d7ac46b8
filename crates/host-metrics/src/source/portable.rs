//! Source on systems without `/proc`: samples from the library sysinfo.
//!
//! sysinfo provides CPU use as a share of the time since its last refresh. The shares are added up
//! to counters of CPU time, so that rates are derived as on Linux. CPU states other than busy and
//! idle are absent, as are the run queue, PSI, TCP retransmissions and dropped packets.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::OsString;
use std::sync::Arc;

use crate::clock::monotonic_ns;
use crate::{CommandLine, Masking};
use sysinfo::{
    DiskRefreshKind, Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, ProcessRefreshKind,
    ProcessesToUpdate, System,
};

use super::cpu::{CpuSample, CpuTimes};
use super::disk::{DiskCounters, DiskSample};
use super::memory::MemorySample;
use super::network::{InterfaceCounters, NetworkSample};
use super::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};
use super::{Gaps, HostSample, KernelUnits, ReadSpan, Roots, SourceError, SourceOptions, Timed};

/// Source of this host's figures that reads them through the library sysinfo, for systems other
/// than Linux.
#[derive(Debug)]
pub(super) struct PortableSource {
    system: Result<System, sysinfo::Error>,
    disks: Result<Disks, sysinfo::Error>,
    networks: Result<Networks, sysinfo::Error>,
    processes: Option<Masking>,
    cpu: Option<Timed<CpuSample>>,
}

impl PortableSource {
    /// Creates a source of this host's figures. `_roots` and `_units` have an effect only on Linux.
    /// If control groups or sockets by state are requested, they are recorded in `gaps` as absent.
    pub(super) fn new(
        _roots: &Roots,
        _units: KernelUnits,
        selection: &SourceOptions,
        gaps: &mut Gaps,
    ) -> Self {
        let only_linux = SourceError::Unserved("only Linux has it".to_owned());
        if !selection.cgroups.is_empty() {
            gaps.note("cgroup", &only_linux);
        }
        if selection.socket_states {
            gaps.note("tcp.sockets", &only_linux);
        }
        let counters = DiskRefreshKind::nothing().with_io_usage();
        Self {
            system: System::new(),
            disks: Disks::new_with_refreshed_list_specifics(counters),
            networks: Networks::new_with_refreshed_list(),
            processes: selection.processes,
            cpu: None,
        }
    }

    /// Reads all figures once. A figure that this system does not have, or whose read fails, is
    /// absent and recorded in `gaps`.
    pub(super) fn sample(&mut self, gaps: &mut Gaps) -> HostSample {
        let begin_ns = monotonic_ns();
        for what in [
            "pressure.cpu",
            "pressure.memory",
            "pressure.io",
            "tcp.retransmits",
        ] {
            gaps.note(what, &SourceError::Unserved("only Linux has it".to_owned()));
        }
        let system = self.system.as_mut().map_err(|e| e.to_string());
        let system = gaps.keep("cpu, memory and processes", system);
        let (cpu, memory, processes) = match system {
            Some(system) => (
                Some(cpu(system, self.cpu.take())),
                Some(memory(system)),
                self.processes.map(|masking| processes(system, masking)),
            ),
            None => (None, None, None),
        };
        self.cpu.clone_from(&cpu);
        let disks = self.disks.as_mut().map_err(|e| e.to_string());
        let networks = self.networks.as_mut().map_err(|e| e.to_string());
        HostSample {
            cpu,
            memory,
            disks: gaps.keep("disks", disks).map(disk_transfers),
            network: gaps.keep("network", networks).map(traffic),
            processes,
            span: ReadSpan {
                begin_ns,
                end_ns: monotonic_ns(),
            },
            ..HostSample::default()
        }
    }
}

#[expect(clippy::unused_self, reason = "the methods of the source on Linux")]
impl PortableSource {
    /// Returns no figures of the process, because they are read only on Linux, and records that in
    /// `gaps`.
    pub(super) fn detail(
        &mut self,
        _id: ProcessId,
        _fields: ProcessFields,
        gaps: &mut Gaps,
    ) -> ProcessDetail {
        let why = SourceError::Unserved("only Linux has it".to_owned());
        gaps.note("details of processes", &why);
        ProcessDetail::default()
    }

    /// Does nothing, because only Linux has control groups.
    pub(super) fn follow_groups(&mut self, _processes: impl Iterator<Item = u32>) {}

    /// Returns `None`, because command lines are read only on Linux.
    pub(super) fn command_line(&self, _pid: u32) -> Option<CommandLine> {
        None
    }

    /// Returns `None`, because only Linux has control groups.
    pub(super) fn cgroup_of(&self, _pid: u32) -> Option<String> {
        None
    }

    /// Returns an empty map, because listening processes are found only on Linux.
    pub(super) fn listeners(&self, _ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        BTreeMap::new()
    }
}

fn timed<T>(read: impl FnOnce() -> T) -> Timed<T> {
    let Ok(timed) = Timed::around(|| Ok::<T, Infallible>(read()));
    timed
}

/// Reads one process through sysinfo: its sample, and the number of its open files, `None` if that
/// is unknown. Returns `None` if the process does not exist or the system is not supported.
pub(super) fn read_process(pid: u32, masking: Masking) -> Option<(ProcessSample, Option<u64>)> {
    let mut system = System::new().ok()?;
    let number = sysinfo::Pid::from_u32(pid);
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
    let only = ProcessesToUpdate::Some(&[number]);
    let read = timed(|| system.refresh_processes_specifics(only, true, wanted));
    let process = system.process(number)?;
    let open_files = process.open_files().map(|files| files as u64);
    Some((
        process_sample(number, process, read.span, masking),
        open_files,
    ))
}

/// Returns the CPU counters of `before` plus the use since then. Starts with zeros if there is no
/// `before`, and returns `before` itself if sysinfo has no newer data yet.
fn cpu(system: &mut System, before: Option<Timed<CpuSample>>) -> Timed<CpuSample> {
    let least_ns = MINIMUM_CPU_UPDATE_INTERVAL.as_nanos() as u64;
    let now = timed(|| ());
    if let Some(before) = &before
        && now.span.begin_ns - before.span.begin_ns < least_ns
    {
        return before.clone();
    }
    system.refresh_cpu_usage();
    let Some(before) = before else {
        return now.map(|()| CpuSample::default());
    };
    let elapsed_ns = now.span.midpoint_ns() - before.span.midpoint_ns();
    let mut sample = before.value;
    let cores = (0..).zip(system.cpus());
    for (number, core) in cores {
        grow(
            sample.cores.entry(number).or_default(),
            core.usage(),
            elapsed_ns,
        );
    }
    let all_cores_ns = elapsed_ns * system.cpus().len() as u64;
    grow(&mut sample.all, system.global_cpu_usage(), all_cores_ns);
    now.map(|()| sample)
}

fn grow(times: &mut CpuTimes, percent: f32, elapsed_ns: u64) {
    let share = f64::from(percent / 100.0).clamp(0.0, 1.0);
    let busy_ns = (share * elapsed_ns as f64) as u64;
    times.busy_ns += busy_ns;
    times.idle_ns += elapsed_ns - busy_ns;
}

fn memory(system: &mut System) -> Timed<MemorySample> {
    timed(|| {
        system.refresh_memory();
        MemorySample {
            total_bytes: system.total_memory(),
            available_bytes: Some(system.available_memory()),
            swap_used_bytes: Some(system.used_swap()),
            ..MemorySample::default()
        }
    })
}

fn processes(system: &mut System, masking: Masking) -> Vec<ProcessSample> {
    let wanted = ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .without_tasks();
    let read = timed(|| system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted));
    let all = system.processes().iter();
    all.map(|(pid, process)| process_sample(*pid, process, read.span, masking))
        .collect()
}

fn process_sample(
    pid: sysinfo::Pid,
    process: &sysinfo::Process,
    span: ReadSpan,
    masking: Masking,
) -> ProcessSample {
    ProcessSample {
        id: ProcessId {
            pid: pid.as_u32(),
            started: process.start_time(),
        },
        name: Arc::from((masking.text)(&process.name().to_string_lossy())),
        parent: process.parent().map_or(0, sysinfo::Pid::as_u32),
        cpu_ns: process.accumulated_cpu_time() * 1_000_000,
        children_cpu_ns: None,
        rss_bytes: process.memory(),
        threads: None,
        minor_faults: None,
        major_faults: None,
        span,
    }
}

fn disk_transfers(disks: &mut Disks) -> Timed<DiskSample> {
    timed(|| {
        disks.refresh_specifics(true, DiskRefreshKind::nothing().with_io_usage());
        let one = |disk: &sysinfo::Disk| {
            let usage = disk.usage();
            let counters = DiskCounters {
                read_bytes: usage.total_read_bytes,
                written_bytes: usage.total_written_bytes,
                ..DiskCounters::default()
            };
            (disk.name().to_string_lossy().into_owned(), counters)
        };
        disks.iter().map(one).collect()
    })
}

fn traffic(networks: &mut Networks) -> Timed<NetworkSample> {
    timed(|| {
        networks.refresh(true);
        let one = |(name, data): (&OsString, &sysinfo::NetworkData)| {
            let errors = data.total_errors_on_received() + data.total_errors_on_transmitted();
            let counters = InterfaceCounters {
                received_bytes: data.total_received(),
                received_packets: Some(data.total_packets_received()),
                transmitted_bytes: data.total_transmitted(),
                transmitted_packets: Some(data.total_packets_transmitted()),
                drops: None,
                errors: Some(errors),
                ..InterfaceCounters::default()
            };
            (name.to_string_lossy().into_owned(), counters)
        };
        networks.iter().map(one).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_read_without_proc_files_of_our_own() {
        let mut gaps = Gaps::default();
        let everything = SourceOptions {
            processes: Some(Masking::NONE),
            ..SourceOptions::default()
        };
        let mut source =
            PortableSource::new(&Roots::host(), KernelUnits::host(), &everything, &mut gaps);
        let first = source.sample(&mut gaps);
        std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL * 2);
        let second = source.sample(&mut gaps);

        let memory = second.memory.unwrap().value;
        assert!(memory.available_bytes.unwrap() <= memory.total_bytes);
        let (before, after) = (first.cpu.unwrap().value.all, second.cpu.unwrap().value.all);
        let total = |t: CpuTimes| t.busy_ns + t.idle_ns;
        assert!(total(after) > total(before) && after.busy_ns >= before.busy_ns);
        let own = std::process::id();
        let me = second
            .processes
            .unwrap()
            .into_iter()
            .find(|p| p.id.pid == own);
        assert!(me.unwrap().rss_bytes > 0);
        assert!(gaps.iter().any(|(what, _)| what == "pressure.cpu"));
    }
}
