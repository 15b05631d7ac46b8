//! Shares of CPU time by state, and rates of the scheduler, from the kernel's counters.

use host_metrics::rate_window::FigureValue;
use host_metrics::source::cpu::{CpuSample, CpuTimes};

use crate::figure::Figures;
use crate::metric::{Metric, cpu as metric, put_rates};
use host_metrics::rate_window::RateWindow;

pub(super) fn rates(
    old: &CpuSample,
    new: &CpuSample,
    window: RateWindow,
    tick_ns: u64,
    out: &mut Figures,
) {
    shares(&old.all, &new.all, &[], (window, tick_ns), out);
    for (number, new) in &new.cores {
        if let Some(old) = old.cores.get(number) {
            let number = number.to_string();
            let labels = [("core", number.as_str())];
            shares(old, new, &labels, (window, tick_ns), out);
        }
    }
    put_rates(metric::TASKS, (old, new), window, &[], out);
}

/// Adds to `out` the share of each state in the CPU time that passed between `old` and `new`, from
/// 0 to 1, with its rounding error. The counters themselves give the total, so no clock is needed.
/// Adds nothing if no CPU time passed or a counter fell.
fn shares(
    old: &CpuTimes,
    new: &CpuTimes,
    labels: &[(&'static str, &str)],
    (window, tick_ns): (RateWindow, u64),
    out: &mut Figures,
) {
    let Some(total_ns) = elapsed(old, new) else {
        return;
    };
    let share = |old: Option<u64>, new: Option<u64>, counters: usize| {
        let spent = new?.checked_sub(old?)?;
        // `iowait` may fall. The total then lacks it, and is too small.
        let value = (spent as f64 / total_ns as f64).min(1.0);
        let error = (counters as u64 * tick_ns) as f64 / total_ns as f64;
        Some(FigureValue {
            value,
            error,
            over: Some(window.period),
        })
    };
    let grew = |state: &&&Metric<CpuTimes>| state.count(new) > state.count(old);
    let moved = metric::BUSY_STATES.iter().filter(grew).count();
    let busy = share(Some(old.busy_ns), Some(new.busy_ns), moved.max(1));
    out.put_labelled(metric::BUSY.name(), labels, busy);
    for state in metric::BUSY_STATES.iter().chain(metric::OTHER_STATES) {
        let share = share(state.count(old), state.count(new), 1);
        out.put_labelled(state.name(), labels, share);
    }
}

/// Returns the CPU time of all states together between `old` and `new`, in nanoseconds; `None` if
/// none passed or a counter fell. `iowait` may fall, as the kernel documents, and then counts as
/// zero.
fn elapsed(old: &CpuTimes, new: &CpuTimes) -> Option<u64> {
    let iowait_ns = new
        .iowait_ns
        .unwrap_or(0)
        .saturating_sub(old.iowait_ns.unwrap_or(0));
    let steal_ns = new
        .steal_ns
        .unwrap_or(0)
        .checked_sub(old.steal_ns.unwrap_or(0))?;
    new.busy_ns
        .checked_sub(old.busy_ns)?
        .checked_add(new.idle_ns.checked_sub(old.idle_ns)?)?
        .checked_add(iowait_ns)?
        .checked_add(steal_ns)
        .filter(|total_ns| *total_ns > 0)
}
