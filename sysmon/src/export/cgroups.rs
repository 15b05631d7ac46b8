//! Metrics of control groups: use and limits.

use host_metrics::source::cgroup::CgroupSample;

use super::exposition::Families;

/// Adds the metrics of each group.
pub fn families(groups: &[CgroupSample], out: &mut Families) {
    for group in groups {
        of_cpu(group, out);
        of_memory(group, out);
        of_disks(group, out);
        for (resource, stall) in group.pressure.each() {
            let labels = &[("cgroup", group.name.as_str()), ("resource", resource)];
            let (name, help) = (
                "sysmon_cgroup_pressure_some_seconds",
                "Time in which some task of the group waited for the resource.",
            );
            out.seconds(name, help, labels, Some(stall.some_ns));
            let (name, help) = (
                "sysmon_cgroup_pressure_full_seconds",
                "Time in which all tasks of the group waited for the resource.",
            );
            out.seconds(name, help, labels, stall.full_ns);
        }
    }
}

fn of_cpu(group: &CgroupSample, out: &mut Families) {
    let labels = &[("cgroup", group.name.as_str())];
    let (name, help) = (
        "sysmon_cgroup_cpu_quota_cores",
        "How many cores the group may use at once; absent without a quota.",
    );
    out.gauge(name, help, labels, group.quota_cores);
    if let Some(cpu) = &group.cpu {
        let (name, help) = ("sysmon_cgroup_cpu_seconds", "CPU time of the group.");
        out.seconds(name, help, labels, Some(cpu.value.used_ns));
    }
    if let Some(throttling) = &group.throttling {
        let throttling = throttling.value;
        let (name, help) = (
            "sysmon_cgroup_cpu_periods",
            "Periods of the quota in which the group wanted to run.",
        );
        out.counter(name, help, labels, Some(throttling.periods));
        let (name, help) = (
            "sysmon_cgroup_cpu_throttled_periods",
            "Of these, in which the quota was used up.",
        );
        out.counter(name, help, labels, Some(throttling.throttled_periods));
        let (name, help) = (
            "sysmon_cgroup_cpu_throttled_seconds",
            "Time the group stood still, added up over its CPUs.",
        );
        out.seconds(name, help, labels, Some(throttling.throttled_ns));
    }
}

fn of_memory(group: &CgroupSample, out: &mut Families) {
    let labels = &[("cgroup", group.name.as_str())];
    let (name, help) = (
        "sysmon_cgroup_memory_limit_bytes",
        "How much memory the group may hold; absent without a limit.",
    );
    out.level(name, help, labels, group.memory_limit_bytes);
    if let Some(memory) = &group.memory {
        let (name, help) = (
            "sysmon_cgroup_memory_used_bytes",
            "Memory charged to the group, copies of files included.",
        );
        out.level(name, help, labels, Some(memory.value.used_bytes));
        let (name, help) = (
            "sysmon_cgroup_memory_working_set_bytes",
            "The same without the copies of files that go first.",
        );
        out.level(name, help, labels, memory.value.working_set_bytes);
    }
    if let Some(events) = &group.memory_events {
        let (name, help) = (
            "sysmon_cgroup_memory_limit_hits",
            "How often the group met its limit.",
        );
        out.counter(name, help, labels, events.value.limit_hits);
        let (name, help) = (
            "sysmon_cgroup_oom_kills",
            "Processes of the group killed for want of memory.",
        );
        out.counter(name, help, labels, events.value.oom_kills);
    }
}

fn of_disks(group: &CgroupSample, out: &mut Families) {
    let Some(io) = &group.io else {
        return;
    };
    let labels = &[("cgroup", group.name.as_str())];
    let (name, help) = ("sysmon_cgroup_read_bytes", "Bytes read from disks.");
    out.counter(name, help, labels, Some(io.value.read_bytes));
    let (name, help) = ("sysmon_cgroup_written_bytes", "Bytes written to disks.");
    out.counter(name, help, labels, Some(io.value.written_bytes));
}
