//! `/proc/stat`: CPU time by state, and how many tasks are runnable.

use std::collections::BTreeMap;

/// CPU time since boot, in nanoseconds (a multiple of the tick).
///
/// *busy* is what ran here: user, nice, system and interrupts. Waiting for I/O is idle time, and
/// what the hypervisor stole ran elsewhere, so neither is busy; guests are already part of user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTimes {
    /// user + nice + system + irq + softirq.
    pub busy_ns: u64,
    /// Idle, without waiting for I/O.
    pub idle_ns: u64,
    /// user + nice.
    pub user_ns: Option<u64>,
    /// Kernel, without interrupts.
    pub system_ns: Option<u64>,
    /// Idle while I/O was under way. The kernel warns that this counter may fall.
    pub iowait_ns: Option<u64>,
    /// irq + softirq.
    pub irq_ns: Option<u64>,
    /// Taken by the hypervisor while a task was ready to run.
    pub steal_ns: Option<u64>,
}

/// The machine's CPUs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuSample {
    /// All cores together.
    pub all: CpuTimes,
    /// Each core that is online, by number.
    pub cores: BTreeMap<u32, CpuTimes>,
    /// Tasks running or ready to run, this program's reading thread included.
    pub runnable: Option<u64>,
}

/// Parses `/proc/stat`; `None` when its first line gives no CPU time.
pub fn parse(text: &str, tick_ns: u64) -> Option<CpuSample> {
    let mut sample = CpuSample::default();
    let mut all = None;
    for line in text.lines() {
        let Some((key, rest)) = line.split_once(' ') else {
            continue;
        };
        match key.strip_prefix("cpu") {
            Some("") => all = times(rest, tick_ns),
            Some(number) => {
                if let (Ok(core), Some(times)) = (number.parse(), times(rest, tick_ns)) {
                    sample.cores.insert(core, times);
                }
            }
            None if key == "procs_running" => sample.runnable = rest.trim().parse().ok(),
            None => {}
        }
    }
    sample.all = all?;
    Some(sample)
}

/// `user nice system idle [iowait irq softirq steal …]`; the first four are in every kernel.
fn times(fields: &str, tick_ns: u64) -> Option<CpuTimes> {
    let mut fields = fields.split_ascii_whitespace();
    let mut next = || -> Option<u64> { fields.next()?.parse::<u64>().ok()?.checked_mul(tick_ns) };
    let (user, nice, system, idle_ns) = (next()?, next()?, next()?, next()?);
    let (iowait_ns, irq, softirq, steal_ns) = (next(), next(), next(), next());
    let user_ns = user.checked_add(nice)?;
    let irq_ns = irq.zip(softirq).and_then(|(a, b)| a.checked_add(b));
    let busy_ns = user_ns
        .checked_add(system)?
        .checked_add(irq_ns.unwrap_or(0))?;
    Some(CpuTimes {
        busy_ns,
        idle_ns,
        user_ns: Some(user_ns),
        system_ns: Some(system),
        iowait_ns,
        irq_ns,
        steal_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_apart_and_guests_not_counted_twice() {
        let text = "cpu  100 10 40 800 30 5 15 20 60 0\n\
                    cpu1 50 5 20 400 15 2 8 10 30 0\n\
                    intr 12 0 0\nprocs_running 3\n";
        let sample = parse(text, 10).unwrap();
        assert_eq!(sample.all.busy_ns, 1700);
        assert_eq!(sample.all.user_ns, Some(1100));
        assert_eq!(sample.all.irq_ns, Some(200));
        assert_eq!(sample.all.steal_ns, Some(200));
        assert_eq!(sample.cores.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(sample.runnable, Some(3));
    }

    #[test]
    fn a_kernel_with_few_states_leaves_the_others_absent() {
        let old = parse("cpu  1 2 3 4\n", 1).unwrap();
        assert_eq!(old.all.busy_ns, 6);
        assert_eq!(
            (old.all.iowait_ns, old.all.irq_ns, old.all.steal_ns),
            (None, None, None)
        );
        assert_eq!(old.runnable, None);
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
