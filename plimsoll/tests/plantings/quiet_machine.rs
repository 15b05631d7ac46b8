//! Wait for a machine that nothing else uses: timings beside a compiler are worthless.

use std::time::{Duration, Instant};

/// Largest busy share of all CPUs, from 0 to 1, at which the machine is quiet.
pub(crate) const QUIET_RATIO: f64 = 0.15;
/// Largest share of the CPU time of a trial, from 0 to 1, that the hypervisor may give to other guests: more
/// of it stops the servers and the load at random.
pub(crate) const STOLEN_RATIO: f64 = 0.05;
/// Length of one measurement.
const LOOK: Duration = Duration::from_secs(1);

/// CPU time since the start of the machine, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTicks {
    busy: u64,
    stolen: u64,
    total: u64,
}

/// Measures the busy share of all CPUs for a second, from 0 to 1: all time that is neither idle nor
/// waiting for a disk. Time that the hypervisor gives to others is busy.
pub(crate) fn busy_ratio() -> f64 {
    let before = CpuTicks::read();
    std::thread::sleep(LOOK);
    ratio(before, CpuTicks::read())
}

impl CpuTicks {
    /// Reads the CPU time since the start of the machine.
    pub(crate) fn read() -> Self {
        ticks(&std::fs::read_to_string("/proc/stat").unwrap()).unwrap()
    }

    /// Returns the share of the CPU time between this reading and the later one `after`, from 0 to 1, that
    /// the hypervisor gave to other guests.
    pub(crate) fn stolen_ratio(self, after: Self) -> f64 {
        let total = after.total.saturating_sub(self.total).max(1);
        after.stolen.saturating_sub(self.stolen) as f64 / total as f64
    }
}

/// Waits until the machine is quiet, at most for `bound`. Returns the busy share of the last
/// measurement, and the time that was waited.
pub(crate) fn wait(bound: Duration, mut busy_ratio: impl FnMut() -> f64) -> (f64, Duration) {
    let started = Instant::now();
    loop {
        let busy = busy_ratio();
        if busy <= QUIET_RATIO || started.elapsed() >= bound {
            return (busy, started.elapsed());
        }
    }
}

/// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; what
/// follows is part of the first two.
fn ticks(stat: &str) -> Option<CpuTicks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let counts: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .filter_map(|word| word.parse().ok())
        .collect();
    let total = counts.iter().sum();
    let idle = counts.get(3)? + counts.get(4)?;
    Some(CpuTicks {
        busy: total - idle,
        stolen: counts.get(7).copied().unwrap_or_default(),
        total,
    })
}

fn ratio(before: CpuTicks, after: CpuTicks) -> f64 {
    let total = after.total.saturating_sub(before.total).max(1);
    after.busy.saturating_sub(before.busy) as f64 / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_neither_idle_nor_waiting_for_a_disk_is_busy() {
        let before = ticks("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1").unwrap();
        let after = ticks("cpu  130 0 60 850 60 0 0 0 0 0\n").unwrap();
        assert!((ratio(before, after) - 0.4).abs() < 1e-9);
        assert!(ratio(before, before).abs() < 1e-9);
        assert_eq!(ticks("nothing"), None);
        let stolen = ticks("cpu  130 0 60 850 60 0 0 100 0 0\n").unwrap();
        assert!((before.stolen_ratio(stolen) - 0.5).abs() < 1e-9);
        assert!(before.stolen_ratio(after).abs() < 1e-9);
    }

    #[test]
    fn the_wait_ends_with_the_noise_or_at_its_bound() {
        let mut looks = [0.9, 0.5, 0.1].into_iter();
        let (busy, _) = wait(Duration::from_mins(1), || looks.next().unwrap());
        assert!((busy - 0.1).abs() < 1e-9, "{busy}");
        let (busy, waited) = wait(Duration::ZERO, || 0.9);
        assert!(busy > QUIET_RATIO && waited < Duration::from_mins(1));
    }
}
