//! TCP in this network namespace, from `/proc/net/snmp`, `netstat`, `sockstat`, `tcp` and `tcp6`.

use std::collections::BTreeMap;

use super::text::words;

/// Counters of TCP segments since boot, and the present number of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpSample {
    /// Number of segments retransmitted since boot.
    pub retransmits: u64,
    /// Number of segments sent since boot, without retransmissions; `None` if the kernel does not
    /// report it.
    pub segments_sent: Option<u64>,
    /// Number of connections now in state `ESTABLISHED` or `CLOSE_WAIT`; `None` if the kernel does
    /// not report it.
    pub established: Option<u64>,
}

/// Numbers of connections that listening sockets rejected since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenSample {
    /// Number of connections rejected since boot because the accept queue was full.
    pub overflows: u64,
    /// Number of connections rejected since boot for any reason, a full queue included; `None` if
    /// the kernel does not report it.
    pub drops: Option<u64>,
}

/// Counters of UDP datagrams of IPv4 since boot. A counter that the kernel does not report is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UdpSample {
    /// Number of datagrams received since boot.
    pub received: Option<u64>,
    /// Number of datagrams since boot for a port on which nobody listens.
    pub no_ports: Option<u64>,
    /// Number of datagrams since boot that could not be received, for any reason, those without
    /// room in the socket's buffer included.
    pub receive_errors: Option<u64>,
    /// Number of datagrams dropped since boot because the socket's receive buffer was full.
    pub receive_buffer_errors: Option<u64>,
    /// Number of datagrams that could not be sent since boot because the send buffer was full.
    pub send_buffer_errors: Option<u64>,
}

/// Numbers of TCP sockets of this network namespace now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketSample {
    /// Number of IPv4 TCP sockets in use now; those of IPv6 are counted elsewhere.
    pub in_use: u64,
    /// Number of closed sockets kept until no late packet can arrive (`TIME_WAIT`); `None` if the
    /// kernel does not report it.
    pub time_wait: Option<u64>,
    /// Number of sockets that no longer belong to a process (orphans); `None` if the kernel does
    /// not report it.
    pub orphans: Option<u64>,
}

/// Number of TCP sockets in each state, by its name, such as `established`.
pub(crate) type SocketStateSample = BTreeMap<&'static str, u64>;

/// Parses `/proc/net/snmp`: a line of names, followed by a line of numbers in the same order.
/// `None` without a number of retransmitted segments.
pub(crate) fn parse_snmp(text: &str) -> Option<TcpSample> {
    let wanted = ["RetransSegs", "OutSegs", "CurrEstab"];
    let [retransmits, segments_sent, established] = named_columns(text, "Tcp: ", wanted)?;
    Some(TcpSample {
        retransmits: retransmits?,
        segments_sent,
        established,
    })
}

/// Parses the lines about UDP of `/proc/net/snmp`; `None` without them.
pub(crate) fn parse_udp(text: &str) -> Option<UdpSample> {
    let wanted = [
        "InDatagrams",
        "NoPorts",
        "InErrors",
        "RcvbufErrors",
        "SndbufErrors",
    ];
    let counters = named_columns(text, "Udp: ", wanted)?;
    let [
        received,
        no_ports,
        receive_errors,
        receive_buffer_errors,
        send_buffer_errors,
    ] = counters;
    Some(UdpSample {
        received,
        no_ports,
        receive_errors,
        receive_buffer_errors,
        send_buffer_errors,
    })
}

/// Parses `/proc/net/netstat`: a line of names, followed by a line of numbers in the same order.
/// `None` without a number of overflows.
pub(super) fn parse_netstat(text: &str) -> Option<ListenSample> {
    let wanted = ["ListenOverflows", "ListenDrops"];
    let [overflows, drops] = named_columns(text, "TcpExt: ", wanted)?;
    Some(ListenSample {
        overflows: overflows?,
        drops,
    })
}

/// Returns the numbers under the names `wanted`, in their order, from the first two lines that
/// begin with `prefix`: names and numbers. A number is `None` if its name is missing or it is
/// malformed; the whole is `None` without two such lines.
fn named_columns<const N: usize>(
    text: &str,
    prefix: &str,
    wanted: [&str; N],
) -> Option<[Option<u64>; N]> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let mut found = [None; N];
    for (name, number) in words(names).zip(words(numbers)) {
        if let Some(column) = wanted.iter().position(|wanted| *wanted == name) {
            found[column] = number.trim_ascii().parse().ok();
        }
    }
    Some(found)
}

/// Parses the line `TCP: inuse 1 orphan 0 tw 0 …` of `/proc/net/sockstat`. `None` without a number
/// of sockets in use.
pub(super) fn parse_sockstat(text: &str) -> Option<SocketSample> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP: "))?;
    let value = |wanted: &str| -> Option<u64> {
        let mut words = line.split_ascii_whitespace();
        words.find(|word| *word == wanted)?;
        words.next()?.parse().ok()
    };
    Some(SocketSample {
        in_use: value("inuse")?,
        time_wait: value("tw"),
        orphans: value("orphan"),
    })
}

/// Names of the TCP states, in the order of the kernel's codes (`include/net/tcp_states.h`), which
/// begin at 1.
const STATES: [&str; 12] = [
    "established",
    "syn_sent",
    "syn_received",
    "fin_wait_1",
    "fin_wait_2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_received",
];

/// Parses `/proc/net/tcp` or `tcp6`, with lines `sl local remote st …`, into the number of sockets
/// in each state. Contains every state, so that a state does not become absent when its last socket
/// is closed. `None` without the header line.
pub(super) fn parse_states(text: &str) -> Option<SocketStateSample> {
    let heading = |line: &&str| line.trim_start().starts_with("sl ");
    text.lines().find(heading)?;
    let mut states: SocketStateSample = STATES.iter().map(|state| (*state, 0)).collect();
    for line in text.lines().filter(|line| !heading(line)) {
        let number = line.split_ascii_whitespace().nth(3);
        let number = number.and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let state = number.and_then(|number| STATES.get(number.checked_sub(1)?));
        if let Some(count) = state.and_then(|state| states.get_mut(state)) {
            *count += 1;
        }
    }
    Some(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let text =
            "Ip: A B\nIp: 1 2\nTcp: RtoMin CurrEstab OutSegs RetransSegs\nTcp: 200 3 99 42\n";
        let tcp = parse_snmp(text).unwrap();
        assert_eq!((tcp.retransmits, tcp.segments_sent), (42, Some(99)));
        assert_eq!(tcp.established, Some(3));
        let text = "Udp: InDatagrams NoPorts InErrors RcvbufErrors\nUdp: 9 1 7 5\nUdpLite: X\n";
        let udp = parse_udp(text).unwrap();
        assert_eq!((udp.received, udp.no_ports), (Some(9), Some(1)));
        let errors = (udp.receive_errors, udp.receive_buffer_errors);
        assert_eq!((errors, udp.send_buffer_errors), ((Some(7), Some(5)), None));
        assert_eq!(parse_udp("UdpLite: A\nUdpLite: 1\n"), None);
        let text = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 5 7\n";
        let listen = parse_netstat(text).unwrap();
        assert_eq!((listen.overflows, listen.drops), (5, Some(7)));
        for odd in [
            "",
            "Tcp: RetransSegs\n",
            "Tcp: X\nTcp: 1\n",
            "Tcp: RetransSegs\nTcp: -\n",
        ] {
            assert_eq!(parse_snmp(odd), None, "{odd:?}");
            assert_eq!(parse_netstat(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn sockets_are_counted() {
        let text = "sockets: used 18\nTCP: inuse 4 orphan 1 tw 9 alloc 5 mem 2\nUDP: inuse 1\n";
        let sockets = parse_sockstat(text).unwrap();
        assert_eq!(sockets.in_use, 4);
        assert_eq!((sockets.time_wait, sockets.orphans), (Some(9), Some(1)));
        for odd in ["", "TCP: \n", "TCP: inuse\n", "TCP: inuse x\n"] {
            assert_eq!(parse_sockstat(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn sockets_are_told_apart_by_state() {
        let text = "  sl  local_address rem_address   st tx_queue\n\
                    0: 0100007F:1538 00000000:0000 0A 0:0\n\
                    1: 0100007F:1538 0100007F:9999 01 0:0\n\
                    2: 0100007F:1538 0100007F:9998 01 0:0\n\
                    3: cut\n4: a b FF c\n5: a b 00 c\n6: a b xx c\n";
        let states = parse_states(text).unwrap();
        assert_eq!((states["listen"], states["established"]), (1, 2));
        assert_eq!(states.values().sum::<u64>(), 3);
        assert_eq!(states.len(), STATES.len());
        assert_eq!(parse_states("x\n"), None);
    }
}
