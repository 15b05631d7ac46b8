//! Metrics of CPU time and of the scheduler.

use host_metrics::source::cpu::{CpuSample, CpuTimes};

use super::definition::metrics;

const FAMILY: Option<&str> = Some("sysmon_cpu_seconds");

metrics! {
    /// Metric of the busy CPU time of the machine or a core. Its series is always recorded, but its
    /// counter is exported only if the system does not report the states of which busy time
    /// consists.
    BUSY_TIME: CpuTimes {
        BUSY = time_counter("cpu.busy_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            busy_alone).titled("CPU busy").labelled("mode", "busy");
    }
}

metrics! {
    /// Metrics of the CPU time, of the machine or a core, in each state that belongs to busy time;
    /// the kernel rounds each to a tick separately.
    BUSY_STATES: CpuTimes {
        USER = time_counter("cpu.user_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.user_ns).titled("CPU user").labelled("mode", "user");
        SYSTEM = time_counter("cpu.system_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.system_ns).titled("CPU system").labelled("mode", "system");
        NICE = time_counter("cpu.nice_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.nice_ns).titled("CPU user, lowered").hidden_if_zero().labelled("mode", "nice");
        GUEST = time_counter("cpu.guest_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.guest_ns).titled("CPU guests").hidden_if_zero().labelled("mode", "guest");
        IRQ = time_counter("cpu.irq_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.irq_ns).titled("CPU interrupts").labelled("mode", "irq");
        SOFTIRQ = time_counter("cpu.softirq_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.softirq_ns).titled("CPU soft interrupts").labelled("mode", "softirq");
    }
}

metrics! {
    /// Metrics of the CPU time, of the machine or a core, in the states that do not belong to busy
    /// time. The shares of these and of [`BUSY_STATES`] add up to one.
    OTHER_STATES: CpuTimes {
        IOWAIT = time_counter("cpu.iowait_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.iowait_ns).titled("CPU waiting for I/O").labelled("mode", "iowait");
        STEAL = time_counter("cpu.steal_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| t.steal_ns).titled("CPU stolen").labelled("mode", "steal");
        IDLE = time_counter("cpu.idle_ratio", FAMILY,
            "CPU time by state; guest time is not in user or nice as well.",
            |t| Some(t.idle_ns)).labelled("mode", "idle");
    }
}

/// Returns the busy time in nanoseconds if the system does not report the states of which it
/// consists; otherwise `None`, because the states are exported instead.
fn busy_alone(times: &CpuTimes) -> Option<u64> {
    times.user_ns.is_none().then_some(times.busy_ns)
}

metrics! {
    /// Metrics of runnable and blocked tasks, context switches and forks of the whole machine.
    TASKS: CpuSample {
        RUNNABLE = level("load.runnable", Some("sysmon_tasks_runnable"),
            "Tasks running or ready to run.", |c| c.runnable).titled("tasks runnable");
        BLOCKED = level("load.blocked", Some("sysmon_tasks_blocked"),
            "Tasks blocked on I/O.", |c| c.blocked);
        CONTEXT_SWITCHES = rate("scheduler.context_switches_per_s", Some("sysmon_context_switches"),
            "Context switches of all CPUs.", |c| c.context_switches).titled("context switches/s");
        FORKS = rate("scheduler.forks_per_s", Some("sysmon_forks"),
            "Processes and threads made.", |c| c.forks).titled("forks/s");
    }
}
