//! Sample of a host: all figures read at one tick.

use std::collections::BTreeMap;

use super::cgroup::CgroupSample;
use super::cpu::CpuSample;
use super::disk::DiskSample;
use super::filesystem::FileSystemSample;
use super::limits::{ConntrackSample, PortSample, SoftnetSample};
use super::load::{HandleSample, LoadSample};
use super::memory::{ArcSample, MemorySample, PagingSample};
use super::network::NetworkSample;
use super::pressure::PressureSample;
use super::process::ProcessSample;
use super::sensor::SensorSample;
use super::tcp::{ListenSample, SocketSample, SocketStateSample, TcpSample, UdpSample};
use super::timed::{ReadSpan, Timed};

/// All readings of one tick. A reading is `None` if it failed, or if this system does not have it.
#[derive(Debug, Clone, Default)]
pub struct HostSample {
    /// Times on the monotonic clock before the first read and after the last.
    pub span: ReadSpan,
    /// CPU time by state since boot, and the run queue; `None` if it could not be read.
    pub cpu: Option<Timed<CpuSample>>,
    /// Load averages and number of threads of the host; `None` if they could not be read.
    pub load: Option<Timed<LoadSample>>,
    /// Number of open files of the host and its limit; `None` if it could not be read.
    pub handles: Option<Timed<HandleSample>>,
    /// Memory and swap in use now; `None` if they could not be read.
    pub memory: Option<Timed<MemorySample>>,
    /// Memory of the cache of ZFS; `None` without ZFS.
    pub arc: Option<Timed<ArcSample>>,
    /// Counters of paging since boot; `None` if they could not be read.
    pub paging: Option<Timed<PagingSample>>,
    /// Counters of reads and writes of each disk; `None` if they could not be read.
    pub disks: Option<Timed<DiskSample>>,
    /// Space of each file system that is read; empty if not requested, or if they could not be
    /// listed.
    pub file_systems: Vec<FileSystemSample>,
    /// Traffic counters of each network interface; `None` if they could not be read.
    pub network: Option<Timed<NetworkSample>>,
    /// Speed of each link in one direction, in bytes per second, by interface; those whose speed is
    /// unknown are left out.
    pub link_speeds: BTreeMap<String, u64>,
    /// Counters of the queue in which each CPU takes packets; `None` if they could not be read.
    pub softnet: Option<Timed<SoftnetSample>>,
    /// Number of tracked connections; `None` if connections are not tracked, or if it could not be
    /// read.
    pub conntrack: Option<Timed<ConntrackSample>>,
    /// Number of ephemeral ports and their use; `None` if it could not be read.
    pub ports: Option<Timed<PortSample>>,
    /// Counters of UDP datagrams; `None` if they could not be read.
    pub udp: Option<Timed<UdpSample>>,
    /// Counters of TCP segments, and number of TCP connections; `None` if they could not be read.
    pub tcp: Option<Timed<TcpSample>>,
    /// Counters of connections that listening sockets rejected; `None` if they could not be read.
    pub listen: Option<Timed<ListenSample>>,
    /// Numbers of TCP sockets in use; `None` if they could not be read.
    pub sockets: Option<Timed<SocketSample>>,
    /// Number of TCP sockets in each state; `None` if not requested or not readable.
    pub socket_states: Option<Timed<SocketStateSample>>,
    /// Temperatures and clock frequencies; empty where there are no sensors.
    pub sensors: SensorSample,
    /// Readings of control groups; that of this program is first, if it is in one.
    pub cgroups: Vec<CgroupSample>,
    /// Time since boot in which tasks waited for CPU, memory or I/O; each part may be absent.
    pub pressure: PressureSample,
    /// All processes that could be read; `None` if not requested, or if they could not be listed.
    pub processes: Option<Vec<ProcessSample>>,
}
