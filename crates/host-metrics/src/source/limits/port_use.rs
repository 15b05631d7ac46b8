//! Ephemeral ports: those that the kernel gives to outgoing connections.

use std::collections::HashMap;

/// Number of ephemeral ports, and the most that connections to one destination use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortSample {
    /// Number of ports that the kernel may give to outgoing connections, from
    /// `ip_local_port_range`.
    pub ports: u64,
    /// Largest number of connections from one local address to one remote address and port, those
    /// in `TIME_WAIT` included; `None` if the sockets were not listed.
    pub most_to_one: Option<u64>,
}

/// Range of ephemeral ports, both ends included.
pub(crate) type PortRange = (u16, u16);

/// Parses `/proc/sys/net/ipv4/ip_local_port_range`, two numbers; `None` if they are no range.
pub(crate) fn parse_port_range(text: &str) -> Option<PortRange> {
    let mut words = text.split_ascii_whitespace();
    let (first, last) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// Parses `/proc/net/tcp` or `tcp6` and returns the largest number of connections from a port of
/// `range` at one local address to one remote address and port. `None` without the header line.
pub(crate) fn parse_port_use(text: &str, (first, last): PortRange) -> Option<u64> {
    let heading = |line: &&str| line.trim_start().starts_with("sl ");
    text.lines().find(heading)?;
    let mut by_destination: HashMap<(&str, &str), u64> = HashMap::new();
    for line in text.lines().filter(|line| !heading(line)) {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(remote)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((address, port)) = local.rsplit_once(':') else {
            continue;
        };
        let is_ephemeral = u16::from_str_radix(port, 16).is_ok_and(|p| p >= first && p <= last);
        // A socket that listens has no remote port.
        if is_ephemeral && !remote.ends_with(":0000") {
            *by_destination.entry((address, remote)).or_default() += 1;
        }
    }
    Some(by_destination.into_values().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_destination() {
        let text = "  sl  local_address rem_address   st\n\
            0: 0100007F:8000 0100007F:1538 01\n\
            1: 0100007F:8001 0100007F:1538 06\n\
            2: 0200007F:8000 0100007F:1538 01\n\
            3: 0100007F:8002 0100007F:18EB 01\n\
            4: 0100007F:1538 0100007F:8000 01\n\
            5: 0100007F:9000 00000000:0000 0A\n\
            6: odd\n";
        assert_eq!(parse_port_use(text, (32768, 60999)), Some(2));
        assert_eq!(parse_port_use(text, (32770, 60999)), Some(1));
        assert_eq!(parse_port_use("", (1, 2)), None);
    }

    #[test]
    fn a_range_has_two_ends_in_order() {
        assert_eq!(parse_port_range("32768\t60999\n"), Some((32768, 60999)));
        for odd in ["", "1", "9 8", "1 70000", "-1 5"] {
            assert_eq!(parse_port_range(odd), None, "{odd}");
        }
    }
}
