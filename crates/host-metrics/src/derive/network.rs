//! Traffic of interfaces, and what TCP sends again and turns away.

use super::RateWindow;
use crate::figure::Figures;
use crate::source::network::{InterfaceCounters, NetworkSample};
use crate::source::tcp::{ListenSample, SocketSample, TcpSample};

/// A rate's name, and its counter.
type InterfaceRate = (&'static str, fn(&InterfaceCounters) -> Option<u64>);

const RATES: [InterfaceRate; 6] = [
    ("network.receive_bytes_per_s", |c| Some(c.received_bytes)),
    ("network.transmit_bytes_per_s", |c| {
        Some(c.transmitted_bytes)
    }),
    ("network.receive_packets_per_s", |c| c.received_packets),
    ("network.transmit_packets_per_s", |c| c.transmitted_packets),
    ("network.drops_per_s", |c| c.drops),
    ("network.errors_per_s", |c| c.errors),
];

pub(super) fn rates(
    old: &NetworkSample,
    new: &NetworkSample,
    window: RateWindow,
    out: &mut Figures,
) {
    for (interface, new) in new {
        let Some(old) = old.get(interface) else {
            continue;
        };
        for (name, counter) in RATES {
            let rate = window.per_s(counter(old), counter(new));
            out.put_labelled(name, &[("interface", interface)], rate);
        }
    }
}

pub(super) fn tcp_rates(old: &TcpSample, new: &TcpSample, window: RateWindow, out: &mut Figures) {
    let again = window.per_s(Some(old.retransmits), Some(new.retransmits));
    out.put("tcp.retransmits_per_s", again);
    let sent = window.per_s(old.segments_sent, new.segments_sent);
    out.put("tcp.segments_sent_per_s", sent);
}

pub(super) fn listen_rates(
    old: &ListenSample,
    new: &ListenSample,
    window: RateWindow,
    out: &mut Figures,
) {
    let overflows = window.per_s(Some(old.overflows), Some(new.overflows));
    out.put("tcp.listen_overflows_per_s", overflows);
    out.put("tcp.listen_drops_per_s", window.per_s(old.drops, new.drops));
}

pub(super) fn socket_gauges(sockets: &SocketSample, out: &mut Figures) {
    out.put("tcp.sockets_in_use", Some(sockets.in_use));
    out.put("tcp.time_wait", sockets.time_wait);
    out.put("tcp.orphans", sockets.orphans);
}
