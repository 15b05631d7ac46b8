//! What a probe found out about one server.

use std::net::SocketAddr;
use std::time::Duration;

use load_engine::{Failure, Timestamps};
use serde_json::{Map, Value, json};

use crate::connection::failure;
use crate::connection::opening::Phase;
use crate::server::endpoint::WsEndpoint;
use crate::server::target_url::TargetUrl;

/// Server that answered with an echo, and what was seen on the way to it.
#[derive(Debug)]
pub(crate) struct ProbeFinding {
    /// Server, at the address that answered.
    pub(crate) server: WsEndpoint,
    /// Subprotocol that it chose; `None` if it chose none.
    subprotocol: Option<String>,
    /// Time to resolve the name of the host, or of the proxy.
    pub(crate) dns: Duration,
    /// Phases of opening the connection, with the time that each took.
    phases: Vec<(&'static str, Duration)>,
    /// Addresses of the host that were tried before, each with its failure.
    pub(crate) failed: Vec<(SocketAddr, Failure)>,
    /// URLs that redirected to this one, in order.
    pub(crate) redirected_from: Vec<TargetUrl>,
}

/// Server that could not be reached, or that sent no echo.
#[derive(Debug, Clone)]
pub(crate) struct Unreached {
    /// URL of the server.
    pub(crate) url: TargetUrl,
    /// Reason why it could not be reached.
    pub(crate) failure: Failure,
    /// URL to which it redirects; `None` if it does not.
    pub(crate) redirect: Option<TargetUrl>,
}

impl Unreached {
    /// Creates the result for `url`, which does not redirect.
    pub(crate) fn new(url: &TargetUrl, failure: Failure) -> Self {
        Self {
            url: url.clone(),
            failure,
            redirect: None,
        }
    }

    /// Returns the result that got furthest of those for all addresses of a host, with all of them in
    /// its text; `None` if there are none.
    pub(crate) fn of_all(tried: Vec<(SocketAddr, Self)>) -> Option<Self> {
        let each = tried.iter();
        let each = each.map(|(address, one)| format!("{address}: {}", one.failure.kind));
        let each: Vec<_> = each.collect();
        // Of several that got as far, the first is told.
        let depth = |(_, one): &(SocketAddr, Self)| failure::depth(&one.failure.kind);
        let (_, mut told) = tried.into_iter().rev().max_by_key(depth)?;
        if each.len() > 1 {
            let text = format!("{}; tried {}", told.failure.message, each.join(", "));
            told.failure = Failure::new(told.failure.kind, &text);
        }
        Some(told)
    }
}

impl ProbeFinding {
    /// Creates the finding about `server` from the `timestamps` of its connection.
    pub(crate) fn new(
        server: WsEndpoint,
        subprotocol: Option<String>,
        timestamps: &Timestamps,
    ) -> Self {
        let ends = timestamps.phase_ends_ns().iter().copied();
        let ends = ends.chain([timestamps.done_ns]);
        let mut since = timestamps.started_ns;
        let mut phases = Vec::new();
        for (name, end) in Phase::to_server(&server).iter().zip(ends) {
            phases.push((*name, Duration::from_nanos(end.saturating_sub(since))));
            since = end;
        }
        Self {
            server,
            subprotocol,
            dns: Duration::ZERO,
            phases,
            failed: Vec::new(),
            redirected_from: Vec::new(),
        }
    }

    /// Returns lines about the server for the user: how it was reached, and what was not as expected.
    pub(crate) fn lines(&self) -> Vec<String> {
        let server = &self.server;
        let mut lines = Vec::new();
        for from in &self.redirected_from {
            lines.push(format!("{} redirects", from.masked()));
        }
        for (address, failure) in &self.failed {
            let Failure { kind, message, .. } = failure;
            lines.push(format!("{address} does not answer ({kind}: {message})"));
        }
        let shown = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        let mut times = format!("dns {}", shown(self.dns));
        for (phase, time) in &self.phases {
            times += &format!(", {phase} {}", shown(*time));
        }
        let by = server.route.proxy.as_ref();
        let by = by.map_or_else(String::new, |_| " (the proxy)".to_owned());
        let url = server.url.masked();
        lines.push(format!("{url} answers at {}{by}: {times}", server.address));
        if !server.route.subprotocols.is_empty() {
            lines.push(match &self.subprotocol {
                Some(chosen) => format!("it chose the subprotocol {chosen}"),
                None => "it chose none of the subprotocols that were offered".to_owned(),
            });
        }
        lines
    }

    /// Returns what was found for the report's `config`: URLs are masked, times are in nanoseconds.
    pub(crate) fn json(&self) -> Value {
        let mut json = Map::new();
        json.insert("url".to_owned(), self.server.url.masked().into());
        json.insert("address".to_owned(), self.server.address.to_string().into());
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        json.insert("dns_ns".to_owned(), ns(self.dns));
        for (phase, time) in &self.phases {
            json.insert(format!("{phase}_ns"), ns(*time));
        }
        if !self.server.route.subprotocols.is_empty() {
            json.insert("subprotocol".to_owned(), json!(self.subprotocol));
        }
        if !self.failed.is_empty() {
            let failed = self.failed.iter();
            let failed = failed.map(|(address, failure)| {
                let text = format!("{}: {}", failure.kind, failure.message);
                (address.to_string(), Value::from(text))
            });
            json.insert("failed".to_owned(), Value::Object(failed.collect()));
        }
        if !self.redirected_from.is_empty() {
            let from = self.redirected_from.iter().map(TargetUrl::masked);
            json.insert("redirected_from".to_owned(), from.collect());
        }
        Value::Object(json)
    }
}
