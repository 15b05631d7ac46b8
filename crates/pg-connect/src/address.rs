//! Address of a PostgreSQL server, with the login and the ways to reach the server.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config};

use crate::candidates::{self, Candidate};
use crate::conninfo;
use crate::display::{masked, redacted};
use crate::endpoint::Endpoint;
use crate::environment::EnvironmentVariables;
use crate::error::{AddressError, ConnectError};
use crate::login::Login;
use crate::parameters::ConnectionParameters;
use crate::password_file::PasswordFile;
use crate::route::Route;
use crate::tls::TlsSettings;
use crate::tls_stream::RustlsConnector;

/// Address of a PostgreSQL server, with user, password and database.
///
/// The address may name several servers, or allow connections with or without TLS. The first
/// connection that succeeds decides on one of these ways, and all later ones use it, so that all
/// drivers reach the same server in the same way.
#[derive(Clone)]
pub struct Address {
    pub(crate) login: Login,
    pub(crate) tls: TlsSettings,
    pub(crate) route: Route,
    redacted: String,
    password_file_note: Option<String>,
}

/// Formats the address without its password.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.redacted).finish()
    }
}

impl Address {
    /// Parses `postgres://user:password@host:port,host:port/database?name=value`, or the equivalent
    /// `host=… port=… user=…`. Parts that are missing are taken from the `PG*` variables of this
    /// process, the password file and `~/.postgresql`, as in libpq. Connects to nothing.
    ///
    /// # Errors
    /// Fails if the text has neither form or names no host, if it has parameters that not every
    /// driver supports or a value that is not valid, or if certificates cannot be read. The error
    /// shows no password.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(text, &EnvironmentVariables::of_process())
    }

    /// Parses an address as [`Address::parse`] does, with `environment` instead of the variables of
    /// this process.
    ///
    /// # Errors
    /// Fails as [`Address::parse`] does.
    pub(crate) fn parse_with(
        text: &str,
        environment: &EnvironmentVariables<'_>,
    ) -> Result<Self, AddressError> {
        if !conninfo::is_url(text) {
            if let Some((scheme, _)) = text.split_once("://") {
                return Err(AddressError::from_scheme(scheme));
            }
            if !text.contains('=') {
                return Err(AddressError::NoAddress);
            }
        }
        let unreadable = |reason: String| AddressError::Unreadable {
            shown: masked(text),
            reason,
        };
        let parameters = ConnectionParameters::parse(text, environment).map_err(unreadable)?;
        let tls = TlsSettings::load(&parameters, environment).map_err(unreadable)?;
        let endpoints = candidates::endpoints(&parameters).map_err(unreadable)?;
        if endpoints.is_empty() {
            return Err(AddressError::Host(masked(text)));
        }
        let login = Login::from_parameters(&parameters, environment).map_err(unreadable)?;
        let passwords = if login.password().is_some() {
            PasswordFile::default()
        } else {
            password_file(&parameters, environment)
        };
        let targets =
            candidates::targets(parameters.get("target_session_attrs")).map_err(unreadable)?;
        let password = |endpoint: &Endpoint| {
            let found = passwords.find(endpoint, login.database(), login.user());
            found.cloned()
        };
        let candidates = candidates::combine(&endpoints, &tls, targets, password);
        Ok(Self {
            redacted: redacted(&login, &endpoints, &parameters),
            route: Route::new(candidates),
            login,
            tls,
            password_file_note: passwords.refused,
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.route.candidate().endpoint
    }

    /// Returns the host (or the directory of its Unix socket) and the port: those of the server
    /// that the first connection has selected, or before that of the first one in the address.
    pub fn host_and_port(&self) -> (&str, u16) {
        let Endpoint { host, port } = self.endpoint();
        (host, *port)
    }

    /// Returns the settings for tokio-postgres and drivers based on it, with `application` as the
    /// name of the application. To be used with the connector of [`Address::tls`].
    pub fn config(&self, application: &str) -> Config {
        self.login.config(self.route.candidate(), application)
    }

    /// Returns the TLS connector that belongs to [`Address::config`].
    pub fn tls(&self) -> RustlsConnector {
        self.tls.connector()
    }

    /// Returns true if the address has `channel_binding=require`, so that a login which is not
    /// bound to the TLS channel is refused.
    pub fn requires_channel_binding(&self) -> bool {
        self.login.requires_channel_binding()
    }

    /// Opens a connection, with `application` as the name of the application. A task on the current
    /// tokio runtime handles its input and output. The first connection tries the servers in turn,
    /// and selects the one that all later connections use.
    ///
    /// # Errors
    /// Fails with the error of the last server that was tried.
    pub async fn connect(&self, application: &str) -> Result<Client, ConnectError> {
        self.connect_with(application, |_| ()).await
    }

    /// Opens a connection as [`Address::connect`] does, with settings that `adjust` may change. It
    /// is called for each server that is tried.
    ///
    /// # Errors
    /// Fails as [`Address::connect`] does.
    pub async fn connect_with(
        &self,
        application: &str,
        adjust: impl Fn(&mut Config),
    ) -> Result<Client, ConnectError> {
        let config = |candidate: &Candidate| {
            let mut config = self.login.config(candidate, application);
            adjust(&mut config);
            config
        };
        self.route.connect(&self.tls, config).await
    }

    /// Resolves the host, that of [`Address::host_and_port`], and returns its first TCP address.
    /// Blocks meanwhile.
    ///
    /// # Errors
    /// Fails if the name cannot be resolved, or if the server is reached by a Unix socket.
    pub fn socket_address(&self) -> io::Result<SocketAddr> {
        let Endpoint { host, port } = self.endpoint();
        if self.endpoint().is_socket() {
            let no_network = "it is reached by a unix socket";
            return Err(io::Error::new(io::ErrorKind::Unsupported, no_network));
        }
        let mut found = (host.as_str(), *port).to_socket_addrs()?;
        found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the position, counted from 0 among the ways to reach the server (each host, with or
    /// without TLS), of the way that all connections use. `None` until the first connection has
    /// selected it.
    pub fn settled_way(&self) -> Option<usize> {
        self.route.settled()
    }

    /// Selects the way at position `number`, which [`Address::settled_way`] returned in another
    /// process with the same address. Has no effect if a way is already selected, or there is no
    /// such position.
    pub fn settle_way(&self, number: usize) {
        self.route.settle(number);
    }

    /// Returns an address with the same login that leads to `proxy` instead of the server. With
    /// TLS, the name in the certificate is not checked, because the host is the proxy.
    #[must_use]
    pub fn through(&self, proxy: SocketAddr) -> Self {
        let endpoint = Endpoint {
            host: proxy.ip().to_string(),
            port: proxy.port(),
        };
        let candidate = Candidate {
            endpoint: endpoint.clone(),
            target: TargetSessionAttrs::Any,
            fallback: false,
            ..self.route.candidate().clone()
        };
        Self {
            redacted: redacted(&self.login, &[endpoint], &ConnectionParameters::default()),
            tls: self.tls.without_names(),
            route: Route::new(vec![candidate]),
            ..self.clone()
        }
    }

    /// Returns the address as a URL without the password, for display.
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    /// Returns the reason for which an existing password file was not read, which may explain a
    /// failed login. `None` if it was read, does not exist, or was not needed.
    pub fn password_file_note(&self) -> Option<&str> {
        self.password_file_note.as_deref()
    }

    /// Returns the name of the user with which connections log in.
    pub fn user(&self) -> &str {
        self.login.user()
    }

    /// Returns the name of the database to connect to.
    pub fn database(&self) -> &str {
        self.login.database()
    }
}

/// Reads the password file that `parameters` name, else `.pgpass` in the home directory. Returns an
/// empty one if there is none.
fn password_file(
    parameters: &ConnectionParameters,
    environment: &EnvironmentVariables<'_>,
) -> PasswordFile {
    let named = parameters.get("passfile").map(Into::into);
    let file = named.or_else(|| environment.home(".pgpass"));
    file.map_or_else(PasswordFile::default, |file| PasswordFile::read(&file))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{Host, SslMode};

    use super::*;

    /// Parses `url` as in a process without environment variables.
    fn alone(url: &str) -> Result<Address, AddressError> {
        Address::parse_with(url, &EnvironmentVariables::new(&|_| None))
    }

    #[cfg(feature = "sqlx")]
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
    fn a_string_of_keywords_is_the_same_address() {
        let keywords = "host=db,db2 port=6432,6433 user=app password='hun@ter2' dbname=shop \
                        options='-c work_mem=1MB' target_session_attrs=read-write";
        let address = alone(keywords).unwrap();
        let url = "postgres://app:hun%40ter2@db:6432,db2:6433/shop?options=-c%20work_mem%3D1MB\
                   &target_session_attrs=read-write";
        let other = alone(url).unwrap();
        assert_eq!(address.redacted(), other.redacted());
        assert_eq!(address.config("me"), other.config("me"));
        assert_eq!(
            address.redacted(),
            "postgres://app@db:6432,db2:6433/shop?target_session_attrs=read-write"
        );
        let numbered = alone("hostaddr=127.0.0.1 user=app").unwrap();
        assert_eq!(numbered.host_and_port(), ("127.0.0.1", 5432));
    }

    #[test]
    fn by_way_of_a_proxy_the_login_stays_the_same() {
        let address = alone("postgres://app:hun%40ter2@db:6432/shop?options=-cx%3D1").unwrap();
        let proxy = "127.0.0.1:7000".parse().unwrap();
        let through = address.through(proxy);
        assert_eq!(through.redacted(), "postgres://app@127.0.0.1:7000/shop");
        assert_eq!(through.socket_address().unwrap(), proxy);
        let config = through.config("me");
        assert_eq!(config.get_password(), Some(b"hun@ter2".as_slice()));
        assert_eq!(config.get_options(), Some("-cx=1"));
        #[cfg(feature = "sqlx")]
        {
            let sqlx = through.sqlx("me");
            assert_eq!((sqlx.get_host(), sqlx.get_port()), ("127.0.0.1", 7000));
        }
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
        let address =
            Address::parse_with("postgres://", &EnvironmentVariables::new(&variable)).unwrap();
        assert_eq!(address.redacted(), "postgres://app@db:6432,db2:6432/app");
        let config = address.config("me");
        assert_eq!(
            config.get_hosts(),
            [Host::Tcp("db".to_owned())],
            "one server at a time"
        );
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_options(), Some("-c jit=off"));
        let given = Address::parse_with(
            "postgres://me@here/there",
            &EnvironmentVariables::new(&variable),
        )
        .unwrap();
        assert_eq!(given.redacted(), "postgres://me@here:6432/there");
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
            "postgres://app:hunter2@db,,db2/shop",
            "postgres://app:hunter2@a,b,c:1,2/shop?port=1,2",
            "postgres://app:hunter2",
            "postgres://app:hun@hunter2@db/shop",
            "postgres://app:hunter2/x@db/shop",
            "postgres://app:hunter2%@db/shop",
            "postgres://app:x@db/shop?service=hunter2",
            "app:hunter2@db/shop",
            "app:hunter2://db/shop",
            "host=db hostaddr=127.0.0.1 password=hunter2",
            "host=db password=x hunter2",
            "host=db password='hunter2",
            "password=hunter2 user=app",
            "hunter2=x",
            "postgres://app:hun@hunter2?x@db/shop",
            "",
        ] {
            let error = alone(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_way_that_another_process_has_settled_is_taken() {
        let url = "postgres://app@first,second:6000/shop?sslmode=disable";
        let read = || alone(url).unwrap();
        let (first, second) = (read(), read());
        assert_eq!(
            (first.settled_way(), &*first.endpoint().host),
            (None, "first")
        );
        second.settle_way(1);
        assert_eq!(
            (second.settled_way(), second.endpoint().port),
            (Some(1), 6_000)
        );
        second.settle_way(0);
        assert_eq!(second.settled_way(), Some(1), "it is settled once");
        first.settle_way(7);
        assert_eq!(first.settled_way(), None, "there is no such way");
    }
}
