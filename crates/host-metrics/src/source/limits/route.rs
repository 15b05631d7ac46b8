//! Speed of the link over which this host reaches another, by the kernel's table of IPv4 routes.

use std::net::Ipv4Addr;

use super::link;
use crate::source::Roots;

/// Reason for which the speed of a link is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLinkSpeed {
    /// The table has no route to the other host, or could not be read.
    #[error("the route to it is not known")]
    NoRoute,
    /// The interface is a virtual one, or its driver does not know the speed.
    #[error("the interface {0} states no speed")]
    Unstated(String),
}

/// Returns the speed of the link to `remote` in one direction, in bytes per second.
///
/// # Errors
/// Fails if the route or the speed of its interface is not known.
pub fn link_bytes_per_s(roots: &Roots, remote: Ipv4Addr) -> Result<u64, NoLinkSpeed> {
    let routes = std::fs::read_to_string(roots.proc.join("net/route")).unwrap_or_default();
    let interface = interface_to(&routes, remote).ok_or(NoLinkSpeed::NoRoute)?;
    let speed = link::speed(&roots.sys.join("class/net").join(interface));
    speed.ok_or_else(|| NoLinkSpeed::Unstated(interface.to_owned()))
}

/// Returns the interface of the route with the longest mask, and of several the smallest metric, in a
/// table as in `/proc/net/route`, whose addresses are hexadecimal in the order of bytes of this machine.
fn interface_to(routes: &str, remote: Ipv4Addr) -> Option<&str> {
    let remote = u32::from_ne_bytes(remote.octets());
    let routes = routes.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, _, flags, _, _, metric, mask, ..] = fields.as_slice() else {
            return None;
        };
        let number = |hex: &str| u32::from_str_radix(hex, 16).ok();
        let (destination, mask) = (number(destination)?, number(mask)?);
        let is_up = number(flags)? & 1 == 1;
        let is_there = is_up && remote & mask == destination;
        let order = (
            mask.count_ones(),
            std::cmp::Reverse(metric.parse::<u32>().ok()?),
        );
        is_there.then_some((order, *interface))
    });
    routes
        .max_by_key(|(order, _)| *order)
        .map(|(_, interface)| interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_longest_route_names_the_interface_and_its_speed_counts_if_it_is_stated() {
        let routes = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                      eth0 00000000 0100000A 0003 0 0 100 00000000 0 0 0\n\
                      wlan0 00000000 0100A8C0 0003 0 0 600 00000000 0 0 0\n\
                      eth1 0000010A 00000000 0001 0 0 0 0000FFFF 0 0 0\n\
                      down 0005010A 00000000 0000 0 0 0 00FFFFFF 0 0 0\n";
        for (remote, interface) in [([8, 8, 8, 8], "eth0"), ([10, 1, 5, 9], "eth1")] {
            let found = interface_to(routes, Ipv4Addr::from(remote));
            assert_eq!(found, Some(interface));
        }
        assert_eq!(interface_to("", Ipv4Addr::LOCALHOST), None);

        let directory = tempfile::tempdir().unwrap();
        let roots = Roots::under(directory.path());
        let link = |name: &str, file: &str, text: &str| {
            let path = roots.sys.join("class/net").join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join(file), text).unwrap();
        };
        std::fs::create_dir_all(roots.proc.join("net")).unwrap();
        std::fs::write(roots.proc.join("net/route"), routes).unwrap();
        link("eth0", "speed", "10000\n");
        link("eth1", "speed", "1000\n");
        link("eth1", "device", "");
        let speed = |remote| link_bytes_per_s(&roots, Ipv4Addr::from(remote));
        assert_eq!(speed([10, 1, 5, 9]), Ok(125_000_000));
        // Without a device the interface is a virtual one.
        let unstated = NoLinkSpeed::Unstated("eth0".to_owned());
        assert_eq!(speed([8, 8, 8, 8]), Err(unstated));
        let nowhere = Roots::under(&directory.path().join("nowhere"));
        let none = link_bytes_per_s(&nowhere, Ipv4Addr::LOCALHOST);
        assert_eq!(none, Err(NoLinkSpeed::NoRoute));
    }
}
