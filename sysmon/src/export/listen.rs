//! Where to listen: on this machine alone, unless another address was written outright.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Outside of 9100 to 9999, which known exporters share among them, and below the ports that the
/// kernel gives to connections.
pub const DEFAULT: &str = "127.0.0.1:19178";

/// An address to listen on, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl Listen {
    /// True if others than this machine can reach it.
    pub fn is_exposed(self) -> bool {
        !self.0.ip().to_canonical().is_loopback()
    }
}

impl FromStr for Listen {
    type Err = String;

    /// `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`, or `9000` for this machine alone. No
    /// other name is looked up: what it leads to is not what was written.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write ADDRESS:PORT, as in 127.0.0.1:19178 or [::1]:19178";
        let here = |port: &str| {
            let port = port.parse().ok()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        };
        let text = text.trim();
        if let Some(address) = text.parse().ok().or_else(|| here(text)) {
            return Ok(Self(address));
        }
        match text.rsplit_once(':') {
            Some(("localhost", port)) => {
                let address = here(port).map(Self);
                address.ok_or_else(|| format!("{port:?} is no port; {FORM}"))
            }
            Some(("" | "*", _)) => Err(format!(
                "{text:?} names no address; {FORM}, or 0.0.0.0:PORT for every network"
            )),
            Some((name, port)) if here(port).is_some() && !name.contains(':') => Err(format!(
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
            let listen: Listen = text.parse().unwrap();
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
            let error = odd.parse::<Listen>().unwrap_err();
            assert!(error.contains("write ADDRESS:PORT"), "{odd}: {error}");
        }
    }
}
