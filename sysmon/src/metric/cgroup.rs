//! Metrics of control groups.

use host_metrics::source::cgroup::{
    CgroupCpu, CgroupIo, CgroupMemory, CgroupPids, CgroupSample, MemoryEvents, Throttling,
};

use super::definition::metrics;

metrics! {
    /// Metrics of the CPU time of a control group.
    CPU: CgroupCpu {
        CPU_CORES = time_counter("cgroup.cpu_cores", Some("sysmon_cgroup_cpu_seconds"),
            "CPU time of the group.", |c| Some(c.used_ns));
        CPU_USED_RATIO = computed("cgroup.cpu.used_ratio", None,
            "CPU time of the group, as a share of its limit.").titled("group: CPU of limit");
    }
}

metrics! {
    /// Metrics of the throttling of a control group by its CPU quota.
    THROTTLING: Throttling {
        PERIODS = counter("cgroup.cpu.periods", Some("sysmon_cgroup_cpu_periods"),
            "Periods of the quota in which the group wanted to run.", |t| Some(t.periods));
        THROTTLED_PERIODS = counter(
            "cgroup.cpu.throttled_periods_ratio", Some("sysmon_cgroup_cpu_throttled_periods"),
            "Periods of the quota in which it was used up.",
            |t| Some(t.throttled_periods)).titled("group: throttled").hidden_if_zero();
        THROTTLED_CORES = time_counter(
            "cgroup.cpu.throttled_cores", Some("sysmon_cgroup_cpu_throttled_seconds"),
            "Time in which the group was throttled, summed over its CPUs.", |t| Some(t.throttled_ns));
    }
}

metrics! {
    /// Metrics of the memory of a control group.
    MEMORY: CgroupMemory {
        MEMORY_USED = level("cgroup.memory.used_bytes", Some("sysmon_cgroup_memory_used_bytes"),
            "Memory charged to the group, page cache included.", |m| Some(m.used_bytes));
        WORKING_SET = level(
            "cgroup.memory.working_set_bytes", Some("sysmon_cgroup_memory_working_set_bytes"),
            "Memory charged to the group without inactive page cache.",
            |m| m.working_set_bytes).should_level_off();
        MEMORY_USED_RATIO = computed("cgroup.memory.used_ratio", None,
            "Working set of the group, as a share of its limit.").titled("group: memory of limit");
    }
}

metrics! {
    /// Metrics that count events at the memory limit of a control group.
    EVENTS: MemoryEvents {
        LIMIT_HITS = growth("cgroup.memory.limit_hits", Some("sysmon_cgroup_memory_limit_hits"),
            "Times that the group reached its memory limit.",
            |e| e.limit_hits).titled("group: limit hits").hidden_if_zero();
        HIGH_HITS = growth("cgroup.memory.high_hits", Some("sysmon_cgroup_memory_high_hits"),
            "Times that processes of the group were slowed down because it used more than memory.high.",
            |e| e.high_hits).titled("group: slowed by memory.high").hidden_if_zero();
        GROUP_OOM_KILLS = growth("cgroup.memory.oom_kills", Some("sysmon_cgroup_oom_kills"),
            "Processes of the group killed because memory ran out.",
            |e| e.oom_kills).titled("group: OOM kills").hidden_if_zero();
    }
}

metrics! {
    /// Metrics of the number of processes of a control group.
    PIDS: CgroupPids {
        PIDS_CURRENT = level("cgroup.pids", Some("sysmon_cgroup_pids"),
            "Processes and threads of the group.", |p| Some(p.current));
        PIDS_LIMIT = level("cgroup.pids_limit", Some("sysmon_cgroup_pids_limit"),
            "Most processes and threads that the group may have; absent without a limit.",
            |p| p.limit);
        PIDS_USED_RATIO = gauge("cgroup.pids.used_ratio", None,
            "Largest share of a limit in use, of the group and its parents.", |p| p.used_ratio);
        PIDS_REFUSED = growth("cgroup.pids.refused", Some("sysmon_cgroup_pids_refused"),
            "Processes and threads that the limit refused.",
            |p| p.refused).titled("group: forks refused").hidden_if_zero();
    }
}

metrics! {
    /// Metrics of the CPU quota and the memory limit of a control group.
    LIMITS: CgroupSample {
        QUOTA_CORES = gauge("cgroup.cpu.quota_cores", Some("sysmon_cgroup_cpu_quota_cores"),
            "CPU quota of the group in cores; absent without a quota.", |g| g.quota_cores);
        MEMORY_LIMIT = level("cgroup.memory.limit_bytes", Some("sysmon_cgroup_memory_limit_bytes"),
            "Memory limit of the group; absent without a limit.", |g| g.memory_limit_bytes)
            ;
    }
}

metrics! {
    /// Metrics of the disk transfers of a control group, in bytes per second.
    IO: CgroupIo {
        IO_READ = rate("cgroup.io.read_bytes_per_s", Some("sysmon_cgroup_read_bytes"),
            "Bytes read from disks.", |io| Some(io.read_bytes));
        IO_WRITTEN = rate("cgroup.io.write_bytes_per_s", Some("sysmon_cgroup_written_bytes"),
            "Bytes written to disks.", |io| Some(io.written_bytes));
    }
}
