//! Address of a Redis server, with the credentials for it.

use std::time::Duration;

use bench_cli::UsageError;
use bench_report::redaction;
use redis::io::tcp::TcpSettings;
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError};

use crate::clients::CONNECT_TIMEOUT;
use crate::server::url_options;

/// Time-out of a blocking command that is not measured, such as `INFO`, filling or clearing keys.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Address of a Redis server, and the credentials for it.
#[derive(Debug, Clone)]
pub(crate) struct RedisAddress {
    info: ConnectionInfo,
    masked_url: String,
}

impl RedisAddress {
    /// Parses the URL of a Redis server, without contacting it.
    ///
    /// # Errors
    /// Fails if `url` is no such URL, if it requires TLS, or if a part of it would have no effect.
    /// The message contains no secret.
    pub(crate) fn parse(url: &str) -> Result<Self, UsageError> {
        let form = "write redis://USER:PASSWORD@HOST:PORT/DATABASE, of which only the host is \
                    needed, and @, /, ? and # of user or password as %40, %2F, %3F and %23";
        let scheme = url.split("://").next().unwrap_or_default();
        if ["rediss", "valkeys"]
            .iter()
            .any(|tls| scheme.eq_ignore_ascii_case(tls))
        {
            let text = "TLS (rediss://) is not built in; use redis:// to a server that takes plain connections";
            return Err(UsageError(text.to_owned()));
        }
        if redaction::hides_its_host(url) {
            let text = format!(
                "the URL of the Redis server cannot be read: {}",
                redaction::ENCODE_IT
            );
            return Err(UsageError(text));
        }
        let unreadable = || {
            // The URL is not shown: a URL that cannot be parsed cannot be redacted with certainty.
            UsageError(format!(
                "the URL of the Redis server cannot be read; {form}"
            ))
        };
        let parsed = redis::parse_redis_url(url).ok_or_else(unreadable)?;
        url_options::check(&parsed)?;
        let info = parsed.into_connection_info().map_err(|_| unreadable())?;
        let settings = TcpSettings::default().set_nodelay(true);
        Ok(Self {
            info: info.set_tcp_settings(settings),
            masked_url: redaction::url(url),
        })
    }

    /// Returns the connection settings for the Redis driver, with the credentials.
    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Returns the URL with its secrets masked, for messages and reports.
    pub(crate) fn masked_url(&self) -> &str {
        &self.masked_url
    }

    /// Opens a blocking connection and logs in, for work that is not measured. Connecting and each
    /// command have a time-out.
    ///
    /// # Errors
    /// Fails with the error of the driver or the server.
    pub(crate) fn connect(&self) -> Result<Connection, RedisError> {
        let client = Client::open(self.info.clone())?;
        let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
        connection.set_read_timeout(Some(COMMAND_TIMEOUT))?;
        connection.set_write_timeout(Some(COMMAND_TIMEOUT))?;
        Ok(connection)
    }

    /// Returns the beginning of a `redis-cli` command that connects to this server, without the
    /// password.
    pub(crate) fn cli(&self) -> String {
        let database = match self.info.redis_settings().db() {
            0 => String::new(),
            db => format!(" -n {db}"),
        };
        let user = match self.info.redis_settings().username() {
            Some(user) if user != "default" && !user.is_empty() => format!(" --user {user}"),
            _ => String::new(),
        };
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                format!("redis-cli -h {host} -p {port}{user}{database}")
            }
            ConnectionAddr::Unix(path) => {
                format!("redis-cli -s {}{user}{database}", path.display())
            }
            _ => "redis-cli".to_owned(),
        }
    }

    /// Returns true if the URL of the server contains a password.
    pub(crate) fn has_password(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }
}
