//! Rates of network interfaces as shares of their speed, of the CPUs' packet queues, of tracked
//! connections and of UDP.

use std::collections::BTreeMap;

use host_metrics::rate_window::{Baseline, FigureValue, RateWindow};
use host_metrics::source::HostSample;
use host_metrics::source::limits::{ConntrackSample, SoftnetCounters};
use host_metrics::source::network::InterfaceCounters;
use host_metrics::source::tcp::UdpSample;

use crate::figure::Figures;
use crate::metric::{network as metric, put_rates, put_rates_of_each};

/// Counters of each interface, by its name.
type Interfaces = BTreeMap<String, InterfaceCounters>;
/// Counters of each CPU's packet queue, by its number.
type Queues = BTreeMap<u32, SoftnetCounters>;

/// Last readings of the network, from which rates are computed.
#[derive(Debug)]
pub(super) struct NetworkBaselines {
    interfaces: Baseline<Interfaces>,
    softnet: Baseline<Queues>,
    conntrack: Baseline<ConntrackSample>,
    udp: Baseline<UdpSample>,
}

impl Default for NetworkBaselines {
    fn default() -> Self {
        Self {
            interfaces: Baseline::with_least_window(0),
            softnet: Baseline::with_least_window(0),
            conntrack: Baseline::with_least_window(0),
            udp: Baseline::with_least_window(0),
        }
    }
}

impl NetworkBaselines {
    /// Adds the rates since the previous sample to `out`. Takes the readings that it needs out of
    /// `sample`.
    pub(super) fn advance(&mut self, sample: &mut HostSample, out: &mut Figures) {
        let speeds = &sample.link_speeds;
        let interfaces = sample.network.take();
        self.interfaces.advance(interfaces, |old, new, window| {
            put_rates_of_each(metric::INTERFACE, "interface", (old, new), window, out);
            shares(speeds, (old, new), window, out);
        });
        let queues = sample.softnet.take();
        self.softnet.advance(queues, |old, new, window| {
            softnet(old, new, window, out);
        });
        let conntrack = sample.conntrack.take();
        self.conntrack.advance(conntrack, |old, new, window| {
            put_rates(metric::CONNTRACK, (old, new), window, &[], out);
        });
        self.udp.advance(sample.udp.take(), |old, new, window| {
            put_rates(metric::UDP, (old, new), window, &[], out);
        });
    }
}

/// Adds the rates of those interfaces whose speed is known, as shares of it.
fn shares(
    speeds: &BTreeMap<String, u64>,
    (old, new): (&Interfaces, &Interfaces),
    window: RateWindow,
    out: &mut Figures,
) {
    for (name, speed) in speeds.iter().filter(|(_, speed)| **speed > 0) {
        let (Some(old), Some(new)) = (old.get(name), new.get(name)) else {
            continue;
        };
        let speed = *speed as f64;
        let of_speed = |rate: FigureValue| FigureValue {
            value: rate.value / speed,
            error: rate.error / speed,
            ..rate
        };
        for (metric, bytes) in [
            (&metric::RECEIVE_USED_RATIO, &metric::RECEIVED_BYTES),
            (&metric::TRANSMIT_USED_RATIO, &metric::SENT_BYTES),
        ] {
            let share = bytes.derive(old, new, window).map(of_speed);
            out.put_labelled(metric.name(), &[("interface", name)], share);
        }
    }
}

/// Adds the rates over all CPUs, and those of each CPU that has ever dropped a packet or stopped
/// with packets left. The kernel's counters have 32 bits: one that fell gives no rate.
fn softnet(old: &Queues, new: &Queues, window: RateWindow, out: &mut Figures) {
    if old.keys().ne(new.keys()) {
        return;
    }
    let has_fallen = |(new, old): (&SoftnetCounters, &SoftnetCounters)| {
        new.processed < old.processed || new.dropped < old.dropped || new.squeezed < old.squeezed
    };
    if !new.values().zip(old.values()).any(has_fallen) {
        let sums = (&sum(old), &sum(new));
        put_rates(metric::SOFTNET, sums, window, &[], out);
    }
    let is_told = |one: &SoftnetCounters| one.dropped > 0 || one.squeezed > 0;
    for (core, new) in new.iter().filter(|(_, new)| is_told(new)) {
        if let Some(old) = old.get(core) {
            let core = core.to_string();
            let labels = [("core", core.as_str())];
            put_rates(metric::SOFTNET, (old, new), window, &labels, out);
        }
    }
}

fn sum(all: &Queues) -> SoftnetCounters {
    let empty = SoftnetCounters::default();
    all.values().fold(empty, |sum, one| SoftnetCounters {
        processed: sum.processed.saturating_add(one.processed),
        dropped: sum.dropped.saturating_add(one.dropped),
        squeezed: sum.squeezed.saturating_add(one.squeezed),
    })
}
