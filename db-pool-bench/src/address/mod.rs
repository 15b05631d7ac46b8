//! Where a PostgreSQL is, and how it may be shown: the password goes to the drivers and nowhere
//! else.

use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};

use bench_report::redaction;
use sqlx::postgres::PgConnectOptions;
use tokio_postgres::config::{ChannelBinding, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};

use crate::connect::{self, Connector, Endpoint, Environment, Parameters, Passwords, Tls, Way};

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Another kind of server.
    #[error("{0:?} is no PostgreSQL address; write postgres://user@host:5432/database")]
    Scheme(String),
    /// No URL at all. It is not shown: a password given in the wrong place looks like that.
    #[error("the server's address is no URL; write postgres://user@host:5432/database")]
    NoUrl,
    /// It cannot be read, or asks for what cannot be done.
    #[error("{shown:?} cannot be used as a PostgreSQL address: {reason}")]
    Unreadable {
        /// The address, redacted.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It names no host.
    #[error("{0:?} names no host, as in postgres://user@host:5432/database, nor does PGHOST")]
    Host(String),
}

/// Where a PostgreSQL is and who logs in.
///
/// Where it names several servers, or leaves open whether TLS is spoken, the first connection
/// settles it, and all later ones follow: every driver of a run must meet the same server in the
/// same way.
#[derive(Clone)]
pub struct Address {
    /// Login, database, options: all but the server.
    login: Config,
    options: Option<String>,
    tls: Tls,
    ways: Vec<Way>,
    settled: Arc<OnceLock<usize>>,
    shown: String,
    password_note: Option<String>,
}

/// The drivers' own settings hold the password.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

impl Address {
    /// Reads `postgres://user:password@host:port,host:port/database?name=value`. What it leaves
    /// out is taken from the `PG*` variables, the password file and `~/.postgresql`, as libpq does.
    ///
    /// # Errors
    /// When it is no such URL, names no host, or asks for what not every driver can do.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        Self::read(url, &Environment(&|name| std::env::var(name).ok()))
    }

    fn read(url: &str, environment: &Environment<'_>) -> Result<Self, AddressError> {
        let masked = redaction::url(url);
        let is_ours = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if !is_ours {
            return Err(if url.contains("://") {
                AddressError::Scheme(masked)
            } else {
                AddressError::NoUrl
            });
        }
        let unreadable = |reason: String| AddressError::Unreadable {
            shown: masked.clone(),
            reason,
        };
        let (parameters, rest) = Parameters::take(url, environment).map_err(unreadable)?;
        let parsed = Config::from_str(&rest).map_err(|error| unreadable(chain(&error)))?;
        let tls = Tls::of(&parameters, environment).map_err(unreadable)?;
        let endpoints = connect::endpoints(&parsed, environment).map_err(unreadable)?;
        if endpoints.is_empty() {
            return Err(AddressError::Host(masked));
        }
        let (login, options) =
            connect::login(&parsed, &parameters, environment).map_err(unreadable)?;
        let file = parameters
            .get("passfile")
            .map(Into::into)
            .or_else(|| environment.home(".pgpass"));
        let passwords = match (login.get_password(), file) {
            (None, Some(file)) => Passwords::read(&file),
            _ => Passwords::default(),
        };
        let targets =
            connect::targets(parameters.get("target_session_attrs")).map_err(unreadable)?;
        Ok(Self {
            shown: shown(&login, &endpoints, &parameters),
            ways: connect::ways(&endpoints, &tls, targets, &login, &passwords),
            login,
            options,
            tls,
            settled: Arc::default(),
            password_note: passwords.refused,
        })
    }

    /// The host (or the directory of its socket) and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        let Endpoint { host, port } = &self.way().endpoint;
        (host, *port)
    }

    fn way(&self) -> &Way {
        &self.ways[self.settled.get().copied().unwrap_or(0)]
    }

    /// For tokio-postgres and deadpool, with [`Address::tls`].
    pub fn config(&self, application: &str) -> Config {
        self.config_of(self.way(), application)
    }

    fn config_of(&self, way: &Way, application: &str) -> Config {
        let mut config = self.login.clone();
        way.endpoint.give(&mut config);
        if let Some(password) = &way.password {
            config.password(password);
        }
        config
            .ssl_mode(way.sslmode)
            .target_session_attrs(way.target);
        config.application_name(application);
        config
    }

    /// For tokio-postgres and deadpool: how TLS is spoken where it is.
    pub fn tls(&self) -> Connector {
        self.tls.connector()
    }

    /// Whether a login that cannot be bound to the TLS channel is to be refused.
    pub fn insists_on_channel_binding(&self) -> bool {
        self.login.get_channel_binding() == ChannelBinding::Require
    }

    /// For sqlx.
    pub fn sqlx(&self, application: &str) -> PgConnectOptions {
        let Way {
            endpoint,
            password,
            sslmode,
            ..
        } = self.way();
        // Its options can only be set as an address.
        let coded = |text: &String| {
            let all = percent_encoding::NON_ALPHANUMERIC;
            format!(
                "postgres://localhost?options={}",
                percent_encoding::utf8_percent_encode(text, all)
            )
        };
        let given = self.options.as_ref().map(coded);
        let options = given.and_then(|url| PgConnectOptions::from_str(&url).ok());
        let mut options = options.unwrap_or_else(PgConnectOptions::new_without_pgpass);
        options = if endpoint.is_socket() {
            options.socket(&endpoint.host)
        } else {
            options.host(&endpoint.host)
        };
        options = options.port(endpoint.port).application_name(application);
        if let Some(user) = self.login.get_user() {
            options = options.username(user);
        }
        if let Some(database) = self.login.get_dbname() {
            options = options.database(database);
        }
        let given = self.login.get_password().map(String::from_utf8_lossy);
        if let Some(password) = given.as_deref().or(password.as_deref()) {
            options = options.password(password);
        }
        self.tls.give(options, *sslmode)
    }

    /// Opens a connection and leaves its input and output to a task on the current runtime. The
    /// first one tries the servers in turn and settles which it is.
    ///
    /// # Errors
    /// What the driver said, of the last server that was tried.
    pub async fn connect(&self, application: &str) -> Result<Client, Error> {
        self.connect_with(application, |_| ()).await
    }

    /// The same with what `settle` changes in how a way is taken.
    ///
    /// # Errors
    /// What the driver said, of the last server that was tried.
    pub async fn connect_with(
        &self,
        application: &str,
        settle: impl Fn(&mut Config),
    ) -> Result<Client, Error> {
        let (mut tried, settled) = match self.settled.get() {
            Some(&way) => (way, true),
            None => (0, false),
        };
        let mut refused = None;
        loop {
            let way = &self.ways[tried];
            let mut config = self.config_of(way, application);
            settle(&mut config);
            let error = match connect::open(&config, &self.tls).await {
                Ok(client) => {
                    let _ = self.settled.set(tried);
                    return Ok(client);
                }
                // That the server wants TLS is no news; why it did not come about is.
                Err(error) if way.otherwise && way.sslmode == SslMode::Disable => {
                    refused.take().unwrap_or(error)
                }
                Err(error) => error,
            };
            match self.next(tried, &error).filter(|_| !settled) {
                Some(next) => (tried, refused) = (next, Some(error)),
                None => return Err(error),
            }
        }
    }

    /// The way to try when `tried` failed by `error`. A server that refuses the login is the
    /// one that was meant: no other is asked.
    fn next(&self, tried: usize, error: &Error) -> Option<usize> {
        let next = tried + 1;
        if self.ways.get(next)?.otherwise {
            let without_tls = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
            if without_tls || crate::failure::is_tls(error) {
                return Some(next);
            }
        }
        let refused = error
            .code()
            .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW);
        let others = next..self.ways.len();
        others
            .into_iter()
            .find(|&way| !refused && !self.ways[way].otherwise)
    }

    /// The first TCP address of its host.
    ///
    /// # Errors
    /// When the name cannot be resolved, or the host is a socket of this machine.
    pub fn socket_address(&self) -> io::Result<SocketAddr> {
        let Endpoint { host, port } = &self.way().endpoint;
        if self.way().endpoint.is_socket() {
            let no_network = "it is reached by a unix socket";
            return Err(io::Error::new(io::ErrorKind::Unsupported, no_network));
        }
        let mut found = (host.as_str(), *port).to_socket_addrs()?;
        found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The same server and login by way of `proxy`. With TLS the certificate is no longer held
    /// against the name, which is the proxy's now.
    #[must_use]
    pub fn through(&self, proxy: SocketAddr) -> Self {
        let endpoint = Endpoint {
            host: proxy.ip().to_string(),
            port: proxy.port(),
        };
        let way = Way {
            endpoint: endpoint.clone(),
            target: TargetSessionAttrs::Any,
            otherwise: false,
            ..self.way().clone()
        };
        Self {
            shown: shown(&self.login, &[endpoint], &Parameters::default()),
            tls: self.tls.without_names(),
            ways: vec![way],
            settled: Arc::default(),
            ..self.clone()
        }
    }

    /// Whether a connection that is not encrypted is to be refused.
    pub fn insists_on_tls(&self) -> bool {
        self.way().sslmode == SslMode::Require
    }

    /// The address without its password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Why the password file was left unread, where that may be why a login fails.
    pub fn password_note(&self) -> Option<&str> {
        self.password_note.as_deref()
    }

    /// A command that asks whether the server is there.
    pub fn is_ready_command(&self) -> String {
        let Endpoint { host, port } = &self.way().endpoint;
        format!("pg_isready -h {host} -p {port}")
    }

    /// A command that lists the databases there.
    pub fn list_command(&self) -> String {
        let Endpoint { host, port } = &self.way().endpoint;
        format!("psql -h {host} -p {port} --list")
    }

    /// A command that runs `sql` there; it asks for the password.
    pub fn psql_command(&self, sql: &str) -> String {
        format!("psql '{}' -c '{}'", self.shown, sql.replace('\'', "'\\''"))
    }
}

fn shown(login: &Config, endpoints: &[Endpoint], parameters: &Parameters) -> String {
    let mut shown = "postgres://".to_owned();
    if let Some(user) = login.get_user() {
        let _ = write!(shown, "{user}@");
    }
    let database = login.get_dbname().unwrap_or_default();
    let mut further = parameters.shown();
    if let [endpoint] = endpoints
        && endpoint.is_socket()
    {
        let Endpoint { host, port } = endpoint;
        let and = if further.is_empty() { "" } else { "&" };
        further = format!("host={host}&port={port}{and}{further}");
    } else {
        let servers = endpoints.iter().map(|Endpoint { host, port }| match host {
            socket if socket.starts_with('/') => format!("{}:{port}", socket.replace('/', "%2F")),
            ip if ip.contains(':') => format!("[{ip}]:{port}"),
            name => format!("{name}:{port}"),
        });
        shown.push_str(&servers.collect::<Vec<_>>().join(","));
    }
    let mark = if further.is_empty() { "" } else { "?" };
    let _ = write!(shown, "/{database}{mark}{further}");
    shown
}

/// An error and its causes on one line, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            let _ = write!(text, ": {told}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    /// Whatever the environment of the test says.
    fn alone(url: &str) -> Result<Address, AddressError> {
        Address::read(url, &Environment(&|_| None))
    }

    #[test]
    fn an_address_is_shown_without_its_password_and_with_all_else() {
        for (url, shown) in [
            (
                "postgres://app:hunter2@db:6432/shop",
                "postgres://app@db:6432/shop",
            ),
            (
                "postgresql://app:hun%40ter2@db/shop",
                "postgres://app@db:5432/shop",
            ),
            (
                "postgres://app:hunter2@[::1]:6432/shop",
                "postgres://app@[::1]:6432/shop",
            ),
            (
                "postgres://app@%2Frun%2Fpg/shop",
                "postgres://app@/shop?host=/run/pg&port=5432",
            ),
            (
                "postgres://app:hunter2@db,db2:6432/shop?target_session_attrs=primary&sslmode=require",
                "postgres://app@db:5432,db2:6432/shop?target_session_attrs=primary&sslmode=require",
            ),
        ] {
            let address = alone(url).unwrap();
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("ter2"));
        }
    }

    #[test]
    fn both_drivers_get_the_same_login() {
        let url = "postgres://app:hun%40ter2@db:6432/shop?options=-c%20work_mem%3D1MB";
        let address = alone(url).unwrap();
        let (config, sqlx) = (address.config("me"), address.sqlx("me"));
        assert_eq!(config.get_password(), Some(b"hun@ter2".as_slice()));
        assert_eq!((sqlx.get_host(), sqlx.get_port()), ("db", 6432));
        assert_eq!(sqlx.get_username(), "app");
        assert_eq!(sqlx.get_database(), config.get_dbname());
        assert_eq!(sqlx.get_application_name(), config.get_application_name());
        assert_eq!(sqlx.get_options(), Some("-c work_mem=1MB"));
        assert_eq!(sqlx.get_options(), config.get_options());
    }

    #[test]
    fn by_way_of_a_proxy_the_login_stays_the_same() {
        let address = alone("postgres://app:hun%40ter2@db:6432/shop?options=-cx%3D1").unwrap();
        let proxy = "127.0.0.1:7000".parse().unwrap();
        let through = address.through(proxy);
        assert_eq!(through.shown(), "postgres://app@127.0.0.1:7000/shop");
        assert_eq!(through.socket_address().unwrap(), proxy);
        let (config, sqlx) = (through.config("me"), through.sqlx("me"));
        assert_eq!(config.get_password(), Some(b"hun@ter2".as_slice()));
        assert_eq!(config.get_options(), Some("-cx=1"));
        assert_eq!((sqlx.get_host(), sqlx.get_port()), ("127.0.0.1", 7000));
        let file = alone("postgres://app@%2Frun%2Fpg/shop").unwrap();
        assert!(file.socket_address().is_err());
    }

    #[test]
    fn what_the_address_leaves_out_comes_from_the_environment() {
        let variable = |name: &str| {
            let value = match name {
                "PGHOST" => "db,db2",
                "PGPORT" => "6432",
                "PGUSER" => "app",
                "PGPASSWORD" => "hunter2",
                "PGSSLMODE" => "require",
                "PGOPTIONS" => "-c jit=off",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let address = Address::read("postgres://", &Environment(&variable)).unwrap();
        assert_eq!(address.shown(), "postgres://app@db:6432,db2:6432/app");
        let config = address.config("me");
        assert_eq!(
            config.get_hosts(),
            [Host::Tcp("db".to_owned())],
            "one server at a time"
        );
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_options(), Some("-c jit=off"));
        let given = Address::read("postgres://me@here/there", &Environment(&variable)).unwrap();
        assert_eq!(given.shown(), "postgres://me@here:5432/there");
    }

    #[test]
    fn what_is_no_address_gets_a_sentence_without_the_password() {
        for url in [
            "mysql://app:hunter2@db/shop",
            "hunter2",
            "postgres://app:hunter2@/shop",
            "postgres://app:hunter2@db:port/shop",
            "postgres://app:hunter2@db/shop?sslmode=maybe",
            "postgres://app:hunter2@db/shop?sslmode=verify-full",
            "postgres://app:hunter2@db/shop?sslmode=verify-ca&sslrootcert=/none.pem",
            "postgres://app:hunter2@db/shop?target_session_attrs=any-old",
            "postgres://app:hunter2@db/shop?nonsense=1",
            "",
        ] {
            let error = alone(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_command_that_removes_a_schema_survives_the_shell() {
        let address = alone("postgres://app@db/shop").unwrap();
        assert_eq!(
            address.psql_command("DROP SCHEMA \"plimsoll_1\" CASCADE"),
            "psql 'postgres://app@db:5432/shop' -c 'DROP SCHEMA \"plimsoll_1\" CASCADE'"
        );
    }
}
