//! Speed of the network link between this program and the server, if the kernel knows it.

use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};

use bench_report::ServerEvidence;
use bench_report::names;
use host_metrics::source::Roots;
use host_metrics::source::limits::link_bytes_per_s;
use redis::ConnectionAddr;

/// Name under which evidence lists a speed that is not known.
pub(crate) const LINK: &str = "link";

/// Speed in bytes per second and direction, or the reason why it is not known.
pub(super) type LinkSpeed = Result<u64, String>;

/// Reads the speed of the link to the server at `address`. A link that is slower elsewhere on the way
/// is not seen.
pub(super) fn read(address: &ConnectionAddr) -> LinkSpeed {
    let same = || "both ends are on one machine, without a link between them".to_owned();
    let (host, port) = match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            (host.as_str(), *port)
        }
        _ => return Err(same()),
    };
    let unknown = |_| "the address of the server is not known".to_owned();
    let mut found = (host, port).to_socket_addrs().map_err(unknown)?;
    let remote = found
        .next()
        .ok_or(())
        .map_err(|()| "it has no address".to_owned())?;
    if remote.ip().is_loopback() || local_address(remote) == Some(remote.ip()) {
        return Err(same());
    }
    match remote.ip() {
        IpAddr::V4(remote) => {
            link_bytes_per_s(&Roots::host(), remote).map_err(|reason| reason.to_string())
        }
        IpAddr::V6(_) => Err("routes of IPv6 are not read".to_owned()),
    }
}

/// Returns the address of this machine from which it reaches `remote`. Sends nothing.
fn local_address(remote: std::net::SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match remote {
        std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(remote).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Adds the speed to `evidence`, or the reason why it is not known.
pub(super) fn add(evidence: &mut ServerEvidence, speed: &LinkSpeed) {
    match speed {
        Ok(bytes_per_s) => evidence.figure(names::redis::LINK_BYTES_PER_S, *bytes_per_s as f64),
        Err(reason) => {
            evidence.unavailable.insert(LINK.to_owned(), reason.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_a_machine_and_itself_there_is_no_link() {
        let tcp = |host: &str| ConnectionAddr::Tcp(host.to_owned(), 6_379);
        for address in [
            tcp("127.0.0.1"),
            tcp("localhost"),
            tcp("::1"),
            ConnectionAddr::Unix("/tmp/redis.sock".into()),
        ] {
            let reason = read(&address).unwrap_err();
            assert!(reason.contains("one machine"), "{address}: {reason}");
        }
    }
}
