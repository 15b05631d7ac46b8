//! Figures of control groups from their counters, absolute and as shares of their limits.

use std::collections::BTreeMap;

use host_metrics::rate_window::{Baseline, FigureValue, RateWindow};
use host_metrics::source::cgroup::{
    CgroupCpu, CgroupIo, CgroupPids, CgroupSample, MemoryEvents, Throttling,
};

use super::pressure_baselines::PressureBaselines;
use crate::figure::{Figures, at_most};
use crate::metric::{cgroup as metric, pressure, put_gauges, put_rates};

/// Last readings of each control group, by the group's name, from which rates are computed.
#[derive(Debug)]
pub(super) struct CgroupDerivation {
    tick_ns: u64,
    cores: Option<f64>,
    least_window_ns: u64,
    groups: BTreeMap<String, CgroupBaselines>,
}

#[derive(Debug)]
struct CgroupBaselines {
    identity: [u64; 4],
    cpu: Baseline<CgroupCpu>,
    throttling: Baseline<Throttling>,
    events: Baseline<MemoryEvents>,
    io: Baseline<CgroupIo>,
    pids: Baseline<CgroupPids>,
    pressure: PressureBaselines,
}

impl CgroupDerivation {
    /// Creates a derivation without readings. `tick_ns` is the kernel's clock tick, and
    /// `least_window_ns` the shortest window of rates of CPU time. For groups without a quota, the
    /// host's `cores` are the limit.
    pub(super) fn new(tick_ns: u64, cores: Option<u64>, least_window_ns: u64) -> Self {
        Self {
            tick_ns,
            cores: cores.map(|cores| cores as f64),
            least_window_ns,
            groups: BTreeMap::new(),
        }
    }

    pub(super) fn figures(
        &mut self,
        samples: Vec<CgroupSample>,
        machine_bytes: Option<u64>,
        out: &mut Figures,
    ) {
        for sample in samples {
            let group = self.groups.entry(sample.name.clone());
            let new = || CgroupBaselines::new(self.least_window_ns, sample.identity);
            let group = group.or_insert_with(new);
            if group.identity != sample.identity {
                // A new group has this name now, and its counters begin anew.
                *group = new();
            }
            group.figures(sample, (self.tick_ns, self.cores), machine_bytes, out);
        }
    }
}

impl CgroupBaselines {
    fn new(least_window_ns: u64, identity: [u64; 4]) -> Self {
        Self {
            identity,
            // Version 1 may count in ticks.
            cpu: Baseline::with_least_window(least_window_ns),
            throttling: Baseline::with_least_window(least_window_ns),
            events: Baseline::with_least_window(0),
            io: Baseline::with_least_window(0),
            pids: Baseline::with_least_window(0),
            pressure: PressureBaselines::default(),
        }
    }

    fn figures(
        &mut self,
        sample: CgroupSample,
        (tick_ns, cores): (u64, Option<f64>),
        machine_bytes: Option<u64>,
        out: &mut Figures,
    ) {
        let name = sample.name.clone();
        let labels = [("cgroup", name.as_str())];
        memory_gauges(&sample, machine_bytes, out);
        let quota = sample.quota_cores;
        put_gauges(metric::LIMITS, &sample, &labels, out);
        if let Some(pids) = &sample.pids {
            put_gauges(metric::PIDS, &pids.value, &labels, out);
        }
        self.cpu.advance(sample.cpu, |old, new, w| {
            // The kernel adds the time of running tasks at every tick of each core.
            let quantum_ns = tick_ns * cores.unwrap_or(1.0) as u64;
            let used = w.mean(Some(old.used_ns), Some(new.used_ns), quantum_ns);
            let used = used.and_then(|used| at_most(used, cores));
            out.put_labelled(metric::CPU_CORES.name(), &labels, used);
            // A group may exceed its quota briefly, and is throttled for it in the next period.
            let of_limit = |used: FigureValue, limit: f64| FigureValue {
                value: used.value / limit,
                error: used.error / limit,
                ..used
            };
            let limit = quota.into_iter().chain(cores).reduce(f64::min);
            let limit = limit.filter(|_| !sample.quota_unread);
            let ratio = used.zip(limit).map(|(used, limit)| of_limit(used, limit));
            out.put_labelled(metric::CPU_USED_RATIO.name(), &labels, ratio);
        });
        self.throttling.advance(sample.throttling, |old, new, w| {
            throttling(old, new, (w, cores), &labels, out);
        });
        self.events.advance(sample.memory_events, |old, new, w| {
            put_rates(metric::EVENTS, (old, new), w, &labels, out);
        });
        self.io.advance(sample.io, |old, new, w| {
            put_rates(metric::IO, (old, new), w, &labels, out);
        });
        self.pids.advance(sample.pids, |old, new, w| {
            put_rates(metric::PIDS, (old, new), w, &labels, out);
        });
        self.pressure
            .advance(sample.pressure, &pressure::CGROUP, &labels, out);
    }
}

fn memory_gauges(sample: &CgroupSample, machine_bytes: Option<u64>, out: &mut Figures) {
    let labels = [("cgroup", sample.name.as_str())];
    let limit = sample.memory_limit_bytes;
    let Some(memory) = &sample.memory else {
        return;
    };
    let memory = memory.value;
    put_gauges(metric::MEMORY, &memory, &labels, out);
    let working_set = memory.working_set_bytes;
    let limit = limit.into_iter().chain(machine_bytes).min();
    let limit = limit.filter(|limit| *limit > 0 && !sample.memory_limit_unread);
    let ratio = working_set
        .zip(limit)
        .map(|(used, limit)| used as f64 / limit as f64);
    out.put_labelled(metric::MEMORY_USED_RATIO.name(), &labels, ratio);
}

fn throttling(
    old: &Throttling,
    new: &Throttling,
    (window, cores): (RateWindow, Option<f64>),
    labels: &[(&'static str, &str)],
    out: &mut Figures,
) {
    let grown = |old: u64, new: u64| new.checked_sub(old).map(|n| n as f64);
    let periods = grown(old.periods, new.periods);
    let throttled = grown(old.throttled_periods, new.throttled_periods);
    let ratio = throttled.zip(periods);
    let ratio = ratio
        .filter(|(t, p)| *p > 0.0 && t <= p)
        .map(|(t, p)| t / p);
    out.put_labelled(metric::THROTTLED_PERIODS.name(), labels, ratio);
    let throttled = window.mean(Some(old.throttled_ns), Some(new.throttled_ns), 0);
    // The kernel adds throttled time once the group runs again, even time from before the window.
    let throttled =
        throttled.filter(|throttled| cores.is_none_or(|cores| throttled.value <= 2.0 * cores));
    out.put_labelled(metric::THROTTLED_CORES.name(), labels, throttled);
}
