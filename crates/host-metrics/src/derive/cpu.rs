//! Shares of CPU time by state, and what the scheduler did.

use super::RateWindow;
use crate::figure::{FigureValue, Figures};
use crate::source::cpu::{CpuSample, CpuTimes};
use crate::source::load::LoadSample;

/// A state's name, and its time.
type CpuState = (&'static str, fn(&CpuTimes) -> Option<u64>);

/// The states that are not *busy* itself; with them the shares add up to one.
const STATES: [CpuState; 9] = [
    ("cpu.user_ratio", |t| t.user_ns),
    ("cpu.nice_ratio", |t| t.nice_ns),
    ("cpu.system_ratio", |t| t.system_ns),
    ("cpu.irq_ratio", |t| t.irq_ns),
    ("cpu.softirq_ratio", |t| t.softirq_ns),
    ("cpu.guest_ratio", |t| t.guest_ns),
    ("cpu.iowait_ratio", |t| t.iowait_ns),
    ("cpu.steal_ratio", |t| t.steal_ns),
    ("cpu.idle_ratio", |t| Some(t.idle_ns)),
];
/// How many of these are busy: each is rounded to a tick by itself.
const BUSY_STATES: usize = 6;

pub(super) fn gauges(cpu: &CpuSample, out: &mut Figures) {
    out.put("load.runnable", cpu.runnable);
    out.put("load.blocked", cpu.blocked);
}

pub(super) fn load_gauges(load: &LoadSample, out: &mut Figures) {
    out.put("load.average_1m", Some(load.one));
    out.put("load.average_5m", Some(load.five));
    out.put("load.average_15m", Some(load.fifteen));
    out.put("load.tasks", load.tasks);
}

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
    let switches = window.per_s(old.context_switches, new.context_switches);
    out.put("scheduler.context_switches_per_s", switches);
    out.put("scheduler.forks_per_s", window.per_s(old.forks, new.forks));
}

/// The shares of the CPU time that went by, which needs no clock but the kernel's own.
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
        // iowait may fall and be left out of the total, so another state could seem to be more.
        let value = (spent as f64 / total_ns as f64).min(1.0);
        let error = (counters as u64 * tick_ns) as f64 / total_ns as f64;
        Some(FigureValue {
            value,
            error,
            over: Some(window.period),
        })
    };
    let grew = |(_, time): &&CpuState| time(new) > time(old);
    let moved = STATES[..BUSY_STATES].iter().filter(grew).count();
    let busy = share(Some(old.busy_ns), Some(new.busy_ns), moved.max(1));
    out.put_labelled("cpu.busy_ratio", labels, busy);
    for (name, time) in STATES {
        out.put_labelled(name, labels, share(time(old), time(new), 1));
    }
}

/// CPU time that went by in all states; `None` when none did or a counter fell. `iowait` may
/// fall by the kernel's own account and then counts as nothing.
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
