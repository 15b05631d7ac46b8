//! CPU time by state and counters of the scheduler, from `/proc/stat`.

use std::collections::BTreeMap;

/// CPU time since boot of one core or of all cores together, in nanoseconds (multiples of the
/// kernel's tick). States that the kernel does not report are `None`.
///
/// *busy* is the time in which something ran on this machine: user, nice, system, interrupts and
/// guests. It excludes waiting for I/O, which is idle time, and stolen time. The kernel includes
/// the time of guests in user and nice; here it is subtracted, so that the states add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTimes {
    /// Busy time since boot, in nanoseconds: user + nice + guest + system + irq + softirq.
    pub busy_ns: u64,
    /// Idle time since boot, in nanoseconds, without the time waiting for I/O.
    pub idle_ns: u64,
    /// CPU time of programs at ordinary priority, in nanoseconds, without that of guests; `None`
    /// if unknown.
    pub user_ns: Option<u64>,
    /// CPU time of programs at lowered priority (nice), in nanoseconds, without that of guests;
    /// `None` if unknown.
    pub nice_ns: Option<u64>,
    /// CPU time of the kernel, in nanoseconds, without interrupts; `None` if unknown.
    pub system_ns: Option<u64>,
    /// Idle time while I/O was in progress, in nanoseconds. The kernel warns that this counter may
    /// fall. `None` if the kernel does not report it.
    pub iowait_ns: Option<u64>,
    /// CPU time of hardware interrupts, in nanoseconds; `None` if the kernel does not report it.
    pub irq_ns: Option<u64>,
    /// CPU time of the deferred work of interrupts (softirq), in nanoseconds; `None` if the kernel
    /// does not report it.
    pub softirq_ns: Option<u64>,
    /// Time that the hypervisor took from this machine while a task was ready to run, in
    /// nanoseconds; `None` if the kernel does not report it.
    pub steal_ns: Option<u64>,
    /// CPU time of virtual machines that run on this machine, in nanoseconds, at ordinary and
    /// lowered priority; `None` if the kernel does not report it.
    pub guest_ns: Option<u64>,
}

/// CPU time of the host, in total and by core, and counters of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuSample {
    /// CPU time summed over all cores.
    pub all: CpuTimes,
    /// CPU time of each core that is online, by its number from 0.
    pub cores: BTreeMap<u32, CpuTimes>,
    /// Number of tasks that are running or ready to run, the reading thread included; `None` if
    /// the kernel does not report it.
    pub runnable: Option<u64>,
    /// Number of tasks that are blocked on I/O; `None` if the kernel does not report it.
    pub blocked: Option<u64>,
    /// Number of context switches since boot, over all cores; `None` if the kernel does not report
    /// it.
    pub context_switches: Option<u64>,
    /// Number of processes and threads started since boot; `None` if the kernel does not report
    /// it.
    pub forks: Option<u64>,
}

/// Parses the text of `/proc/stat`, whose times are in ticks of `tick_ns` nanoseconds. `None` if
/// the line `cpu` with the total CPU time is missing or malformed.
pub(crate) fn parse(text: &str, tick_ns: u64) -> Option<CpuSample> {
    let mut sample = CpuSample::default();
    let mut all = None;
    for line in text.lines() {
        let Some((key, rest)) = line.split_once(' ') else {
            continue;
        };
        let count = || rest.trim().parse().ok();
        match key.strip_prefix("cpu") {
            Some("") => all = times(rest, tick_ns),
            Some(number) => {
                if let (Ok(core), Some(times)) = (number.parse(), times(rest, tick_ns)) {
                    sample.cores.insert(core, times);
                }
            }
            None => match key {
                "procs_running" => sample.runnable = count(),
                "procs_blocked" => sample.blocked = count(),
                "ctxt" => sample.context_switches = count(),
                "processes" => sample.forks = count(),
                _ => {}
            },
        }
    }
    sample.all = all?;
    Some(sample)
}

/// Parses the numbers `user nice system idle [iowait irq softirq steal guest guest_nice]`, in
/// ticks of `tick_ns` nanoseconds, of a line of `/proc/stat`. Each kernel has the first four;
/// `None` if one of them is missing, or if a sum overflows.
fn times(fields: &str, tick_ns: u64) -> Option<CpuTimes> {
    let mut fields = fields.split_ascii_whitespace();
    let mut next = || -> Option<u64> { fields.next()?.parse::<u64>().ok()?.checked_mul(tick_ns) };
    let (user, nice, system, idle_ns) = (next()?, next()?, next()?, next()?);
    let (iowait_ns, irq_ns, softirq_ns, steal_ns) = (next(), next(), next(), next());
    let guests = next().zip(next());
    // The kernel adds guest time to both counters one after the other, so one may be a tick ahead.
    let without_guests = |all: u64, guest: Option<u64>| all.saturating_sub(guest.unwrap_or(0));
    let busy_ns = [
        user,
        nice,
        system,
        irq_ns.unwrap_or(0),
        softirq_ns.unwrap_or(0),
    ]
    .into_iter()
    .try_fold(0, u64::checked_add)?;
    Some(CpuTimes {
        busy_ns,
        idle_ns,
        user_ns: Some(without_guests(user, guests.map(|(guest, _)| guest))),
        nice_ns: Some(without_guests(nice, guests.map(|(_, nice)| nice))),
        system_ns: Some(system),
        iowait_ns,
        irq_ns,
        softirq_ns,
        steal_ns,
        guest_ns: guests.and_then(|(guest, nice)| guest.checked_add(nice)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_apart_and_guests_not_counted_twice() {
        let text = "cpu  100 10 40 800 30 5 15 20 60 4\n\
                    cpu1 50 5 20 400 15 2 8 10 30 0\n\
                    intr 12 0 0\nctxt 77\nprocesses 9\nprocs_running 3\nprocs_blocked 1\n";
        let sample = parse(text, 10).unwrap();
        let all = sample.all;
        assert_eq!(all.busy_ns, 1700);
        assert_eq!((all.user_ns, all.nice_ns), (Some(400), Some(60)));
        assert_eq!(all.guest_ns, Some(640));
        assert_eq!((all.irq_ns, all.softirq_ns), (Some(50), Some(150)));
        assert_eq!(all.steal_ns, Some(200));
        let states = [
            all.user_ns,
            all.nice_ns,
            all.guest_ns,
            all.system_ns,
            all.irq_ns,
            all.softirq_ns,
        ];
        assert_eq!(states.into_iter().flatten().sum::<u64>(), all.busy_ns);
        assert_eq!(sample.cores.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!((sample.runnable, sample.blocked), (Some(3), Some(1)));
        assert_eq!(sample.context_switches, Some(77));
        assert_eq!(sample.forks, Some(9));
    }

    #[test]
    fn a_kernel_with_few_states_leaves_the_others_absent() {
        let old = parse("cpu  1 2 3 4\n", 1).unwrap();
        assert_eq!(old.all.busy_ns, 6);
        assert_eq!(
            (old.all.iowait_ns, old.all.irq_ns, old.all.steal_ns),
            (None, None, None)
        );
        assert_eq!((old.all.guest_ns, old.runnable), (None, None));
    }

    #[test]
    fn odd_files_give_nothing_rather_than_nonsense() {
        for text in [
            "",
            "cpu",
            "cpu  1 2",
            "cpu  a b c d",
            "cpu0 1 2 3 4",
            "cpu  18446744073709551615 2 3 4",
            "cpu  -1 2 3 4",
        ] {
            assert_eq!(parse(text, 10_000_000), None, "{text:?}");
        }
        let cut = parse("cpu  1 2 3 4\ncpu0 1 2\ncpuX 1 2 3 4\ncpu1 1 2 3 4", 1).unwrap();
        assert_eq!(cut.cores.keys().collect::<Vec<_>>(), [&1]);
    }
}
