//! Settings of the test server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use load_engine::ThinkTime;

/// Close code of a connection that ended without a close frame. It is never sent (RFC 6455, 7.4.1).
pub(crate) const NO_CLOSE_FRAME: u16 = 1006;
/// Close code of a close frame without a code. It is never sent (RFC 6455, 7.4.1).
pub(crate) const NO_CLOSE_CODE: u16 = 1005;

/// Settings of the test server.
#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    /// Address to listen on; with port 0 the operating system chooses a free port.
    pub(crate) listen: SocketAddr,
    /// Largest number of connections that the kernel completes and queues until the server accepts
    /// them. The kernel reduces it to `somaxconn`.
    pub(crate) backlog: u32,
    /// Shortest time between two acceptances; `None` for no limit.
    pub(crate) accept_every: Option<Duration>,
    /// Certificate and key with which the server speaks TLS; `None` for plain TCP.
    pub(crate) tls: Option<TlsFiles>,
    /// Subprotocol that the server chooses if the client offers it.
    pub(crate) subprotocol: Option<String>,
    pub(crate) admission: AdmissionLimits,
    pub(crate) session: SessionOptions,
}

/// PEM files of the server's certificate, with its chain, and its private key.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Limits beyond which upgrades are refused; `None` for no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AdmissionLimits {
    /// Number of open connections, beyond which the answer is HTTP 503.
    pub(crate) refuse_after: Option<u64>,
    /// Number of open connections from one address, beyond which the answer is HTTP 403.
    pub(crate) per_address: Option<u64>,
    /// Number of upgrades within any second, beyond which the answer is HTTP 429.
    pub(crate) rate_limit: Option<u64>,
}

/// Behaviour towards a client after the upgrade.
#[derive(Debug, Clone)]
pub(crate) struct SessionOptions {
    pub(crate) mode: AnswerMode,
    pub(crate) faults: AnswerFaults,
    pub(crate) closing: ClosingRules,
    /// Number of bytes per second that the server reads from a connection; `None` for no limit.
    pub(crate) slow_read: Option<u64>,
}

/// Kind of answer to a data message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerMode {
    /// The message itself, to its sender.
    Echo,
    /// The message itself, to all open connections.
    Broadcast,
    /// Several chunks, to the sender.
    Stream {
        /// Number of chunks, unless the message says another.
        chunks: u64,
        /// Time between two chunks.
        interval: Duration,
    },
}

/// Faults of the answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerFaults {
    /// Time from a message to its answer.
    pub(crate) delay: ThinkTime,
    /// Share of the answers that are left out, from 0 to 1.
    pub(crate) drop_rate: f64,
    /// Distance between two answers that are sent twice; `None` for none of them.
    pub(crate) duplicate_every: Option<u64>,
}

/// Rules by which the server closes a connection; `None` where a rule does not apply.
#[derive(Debug, Clone)]
pub(crate) struct ClosingRules {
    /// Number of answers after which the connection is closed.
    pub(crate) after_answers: Option<u64>,
    /// Time from the upgrade after which the connection is closed.
    pub(crate) max_age: Option<Duration>,
    /// Time without a byte from the client after which the connection is closed.
    pub(crate) idle_timeout: Option<Duration>,
    /// Close code to send: [`NO_CLOSE_CODE`] for a close frame without one, [`NO_CLOSE_FRAME`] for
    /// no close frame at all.
    pub(crate) code: u16,
    /// Reason to send with the close code; at most 123 bytes.
    pub(crate) reason: String,
}

impl SessionOptions {
    /// Returns true if every message is echoed at once and the server closes no connection: such a
    /// session needs neither timers nor a queue.
    pub(crate) fn is_plain_echo(&self) -> bool {
        let (faults, closing) = (&self.faults, &self.closing);
        self.mode == AnswerMode::Echo
            && faults.delay.is_none()
            && faults.drop_rate <= 0.0
            && faults.duplicate_every.is_none()
            && closing.after_answers.is_none()
            && closing.max_age.is_none()
            && closing.idle_timeout.is_none()
    }
}
