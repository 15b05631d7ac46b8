//! Names of the series of a recorded machine. `sysmon` describes them in its table of metrics.

use super::macros::figures;

figures! { Series:
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_BUSY_RATIO = "cpu.busy_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_USER_RATIO = "cpu.user_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_SYSTEM_RATIO = "cpu.system_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_NICE_RATIO = "cpu.nice_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_GUEST_RATIO = "cpu.guest_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_IRQ_RATIO = "cpu.irq_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_SOFTIRQ_RATIO = "cpu.softirq_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_IOWAIT_RATIO = "cpu.iowait_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_STEAL_RATIO = "cpu.steal_ratio";
    /// CPU time by state; guest time is not in user or nice as well.
    CPU_IDLE_RATIO = "cpu.idle_ratio";
    /// Tasks running or ready to run.
    LOAD_RUNNABLE = "load.runnable";
    /// Tasks blocked on I/O.
    LOAD_BLOCKED = "load.blocked";
    /// Context switches of all CPUs.
    SCHEDULER_CONTEXT_SWITCHES_PER_S = "scheduler.context_switches_per_s";
    /// Processes and threads made.
    SCHEDULER_FORKS_PER_S = "scheduler.forks_per_s";
    /// Load average over one minute.
    LOAD_AVERAGE_1M = "load.average_1m";
    /// Load average over five minutes.
    LOAD_AVERAGE_5M = "load.average_5m";
    /// Load average over fifteen minutes.
    LOAD_AVERAGE_15M = "load.average_15m";
    /// Threads of all processes.
    LOAD_TASKS = "load.tasks";
    /// Open files of all processes.
    HANDLES_OPEN = "handles.open";
    /// Most files that may be open.
    HANDLES_MOST = "handles.most";
    /// Temperature by sensor.
    TEMPERATURE_CELSIUS = "temperature.celsius";
    /// Clock of a core.
    CPU_CLOCK_HERTZ = "cpu.clock_hertz";
    /// Memory that the kernel manages.
    MEMORY_TOTAL_BYTES = "memory.total_bytes";
    /// Memory available without swapping.
    MEMORY_AVAILABLE_BYTES = "memory.available_bytes";
    /// Memory that is not available without swapping.
    MEMORY_USED_BYTES = "memory.used_bytes";
    /// Share of memory that is not available without swapping.
    MEMORY_USED_RATIO = "memory.used_ratio";
    /// Page cache, buffers included.
    MEMORY_CACHED_BYTES = "memory.cached_bytes";
    /// Memory changed and not yet written to disk, or being written.
    MEMORY_DIRTY_BYTES = "memory.dirty_bytes";
    /// Memory of the kernel's own objects.
    MEMORY_SLAB_BYTES = "memory.slab_bytes";
    /// Memory of the kernel's own objects that it can reclaim.
    MEMORY_SLAB_RECLAIMABLE_BYTES = "memory.slab_reclaimable_bytes";
    /// Memory of programs in transparent huge pages.
    MEMORY_HUGE_ANONYMOUS_BYTES = "memory.huge_anonymous_bytes";
    /// Memory set aside as huge pages.
    MEMORY_HUGE_TOTAL_BYTES = "memory.huge_total_bytes";
    /// Memory of huge pages that are not in use.
    MEMORY_HUGE_FREE_BYTES = "memory.huge_free_bytes";
    /// Page faults that waited for a disk.
    MEMORY_MAJOR_FAULTS_PER_S = "memory.major_faults_per_s";
    /// Processes killed because memory ran out.
    MEMORY_OOM_KILLS = "memory.oom_kills";
    /// Swap in use.
    SWAP_USED_BYTES = "swap.used_bytes";
    /// Bytes read back from swap.
    SWAP_IN_BYTES_PER_S = "swap.in_bytes_per_s";
    /// Bytes written to swap.
    SWAP_OUT_BYTES_PER_S = "swap.out_bytes_per_s";
    /// Time in which some task waited for the resource.
    PRESSURE_CPU_SOME_RATIO = "pressure.cpu.some_ratio";
    /// Time in which all tasks that were not idle waited for the resource.
    PRESSURE_CPU_FULL_RATIO = "pressure.cpu.full_ratio";
    /// Time in which some task waited for the resource.
    PRESSURE_MEMORY_SOME_RATIO = "pressure.memory.some_ratio";
    /// Time in which all tasks that were not idle waited for the resource.
    PRESSURE_MEMORY_FULL_RATIO = "pressure.memory.full_ratio";
    /// Time in which some task waited for the resource.
    PRESSURE_IO_SOME_RATIO = "pressure.io.some_ratio";
    /// Time in which all tasks that were not idle waited for the resource.
    PRESSURE_IO_FULL_RATIO = "pressure.io.full_ratio";
    /// Time in which some task of the group waited for the resource.
    CGROUP_PRESSURE_CPU_SOME_RATIO = "cgroup.pressure.cpu.some_ratio";
    /// Time in which all tasks of the group waited for the resource.
    CGROUP_PRESSURE_CPU_FULL_RATIO = "cgroup.pressure.cpu.full_ratio";
    /// Time in which some task of the group waited for the resource.
    CGROUP_PRESSURE_MEMORY_SOME_RATIO = "cgroup.pressure.memory.some_ratio";
    /// Time in which all tasks of the group waited for the resource.
    CGROUP_PRESSURE_MEMORY_FULL_RATIO = "cgroup.pressure.memory.full_ratio";
    /// Time in which some task of the group waited for the resource.
    CGROUP_PRESSURE_IO_SOME_RATIO = "cgroup.pressure.io.some_ratio";
    /// Time in which all tasks of the group waited for the resource.
    CGROUP_PRESSURE_IO_FULL_RATIO = "cgroup.pressure.io.full_ratio";
    /// Bytes read.
    DISK_READ_BYTES_PER_S = "disk.read_bytes_per_s";
    /// Bytes written.
    DISK_WRITE_BYTES_PER_S = "disk.write_bytes_per_s";
    /// Reads completed.
    DISK_READS_PER_S = "disk.reads_per_s";
    /// Writes completed.
    DISK_WRITES_PER_S = "disk.writes_per_s";
    /// Time that reads took, summed over concurrent reads.
    DISK_READ_AWAIT_NS = "disk.read_await_ns";
    /// Time that writes took, summed over concurrent writes.
    DISK_WRITE_AWAIT_NS = "disk.write_await_ns";
    /// Time multiplied by the transfers in progress; its rate is the length of the queue.
    DISK_QUEUE_LENGTH = "disk.queue_length";
    /// Time with at least one transfer in progress.
    DISK_BUSY_RATIO = "disk.busy_ratio";
    /// Bytes received.
    NETWORK_RECEIVE_BYTES_PER_S = "network.receive_bytes_per_s";
    /// Bytes sent.
    NETWORK_TRANSMIT_BYTES_PER_S = "network.transmit_bytes_per_s";
    /// Packets received.
    NETWORK_RECEIVE_PACKETS_PER_S = "network.receive_packets_per_s";
    /// Packets sent.
    NETWORK_TRANSMIT_PACKETS_PER_S = "network.transmit_packets_per_s";
    /// Packets dropped, in both directions.
    NETWORK_DROPS_PER_S = "network.drops_per_s";
    /// Packets with errors, in both directions.
    NETWORK_ERRORS_PER_S = "network.errors_per_s";
    /// Segments sent again.
    TCP_RETRANSMITS_PER_S = "tcp.retransmits_per_s";
    /// Segments sent.
    TCP_SEGMENTS_SENT_PER_S = "tcp.segments_sent_per_s";
    /// Connections that are established or were closed by the other side.
    TCP_ESTABLISHED = "tcp.established";
    /// Connections refused because a listening socket's queue was full.
    TCP_LISTEN_OVERFLOWS_PER_S = "tcp.listen_overflows_per_s";
    /// Connections refused by a listening socket for any reason.
    TCP_LISTEN_DROPS_PER_S = "tcp.listen_drops_per_s";
    /// TCP sockets in use.
    TCP_SOCKETS_IN_USE = "tcp.sockets_in_use";
    /// Closed sockets kept until no delayed packet can arrive.
    TCP_TIME_WAIT = "tcp.time_wait";
    /// Sockets that belong to no process.
    TCP_ORPHANS = "tcp.orphans";
    /// TCP sockets by state.
    TCP_SOCKETS = "tcp.sockets";
    /// CPU time of the group.
    CGROUP_CPU_CORES = "cgroup.cpu_cores";
    /// CPU time of the group, as a share of its limit.
    CGROUP_CPU_USED_RATIO = "cgroup.cpu.used_ratio";
    /// Periods of the quota in which the group wanted to run.
    CGROUP_CPU_PERIODS = "cgroup.cpu.periods";
    /// Periods of the quota in which it was used up.
    CGROUP_CPU_THROTTLED_PERIODS_RATIO = "cgroup.cpu.throttled_periods_ratio";
    /// Time in which the group was throttled, summed over its CPUs.
    CGROUP_CPU_THROTTLED_CORES = "cgroup.cpu.throttled_cores";
    /// Memory charged to the group, page cache included.
    CGROUP_MEMORY_USED_BYTES = "cgroup.memory.used_bytes";
    /// Memory charged to the group without inactive page cache.
    CGROUP_MEMORY_WORKING_SET_BYTES = "cgroup.memory.working_set_bytes";
    /// Working set of the group, as a share of its limit.
    CGROUP_MEMORY_USED_RATIO = "cgroup.memory.used_ratio";
    /// Times that the group reached its memory limit.
    CGROUP_MEMORY_LIMIT_HITS = "cgroup.memory.limit_hits";
    /// Processes of the group killed because memory ran out.
    CGROUP_MEMORY_OOM_KILLS = "cgroup.memory.oom_kills";
    /// CPU quota of the group in cores; absent without a quota.
    CGROUP_CPU_QUOTA_CORES = "cgroup.cpu.quota_cores";
    /// Memory limit of the group; absent without a limit.
    CGROUP_MEMORY_LIMIT_BYTES = "cgroup.memory.limit_bytes";
    /// Bytes read from disks.
    CGROUP_IO_READ_BYTES_PER_S = "cgroup.io.read_bytes_per_s";
    /// Bytes written to disks.
    CGROUP_IO_WRITE_BYTES_PER_S = "cgroup.io.write_bytes_per_s";
    /// CPU time, its threads included.
    PROCESS_CPU_CORES = "process.cpu_cores";
    /// Resident memory.
    PROCESS_RSS_BYTES = "process.rss_bytes";
    /// CPU time of children that exited and were waited for.
    PROCESS_CHILDREN_CPU_CORES = "process.children_cpu_cores";
    /// Threads.
    PROCESS_THREADS = "process.threads";
    /// Page faults without a disk.
    PROCESS_MINOR_FAULTS_PER_S = "process.minor_faults_per_s";
    /// Page faults that waited for a disk.
    PROCESS_MAJOR_FAULTS_PER_S = "process.major_faults_per_s";
    /// Bytes from disks.
    PROCESS_DISK_READ_BYTES_PER_S = "process.disk_read_bytes_per_s";
    /// Bytes written to disks, or to be written.
    PROCESS_DISK_WRITE_BYTES_PER_S = "process.disk_write_bytes_per_s";
    /// Bytes read by read(2) and its like; recv(2) does not count.
    PROCESS_READ_BYTES_PER_S = "process.read_bytes_per_s";
    /// Bytes written by write(2) and its like; send(2) does not count.
    PROCESS_WRITE_BYTES_PER_S = "process.write_bytes_per_s";
    /// Time its threads were ready to run and had no CPU, since they were first seen.
    PROCESS_WAITING_THREADS = "process.waiting_threads";
    /// Context switches of its threads, since it was first seen.
    PROCESS_CONTEXT_SWITCHES_PER_S = "process.context_switches_per_s";
    /// Open file descriptors.
    PROCESS_DESCRIPTORS = "process.descriptors";
    /// Memory in swap.
    PROCESS_SWAP_BYTES = "process.swap_bytes";
    /// Proportional memory: shared pages are divided among the processes that share them.
    PROCESS_PSS_BYTES = "process.pss_bytes";
    /// Processes of the tree.
    TREE_PROCESSES = "tree.processes";
    /// CPU time of the processes followed, their descendants and ended children included, since they were first seen.
    TREE_CPU_CORES = "tree.cpu_cores";
    /// Resident memory; shared pages count for each process that shares them.
    TREE_RSS_BYTES = "tree.rss_bytes";
    /// Threads of the tree.
    TREE_THREADS = "tree.threads";
    /// Open file descriptors of the tree.
    TREE_DESCRIPTORS = "tree.descriptors";
    /// Proportional memory: shared pages are divided among the processes that share them.
    TREE_PSS_BYTES = "tree.pss_bytes";
    /// Share of the driver's last period in which a kernel ran.
    GPU_UTILISATION_RATIO = "gpu.utilisation_ratio";
    /// Share of the driver's last period in which device memory was used.
    GPU_MEMORY_BUSY_RATIO = "gpu.memory_busy_ratio";
    /// Device memory in use.
    GPU_MEMORY_USED_BYTES = "gpu.memory_used_bytes";
    /// Device memory.
    GPU_MEMORY_TOTAL_BYTES = "gpu.memory_total_bytes";
    /// Power drawn by the board.
    GPU_POWER_WATTS = "gpu.power_watts";
    /// Temperature of the chip.
    GPU_TEMPERATURE_CELSIUS = "gpu.temperature_celsius";
    /// Clock of the multiprocessors.
    GPU_SM_CLOCK_HERTZ = "gpu.sm_clock_hertz";
    /// Size of the file system.
    FILESYSTEM_TOTAL_BYTES = "filesystem.total_bytes";
    /// Space that programs without privileges can still fill.
    FILESYSTEM_AVAILABLE_BYTES = "filesystem.available_bytes";
    /// Share of the space in use, as df computes it: used, divided by used and available.
    FILESYSTEM_USED_RATIO = "filesystem.used_ratio";
    /// Inodes of the file system.
    FILESYSTEM_INODES = "filesystem.inodes";
    /// Inodes that are free.
    FILESYSTEM_INODES_FREE = "filesystem.inodes_free";
    /// Share of the inodes in use.
    FILESYSTEM_INODES_USED_RATIO = "filesystem.inodes_used_ratio";
    /// Time for which the file system has not answered; 0 while it answers.
    FILESYSTEM_SILENT_NS = "filesystem.silent_ns";
    /// Memory of programs that no file backs.
    MEMORY_ANONYMOUS_BYTES = "memory.anonymous_bytes";
    /// Memory that programs share, and files of memory disks; part of the page cache.
    MEMORY_SHARED_BYTES = "memory.shared_bytes";
    /// Memory that waiting programs looked through to free some.
    MEMORY_SCANNED_DIRECT_BYTES_PER_S = "memory.scanned_direct_bytes_per_s";
    /// Memory that the kernel looked through to free some.
    MEMORY_SCANNED_BACKGROUND_BYTES_PER_S = "memory.scanned_background_bytes_per_s";
    /// Pages that were needed again soon after they were dropped.
    MEMORY_REFAULTS_PER_S = "memory.refaults_per_s";
    /// Size of the cache of ZFS (ARC).
    MEMORY_ARC_BYTES = "memory.arc_bytes";
    /// Size to which ZFS shrinks its cache if programs need memory.
    MEMORY_ARC_MIN_BYTES = "memory.arc_min_bytes";
    /// Received packets that were dropped.
    NETWORK_RECEIVE_DROPS_PER_S = "network.receive_drops_per_s";
    /// Packets to be sent that were dropped.
    NETWORK_TRANSMIT_DROPS_PER_S = "network.transmit_drops_per_s";
    /// Received packets with errors.
    NETWORK_RECEIVE_ERRORS_PER_S = "network.receive_errors_per_s";
    /// Errors in sending packets.
    NETWORK_TRANSMIT_ERRORS_PER_S = "network.transmit_errors_per_s";
    /// Bytes received, as a share of the link's speed.
    NETWORK_RECEIVE_USED_RATIO = "network.receive_used_ratio";
    /// Bytes sent, as a share of the link's speed.
    NETWORK_TRANSMIT_USED_RATIO = "network.transmit_used_ratio";
    /// Speed of the link in one direction; absent where it is unknown.
    NETWORK_SPEED_BYTES_PER_S = "network.speed_bytes_per_s";
    /// Packets that the CPU took from its queue.
    NETWORK_SOFTNET_PACKETS_PER_S = "network.softnet_packets_per_s";
    /// Packets dropped because the queue of the CPU was full.
    NETWORK_SOFTNET_DROPS_PER_S = "network.softnet_drops_per_s";
    /// Times that the CPU stopped with packets left in its queue.
    NETWORK_SOFTNET_SQUEEZED_PER_S = "network.softnet_squeezed_per_s";
    /// Tracked connections.
    CONNTRACK_COUNT = "conntrack.count";
    /// Most connections that may be tracked.
    CONNTRACK_MOST = "conntrack.most";
    /// Connections whose entry could not be inserted.
    CONNTRACK_INSERT_FAILED_PER_S = "conntrack.insert_failed_per_s";
    /// Packets dropped because no connection could be tracked for them.
    CONNTRACK_DROPS_PER_S = "conntrack.drops_per_s";
    /// Entries of other connections removed to make room.
    CONNTRACK_EARLY_DROPS_PER_S = "conntrack.early_drops_per_s";
    /// Ports for outgoing connections from one address to one destination.
    TCP_EPHEMERAL_PORTS = "tcp.ephemeral_ports";
    /// Most of those ports in use by connections to one destination.
    TCP_EPHEMERAL_PORTS_USED = "tcp.ephemeral_ports_used";
    /// Datagrams received.
    UDP_RECEIVED_PER_S = "udp.received_per_s";
    /// Datagrams for a port on which nobody listens.
    UDP_NO_PORTS_PER_S = "udp.no_ports_per_s";
    /// Datagrams that could not be received, full buffers included.
    UDP_RECEIVE_ERRORS_PER_S = "udp.receive_errors_per_s";
    /// Datagrams dropped because a socket's receive buffer was full.
    UDP_RECEIVE_BUFFER_ERRORS_PER_S = "udp.receive_buffer_errors_per_s";
    /// Datagrams that could not be sent because the send buffer was full.
    UDP_SEND_BUFFER_ERRORS_PER_S = "udp.send_buffer_errors_per_s";
    /// Times that processes of the group were slowed down because it used more than memory.high.
    CGROUP_MEMORY_HIGH_HITS = "cgroup.memory.high_hits";
    /// Processes and threads of the group.
    CGROUP_PIDS = "cgroup.pids";
    /// Most processes and threads that the group may have; absent without a limit.
    CGROUP_PIDS_LIMIT = "cgroup.pids_limit";
    /// Largest share of a limit in use, of the group and its parents.
    CGROUP_PIDS_USED_RATIO = "cgroup.pids.used_ratio";
    /// Processes and threads that the limit refused.
    CGROUP_PIDS_REFUSED = "cgroup.pids.refused";
}
