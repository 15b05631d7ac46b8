//! Where a PostgreSQL is, and how it may be shown: the password goes to the drivers and nowhere
//! else.

use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr as _;
use std::time::Duration;

use bench_report::redaction;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Error, NoTls};

/// How long a connection may take, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Another kind of server.
    #[error("{0:?} is no PostgreSQL address; write postgres://user@host:5432/database")]
    Scheme(String),
    /// No URL at all. It is not shown: a password given in the wrong place looks like that.
    #[error("the server's address is no URL; write postgres://user@host:5432/database")]
    NoUrl,
    /// It cannot be read.
    #[error("{shown:?} cannot be read as a PostgreSQL address: {reason}")]
    Unreadable {
        /// The address, redacted.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It names no host, or several.
    #[error("{0:?} must name one host, as in postgres://user@host:5432/database")]
    Host(String),
    /// It insists on TLS.
    #[error(
        "{0:?} asks for TLS, which this version does not speak yet; use sslmode=prefer where the network is yours"
    )]
    Tls(String),
}

/// Where a PostgreSQL is and who logs in.
#[derive(Clone)]
pub struct Address {
    config: Config,
    sqlx: PgConnectOptions,
    shown: String,
    host: String,
    port: u16,
}

/// Both drivers' own settings hold the password.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

impl Address {
    /// Reads `postgres://user:password@host:port/database`. What it leaves out is taken from
    /// `PGUSER`, `PGPASSWORD` and `PGDATABASE`.
    ///
    /// # Errors
    /// When it is no such URL, names no host, or asks for TLS.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let masked = redaction::url(url);
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            let is_url = url.contains("://");
            return Err(if is_url {
                AddressError::Scheme(masked)
            } else {
                AddressError::NoUrl
            });
        }
        let unreadable = |reason: &dyn std::error::Error| AddressError::Unreadable {
            shown: masked.clone(),
            reason: chain(reason),
        };
        let mut config = Config::from_str(url).map_err(|error| unreadable(&error))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(AddressError::Tls(masked));
        }
        let sqlx = PgConnectOptions::from_str(url).map_err(|error| unreadable(&error))?;
        complete(&mut config);
        let [host] = config.get_hosts() else {
            return Err(AddressError::Host(masked));
        };
        let host = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let sqlx = same_login(sqlx, &config, &host, port);
        Ok(Self {
            shown: shown(&config, &host, port),
            config,
            sqlx,
            host,
            port,
        })
    }

    /// The host (or the directory of its socket) and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// For tokio-postgres and deadpool.
    pub fn config(&self, application: &str) -> Config {
        let mut config = self.config.clone();
        config.application_name(application);
        config
    }

    /// For sqlx.
    pub fn sqlx(&self, application: &str) -> PgConnectOptions {
        self.sqlx.clone().application_name(application)
    }

    /// Opens a connection and leaves its input and output to a task on the current runtime.
    ///
    /// # Errors
    /// What the driver said.
    pub async fn connect(&self, application: &str) -> Result<Client, Error> {
        connect(self.config(application)).await
    }

    /// The first TCP address of its host.
    ///
    /// # Errors
    /// When the name cannot be resolved, or the host is a socket of this machine.
    pub fn socket_address(&self) -> io::Result<SocketAddr> {
        if self.host.starts_with('/') {
            let no_network = "it is reached by a unix socket";
            return Err(io::Error::new(io::ErrorKind::Unsupported, no_network));
        }
        let mut found = (self.host.as_str(), self.port).to_socket_addrs()?;
        found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The same server and login by way of `proxy`.
    #[must_use]
    pub fn through(&self, proxy: SocketAddr) -> Self {
        let mut config = Config::new();
        config.host(proxy.ip().to_string()).port(proxy.port());
        if let Some(user) = self.config.get_user() {
            config.user(user);
        }
        if let Some(password) = self.config.get_password() {
            config.password(password);
        }
        if let Some(database) = self.config.get_dbname() {
            config.dbname(database);
        }
        if let Some(options) = self.config.get_options() {
            config.options(options);
        }
        if let Some(timeout) = self.config.get_connect_timeout() {
            config.connect_timeout(*timeout);
        }
        config.ssl_mode(self.config.get_ssl_mode());
        let (host, port) = (proxy.ip().to_string(), proxy.port());
        Self {
            sqlx: self.sqlx.clone().host(&host).port(port),
            shown: shown(&config, &host, port),
            config,
            host,
            port,
        }
    }

    /// The address without its password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A command that asks whether the server is there.
    pub fn is_ready_command(&self) -> String {
        format!("pg_isready -h {} -p {}", self.host, self.port)
    }

    /// A command that lists the databases there.
    pub fn list_command(&self) -> String {
        format!("psql -h {} -p {} --list", self.host, self.port)
    }

    /// A command that runs `sql` there; it asks for the password.
    pub fn psql_command(&self, sql: &str) -> String {
        format!("psql '{}' -c '{}'", self.shown, sql.replace('\'', "'\\''"))
    }
}

/// Opens a connection and leaves its input and output to a task on the current runtime.
///
/// # Errors
/// What the driver said.
pub(crate) async fn connect(config: Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Whoever uses the client learns there that the connection has ended, and why.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}

fn complete(config: &mut Config) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if config.get_user().is_none()
        && let Some(user) = variable("PGUSER")
    {
        config.user(user);
    }
    if config.get_password().is_none()
        && let Some(password) = variable("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_dbname().is_none()
        && let Some(database) = variable("PGDATABASE")
    {
        config.dbname(database);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
}

/// The two drivers read variables of different names; one login for both makes them comparable.
fn same_login(sqlx: PgConnectOptions, config: &Config, host: &str, port: u16) -> PgConnectOptions {
    let mut sqlx = sqlx.ssl_mode(PgSslMode::Disable).port(port);
    sqlx = if host.starts_with('/') {
        sqlx.socket(host)
    } else {
        sqlx.host(host)
    };
    if let Some(user) = config.get_user() {
        sqlx = sqlx.username(user);
    }
    if let Some(password) = config.get_password() {
        sqlx = sqlx.password(&String::from_utf8_lossy(password));
    }
    if let Some(database) = config.get_dbname() {
        sqlx = sqlx.database(database);
    }
    sqlx
}

fn shown(config: &Config, host: &str, port: u16) -> String {
    let mut shown = "postgres://".to_owned();
    if let Some(user) = config.get_user() {
        let _ = write!(shown, "{user}@");
    }
    let database = config.get_dbname().unwrap_or_default();
    let _ = match host {
        path if path.starts_with('/') => write!(shown, "/{database}?host={path}&port={port}"),
        ip if ip.contains(':') => write!(shown, "[{ip}]:{port}/{database}"),
        name => write!(shown, "{name}:{port}/{database}"),
    };
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
    use super::*;

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
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("ter2"));
        }
    }

    #[test]
    fn both_drivers_get_the_same_login() {
        let address = Address::parse("postgres://app:hun%40ter2@db:6432/shop").unwrap();
        let (config, sqlx) = (address.config("me"), address.sqlx("me"));
        assert_eq!(config.get_password(), Some(b"hun@ter2".as_slice()));
        assert_eq!((sqlx.get_host(), sqlx.get_port()), ("db", 6432));
        assert_eq!(sqlx.get_username(), "app");
        assert_eq!(sqlx.get_database(), config.get_dbname());
        assert_eq!(sqlx.get_application_name(), config.get_application_name());
    }

    #[test]
    fn by_way_of_a_proxy_the_login_stays_the_same() {
        let address = Address::parse("postgres://app:hun%40ter2@db:6432/shop?options=-cx%3D1");
        let proxy = "127.0.0.1:7000".parse().unwrap();
        let through = address.unwrap().through(proxy);
        assert_eq!(through.shown(), "postgres://app@127.0.0.1:7000/shop");
        assert_eq!(through.socket_address().unwrap(), proxy);
        let (config, sqlx) = (through.config("me"), through.sqlx("me"));
        assert_eq!(config.get_password(), Some(b"hun@ter2".as_slice()));
        assert_eq!(config.get_options(), Some("-cx=1"));
        assert_eq!((sqlx.get_host(), sqlx.get_port()), ("127.0.0.1", 7000));
        let file = Address::parse("postgres://app@%2Frun%2Fpg/shop").unwrap();
        assert!(file.socket_address().is_err());
    }

    #[test]
    fn what_is_no_address_gets_a_sentence_without_the_password() {
        for url in [
            "mysql://app:hunter2@db/shop",
            "hunter2",
            "postgres://app:hunter2@/shop",
            "postgres://app:hunter2@db:port/shop",
            "postgres://app:hunter2@db/shop?sslmode=require",
            "postgres://app:hunter2@db,db2/shop",
            "postgres://app:hunter2@db/shop?nonsense=1",
            "",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_command_that_removes_a_schema_survives_the_shell() {
        let address = Address::parse("postgres://app@db/shop").unwrap();
        assert_eq!(
            address.psql_command("DROP SCHEMA \"plimsoll_1\" CASCADE"),
            "psql 'postgres://app@db:5432/shop' -c 'DROP SCHEMA \"plimsoll_1\" CASCADE'"
        );
    }
}
