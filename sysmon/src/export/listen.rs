//! Address that `sysmon export` listens on. Only this machine can reach it, unless the user gives
//! another address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Default address. The port is outside of 9100 to 9999, which known exporters share, and below
/// those that the kernel assigns to outgoing connections.
pub(crate) const DEFAULT: &str = "127.0.0.1:19178";

/// Address to listen on, as the user gave it; never a host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

impl ListenAddress {
    /// Returns true if other machines may reach the address, because it is no loopback address.
    pub(crate) fn is_exposed(self) -> bool {
        !self.0.ip().to_canonical().is_loopback()
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    /// Parses `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`, or `9000`, which stands for
    /// 127.0.0.1. Other host names are not resolved, because they may lead to another address than
    /// the user expects.
    ///
    /// # Errors
    /// Fails with a sentence for the user if the text has another form.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write ADDRESS:PORT, as in 127.0.0.1:19178 or [::1]:19178";
        let local = |port: &str| {
            let port = port.parse().ok()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        };
        let text = text.trim();
        if let Some(address) = text.parse().ok().or_else(|| local(text)) {
            return Ok(Self(address));
        }
        match text.rsplit_once(':') {
            Some(("localhost", port)) => {
                let address = local(port).map(Self);
                address.ok_or_else(|| format!("{port:?} is no port; {FORM}"))
            }
            Some(("" | "*", _)) => Err(format!(
                "{text:?} names no address; {FORM}, or 0.0.0.0:PORT for every network"
            )),
            Some((name, port)) if local(port).is_some() && !name.contains(':') => Err(format!(
                "{name:?} is a name, and what it leads to may change; {FORM}"
            )),
            _ => Err(format!("{text:?} is no address to listen on; {FORM}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_written_address_leads_outside() {
        for (text, address, exposed) in [
            (DEFAULT, DEFAULT, false),
            ("0", "127.0.0.1:0", false),
            (" 9000 ", "127.0.0.1:9000", false),
            ("localhost:9000", "127.0.0.1:9000", false),
            ("127.9.9.9:1", "127.9.9.9:1", false),
            ("[::1]:9000", "[::1]:9000", false),
            ("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:9000", "0.0.0.0:9000", true),
            ("[::]:9000", "[::]:9000", true),
            ("192.0.2.7:9000", "192.0.2.7:9000", true),
        ] {
            let listen: ListenAddress = text.parse().unwrap();
            assert_eq!(listen.0.to_string(), address);
            assert_eq!(listen.is_exposed(), exposed, "{text}");
        }
        for odd in [
            "",
            ":",
            ":9000",
            "*:9000",
            "0.0.0.0",
            "db.example:9000",
            "localhost",
            "localhost:x",
            "127.0.0.1:99999",
            "::1:9000x",
            "http://127.0.0.1:9000",
            "127.1:9000",
            "-1",
        ] {
            let error = odd.parse::<ListenAddress>().unwrap_err();
            assert!(error.contains("write ADDRESS:PORT"), "{odd}: {error}");
        }
    }
}
