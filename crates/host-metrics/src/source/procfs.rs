//! Source of this host's figures on Linux, which reads files of `/proc` and `/sys`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::CommandLine;
use crate::clock::monotonic_ns;

use super::cgroup::{self, CgroupReader};
use super::disk::DiskFilter;
use super::filesystem::FileSystemWatch;
use super::limits::{self, Conntrack, LinkSpeeds, PortSample, SoftnetSample};
use super::load::{HandleSample, LoadSample};
use super::pressure::{PressureSample, PressureStall};
use super::process::{ProcessDetail, ProcessFields, ProcessId, ProcessTable, listeners};
use super::sensor::Sensors;
use super::tcp::SocketStateSample;
use super::{
    Gaps, HostSample, KeptFile, KernelUnits, ReadSpan, Roots, SlowFile, SourceError, SourceOptions,
    Timed, cpu, disk, load, memory, network, open_file_limit, pressure, tcp,
};

/// Source that reads this host's files, or a made-up file tree in tests.
#[derive(Debug)]
pub(super) struct ProcSource {
    proc: PathBuf,
    units: KernelUnits,
    stat: KeptFile,
    loadavg: SlowFile<LoadSample>,
    file_nr: SlowFile<HandleSample>,
    meminfo: KeptFile,
    vmstat: KeptFile,
    arcstats: Option<KeptFile>,
    diskstats: KeptFile,
    disk_filter: DiskFilter,
    file_systems: Option<FileSystemWatch>,
    network: NetworkFiles,
    pressure: [KeptFile; 3],
    sensors: Sensors,
    cgroups: CgroupReader,
    processes: Option<ProcessTable>,
}

#[derive(Debug)]
struct NetworkFiles {
    dev: KeptFile,
    snmp: KeptFile,
    netstat: KeptFile,
    sockstat: KeptFile,
    softnet: SlowFile<SoftnetSample>,
    port_range: SlowFile<(u16, u16)>,
    conntrack: Option<Conntrack>,
    links: LinkSpeeds,
    states: Option<[KeptFile; 2]>,
}

impl ProcSource {
    /// Creates a source of the file trees `roots`. A missing file is recorded at each sample, not
    /// here. A thread for file systems that cannot be created is recorded in `gaps`.
    pub(super) fn new(
        roots: &Roots,
        units: KernelUnits,
        selection: &SourceOptions,
        gaps: &mut Gaps,
    ) -> Self {
        let file = |path: &str| KeptFile::new(roots.proc.join(path));
        // Opening a missing file at every sample would cost more than reading one.
        let existing = |path: &str| roots.proc.join(path).exists().then(|| file(path));
        let slow_max_age_ns = selection.slow_max_age_ns;
        let states = || [file("net/tcp"), file("net/tcp6")];
        let table = |masking| {
            ProcessTable::new(
                &roots.proc,
                units,
                masking,
                open_file_limit::raise_and_halve(),
            )
        };
        Self {
            proc: roots.proc.clone(),
            units,
            stat: file("stat"),
            loadavg: SlowFile::new(roots.proc.join("loadavg"), slow_max_age_ns),
            file_nr: SlowFile::new(roots.proc.join("sys/fs/file-nr"), slow_max_age_ns),
            meminfo: file("meminfo"),
            vmstat: file("vmstat"),
            arcstats: existing("spl/kstat/zfs/arcstats"),
            diskstats: file("diskstats"),
            disk_filter: DiskFilter::new(&roots.sys),
            file_systems: selection
                .file_systems
                .then(|| FileSystemWatch::start(&roots.proc, gaps)),
            network: NetworkFiles {
                dev: file("net/dev"),
                snmp: file("net/snmp"),
                netstat: file("net/netstat"),
                sockstat: file("net/sockstat"),
                softnet: SlowFile::new(roots.proc.join("net/softnet_stat"), slow_max_age_ns),
                port_range: SlowFile::new(
                    roots.proc.join("sys/net/ipv4/ip_local_port_range"),
                    slow_max_age_ns,
                ),
                conntrack: Conntrack::find(&roots.proc, slow_max_age_ns),
                links: LinkSpeeds::new(&roots.sys),
                states: selection.socket_states.then(states),
            },
            pressure: ["cpu", "memory", "io"].map(|name| file(&format!("pressure/{name}"))),
            sensors: Sensors::find(&roots.sys, slow_max_age_ns),
            cgroups: CgroupReader::new(roots, selection),
            processes: selection.processes.map(table),
        }
    }

    /// Reads all figures once. A figure whose read fails is absent, and its reason is recorded in
    /// `gaps`.
    pub(super) fn sample(&mut self, gaps: &mut Gaps) -> HostSample {
        let begin_ns = monotonic_ns();
        let mut sample = HostSample::default();
        self.sample_host(&mut sample, gaps);
        self.network.sample(&mut sample, gaps);
        sample.pressure = stalls(&mut self.pressure, gaps);
        sample.sensors = self.sensors.sample();
        sample.cgroups = self.cgroups.sample(gaps);
        let forks = sample.cpu.as_ref().and_then(|cpu| cpu.value.forks);
        let processes = self.processes.as_mut();
        sample.processes = processes.and_then(|table| table.sample(forks, gaps));
        note_missing_parts(&sample, gaps);
        sample.span = ReadSpan {
            begin_ns,
            end_ns: monotonic_ns(),
        };
        sample
    }

    /// Reads the expensive figures that `fields` selects of process `id`. All are absent if it is
    /// not in the last sample.
    pub(super) fn detail(
        &mut self,
        id: ProcessId,
        fields: ProcessFields,
        gaps: &mut Gaps,
    ) -> ProcessDetail {
        let table = self.processes.as_mut();
        table.map_or_else(ProcessDetail::default, |table| {
            table.detail(id, fields, gaps)
        })
    }

    /// Adds the control groups of the processes with these ids to the samples, in place of those of
    /// an earlier call. They appear once group memberships are read again.
    pub(super) fn follow_groups(&mut self, processes: impl Iterator<Item = u32>) {
        self.cgroups.follow(processes);
    }

    /// Reads the masked command line of process `pid`; `None` if it has none, cannot be read, or
    /// processes are not read.
    pub(super) fn command_line(&self, pid: u32) -> Option<CommandLine> {
        self.processes.as_ref()?.command_line(pid)
    }

    /// Reads the name of the control group of process `pid`; `None` for the root group, or if it
    /// cannot be read.
    pub(super) fn cgroup_of(&self, pid: u32) -> Option<String> {
        let path = self.proc.join(format!("{pid}/cgroup"));
        let membership = std::fs::read_to_string(path).ok()?;
        cgroup::name_of(&membership).map(str::to_owned)
    }

    /// Finds the ids of the processes that listen on each of these TCP ports; leaves out ports
    /// without a visible listener.
    pub(super) fn listeners(&self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        listeners(&self.proc, ports)
    }

    fn sample_host(&mut self, sample: &mut HostSample, gaps: &mut Gaps) {
        let KernelUnits {
            tick_ns,
            page_bytes,
        } = self.units;
        let filter = &mut self.disk_filter;
        let cpu = self.stat.read("CPU times", |t| cpu::parse(t, tick_ns));
        let load = self.loadavg.read("load averages", load::parse_loadavg);
        let handles = self.file_nr.read("open files", load::parse_file_nr);
        let memory = self.meminfo.read("MemTotal", memory::parse_meminfo);
        let paging = self
            .vmstat
            .read("page counters", |t| memory::parse_vmstat(t, page_bytes));
        let disks = self
            .diskstats
            .read("devices", |t| Some(disk::parse(t, filter)));
        let arc = self.arcstats.as_mut();
        let arc = arc.map(|file| file.read("size", memory::parse_arcstats));
        sample.arc = arc.and_then(|read| gaps.keep("memory.arc", read));
        sample.cpu = gaps.keep("cpu", cpu);
        sample.load = gaps.keep("load", load);
        sample.handles = gaps.keep("file handles", handles);
        sample.memory = gaps.keep("memory", memory);
        sample.paging = gaps.keep("paging", paging);
        sample.disks = gaps.keep("disks", disks);
        let newest = |watch: &FileSystemWatch| watch.newest(gaps);
        sample.file_systems = self.file_systems.as_ref().map(newest).unwrap_or_default();
    }
}

impl NetworkFiles {
    fn sample(&mut self, sample: &mut HostSample, gaps: &mut Gaps) {
        let network = self.dev.read("interfaces", network::parse_dev);
        let mut udp = None;
        let tcp = self.snmp.read("RetransSegs", |text| {
            udp = tcp::parse_udp(text);
            tcp::parse_snmp(text)
        });
        if let (Ok(tcp), Some(udp)) = (&tcp, udp) {
            sample.udp = Some(Timed {
                span: tcp.span,
                value: udp,
            });
        }
        let softnet = self.softnet.read("CPUs", limits::parse_softnet);
        let range = self.port_range.read("range", limits::parse_port_range);
        let listen = self.netstat.read("ListenOverflows", tcp::parse_netstat);
        let sockets = self.sockstat.read("TCP sockets", tcp::parse_sockstat);
        sample.network = gaps.keep("network", network);
        sample.tcp = gaps.keep("tcp.retransmits", tcp);
        sample.listen = gaps.keep("tcp.listen", listen);
        sample.sockets = gaps.keep("tcp.sockets", sockets);
        sample.softnet = gaps.keep("network.softnet", softnet);
        sample.conntrack = self.conntrack.as_mut().and_then(|c| c.sample(gaps));
        sample.link_speeds = self.links.sample();
        let range = gaps.keep("tcp.ephemeral_ports", range);
        let mut most_to_one = None;
        if let Some(files) = &mut self.states {
            let range = range.as_ref().map(|range| range.value);
            let states = states(files, range, &mut most_to_one);
            sample.socket_states = gaps.keep("tcp.sockets by state", states);
        }
        sample.ports = range.map(|range| {
            range.map(|(first, last)| PortSample {
                ports: u64::from(last - first) + 1,
                most_to_one,
            })
        });
    }
}

/// Counts TCP sockets by state, those of IPv4 and IPv6 together; without the latter if its file
/// cannot be read. Sets `most_to_one` to the largest number of connections from a port of `range` to
/// one destination. Fails if the file of IPv4 cannot be read.
fn states(
    [four, six]: &mut [KeptFile; 2],
    range: Option<(u16, u16)>,
    most_to_one: &mut Option<u64>,
) -> Result<Timed<SocketStateSample>, SourceError> {
    let mut parse = |text: &str| {
        let used = range.and_then(|range| limits::parse_port_use(text, range));
        *most_to_one = (*most_to_one).max(used);
        tcp::parse_states(text)
    };
    let mut all = four.read("sockets", &mut parse)?;
    if let Ok(six) = six.read("sockets", parse) {
        all.span.end_ns = six.span.end_ns;
        for (state, count) in six.value {
            *all.value.entry(state).or_default() += count;
        }
    }
    Ok(all)
}

fn stalls([cpu, memory, io]: &mut [KeptFile; 3], gaps: &mut Gaps) -> PressureSample {
    let mut stall = |what, file: &mut KeptFile| {
        let read = file.read("total", pressure::parse);
        gaps.keep(what, read)
    };
    PressureSample {
        cpu: stall("pressure.cpu", cpu),
        memory: stall("pressure.memory", memory),
        io: stall("pressure.io", io),
    }
}

/// Records in `gaps` the figures that are missing in files that could be read.
fn note_missing_parts(sample: &HostSample, gaps: &mut Gaps) {
    let mut note = |missing: bool, what, file: &str| {
        if missing {
            gaps.note(what, &format!("{file} does not have it"));
        }
    };
    if let Some(cpu) = &sample.cpu {
        let cpu = &cpu.value;
        note(cpu.all.iowait_ns.is_none(), "cpu.iowait", "stat");
        note(cpu.all.irq_ns.is_none(), "cpu.irq", "stat");
        note(cpu.all.steal_ns.is_none(), "cpu.steal", "stat");
        note(cpu.runnable.is_none(), "load.runnable", "stat");
        let switches = cpu.context_switches.or(cpu.forks);
        note(switches.is_none(), "scheduler counters", "stat");
    }
    if let Some(memory) = &sample.memory {
        let memory = &memory.value;
        let available = memory.available_bytes;
        note(available.is_none(), "memory.available", "meminfo");
        note(memory.swap_used_bytes.is_none(), "swap.used", "meminfo");
    }
    if let Some(paging) = &sample.paging {
        let paging = &paging.value;
        note(paging.swapped_in_bytes.is_none(), "swap traffic", "vmstat");
        note(paging.major_faults.is_none(), "major faults", "vmstat");
        note(paging.oom_kills.is_none(), "OOM kills", "vmstat");
    }
    let lacks_full = |stall: &Option<Timed<PressureStall>>| {
        let stall = stall.as_ref();
        stall.is_some_and(|stall| stall.value.full_ns.is_none())
    };
    let PressureSample { memory, io, .. } = &sample.pressure;
    note(
        lacks_full(memory),
        "pressure.memory.full",
        "pressure/memory",
    );
    note(lacks_full(io), "pressure.io.full", "pressure/io");
}
