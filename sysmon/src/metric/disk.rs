//! Metrics of disks: throughput, operations, waiting, queue and utilisation.

use host_metrics::source::disk::DiskCounters;

use super::definition::metrics;

/// Resolution of the kernel's counters of disk time, in nanoseconds.
const TIME_QUANTUM_NS: u64 = 1_000_000;

metrics! {
    /// Metrics of one disk: throughput and transfers per second, mean time of a transfer, length of
    /// the queue, and share of time in use.
    ALL: DiskCounters {
        READ_BYTES = rate("disk.read_bytes_per_s", Some("sysmon_disk_read_bytes"),
            "Bytes read.", |d| Some(d.read_bytes)).titled("read");
        WRITTEN_BYTES = rate("disk.write_bytes_per_s", Some("sysmon_disk_written_bytes"),
            "Bytes written.", |d| Some(d.written_bytes)).titled("written");
        READS = rate("disk.reads_per_s", Some("sysmon_disk_reads"),
            "Reads completed.", |d| d.reads);
        WRITES = rate("disk.writes_per_s", Some("sysmon_disk_writes"),
            "Writes completed.", |d| d.writes);
        READ_AWAIT = time_per_event("disk.read_await_ns", Some("sysmon_disk_read_seconds"),
            "Time that reads took, summed over concurrent reads.",
            (|d| d.read_ns, |d| d.reads), TIME_QUANTUM_NS).titled("read await");
        WRITE_AWAIT = time_per_event("disk.write_await_ns", Some("sysmon_disk_write_seconds"),
            "Time that writes took, summed over concurrent writes.",
            (|d| d.write_ns, |d| d.writes), TIME_QUANTUM_NS).titled("write await");
        QUEUE = time("disk.queue_length", Some("sysmon_disk_queued_seconds"),
            "Time multiplied by the transfers in progress; its rate is the length of the queue.",
            |d| d.queued_ns, TIME_QUANTUM_NS).titled("queue");
        BUSY = share("disk.busy_ratio", Some("sysmon_disk_busy_seconds"),
            "Time with at least one transfer in progress.",
            |d| d.busy_ns, TIME_QUANTUM_NS).titled("busy");
    }
}
