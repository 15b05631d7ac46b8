//! URL of a server under test.

use bench_report::redaction;
use percent_encoding::percent_decode_str;
use url::{Host, Position, Url};

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
    /// The URL has the scheme of another protocol.
    #[error(
        "{scheme}:// is no WebSocket URL; write it as in ws://127.0.0.1:9001/, or with wss:// for TLS"
    )]
    Scheme {
        /// Scheme of the URL, such as `http`.
        scheme: String,
    },
}

/// Checked `ws://` or `wss://` URL of a server, as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetUrl {
    url: Url,
}

impl TargetUrl {
    /// Parses a `ws://` or `wss://` URL, which may contain a user and a password. Connections are
    /// opened without its fragment.
    ///
    /// # Errors
    /// If `text` is no such URL with a host, or if unencoded characters in its password hide the host.
    /// No error shows a password.
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
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(UrlError::Scheme {
                scheme: url.scheme().to_owned(),
            });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(malformed("it names no host".to_owned()));
        }
        Ok(Self { url })
    }

    /// Returns the URL to which a server redirects from this one. `location` may be relative, and may
    /// have the scheme `http` or `https` for a WebSocket without or with TLS.
    ///
    /// # Errors
    /// If `location` leads to no WebSocket.
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, UrlError> {
        let joined = self.url.join(location);
        let joined = joined.map_err(|error| UrlError::Malformed {
            text: redaction::url(location),
            reason: error.to_string(),
        })?;
        let text = joined.as_str();
        let same = text
            .strip_prefix("http")
            .map(|rest| format!("ws{rest}"))
            .filter(|_| matches!(joined.scheme(), "http" | "https"));
        Self::parse(same.as_deref().unwrap_or(text))
    }

    /// Returns true if both URLs lead to the same server: scheme, host and port.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        self.url.scheme() == other.url.scheme() && self.host_and_port() == other.host_and_port()
    }

    /// Returns true if connections are made with TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// Returns the whole URL, with its password.
    pub(crate) fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Returns the URL with its password masked, and with the values of those parameters masked
    /// that may be secret.
    pub(crate) fn masked(&self) -> String {
        redaction::url(self.url.as_str())
    }

    /// Returns path and parameters, as a request names them.
    pub(crate) fn path_and_query(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// Returns host and port as the header `Host` names them: without a port that is the scheme's.
    pub(crate) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::BeforePath]
    }

    /// Returns user and password, decoded; `None` if the URL has neither.
    pub(crate) fn login(&self) -> Option<(String, String)> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = self.url.password();
        if self.url.username().is_empty() && password.is_none() {
            return None;
        }
        let user = decoded(self.url.username());
        Some((user, decoded(password.unwrap_or_default())))
    }

    /// Returns host and port as the resolver needs them: an IPv6 address without brackets, and the
    /// scheme's port if the URL has none.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let host = match self.url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        (host, self.url.port_or_known_default().unwrap_or(80))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> TargetUrl {
        TargetUrl::parse(text).unwrap()
    }

    #[test]
    fn only_websocket_urls_are_taken() {
        assert!(!url("ws://[::1]:9001/path?room=1").is_tls());
        assert!(url("wss://example/").is_tls());
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
        let target = url("ws://app:hunter2@127.0.0.1:9001/");
        assert!(!target.masked().contains("hunter2"), "{}", target.masked());
        for (given, shown) in [
            (
                "ws://h:9001/s?jwt=hunter2&room=1",
                "ws://h:9001/s?jwt=***&room=1",
            ),
            ("ws://h:9001/s?ticket=hunter2", "ws://h:9001/s?ticket=***"),
        ] {
            assert_eq!(url(given).masked(), shown);
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
        for (text, host, port, authority) in [
            ("ws://[::1]/", "::1", 80, "[::1]"),
            ("wss://localhost", "localhost", 443, "localhost"),
            ("ws://a:b@localhost:81/x", "localhost", 81, "localhost:81"),
        ] {
            let url = url(text);
            assert_eq!(url.host_and_port(), (host.to_owned(), port));
            assert_eq!(url.authority(), authority);
        }
    }

    #[test]
    fn a_redirection_leads_to_a_websocket() {
        let from = url("ws://h:81/old/live?x=1");
        for (location, to, same) in [
            ("/new", "ws://h:81/new", true),
            ("room", "ws://h:81/old/room", true),
            ("http://h:81/new", "ws://h:81/new", true),
            ("https://h/new", "wss://h/new", false),
            ("wss://other/", "wss://other/", false),
        ] {
            let redirected = from.redirected(location).unwrap();
            assert_eq!(redirected.as_str(), to);
            assert_eq!(from.is_same_server(&redirected), same, "{location}");
        }
        assert!(from.redirected("mailto:a@b").is_err());
    }
}
