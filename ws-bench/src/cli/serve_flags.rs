//! Flags of `ws-bench serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::flags::{self, Format};
use clap::{ArgGroup, Args, ValueEnum};
use load_engine::ThinkTime;

use crate::serve::options::{
    AdmissionLimits, AnswerFaults, AnswerMode, ClosingRules, ServeOptions, SessionOptions, TlsFiles,
};

/// Number of chunks of a stream for which neither the request nor a flag says another.
const CHUNKS: u64 = 10;
/// Time between two chunks of a stream without a flag.
const CHUNK_INTERVAL: Duration = Duration::from_millis(20);
/// Largest size of the reason of a close frame, in bytes (RFC 6455, 5.5).
const LARGEST_REASON_BYTES: usize = 123;
/// Close codes that a flag accepts: those of RFC 6455, 7.4.
const CLOSE_CODES: std::ops::RangeInclusive<u16> = 1000..=4999;

const SERVE_HELP: &str = "\
Prints `listening on ws://ADDRESS/` when it is ready, and its counters when it ends by Ctrl-C or \
SIGTERM. An answer is a message that the server sends: an echo, a delivery of a broadcast message, \
or a chunk of a stream.

A request of a stream may say how many chunks it wants: 20, or {\"id\": 7, \"count\": 20}. Chunks \
are {\"id\": 7, \"sequence\": 0, \"last\": false} and so on.

Examples:
  ws-bench serve
  ws-bench serve --listen 127.0.0.1:0 --refuse-after 500
  ws-bench serve --listen 127.0.0.1:0 --rate-limit 500 --per-address 50
  ws-bench serve --listen 127.0.0.1:0 --delay exp:20ms --drop-rate 1%
  ws-bench serve --listen 127.0.0.1:0 --max-age 2h --close-code 1001
  ws-bench serve --listen 127.0.0.1:0 --mode stream --chunk-interval 30ms";

/// Flags of `ws-bench serve`.
#[derive(Debug, Args)]
#[command(
    after_help = SERVE_HELP,
    group = ArgGroup::new("closing").multiple(true)
)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,

    /// Answer to a data message
    #[arg(long, value_enum, default_value_t)]
    mode: ModeFlag,

    /// Chunks of a stream whose request names no count [default: 10]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    chunks: Option<u64>,

    /// Time between two chunks of a stream [default: 20ms]
    #[arg(long, value_parser = flags::duration_or_zero, value_name = "TIME")]
    chunk_interval: Option<Duration>,

    /// Form of the counters at the end
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Open connections beyond which an upgrade gets 503
    #[arg(long, value_parser = flags::count, value_name = "N", help_heading = "Connections")]
    refuse_after: Option<u64>,

    /// Open connections of one address beyond which an upgrade gets 403
    #[arg(long, value_parser = flags::count, value_name = "N", help_heading = "Connections")]
    per_address: Option<u64>,

    /// Upgrades within any second beyond which one gets 429, with Retry-After
    #[arg(long, value_parser = flags::count, value_name = "PER_S", help_heading = "Connections")]
    rate_limit: Option<u64>,

    /// Connections that the kernel queues for the server, at most somaxconn
    #[arg(
        long,
        value_parser = flags::count,
        value_name = "N",
        default_value = "4096",
        help_heading = "Connections"
    )]
    backlog: u64,

    /// Shortest time between the acceptance of two connections
    #[arg(long, value_parser = flags::duration, value_name = "TIME", help_heading = "Connections")]
    accept_every: Option<Duration>,

    /// Subprotocol to choose if the client offers it
    #[arg(long, value_parser = subprotocol, value_name = "NAME", help_heading = "Connections")]
    subprotocol: Option<String>,

    /// Certificate of the server with its chain, a PEM file; makes it wss
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        help_heading = "Connections"
    )]
    tls_cert: Option<PathBuf>,

    /// Private key of --tls-cert, a PEM file
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        help_heading = "Connections"
    )]
    tls_key: Option<PathBuf>,

    /// Time from a message to its answer: 20ms, 10ms..30ms or exp:20ms
    #[arg(
        long,
        value_parser = delay,
        value_name = "TIME",
        default_value = "0s",
        hide_default_value = true,
        help_heading = "Answers"
    )]
    delay: ThinkTime,

    /// Share of the answers that are left out, such as 0.01 or 1%
    #[arg(
        long,
        value_parser = flags::share,
        value_name = "SHARE",
        default_value = "0",
        hide_default_value = true,
        help_heading = "Answers"
    )]
    drop_rate: f64,

    /// Distance between two answers that are sent twice: every Nth is
    #[arg(long, value_parser = flags::count, value_name = "N", help_heading = "Answers")]
    duplicate_every: Option<u64>,

    /// Bytes that the server reads from a connection in a second
    #[arg(long, value_parser = flags::size, value_name = "BYTES_PER_S", help_heading = "Answers")]
    slow_read: Option<u64>,

    /// Answers of a connection after which the server closes it
    #[arg(
        long,
        value_parser = flags::count,
        value_name = "N",
        group = "closing",
        help_heading = "Closing"
    )]
    close_after: Option<u64>,

    /// Time from its upgrade after which the server closes a connection
    #[arg(
        long,
        value_parser = flags::duration,
        value_name = "TIME",
        group = "closing",
        help_heading = "Closing"
    )]
    max_age: Option<Duration>,

    /// Time without a byte from the client after which the server closes
    #[arg(
        long,
        value_parser = flags::duration,
        value_name = "TIME",
        group = "closing",
        help_heading = "Closing"
    )]
    idle_timeout: Option<Duration>,

    /// Close code of these: 1005 for a frame without one, 1006 for no frame
    #[arg(
        long,
        value_parser = close_code,
        value_name = "CODE",
        default_value = "1000",
        requires = "closing",
        help_heading = "Closing"
    )]
    close_code: u16,

    /// Reason in the close frame
    #[arg(
        long,
        value_parser = close_reason,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        requires = "closing",
        help_heading = "Closing"
    )]
    close_reason: String,
}

/// Answer to a data message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ModeFlag {
    /// The message, to its sender.
    #[default]
    Echo,
    /// The message, to all open connections, its sender too.
    Broadcast,
    /// Many chunks at an interval, numbered, the last one marked.
    Stream,
}

impl ServeArgs {
    /// Returns the form of the counters at the end.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Returns the settings of the server.
    ///
    /// # Errors
    /// Fails with a usage error if a flag has no effect in the mode.
    pub(crate) fn options(&self) -> Result<ServeOptions, UsageError> {
        let files = self.tls_cert.clone().zip(self.tls_key.clone());
        Ok(ServeOptions {
            listen: self.listen,
            backlog: u32::try_from(self.backlog).unwrap_or(u32::MAX),
            accept_every: self.accept_every,
            tls: files.map(|(certificate, key)| TlsFiles { certificate, key }),
            subprotocol: self.subprotocol.clone(),
            admission: AdmissionLimits {
                refuse_after: self.refuse_after,
                per_address: self.per_address,
                rate_limit: self.rate_limit,
            },
            session: SessionOptions {
                mode: self.answer_mode()?,
                faults: AnswerFaults {
                    delay: self.delay,
                    drop_rate: self.drop_rate,
                    duplicate_every: self.duplicate_every,
                },
                closing: ClosingRules {
                    after_answers: self.close_after,
                    max_age: self.max_age,
                    idle_timeout: self.idle_timeout,
                    code: self.close_code,
                    reason: self.close_reason.clone(),
                },
                slow_read: self.slow_read,
            },
        })
    }

    fn answer_mode(&self) -> Result<AnswerMode, UsageError> {
        let is_stream = self.mode == ModeFlag::Stream;
        if !is_stream && (self.chunks.is_some() || self.chunk_interval.is_some()) {
            return Err(UsageError(
                "--chunks and --chunk-interval are those of --mode stream; add it or leave them out"
                    .to_owned(),
            ));
        }
        Ok(match self.mode {
            ModeFlag::Echo => AnswerMode::Echo,
            ModeFlag::Broadcast => AnswerMode::Broadcast,
            ModeFlag::Stream => AnswerMode::Stream {
                chunks: self.chunks.unwrap_or(CHUNKS),
                interval: self.chunk_interval.unwrap_or(CHUNK_INTERVAL),
            },
        })
    }
}

fn delay(text: &str) -> Result<ThinkTime, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no time; write 20ms, 10ms..30ms (evenly between) or exp:20ms (around a mean)")
    })
}

fn close_code(text: &str) -> Result<u16, String> {
    let code = text.parse().ok().filter(|code| CLOSE_CODES.contains(code));
    code.ok_or_else(|| format!("{text:?} is no close code; write one of 1000 to 4999"))
}

fn close_reason(text: &str) -> Result<String, String> {
    if text.len() > LARGEST_REASON_BYTES {
        return Err(format!(
            "it has {} bytes; a close frame has room for {LARGEST_REASON_BYTES}",
            text.len()
        ));
    }
    Ok(text.to_owned())
}

/// Parses the name of a subprotocol: a token of HTTP (RFC 9110, 5.6.2).
fn subprotocol(text: &str) -> Result<String, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || !text.chars().all(is_token) {
        return Err(format!(
            "{text:?} is no name of a subprotocol; write one such as graphql-transport-ws"
        ));
    }
    Ok(text.to_owned())
}
