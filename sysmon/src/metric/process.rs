//! Metrics of processes and of followed trees.

use host_metrics::source::process::{ProcessDetail, ProcessIo, ProcessSample, SchedulerWait};

use super::definition::metrics;
use crate::follow::{FaultCounters, TreeTotals};

/// Resolution of the kernel's counter of the time that threads waited for a CPU, in nanoseconds.
const WAIT_QUANTUM_NS: u64 = 1;

metrics! {
    /// Metrics that are recorded of every selected process: CPU time and resident memory.
    ALWAYS: ProcessSample {
        CPU_CORES = time_counter("process.cpu_cores", Some("sysmon_process_cpu_seconds"),
            "CPU time, its threads included.", |p| Some(p.cpu_ns));
        RSS = level("process.rss_bytes", Some("sysmon_process_resident_bytes"),
            "Resident memory.", |p| Some(p.rss_bytes)).should_level_off();
    }
}

metrics! {
    /// Metric of the CPU time of a process's children that have exited.
    CHILDREN: ProcessSample {
        CHILDREN_CPU_CORES = time_counter(
            "process.children_cpu_cores", Some("sysmon_process_children_cpu_seconds"),
            "CPU time of children that exited and were waited for.", |p| p.children_cpu_ns);
    }
}

metrics! {
    /// Metric of the number of threads of a process.
    THREADS: ProcessSample {
        THREAD_COUNT = level("process.threads", Some("sysmon_process_threads"),
            "Threads.", |p| p.threads).should_level_off();
    }
}

metrics! {
    /// Metrics of the page faults of a process.
    FAULTS: FaultCounters {
        MINOR_FAULTS = rate("process.minor_faults_per_s", Some("sysmon_process_minor_faults"),
            "Page faults without a disk.", |f| f.minor);
        MAJOR_FAULTS = rate("process.major_faults_per_s", Some("sysmon_process_major_faults"),
            "Page faults that waited for a disk.", |f| f.major);
    }
}

metrics! {
    /// Metrics of the bytes that a process reads and writes, per second.
    IO: ProcessIo {
        DISK_READ = rate("process.disk_read_bytes_per_s", Some("sysmon_process_disk_read_bytes"),
            "Bytes from disks.", |io| Some(io.disk_read_bytes));
        DISK_WRITTEN = rate(
            "process.disk_write_bytes_per_s", Some("sysmon_process_disk_written_bytes"),
            "Bytes written to disks, or to be written.", |io| Some(io.disk_written_bytes));
        READ = rate("process.read_bytes_per_s", Some("sysmon_process_read_bytes"),
            "Bytes read by read(2) and its like; recv(2) does not count.", |io| Some(io.read_bytes))
            ;
        WRITTEN = rate("process.write_bytes_per_s", Some("sysmon_process_written_bytes"),
            "Bytes written by write(2) and its like; send(2) does not count.",
            |io| Some(io.written_bytes));
    }
}

metrics! {
    /// Metrics of the time that the threads of a process waited for a CPU, and of their context
    /// switches.
    SCHEDULER: SchedulerWait {
        WAITING_THREADS = time("process.waiting_threads", Some("sysmon_process_waiting_seconds"),
            "Time its threads were ready to run and had no CPU, since they were first seen.",
            |w| Some(w.waited_ns), WAIT_QUANTUM_NS);
        CONTEXT_SWITCHES = rate(
            "process.context_switches_per_s", Some("sysmon_process_context_switches"),
            "Context switches of its threads, since it was first seen.",
            |w| Some(w.switches));
    }
}

metrics! {
    /// Metrics of a process that need additional reads: open file descriptors, swap, and
    /// proportional memory (PSS).
    DETAIL: ProcessDetail {
        DESCRIPTORS = level("process.descriptors", Some("sysmon_process_descriptors"),
            "Open file descriptors.", |d| d.descriptors).should_level_off();
        SWAP = level("process.swap_bytes", Some("sysmon_process_swap_bytes"),
            "Memory in swap.", |d| d.swap_bytes);
        PSS = level("process.pss_bytes", Some("sysmon_process_pss_bytes"),
            "Proportional memory: shared pages are divided among the processes that share them.",
            |d| d.pss_bytes).should_level_off();
    }
}

metrics! {
    /// Metrics of sums over a followed process and its descendants.
    TREE: TreeTotals {
        TREE_PROCESSES = level("tree.processes", Some("sysmon_tree_processes"),
            "Processes of the tree.", |t| Some(t.processes)).titled("processes");
        TREE_CPU_CORES = time_counter("tree.cpu_cores", Some("sysmon_tree_cpu_seconds"),
            "CPU time of the processes followed, their descendants and ended children included, since they were first seen.",
            |t| Some(t.used_ns)).titled("cores used");
        TREE_RSS = level("tree.rss_bytes", Some("sysmon_tree_resident_bytes"),
            "Resident memory; shared pages count for each process that shares them.",
            |t| t.rss_bytes).titled("memory").should_level_off();
        TREE_THREADS = level("tree.threads", Some("sysmon_tree_threads"),
            "Threads of the tree.", |t| t.threads).should_level_off();
        TREE_DESCRIPTORS = level("tree.descriptors", Some("sysmon_tree_descriptors"),
            "Open file descriptors of the tree.", |t| t.descriptors).should_level_off();
        TREE_PSS = level("tree.pss_bytes", Some("sysmon_tree_pss_bytes"),
            "Proportional memory: shared pages are divided among the processes that share them.", |t| t.pss_bytes);
    }
}
