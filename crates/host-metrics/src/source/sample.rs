//! Sample of a host.

use super::cgroup::CgroupSample;
use super::cpu::CpuSample;
use super::disk::DiskSample;
use super::load::{HandleSample, LoadSample};
use super::memory::{MemorySample, PagingSample};
use super::network::NetworkSample;
use super::pressure::PressureSample;
use super::process::ProcessSample;
use super::sensor::SensorSample;
use super::tcp::{ListenSample, SocketSample, SocketStateSample, TcpSample};
use super::timed::{ReadSpan, Timed};

/// All readings of one tick.
#[derive(Debug, Clone, Default)]
pub struct HostSample {
    /// Time from the first read to the last.
    pub span: ReadSpan,
    /// CPU time by state and the run queue.
    pub cpu: Option<Timed<CpuSample>>,
    /// Load averages.
    pub load: Option<Timed<LoadSample>>,
    /// Open files.
    pub handles: Option<Timed<HandleSample>>,
    /// Memory and swap in use.
    pub memory: Option<Timed<MemorySample>>,
    /// Counters of paging.
    pub paging: Option<Timed<PagingSample>>,
    /// Transfers of each disk.
    pub disks: Option<Timed<DiskSample>>,
    /// Traffic of each interface.
    pub network: Option<Timed<NetworkSample>>,
    /// TCP segments and connections.
    pub tcp: Option<Timed<TcpSample>>,
    /// Connections that listening sockets rejected.
    pub listen: Option<Timed<ListenSample>>,
    /// TCP sockets in use.
    pub sockets: Option<Timed<SocketSample>>,
    /// TCP sockets by state; absent if not requested.
    pub socket_states: Option<Timed<SocketStateSample>>,
    /// Temperatures and clocks; empty where there are no sensors.
    pub sensors: SensorSample,
    /// Control groups; that of this program is first, if it is in one.
    pub cgroups: Vec<CgroupSample>,
    /// Time in which tasks waited for CPU, memory or I/O.
    pub pressure: PressureSample,
    /// All processes that could be read; absent if not requested, or if they could not be listed.
    pub processes: Option<Vec<ProcessSample>>,
}
