//! Addresses of the load's connections: the server's URL and socket address, and the local address
//! of each connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bench_report::redaction;
use tokio_tungstenite::tungstenite::http::Uri;
use url::{Host, Url};

/// Number of connections of this process that share one local address on the loopback. It is well
/// below the 28,000 ports that a system usually provides, so that a free port is found at once.
const CONNECTIONS_PER_SOURCE: u64 = 5_000;

/// Reason why a server cannot be loaded by its URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    /// The text is no URL, or names no host.
    #[error("{text:?} is no URL ({reason}); write it as in ws://127.0.0.1:9001/")]
    Malformed {
        /// Text that the user gave, with secrets masked; wholly masked if it has no scheme.
        text: String,
        /// Description of the error in the text.
        reason: String,
    },
    /// The URL has the scheme `wss`, for TLS, which is not supported.
    #[error("wss:// (TLS) is not supported in this version; give a ws:// URL")]
    Tls,
    /// The URL has the scheme of another protocol.
    #[error("{scheme}:// is no WebSocket URL; write it as in ws://127.0.0.1:9001/")]
    Scheme {
        /// Scheme of the URL, such as `http`.
        scheme: String,
    },
}

/// Checked `ws://` URL of a server, as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetUrl {
    url: Url,
    uri: Uri,
}

impl TargetUrl {
    /// Parses a `ws://` URL, which may contain a user and a password. Connections are opened without
    /// its fragment.
    ///
    /// # Errors
    /// If `text` is not a `ws://` URL with a host (`wss://` is not supported), or if unencoded
    /// characters in its password hide the host. No error shows a password.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let malformed = |reason: String| UrlError::Malformed {
            // A text without a scheme is not shown, because it may be a password that the user gave by
            // mistake.
            text: if text.contains("://") {
                redaction::url(text)
            } else {
                redaction::MASK.to_owned()
            },
            reason,
        };
        if redaction::hides_its_host(text) {
            return Err(malformed(redaction::ENCODE_IT.to_owned()));
        }
        let url = Url::parse(text).map_err(|error| malformed(error.to_string()))?;
        match url.scheme() {
            "ws" => {}
            "wss" => return Err(UrlError::Tls),
            scheme => {
                return Err(UrlError::Scheme {
                    scheme: scheme.to_owned(),
                });
            }
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(malformed("it names no host".to_owned()));
        }
        let mut bare = url.clone();
        bare.set_fragment(None);
        let uri = bare
            .as_str()
            .parse()
            .map_err(|error| malformed(format!("{error}")))?;
        Ok(Self { url, uri })
    }

    /// Returns the URL with its password masked, and with the values of those parameters masked
    /// that may be secret.
    pub(crate) fn masked(&self) -> String {
        redaction::url(self.url.as_str())
    }

    /// Returns host and port as the resolver needs them: an IPv6 address without brackets, and port
    /// 80 if the URL has none.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let host = match self.url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        (host, self.url.port_or_known_default().unwrap_or(80))
    }

    /// Returns the endpoint with this URL at `address`, to which the URL's host was resolved.
    pub(crate) fn resolved_to(&self, address: SocketAddr) -> WsEndpoint {
        WsEndpoint {
            uri: self.uri.clone(),
            address,
        }
    }
}

/// Server to which connections can be opened: its URL without a fragment, and its resolved address.
#[derive(Debug, Clone)]
pub(crate) struct WsEndpoint {
    pub(crate) uri: Uri,
    pub(crate) address: SocketAddr,
}

impl WsEndpoint {
    /// Returns true if the server's address is on the loopback, so that it is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Returns true if connections can use several local addresses, so that the ports of one do not
    /// limit their number: on Linux for a server on the IPv4 loopback.
    pub(crate) fn spreads_sources(&self) -> bool {
        cfg!(target_os = "linux") && matches!(self.address.ip(), IpAddr::V4(ip) if ip.is_loopback())
    }

    /// Returns the local address of the connection with the number `id`; `None` if the operating
    /// system is to choose it.
    ///
    /// On Linux all of 127.0.0.0/8 is the loopback. The second octet depends on the process, so
    /// that two runs at the same time do not use up each other's ports.
    pub(crate) fn source(&self, id: u64) -> Option<IpAddr> {
        if !self.spreads_sources() {
            return None;
        }
        let block = id / CONNECTIONS_PER_SOURCE;
        let own = 1 + std::process::id() % 250;
        let octets = [
            127,
            own as u8,
            (block / 250 % 250) as u8,
            (1 + block % 250) as u8,
        ];
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_websocket_urls_are_taken() {
        assert!(TargetUrl::parse("ws://127.0.0.1:9001/").is_ok());
        assert!(TargetUrl::parse("ws://[::1]:9001/path?room=1").is_ok());
        assert_eq!(TargetUrl::parse("wss://example/"), Err(UrlError::Tls));
        for text in [
            "http://x/",
            "redis://x/",
            "ws:",
            "ws://",
            "127.0.0.1:9001",
            "",
        ] {
            assert!(TargetUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let target = TargetUrl::parse("ws://app:hunter2@127.0.0.1:9001/").unwrap();
        assert!(!target.masked().contains("hunter2"), "{}", target.masked());
        for (url, shown) in [
            (
                "ws://h:9001/s?jwt=hunter2&room=1",
                "ws://h:9001/s?jwt=***&room=1",
            ),
            ("ws://h:9001/s?ticket=hunter2", "ws://h:9001/s?ticket=***"),
        ] {
            assert_eq!(TargetUrl::parse(url).unwrap().masked(), shown);
        }
        for url in [
            "ws://app:hunt@er2?x@h:port/",
            "ws://app:hunter2 and more@h:9001 /",
            "http://h/?key=hunter2",
            "hunter2@h:99999",
        ] {
            let error = TargetUrl::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunt") && !error.contains("er2"), "{error}");
        }
    }

    #[test]
    fn the_port_and_the_bare_ipv6_address_go_to_the_resolver() {
        let of = |text| TargetUrl::parse(text).unwrap().host_and_port();
        assert_eq!(of("ws://[::1]/"), ("::1".to_owned(), 80));
        assert_eq!(of("ws://localhost:81/"), ("localhost".to_owned(), 81));
    }

    #[test]
    fn only_the_loopback_is_reached_from_many_addresses() {
        let target = TargetUrl::parse("ws://127.0.0.1:9001/").unwrap();
        let local = target.resolved_to("127.0.0.1:9001".parse().unwrap());
        assert_eq!(local.source(0), local.source(CONNECTIONS_PER_SOURCE - 1));
        assert_ne!(local.source(0), local.source(CONNECTIONS_PER_SOURCE));
        assert!(local.source(u64::MAX).is_some_and(|ip| ip.is_loopback()));
        assert_eq!(
            target.resolved_to("10.0.0.1:80".parse().unwrap()).source(0),
            None
        );
        assert_eq!(
            target.resolved_to("[::1]:80".parse().unwrap()).source(0),
            None
        );
    }
}
