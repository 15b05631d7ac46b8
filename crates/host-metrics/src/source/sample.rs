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

/// Everything read at one tick.
#[derive(Debug, Clone, Default)]
pub struct HostSample {
    /// From the first read to the last.
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
    /// Retransmissions.
    pub tcp: Option<Timed<TcpSample>>,
    /// Connections rejected by full queues.
    pub listen: Option<Timed<ListenSample>>,
    /// TCP sockets in use.
    pub sockets: Option<Timed<SocketSample>>,
    /// TCP sockets by state; absent if not asked for.
    pub socket_states: Option<Timed<SocketStateSample>>,
    /// Temperatures and clocks; empty where there are no sensors.
    pub sensors: SensorSample,
    /// Control groups: that of this program first, if it is in one.
    pub cgroups: Vec<CgroupSample>,
    /// Time stalled for lack of CPU, memory and I/O.
    pub pressure: PressureSample,
    /// Every process that could be read; absent if not asked for, or if none could be listed.
    pub processes: Option<Vec<ProcessSample>>,
}
