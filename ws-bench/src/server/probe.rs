//! Probe of the servers with one connection and one echo each: before the load, and after a step
//! broke.

use std::net::SocketAddr;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{Cancel, ConnectionId, Failure, HeldConnection as _, Timestamps};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::connection::message_sizes::MessageSizes;
use crate::connection::opening::OpenError;
use crate::connection::upgrade::UpgradeError;
use crate::connection::ws_connection::{WsConnector, exchange_echo};
use crate::server::endpoint::WsEndpoint;
use crate::server::probe_finding::{ProbeFinding, Unreached};
use crate::server::resolver::resolve;
use crate::server::server_list::ServerList;
use crate::server::target::WsTarget;
use crate::server::target_url::TargetUrl;

const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Number of the probe's connection, by which it gets the same local address as the first
/// connections of the load.
const PROBE: ConnectionId = ConnectionId(0);

/// Servers that a probe must reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeScope {
    /// All of them.
    Every,
    /// One of them.
    Any,
}

/// Result of a probe.
#[derive(Debug)]
pub(crate) enum ProbeResult {
    /// Servers answered with an echo.
    Echo(Vec<ProbeFinding>),
    /// No server answered, or it sent no correct echo; the reason for the first.
    Nothing(Box<Unreached>),
    /// A signal was received before the probe had ended.
    Interrupted,
}

/// Resolves the servers of `target`, connects, exchanges one echo and closes the connection, each with
/// the time-out `bound` except for closing, which has a shorter one. Every address of a host is tried
/// until one answers. `cancel` ends the probe early.
///
/// # Errors
/// If the operating system provides no runtime. A server that does not answer is no error.
pub(crate) fn probe(
    target: &WsTarget,
    scope: ProbeScope,
    bound: Duration,
    cancel: &Cancel,
) -> std::io::Result<ProbeResult> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        tokio::select! {
            biased;
            () = cancel.cancelled() => ProbeResult::Interrupted,
            found = probe_all(target, scope, bound) => match found {
                Ok(findings) => ProbeResult::Echo(findings),
                Err(unreached) => ProbeResult::Nothing(Box::new(unreached)),
            }
        }
    });
    // A resolver that hangs has a thread of its own, whose end is not awaited.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    Ok(found)
}

async fn probe_all(
    target: &WsTarget,
    scope: ProbeScope,
    bound: Duration,
) -> Result<Vec<ProbeFinding>, Unreached> {
    let mut findings: Vec<ProbeFinding> = Vec::new();
    let mut unreached = None;
    for url in &target.urls {
        match probe_url(target, url, bound).await {
            Ok(finding) => findings.push(finding),
            Err(error) if scope == ProbeScope::Every => return Err(error),
            Err(error) => unreached = unreached.or(Some(error)),
        }
    }
    let mut urls = findings.iter().map(|finding| &finding.server.url);
    let first = urls.next().map(TargetUrl::is_tls);
    if let Some(other) = urls.find(|url| Some(url.is_tls()) != first) {
        let text = "one server is reached with TLS, and another one without";
        return Err(Unreached::new(other, Failure::new("redirect", text)));
    }
    match unreached {
        Some(unreached) if findings.is_empty() => Err(unreached),
        _ => Ok(findings),
    }
}

/// Probes one server, and follows as many redirections as the flags allow.
async fn probe_url(
    target: &WsTarget,
    url: &TargetUrl,
    bound: Duration,
) -> Result<ProbeFinding, Unreached> {
    let mut passed: Vec<TargetUrl> = Vec::new();
    let mut url = url.clone();
    loop {
        let mut error = match probe_addresses(target, &url, bound).await {
            Ok(mut finding) => {
                finding.redirected_from = passed;
                return Ok(finding);
            }
            Err(error) => error,
        };
        let Some(next) = error.redirect.clone() else {
            return Err(error);
        };
        if (passed.len() as u64) >= target.follow_redirects {
            return Err(error);
        }
        if let Some(obstacle) = obstacle(target, &url, &next) {
            let text = format!("{}; {obstacle}", error.failure.message);
            error.failure = Failure::new(error.failure.kind, &text);
            return Err(error);
        }
        passed.push(std::mem::replace(&mut url, next));
    }
}

/// Returns the reason why a redirection from `url` to `next` is not followed; `None` if it can be.
fn obstacle(target: &WsTarget, url: &TargetUrl, next: &TargetUrl) -> Option<&'static str> {
    if url.is_tls() && !next.is_tls() {
        return Some("it is not followed, because it leads out of TLS");
    }
    if next.is_tls() && target.route.tls.is_none() {
        return Some("it is not followed, because there is no authority for TLS to trust");
    }
    if target.has_secrets() && !url.is_same_server(next) {
        return Some("it is not followed, because the login is not for another server");
    }
    None
}

/// Resolves the host of `url`, or of the proxy before it, and tries its addresses until one answers.
async fn probe_addresses(
    target: &WsTarget,
    url: &TargetUrl,
    bound: Duration,
) -> Result<ProbeFinding, Unreached> {
    let unreached = |failure| Unreached::new(url, failure);
    let place = match &target.route.proxy {
        Some(proxy) => proxy.host_and_port(),
        None => url.host_and_port(),
    };
    let (addresses, dns) = resolve(place, bound).await.map_err(unreached)?;
    let mut tried: Vec<(SocketAddr, Unreached)> = Vec::new();
    for address in addresses {
        let server = WsEndpoint::new(url, address, &target.route)
            .map_err(|error| unreached(Failure::new("vars", &error.to_string())))?;
        match echo_once(server, bound).await {
            Ok(mut finding) => {
                finding.dns = dns;
                let failed = tried.into_iter();
                finding.failed = failed.map(|(address, u)| (address, u.failure)).collect();
                return Ok(finding);
            }
            Err(error) => tried.push((address, error)),
        }
    }
    Err(Unreached::of_all(tried)
        .unwrap_or_else(|| unreached(Failure::new("resolve", "the host has no address"))))
}

async fn echo_once(server: WsEndpoint, bound: Duration) -> Result<ProbeFinding, Unreached> {
    let unreached = |failure| Unreached::new(&server.url, failure);
    let Some(servers) = ServerList::new([server.clone()]) else {
        return Err(unreached(Failure::new("resolve", "no server is named")));
    };
    let connector = WsConnector {
        servers,
        timeout: bound,
        sizes: MessageSizes::of(0),
    };
    let mut timestamps = Timestamps::default();
    timestamps.started_ns = monotonic_ns();
    let (mut connection, subprotocol) = match connector.open(PROBE, &mut timestamps).await {
        Ok(opened) => opened,
        Err(error) => {
            let mut unreached = unreached(connector.failure(PROBE, &error));
            unreached.redirect = redirect(&server.url, &error);
            return Err(unreached);
        }
    };
    let echoed = timeout(bound, exchange_echo(&mut connection)).await;
    let echoed = echoed.map_err(|_| connection.unanswered(bound));
    echoed.and_then(|result| result).map_err(unreached)?;
    // The result of the probe does not change if closing is not answered.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    Ok(ProbeFinding::new(server, subprotocol, &timestamps))
}

/// Returns the URL to which the server at `url` redirects with this `error`; `None` if it does not.
fn redirect(url: &TargetUrl, error: &OpenError) -> Option<TargetUrl> {
    let OpenError::Upgrade(UpgradeError::Refused(refusal)) = error else {
        return None;
    };
    if !matches!(refusal.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    url.redirected(refusal.location.as_deref()?).ok()
}
