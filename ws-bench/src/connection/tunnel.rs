//! Tunnel through an HTTP proxy, which the method CONNECT opens.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bench_report::redaction::{self, MASK};
use percent_encoding::percent_decode_str;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::connection::http_answer::{AnswerError, HttpAnswer, Refusal};

/// HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpProxy {
    host: String,
    port: u16,
    /// Value of `Proxy-Authorization`; `None` without a login.
    login: Option<String>,
    /// Password of the login, which is not to be shown.
    password: Option<String>,
}

impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpProxy").field(&self.address()).finish()
    }
}

/// Reason why a text names no proxy. It shows no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no HTTP proxy; write it as in http://user:password@proxy.example:3128")]
pub(crate) struct ProxyUrlError {
    text: String,
}

/// Reason why a proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    /// The request could not be sent.
    #[error("the proxy {proxy}: {source}")]
    Send {
        /// Host and port of the proxy.
        proxy: String,
        /// Error of the connection.
        source: io::Error,
    },
    /// No answer of HTTP arrived.
    #[error("the proxy {proxy}: {source}")]
    Answer {
        /// Host and port of the proxy.
        proxy: String,
        /// Fault of the answer.
        source: AnswerError,
    },
    /// The proxy refused.
    #[error("the proxy {proxy} answered {refusal}")]
    Refused {
        /// Host and port of the proxy.
        proxy: String,
        /// Answer of the proxy.
        refusal: Refusal,
    },
    /// Bytes came before the tunnel was used, in which the server cannot have spoken yet.
    #[error("the proxy {proxy} sent something after its answer, before anything was asked")]
    Early {
        /// Host and port of the proxy.
        proxy: String,
    },
}

impl HttpProxy {
    /// Parses the URL of a proxy, as in `http://user:password@proxy.example:3128`.
    ///
    /// # Errors
    /// If it has another scheme, no host, or a path.
    pub(crate) fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        let wrong = || ProxyUrlError {
            text: if text.contains("://") {
                redaction::url(text)
            } else {
                MASK.to_owned()
            },
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(wrong()),
        };
        let is_bare = url.path() == "/" && url.query().is_none();
        if url.scheme() != "http" || host.is_empty() || !is_bare || redaction::hides_its_host(text)
        {
            return Err(wrong());
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = url.password().map(decoded);
        let user = decoded(url.username());
        let has_login = !user.is_empty() || password.is_some();
        let login = has_login.then(|| {
            let login = format!("{user}:{}", password.as_deref().unwrap_or_default());
            format!("Basic {}", STANDARD.encode(login))
        });
        Ok(Self {
            host,
            port: url.port_or_known_default().unwrap_or(80),
            login,
            password,
        })
    }

    /// Returns host and port as the resolver needs them.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        (self.host.clone(), self.port)
    }

    /// Returns host and port as text.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Asks the proxy behind `stream` for a tunnel to `host` and `port`. The caller bounds the time.
    ///
    /// # Errors
    /// If the proxy refuses or answers wrongly, or the connection fails.
    pub(crate) async fn open_tunnel(
        &self,
        stream: &mut TcpStream,
        host: &str,
        port: u16,
    ) -> Result<(), TunnelError> {
        let proxy = self.address();
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(login) = &self.login {
            request += &format!("Proxy-Authorization: {login}\r\n");
        }
        request += "\r\n";
        let sent = stream.write_all(request.as_bytes()).await;
        if let Err(source) = sent {
            return Err(TunnelError::Send { proxy, source });
        }
        let answer = match HttpAnswer::read(stream).await {
            Ok(answer) => answer,
            Err(source) => return Err(TunnelError::Answer { proxy, source }),
        };
        if !(200..300).contains(&answer.status) {
            let mut refusal = answer.refusal(stream).await;
            if let Some(password) = self.password.as_deref().filter(|p| !p.is_empty()) {
                refusal.body = refusal.body.replace(password, MASK);
            }
            return Err(TunnelError::Refused { proxy, refusal });
        }
        if !answer.rest.is_empty() {
            return Err(TunnelError::Early { proxy });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_a_url_whose_password_is_never_shown() {
        let proxy = HttpProxy::parse("http://app:hunt%40er2@proxy:3128").unwrap();
        assert_eq!(proxy.host_and_port(), ("proxy".to_owned(), 3128));
        assert_eq!(proxy.login.as_deref(), Some("Basic YXBwOmh1bnRAZXIy"));
        assert!(!format!("{proxy:?}").contains("hunt"));
        for text in [
            "https://a:hunter2@proxy/",
            "socks5://a:hunter2@proxy:1080",
            "http://a:hunter2@proxy/path",
            "proxy:3128",
            "hunter2",
        ] {
            let error = HttpProxy::parse(text).unwrap_err().to_string();
            assert!(
                !error.contains("hunter2") && error.contains("http://"),
                "{error}"
            );
        }
    }
}
