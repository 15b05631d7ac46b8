//! Address of a Redis server, with the credentials for it.

use std::time::Duration;

use bench_cli::UsageError;
use bench_report::redaction;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, RedisError, RedisResult,
};
use url::Url;

use testbed::token;

use crate::cli::tls_flags::TlsFlags;
use crate::clients::CONNECT_TIMEOUT;
use crate::server::sentinel::{self, HostPort, Sentinels};
use crate::server::tls::RedisTls;
use crate::server::{environment, failure, host_list, port_answer, url_options};

/// Time-out of a blocking command that is not measured, such as `INFO`, filling or clearing keys.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Address of a Redis server, and the credentials for it.
///
/// With Sentinels it is that of the primary that they name: each new connection asks them for it, so
/// that it reaches another server after a failover.
#[derive(Debug, Clone)]
pub(crate) struct RedisAddress {
    /// Settings of connections. With Sentinels they have the address of the first one.
    info: ConnectionInfo,
    masked_url: String,
    password: PasswordSource,
    /// Settings of TLS; `None` for plain connections.
    tls: Option<RedisTls>,
    /// Sentinels that name the server; `None` if the URL itself does.
    sentinels: Option<Sentinels>,
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
        if url.starts_with("redis-sentinel://") || url.starts_with("sentinel://") {
            return Err(UsageError(
                "write the URL of Sentinels as redis://HOST:26379/?sentinel=NAME, with rediss:// \
                 for TLS"
                    .to_owned(),
            ));
        }
        let unreadable = || {
            // The URL is not shown: a URL that cannot be parsed cannot be redacted with certainty.
            UsageError(format!(
                "the URL of the Redis server cannot be read; {form}"
            ))
        };
        let (single, others) = host_list::split(url);
        let parsed = redis::parse_redis_url(&single).ok_or_else(unreadable)?;
        url_options::check(&parsed)?;
        let hosts = sentinel_hosts(&parsed, others)?;
        let name = url_options::sentinel(&parsed);
        let mut info = parsed.into_connection_info().map_err(|_| unreadable())?;
        if let Some((host, port)) = hosts.first() {
            info = sentinel::moved(&info, host, *port);
        }
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
            sentinels: name.map(|name| Sentinels::new(&name, hosts)),
        })
    }

    /// Returns the address of another server of the same group, as a node of the same cluster, with the
    /// same credentials.
    pub(crate) fn at_node(&self, host: &str, port: u16) -> Self {
        Self {
            info: sentinel::moved(&self.info, host, port),
            masked_url: format!("{host}:{port}"),
            sentinels: None,
            ..self.clone()
        }
    }

    /// Returns the address of another node of the same cluster on the same host; a Unix socket stays.
    pub(crate) fn at_port(&self, port: u16) -> Self {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
                self.at_node(host, port)
            }
            _ => self.clone(),
        }
    }

    /// Returns true if Sentinels name the server, so that it may be another one after a failover.
    pub(crate) fn has_sentinels(&self) -> bool {
        self.sentinels.is_some()
    }

    /// Returns the address of the server that this process found last, without asking for it. It is
    /// that of the URL if there are no Sentinels, or none was asked yet.
    pub(crate) fn current(&self) -> Self {
        let primary = self.sentinels.as_ref().and_then(Sentinels::primary);
        primary.map_or_else(|| self.clone(), |(host, port)| self.at_node(&host, port))
    }

    /// Asks the Sentinels for the primary. Returns `None` if there are none, because the address is then
    /// that of the server.
    ///
    /// # Errors
    /// Fails with what each Sentinel said if none names a primary.
    pub(crate) async fn named_primary(&self) -> RedisResult<Option<Self>> {
        let Some(sentinels) = &self.sentinels else {
            return Ok(None);
        };
        // Boxed, because every request of a client that may connect would else have room for it.
        let (host, port) = Box::pin(sentinels.ask_async(&self.info)).await?;
        Ok(Some(self.at_node(&host, port)))
    }

    /// Checks on a new connection that this server, which a Sentinel named, is a primary.
    ///
    /// # Errors
    /// Fails if it is none, or with the error of the connection.
    pub(crate) async fn check_primary(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<()> {
        let role = redis::cmd("ROLE").query_async(connection).await;
        sentinel::check_primary(role, &self.masked_url)
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
        self.connect_within(CONNECT_TIMEOUT)
    }

    /// Connects as [`Self::connect`] does, but fails after `timeout`.
    ///
    /// # Errors
    /// Fails as [`Self::connect`] does.
    pub(crate) fn connect_within(&self, timeout: Duration) -> Result<Connection, RedisError> {
        let Some(sentinels) = &self.sentinels else {
            return self.connect_here(timeout);
        };
        let (host, port) = sentinels.ask(&self.info)?;
        let primary = self.at_node(&host, port);
        let mut connection = primary.connect_here(timeout)?;
        let role = redis::cmd("ROLE").query(&mut connection);
        sentinel::check_primary(role, primary.masked_url())?;
        Ok(connection)
    }

    fn connect_here(&self, timeout: Duration) -> Result<Connection, RedisError> {
        let client = Client::open(self.info.clone())?;
        let connection = client.get_connection_with_timeout(timeout);
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
        if let Some((host, port)) = self.sentinels.as_ref().and_then(Sentinels::primary) {
            return self.at_node(&host, port).cli();
        }
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

    /// Returns the beginning of a `redis-cli` command that connects to the first Sentinel of the URL;
    /// `None` if there is none.
    pub(crate) fn sentinel_cli(&self) -> Option<String> {
        self.sentinels.as_ref()?;
        let settings = RedisConnectionInfo::default();
        let first = Self {
            info: self.info.clone().set_redis_settings(settings),
            sentinels: None,
            ..self.clone()
        };
        Some(first.cli())
    }

    /// Returns where the password is from with which connections log in.
    pub(crate) fn password(&self) -> PasswordSource {
        self.password
    }
}

/// Returns the Sentinels in a URL, whose first host is that of `url`; none in the URL of a server.
///
/// # Errors
/// Fails with a sentence if there are several hosts, but they are no Sentinels.
fn sentinel_hosts(url: &Url, others: Vec<HostPort>) -> Result<Vec<HostPort>, UsageError> {
    if url_options::sentinel(url).is_none() {
        if others.is_empty() {
            return Ok(others);
        }
        return Err(UsageError(
            "only the URL of Sentinels has several hosts, as in \
             redis://HOST:26379,HOST:26379/?sentinel=NAME; a server or a node of a cluster has one"
                .to_owned(),
        ));
    }
    let host = host_list::named(url).unwrap_or_else(|| "127.0.0.1".to_owned());
    let mut hosts = vec![(host, url.port().unwrap_or(sentinel::PORT))];
    hosts.extend(others);
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_of_a_url_have_their_ports_and_the_login_is_that_of_the_servers() {
        let url = "redis://app:hunter2@one,two:7000/3?sentinel=orders";
        let address = RedisAddress::parse(url).unwrap();
        assert!(address.has_sentinels());
        let settings = address.info().redis_settings();
        assert_eq!((settings.username(), settings.db()), (Some("app"), 3));
        let ConnectionAddr::Tcp(host, port) = address.info().addr() else {
            panic!("{address:?}");
        };
        assert_eq!((host.as_str(), *port), ("one", 26_379));
        assert_eq!(
            address.masked_url(),
            "redis://app:***@one,two:7000/3?sentinel=orders"
        );
        let sentinel = address.sentinel_cli();
        assert_eq!(sentinel.as_deref(), Some("redis-cli -h one -p 26379"));
        let UsageError(said) = RedisAddress::parse("redis://one,two:7000/3").unwrap_err();
        assert!(said.contains("?sentinel=NAME"), "{said}");
        for scheme in ["redis-sentinel", "sentinel"] {
            let url = format!("{scheme}://one:26379/orders");
            let UsageError(said) = RedisAddress::parse(&url).unwrap_err();
            assert!(said.contains("?sentinel=NAME"), "{said}");
        }
    }

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
