//! What a connection costs, part by part: the way to the server, the login, the first statement.

use std::io;

use bench_report::clock::monotonic_ns;
use load_engine::Failure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_postgres::Client;
use tokio_postgres::tls::MakeTlsConnect;

use crate::address::Address;
use crate::failure::{of_io, of_postgres};

/// Connections made one after the other.
const ONE_BY_ONE: usize = 15;
/// What a first statement is: nothing that a server has to look for.
const STATEMENT: &str = "SELECT 1";

/// What one connection took, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // The unit belongs to each name.
pub(super) struct Cost {
    /// Until the server's host had accepted it.
    pub(super) network_ns: u64,
    /// Start-up and authentication, until the server was ready.
    pub(super) login_ns: u64,
    /// The first statement: prepared, run, answered.
    pub(super) first_ns: u64,
    /// The same statement again.
    pub(super) again_ns: u64,
}

impl Cost {
    /// Until the first answer.
    pub(super) fn whole_ns(self) -> u64 {
        self.network_ns + self.login_ns + self.first_ns
    }
}

/// A connection and what it took.
pub(super) async fn connect(address: &Address, application: &str) -> Result<Cost, Failure> {
    let (host, port) = address.host_and_port();
    let begun_ns = monotonic_ns();
    if host.starts_with('/') {
        let stream = UnixStream::connect(format!("{host}/.s.PGSQL.{port}")).await;
        cost(address, application, begun_ns, stream.map_err(lost)?).await
    } else {
        let stream = TcpStream::connect((host, port)).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        cost(address, application, begun_ns, stream).await
    }
}

#[allow(clippy::needless_pass_by_value)] // As `map_err` gives it.
fn lost(error: io::Error) -> Failure {
    Failure::new(of_io(&error), &error.to_string())
}

async fn cost<S>(
    address: &Address,
    application: &str,
    begun_ns: u64,
    stream: S,
) -> Result<Cost, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let there_ns = monotonic_ns();
    let config = address.config(application);
    let (host, _) = address.host_and_port();
    let host = if host.starts_with('/') { "" } else { host };
    let tls = MakeTlsConnect::<S>::make_tls_connect(&mut address.tls(), host).map_err(lost)?;
    let connected = config.connect_raw(stream, tls).await;
    let (client, connection) = connected.map_err(|error| of_postgres(&error))?;
    let driver = tokio::spawn(async move { connection.await.ok() });
    let ready_ns = monotonic_ns();
    let (first_ns, again_ns) = statements(&client)
        .await
        .map_err(|error| of_postgres(&error))?;
    drop(client);
    // Its farewell is sent before the next one comes.
    let _ = driver.await;
    Ok(Cost {
        network_ns: there_ns - begun_ns,
        login_ns: ready_ns - there_ns,
        first_ns,
        again_ns,
    })
}

async fn statements(client: &Client) -> Result<(u64, u64), tokio_postgres::Error> {
    let begun_ns = monotonic_ns();
    let statement = client.prepare(STATEMENT).await?;
    client.query_one(&statement, &[]).await?;
    let first_ns = monotonic_ns();
    client.query_one(&statement, &[]).await?;
    Ok((first_ns - begun_ns, monotonic_ns() - first_ns))
}

/// Connections one after the other.
///
/// # Errors
/// Why one of them failed.
pub(super) async fn one_by_one(address: &Address, application: &str) -> Result<Vec<Cost>, Failure> {
    let mut costs = Vec::with_capacity(ONE_BY_ONE);
    for _ in 0..ONE_BY_ONE {
        costs.push(connect(address, application).await?);
    }
    Ok(costs)
}

/// `count` logins at once; when each began, and what came of it, in the order in which they ended.
pub(super) async fn storm(
    address: &Address,
    application: &str,
    count: u64,
) -> Vec<(u64, Result<Cost, Failure>)> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (address, application) = (address.clone(), application.to_owned());
        tasks.spawn(async move {
            let begun_ns = monotonic_ns();
            (begun_ns, connect(&address, &application).await)
        });
    }
    tasks.join_all().await
}
