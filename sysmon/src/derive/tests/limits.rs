//! Tests of shares of link speeds and of the packet queues of CPUs.

use super::{ALL, Files, derivation, figure, sample, step};
use host_metrics::source::limits::{ConntrackSample, SoftnetCounters};

fn dev(received: u64, sent: u64) -> Files {
    Files {
        dev: Some(format!(
            "a\nb\n eth0: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n"
        )),
        ..Files::default()
    }
}

#[test]
fn traffic_is_a_share_of_the_speed_only_where_that_is_known() {
    for (speed, shares) in [
        (Some(1_000_000), Some((0.5, 0.1))),
        (Some(0), None),
        (None, None),
    ] {
        let mut derivation = derivation();
        let mut figures = Vec::new();
        for (ms, files) in [(1000, dev(1000, 1000)), (2000, dev(501_000, 101_000))] {
            let mut sample = sample(ms, &files);
            sample.link_speeds = speed
                .map(|speed| ("eth0".to_owned(), speed))
                .into_iter()
                .collect();
            figures = derivation.figures(&mut sample).into_iter().collect();
        }
        let of = |name| {
            let found = figures.iter().find(|f| f.name == name);
            found.map(|f| (f.reading.value * 1000.0).round() / 1000.0)
        };
        let both = of("network.receive_used_ratio").zip(of("network.transmit_used_ratio"));
        assert_eq!(both, shares, "{speed:?}");
    }
}

fn queue(dropped: u64) -> SoftnetCounters {
    SoftnetCounters {
        processed: 100 * dropped,
        dropped,
        squeezed: 0,
    }
}

#[test]
fn a_cpu_that_never_dropped_a_packet_has_no_series_of_its_own_and_a_counter_that_wrapped_no_rate() {
    let mut derivation = derivation();
    let mut seen = Vec::new();
    for (ms, first, second) in [(1000, 5, 0), (2000, 25, 0), (3000, 4, 0)] {
        let mut sample = sample(ms, &Files::default());
        let queues = [(0, queue(first)), (1, queue(second))].into();
        sample.softnet = Some(super::at(ms, queues));
        let figures = derivation.figures(&mut sample).into_iter();
        let drops = figures.filter(|f| f.name == "network.softnet_drops_per_s");
        let drops = drops.map(|f| (f.labels.len(), f.reading.value.round()));
        seen.push(drops.collect::<Vec<_>>());
    }
    // The machine's sum, and the first CPU.
    assert_eq!(seen, [vec![], vec![(0, 20.0), (1, 20.0)], vec![]]);
}

#[test]
fn packets_that_the_firewall_dropped_are_a_rate_and_tracked_connections_a_number() {
    let mut derivation = derivation();
    let mut last = None;
    for (ms, dropped) in [(1000, 7), (2000, 19)] {
        let mut sample = sample(ms, &Files::default());
        sample.conntrack = Some(super::at(
            ms,
            ConntrackSample {
                count: 12,
                most: Some(100),
                dropped: Some(dropped),
                ..ConntrackSample::default()
            },
        ));
        let figures = derivation.figures(&mut sample);
        let value = |name| {
            figures
                .iter()
                .find(|f| f.name == name)
                .map(|f| f.reading.value)
        };
        last = value("conntrack.drops_per_s").zip(value("conntrack.count"));
        assert_eq!(value("conntrack.insert_failed_per_s"), None);
    }
    assert_eq!(last, Some((12.0, 12.0)));
    let without = step(&mut derivation, 3000, &Files::default());
    assert_eq!(figure(&without, "conntrack.count", ALL), None);
}
