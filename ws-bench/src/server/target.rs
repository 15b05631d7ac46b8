//! Target of a run: the servers that the flags name, and the way to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bench_report::redaction::MASK;
use serde_json::{Value, json};

use crate::connection::tunnel::HttpProxy;
use crate::server::route::Route;
use crate::server::target_url::TargetUrl;

/// Servers that are loaded, and the way to them.
#[derive(Debug, Clone, Default)]
pub(crate) struct WsTarget {
    /// URLs of the servers; empty for a throwaway server.
    pub(crate) urls: Vec<TargetUrl>,
    /// Number of redirections that the probe follows.
    pub(crate) follow_redirects: u64,
    /// Way to the servers.
    pub(crate) route: Arc<Route>,
}

impl WsTarget {
    /// Returns the target with `url` as its only server, such as that of a throwaway server.
    pub(crate) fn at(&self, url: TargetUrl) -> Self {
        Self {
            urls: vec![url],
            ..self.clone()
        }
    }

    /// Returns the URLs with secrets masked, with commas between.
    pub(crate) fn masked(&self) -> String {
        let urls = self.urls.iter().map(TargetUrl::masked);
        urls.collect::<Vec<_>>().join(", ")
    }

    /// Returns true if connections tell the server something in confidence, which no other server is
    /// to know.
    pub(crate) fn has_secrets(&self) -> bool {
        let route = &self.route;
        !route.headers.is_empty()
            || !route.variables.columns.is_empty()
            || self.urls.iter().any(|url| url.login().is_some())
    }

    /// Adds the settings of the way to the servers to `config`, that of the report. Names of headers
    /// are shown, their values are not.
    pub(crate) fn describe(&self, config: &mut BTreeMap<String, Value>) {
        let route = &self.route;
        let mut set = |name: &str, is_given: bool, value: Value| {
            if is_given {
                config.insert(name.to_owned(), value);
            }
        };
        let headers = route.headers.iter();
        let headers: BTreeMap<_, _> = headers.map(|h| (h.name.as_str(), MASK)).collect();
        set("headers", !headers.is_empty(), json!(headers));
        let subprotocols = &route.subprotocols;
        set(
            "subprotocols",
            !subprotocols.is_empty(),
            json!(subprotocols),
        );
        let columns = &route.variables.columns;
        set("vars_columns", !columns.is_empty(), json!(columns));
        set(
            "vars_rows",
            !columns.is_empty(),
            json!(route.variables.len()),
        );
        let proxy = route.proxy.as_ref().map(HttpProxy::address);
        set("proxy", proxy.is_some(), json!(proxy));
        let sources = &route.sources;
        set("source_ips", !sources.is_empty(), json!(sources));
        let is_insecure = route.tls.as_ref().is_some_and(|tls| tls.is_insecure);
        set("insecure", is_insecure, json!(true));
        set(
            "follow_redirects",
            self.follow_redirects > 0,
            json!(self.follow_redirects),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::request_headers::RequestHeader;

    #[test]
    fn the_report_has_the_names_of_headers_and_no_secret() {
        let target = WsTarget {
            urls: vec![TargetUrl::parse("ws://app:hunter2@h/?token=hunter2").unwrap()],
            route: Arc::new(Route {
                headers: vec![RequestHeader::parse("X-Api-Key: hunter2").unwrap()],
                proxy: HttpProxy::parse("http://u:hunter2@p:3128").ok(),
                ..Route::default()
            }),
            ..WsTarget::default()
        };
        let mut config = BTreeMap::new();
        target.describe(&mut config);
        config.insert("url".to_owned(), target.masked().into());
        let text = serde_json::to_string(&config).unwrap();
        assert!(
            text.contains(r#""X-Api-Key":"***""#) && text.contains("p:3128"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        assert!(target.has_secrets());
    }
}
