//! Address of a Redis server, with the credentials for it.

use std::time::Duration;

use bench_cli::UsageError;
use bench_report::redaction;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisError,
};

use testbed::token;

use crate::cli::tls_flags::TlsFlags;
use crate::clients::CONNECT_TIMEOUT;
use crate::server::tls::RedisTls;
use crate::server::{environment, failure, port_answer, url_options};

/// Time-out of a blocking command that is not measured, such as `INFO`, filling or clearing keys.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Address of a Redis server, and the credentials for it.
#[derive(Debug, Clone)]
pub(crate) struct RedisAddress {
    info: ConnectionInfo,
    masked_url: String,
    password: PasswordSource,
    /// Settings of TLS; `None` for plain connections.
    tls: Option<RedisTls>,
}

/// Origin of the password with which connections log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordSource {
    /// Connections log in without a password.
    Nowhere,
    /// The URL contains the password.
    Url,
    /// The environment variable `REDISCLI_AUTH` contains the password.
    Environment,
}

impl RedisAddress {
    /// Parses the URL of a server of the user, as [`Self::parse`] does, with the flags for TLS. If
    /// the URL has no password, takes the one in `REDISCLI_AUTH`. The throwaway server of a parent
    /// process takes none.
    ///
    /// # Errors
    /// Fails as [`Self::parse`] does, if a flag has no effect or names a file that cannot be
    /// used, or if the password in the environment cannot be sent.
    pub(crate) fn of_user(url: &str, tls: &TlsFlags) -> Result<Self, UsageError> {
        let address = Self::plain(url)?.encrypted(tls)?;
        let mark = std::env::var(token::ENV).unwrap_or_default();
        if address.password == PasswordSource::Url || token::is_ours(&mark, url) {
            return Ok(address);
        }
        let password = environment::password()?;
        Ok(password.map_or(address.clone(), |password| address.logged_in(&password)))
    }

    /// Returns the address with the password that the environment has.
    fn logged_in(self, password: &str) -> Self {
        let settings = self.info.redis_settings().clone().set_password(password);
        Self {
            info: self.info.set_redis_settings(settings),
            password: PasswordSource::Environment,
            ..self
        }
    }

    /// Parses the URL of a Redis server, without contacting it.
    ///
    /// # Errors
    /// Fails if `url` is no such URL, or if a part of it would have no effect. The message contains
    /// no secret.
    pub(crate) fn parse(url: &str) -> Result<Self, UsageError> {
        Self::plain(url)?.encrypted(&TlsFlags::default())
    }

    /// Returns the address with the settings for TLS if the URL asks for it.
    fn encrypted(self, flags: &TlsFlags) -> Result<Self, UsageError> {
        if !matches!(self.info.addr(), ConnectionAddr::TcpTls { .. }) {
            let given = flags.given();
            return match given.first() {
                Some((flag, _)) => Err(UsageError(format!(
                    "{flag} has no effect without TLS; write rediss:// in the URL, or leave {flag} out"
                ))),
                None => Ok(self),
            };
        }
        let tls = RedisTls::load(flags)?;
        Ok(Self {
            info: tls.added_to(self.info)?,
            tls: Some(tls),
            ..self
        })
    }

    /// Parses the URL without regard to TLS.
    fn plain(url: &str) -> Result<Self, UsageError> {
        let form = "write redis://USER:PASSWORD@HOST:PORT/DATABASE, of which only the host is \
                    needed, and @, /, ? and # of user or password as %40, %2F, %3F and %23";
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
        let password = match info.redis_settings().password() {
            Some(_) => PasswordSource::Url,
            None => PasswordSource::Nowhere,
        };
        Ok(Self {
            password,
            info: info.set_tcp_settings(settings),
            masked_url: redaction::url(url),
            tls: None,
        })
    }

    /// Returns the address of another node of the same cluster, with the same credentials.
    pub(crate) fn at_node(&self, host: &str, port: u16) -> Self {
        let host_name = host.to_owned();
        let node = match self.info.addr() {
            ConnectionAddr::TcpTls {
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host: host_name,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host_name, port),
        };
        Self {
            info: self.info.clone().set_addr(node),
            masked_url: format!("{host}:{port}"),
            ..self.clone()
        }
    }

    /// Returns the connection settings for the Redis driver, with the credentials.
    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Returns the name of the protocol that every connection speaks, as reports have it.
    pub(crate) fn protocol(&self) -> &'static str {
        match self.info.redis_settings().protocol() {
            ProtocolVersion::RESP3 => "resp3",
            _ => "resp2",
        }
    }

    /// Returns the settings of TLS; `None` for plain connections.
    pub(crate) fn tls(&self) -> Option<&RedisTls> {
        self.tls.as_ref()
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
        let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT);
        let connection = connection.map_err(|error| self.reason_of(error))?;
        connection.set_read_timeout(Some(COMMAND_TIMEOUT))?;
        connection.set_write_timeout(Some(COMMAND_TIMEOUT))?;
        Ok(connection)
    }

    /// Returns the reason that the server gives for closing a new connection, or `error`, that of
    /// the connection, if there is none.
    fn reason_of(&self, error: RedisError) -> RedisError {
        if !failure::is_closed(&error) {
            return error;
        }
        port_answer::refusal(self.info.addr()).unwrap_or(error)
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
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                let tls = self.tls.as_ref().map_or_else(String::new, RedisTls::cli);
                format!("redis-cli -h {host} -p {port}{tls}{user}{database}")
            }
            ConnectionAddr::Unix(path) => {
                format!("redis-cli -s {}{user}{database}", path.display())
            }
            _ => "redis-cli".to_owned(),
        }
    }

    /// Returns where the password is from with which connections log in.
    pub(crate) fn password(&self) -> PasswordSource {
        self.password
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_the_environment_logs_in_the_user_of_the_url() {
        let address = RedisAddress::parse("redis://app@cache:7000/3").unwrap();
        assert_eq!(address.password(), PasswordSource::Nowhere);
        let address = address.logged_in("hunter2");
        let settings = address.info().redis_settings();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("app"), Some("hunter2"), 3)
        );
        assert!(address.info().tcp_settings().nodelay());
        assert_eq!(address.password(), PasswordSource::Environment);
        assert_eq!(address.cli(), "redis-cli -h cache -p 7000 --user app -n 3");
        assert_eq!(address.masked_url(), "redis://app@cache:7000/3");
    }
}
