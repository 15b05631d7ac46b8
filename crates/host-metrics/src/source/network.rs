//! `/proc/net/dev`: traffic of each network interface.

use std::collections::BTreeMap;

/// Counters of one network interface since it appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterfaceCounters {
    /// Number of bytes received since the interface appeared.
    pub received_bytes: u64,
    /// Number of packets received since the interface appeared; `None` if the system does not
    /// count them.
    pub received_packets: Option<u64>,
    /// Number of bytes sent since the interface appeared.
    pub transmitted_bytes: u64,
    /// Number of packets sent since the interface appeared; `None` if the system does not count
    /// them.
    pub transmitted_packets: Option<u64>,
    /// Number of received packets that were dropped since the interface appeared; `None` if the
    /// system does not count them by direction.
    pub receive_drops: Option<u64>,
    /// Number of packets to be sent that were dropped since the interface appeared; `None` if the
    /// system does not count them by direction.
    pub transmit_drops: Option<u64>,
    /// Number of received packets with errors since the interface appeared; `None` if the system
    /// does not count them by direction.
    pub receive_errors: Option<u64>,
    /// Number of errors in sending packets since the interface appeared; `None` if the system does
    /// not count them by direction.
    pub transmit_errors: Option<u64>,
    /// Number of packets dropped, received and sent ones together; `None` if the system does not
    /// count them.
    pub drops: Option<u64>,
    /// Number of errors in receiving and sending packets together; `None` if the system does not
    /// count them.
    pub errors: Option<u64>,
}

/// Counters of every network interface, by its name, such as `eth0`.
pub(crate) type NetworkSample = BTreeMap<String, InterfaceCounters>;

/// Parses `/proc/net/dev` into the counters of each interface. Leaves out malformed lines, and
/// interfaces that have transferred nothing since they appeared. `None` if no line describes an
/// interface.
pub(crate) fn parse_dev(text: &str) -> Option<NetworkSample> {
    let lines = || text.lines().skip(2).filter_map(interface);
    lines().next()?;
    let used = lines().filter(|(_, c)| c.received_bytes > 0 || c.transmitted_bytes > 0);
    Some(used.map(|(name, c)| (name.to_owned(), c)).collect())
}

/// Parses one line into the name of the interface and its counters: `name: bytes packets errors
/// drops fifo frame compressed multicast` for received data, then `bytes packets errors drops …`
/// for sent data. `None` if a number is missing.
fn interface(line: &str) -> Option<(&str, InterfaceCounters)> {
    // The name of an alias contains a `:`, so the last one is the separator.
    let (name, rest) = line.rsplit_once(':')?;
    let mut words = rest.split_ascii_whitespace();
    let mut number = |skip: usize| -> Option<u64> { words.nth(skip)?.parse().ok() };
    let (received_bytes, received_packets) = (number(0)?, number(0)?);
    let (receive_errors, receive_drops) = (number(0)?, number(0)?);
    let (transmitted_bytes, transmitted_packets) = (number(4)?, number(0)?);
    let (send_errors, send_drops) = (number(0)?, number(0)?);
    Some((
        name.trim(),
        InterfaceCounters {
            received_bytes,
            received_packets: Some(received_packets),
            transmitted_bytes,
            transmitted_packets: Some(transmitted_packets),
            receive_drops: Some(receive_drops),
            transmit_drops: Some(send_drops),
            receive_errors: Some(receive_errors),
            transmit_errors: Some(send_errors),
            drops: receive_drops.checked_add(send_drops),
            errors: receive_errors.checked_add(send_errors),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets | bytes\n";

    #[test]
    fn traffic_both_ways_is_read() {
        let text = format!(
            "{HEADER}    lo: 100 1 2 3 0 0 0 0 200 9 4 5 0 0 0 0\n\
             eth0:1:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n unused: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        let network = parse_dev(&text).unwrap();
        assert_eq!(network.keys().collect::<Vec<_>>(), ["eth0:1", "lo"]);
        let lo = network["lo"];
        assert_eq!((lo.received_bytes, lo.transmitted_bytes), (100, 200));
        let packets = (lo.received_packets, lo.transmitted_packets);
        assert_eq!(packets, (Some(1), Some(9)));
        assert_eq!((lo.errors, lo.drops), (Some(6), Some(8)));
        assert_eq!((lo.receive_errors, lo.transmit_errors), (Some(2), Some(4)));
        assert_eq!((lo.receive_drops, lo.transmit_drops), (Some(3), Some(5)));
    }

    #[test]
    fn odd_lines_are_left_out() {
        for text in [
            "",
            HEADER,
            &format!("{HEADER}lo: 1 2 3"),
            &format!("{HEADER}lo 1"),
        ] {
            assert_eq!(parse_dev(text), None, "{text:?}");
        }
    }
}
