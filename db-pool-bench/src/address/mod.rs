//! Where a PostgreSQL is, and how it may be shown: the password goes to the drivers and nowhere
//! else.

mod error;
mod shown;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use sqlx::postgres::PgConnectOptions;
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use crate::connect::{
    self, Client, ConnectError, Connector, Endpoint, Environment, Login, Parameters, Passwords,
    Route, Tls, Way, conninfo,
};
use shown::{masked, shown};

pub use error::AddressError;

/// Address of a PostgreSQL, and who logs in.
///
/// Where it names several servers, or leaves open whether TLS is spoken, the first connection
/// settles it, and all later ones follow: every driver of a run must meet the same server in the
/// same way.
#[derive(Clone)]
pub struct Address {
    login: Login,
    tls: Tls,
    route: Route,
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
    /// Reads `postgres://user:password@host:port,host:port/database?name=value`, or the same as
    /// `host=… port=… user=…`. What it leaves out is taken from the `PG*` variables, the password
    /// file and `~/.postgresql`, as libpq does.
    ///
    /// # Errors
    /// Fails when it is neither, names no host, or asks for what not every driver can do.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::read(text, &Environment(&|name| std::env::var(name).ok()))
    }

    fn read(text: &str, environment: &Environment<'_>) -> Result<Self, AddressError> {
        if !conninfo::is_url(text) {
            if let Some((scheme, _)) = text.split_once("://") {
                return Err(AddressError::of_scheme(scheme));
            }
            if !text.contains('=') {
                return Err(AddressError::NoAddress);
            }
        }
        let unreadable = |reason: String| AddressError::Unreadable {
            shown: masked(text),
            reason,
        };
        let parameters = Parameters::read(text, environment).map_err(unreadable)?;
        let tls = Tls::of(&parameters, environment).map_err(unreadable)?;
        let endpoints = connect::endpoints(&parameters).map_err(unreadable)?;
        if endpoints.is_empty() {
            return Err(AddressError::Host(masked(text)));
        }
        let login = Login::read(&parameters, environment).map_err(unreadable)?;
        let file = parameters
            .get("passfile")
            .map(Into::into)
            .or_else(|| environment.home(".pgpass"));
        let passwords = match file {
            Some(file) if !login.has_password() => Passwords::read(&file),
            _ => Passwords::default(),
        };
        let targets =
            connect::targets(parameters.get("target_session_attrs")).map_err(unreadable)?;
        let ways = connect::ways(&endpoints, &tls, targets, &login, &passwords);
        Ok(Self {
            shown: shown(&login, &endpoints, &parameters),
            route: Route::by(ways),
            login,
            tls,
            password_note: passwords.refused,
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.route.way().endpoint
    }

    /// The host (or the directory of its socket) and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        let Endpoint { host, port } = self.endpoint();
        (host, *port)
    }

    /// For all drivers but sqlx, with [`Address::tls`].
    pub fn config(&self, application: &str) -> Config {
        self.login.config(self.route.way(), application)
    }

    /// For all drivers but sqlx: how TLS is spoken where it is.
    pub fn tls(&self) -> Connector {
        self.tls.connector()
    }

    /// For sqlx.
    pub fn sqlx(&self, application: &str) -> PgConnectOptions {
        self.login.sqlx(self.route.way(), &self.tls, application)
    }

    /// Returns what each new session of sqlx is to be told first, if anything: it asks for a time
    /// zone and a date style of its own, which beat the options.
    pub fn sqlx_statements(&self) -> Option<String> {
        self.login.settings().statements()
    }

    /// Returns true if a login that cannot be bound to the TLS channel is to be refused.
    pub fn insists_on_channel_binding(&self) -> bool {
        self.login.insists_on_channel_binding()
    }

    /// Opens a connection for our own questions and leaves its input and output to a task on the
    /// current runtime. The first one tries the servers in turn and settles which it is.
    ///
    /// # Errors
    /// Fails with what the driver said, of the last server that was tried.
    pub async fn connect(&self, application: &str) -> Result<Client, ConnectError> {
        let opened = self.connect_with(application, |_| ()).await?;
        let way = (self.config(application), self.tls());
        Ok(Client::over(opened, way).await?)
    }

    /// Returns the same for load, with what `settle` changes in how a way is taken.
    ///
    /// # Errors
    /// Fails with what the driver said, of the last server that was tried.
    pub async fn connect_with(
        &self,
        application: &str,
        settle: impl Fn(&mut Config),
    ) -> Result<tokio_postgres::Client, ConnectError> {
        let config = |way: &Way| {
            let mut config = self.login.config(way, application);
            settle(&mut config);
            config
        };
        self.route.connect(&self.tls, config).await
    }

    /// The first TCP address of its host.
    ///
    /// # Errors
    /// Fails when the name cannot be resolved, or the host is a socket of this machine.
    pub fn socket_address(&self) -> io::Result<SocketAddr> {
        let Endpoint { host, port } = self.endpoint();
        if self.endpoint().is_socket() {
            let no_network = "it is reached by a unix socket";
            return Err(io::Error::new(io::ErrorKind::Unsupported, no_network));
        }
        let mut found = (host.as_str(), *port).to_socket_addrs()?;
        found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the same server and login by way of `proxy`. With TLS the certificate is no longer
    /// held against the name, which is the proxy's now.
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
            ..self.route.way().clone()
        };
        Self {
            shown: shown(&self.login, &[endpoint], &Parameters::default()),
            tls: self.tls.without_names(),
            route: Route::by(vec![way]),
            ..self.clone()
        }
    }

    /// The address without its password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns why the password file was left unread, where that may be why a login fails.
    pub fn password_note(&self) -> Option<&str> {
        self.password_note.as_deref()
    }

    /// Returns who logs in.
    pub fn user(&self) -> &str {
        self.login.user()
    }

    /// The database.
    pub fn database(&self) -> &str {
        self.login.database()
    }

    /// A command that asks whether the server is there.
    pub fn is_ready_command(&self) -> String {
        let Endpoint { host, port } = self.endpoint();
        format!("pg_isready -h {host} -p {port}")
    }

    /// A command that lists the databases there.
    pub fn list_command(&self) -> String {
        let Endpoint { host, port } = self.endpoint();
        format!("psql -h {host} -p {port} --list")
    }

    /// A command that runs `sql` there; it asks for the password.
    pub fn psql_command(&self, sql: &str) -> String {
        format!("psql '{}' -c '{}'", self.shown, sql.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{Host, SslMode};

    use super::*;

    /// Whatever the environment of the test says.
    fn alone(url: &str) -> Result<Address, AddressError> {
        Address::read(url, &Environment(&|_| None))
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
    fn a_string_of_keywords_is_the_same_address() {
        let keywords = "host=db,db2 port=6432,6433 user=app password='hun@ter2' dbname=shop \
                        options='-c work_mem=1MB' target_session_attrs=read-write";
        let address = alone(keywords).unwrap();
        let url = "postgres://app:hun%40ter2@db:6432,db2:6433/shop?options=-c%20work_mem%3D1MB\
                   &target_session_attrs=read-write";
        let other = alone(url).unwrap();
        assert_eq!(address.shown(), other.shown());
        assert_eq!(address.config("me"), other.config("me"));
        assert_eq!(
            address.shown(),
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
        assert_eq!(given.shown(), "postgres://me@here:6432/there");
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
    fn the_command_that_removes_a_schema_survives_the_shell() {
        let address = alone("postgres://app@db/shop").unwrap();
        assert_eq!(
            address.psql_command("DROP SCHEMA \"plimsoll_1\" CASCADE"),
            "psql 'postgres://app@db:5432/shop' -c 'DROP SCHEMA \"plimsoll_1\" CASCADE'"
        );
    }
}
