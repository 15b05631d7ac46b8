//! Measurement of the time to open a connection, by part: network, TLS, login, first statement.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bench_report::clock::monotonic_ns;
use load_engine::Failure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

use crate::failure::from_postgres;
use pg_connect::Address;
use pg_connect::ConnectError;
use pg_evidence::failure::{from_connect, kind_of_io};

/// SQL statement that is executed on each new connection; it needs no table.
const STATEMENT: &str = "SELECT 1";

/// Times of the consecutive parts of opening one connection, in nanoseconds each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // The unit belongs to each name.
pub(super) struct ConnectCost {
    /// Time until the server's host accepted the network connection, name resolution included.
    pub(super) network_ns: u64,
    /// Time of the TLS handshake, including the request for it; 0 without TLS.
    pub(super) tls_ns: u64,
    /// Time of start-up and authentication after the TLS handshake, until the server was ready for
    /// a statement.
    pub(super) login_ns: u64,
    /// Time of the first statement: preparation, execution and answer.
    pub(super) first_ns: u64,
    /// Time of the second execution of the same statement, already prepared.
    pub(super) again_ns: u64,
}

impl ConnectCost {
    /// Returns the time from the beginning until the first answer, in nanoseconds; the second
    /// execution is not part of it.
    pub(super) fn whole_ns(self) -> u64 {
        self.network_ns + self.tls_ns + self.login_ns + self.first_ns
    }
}

/// Opens a connection with this application name, measures its parts, and closes it. Fails if the
/// server refuses it or does not answer within the `connect_timeout` of the address.
pub(super) async fn connect(address: &Address, application: &str) -> Result<ConnectCost, Failure> {
    let connecting = connect_unbounded(address, application);
    let config = address.config(application);
    let Some(&bound) = config.get_connect_timeout() else {
        return connecting.await;
    };
    let given_up = |_| Err(from_connect(&ConnectError::TimedOut(bound)));
    timeout(bound, connecting).await.unwrap_or_else(given_up)
}

async fn connect_unbounded(address: &Address, application: &str) -> Result<ConnectCost, Failure> {
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
    Failure::new(kind_of_io(&error), &error.to_string())
}

async fn cost<S>(
    address: &Address,
    application: &str,
    begun_ns: u64,
    stream: S,
) -> Result<ConnectCost, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let there_ns = monotonic_ns();
    let config = address.config(application);
    let (host, _) = address.host_and_port();
    let host = if host.starts_with('/') { "" } else { host };
    let tls = MakeTlsConnect::<S>::make_tls_connect(&mut address.tls(), host).map_err(lost)?;
    let secured_ns = Arc::default();
    let tls = TimedHandshake {
        handshake: tls,
        over_ns: Arc::clone(&secured_ns),
    };
    let connected = config.connect_raw(stream, tls).await;
    let (client, connection) = connected.map_err(|error| from_postgres(&error))?;
    let driver = tokio::spawn(async move { connection.await.ok() });
    let ready_ns = monotonic_ns();
    let (first_ns, again_ns) = statements(&client)
        .await
        .map_err(|error| from_postgres(&error))?;
    drop(client);
    // Waits until the termination message was sent, before the next connection is opened.
    let _ = driver.await;
    let secured_ns = secured_ns.load(Ordering::Relaxed).max(there_ns);
    Ok(ConnectCost {
        network_ns: there_ns - begun_ns,
        tls_ns: secured_ns - there_ns,
        login_ns: ready_ns - secured_ns,
        first_ns,
        again_ns,
    })
}

/// TLS handshake that records the instant of its end, in nanoseconds of the monotonic clock, in
/// `over_ns`.
struct TimedHandshake<T> {
    handshake: T,
    over_ns: Arc<AtomicU64>,
}

impl<S, T> TlsConnect<S> for TimedHandshake<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<T::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let handshake = self.handshake.connect(stream);
        let over_ns = self.over_ns;
        Box::pin(async move {
            let secured = handshake.await?;
            over_ns.store(monotonic_ns(), Ordering::Relaxed);
            Ok(secured)
        })
    }
}

async fn statements(client: &Client) -> Result<(u64, u64), tokio_postgres::Error> {
    let begun_ns = monotonic_ns();
    let statement = client.prepare(STATEMENT).await?;
    client.query_one(&statement, &[]).await?;
    let first_ns = monotonic_ns();
    client.query_one(&statement, &[]).await?;
    Ok((first_ns - begun_ns, monotonic_ns() - first_ns))
}
