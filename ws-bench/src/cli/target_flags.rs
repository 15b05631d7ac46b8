//! Flags of the servers that a scenario loads, and of the way to them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bench_cli::UsageError;
use clap::Args;
use client_tls::TlsFiles;

use crate::connection::request_headers::{HeaderError, RequestHeader, checked_subprotocol};
use crate::connection::tls_connector::WsTls;
use crate::connection::tunnel::HttpProxy;
use crate::connection::upgrade_request::UpgradeRequest;
use crate::server::route::Route;
use crate::server::target::WsTarget;
use crate::server::target_url::TargetUrl;
use crate::server::variables::Variables;

/// Flags of the servers that a scenario loads, and of the way to them.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetFlags {
    /// Server to load, ws:// or wss:// for TLS; several take turns [default: a throwaway echo server]
    #[arg(
        long,
        env = "WS_URL",
        hide_env_values = true,
        value_name = "URL",
        value_delimiter = ' '
    )]
    url: Vec<String>,

    /// Header of each connection's request, as in 'X-Room: 7'; may be repeated
    #[arg(long, value_name = "'NAME: VALUE'")]
    header: Vec<String>,

    /// Cookie of each connection's request; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    cookie: Vec<String>,

    /// Token to send as Authorization: Bearer TOKEN
    #[arg(
        long,
        env = "WS_BEARER",
        hide_env_values = true,
        value_name = "TOKEN",
        hide_default_value = true
    )]
    bearer: Option<String>,

    /// Origin of each connection's request, as a browser sends it
    #[arg(long, value_name = "URL")]
    origin: Option<String>,

    /// Subprotocol to offer; may be repeated, the first is preferred
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,

    /// CSV file with a row of values for each connection in turn; {column} stands for its value in
    /// the URL's path and parameters, in headers, cookies, the token and subprotocols
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,

    /// Most redirections that the probe follows before the load
    #[arg(long, value_name = "N", default_value = "0", value_parser = redirections)]
    follow_redirects: u64,

    /// HTTP proxy through which connections are opened, as in http://USER:PASSWORD@HOST:PORT
    #[arg(long, env = "WS_PROXY", hide_env_values = true, value_name = "URL")]
    proxy: Option<String>,

    /// Local address to connect from; several take turns
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Vec<IpAddr>,

    /// For wss://: certificates of the authorities to trust, a PEM file
    /// [default: those that this machine trusts]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// For wss://: certificate to show to the server, a PEM file
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,

    /// For wss://: private key of --client-cert, a PEM file
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,

    /// For wss://: name to ask for, and to find in the certificate [default: the host of the URL]
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,

    /// For wss://: accept every certificate
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

impl std::fmt::Debug for TargetFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TargetFlags").finish_non_exhaustive()
    }
}

impl TargetFlags {
    /// Returns the target, without contacting it. It has no URL if the flags name none.
    ///
    /// # Errors
    /// If a flag is malformed, has no effect, or names a file that cannot be used. No error shows a
    /// secret.
    pub(crate) fn target(&self) -> Result<WsTarget, UsageError> {
        let urls = self.url.iter().map(|text| TargetUrl::parse(text));
        let urls = urls.collect::<Result<Vec<_>, _>>();
        let urls = urls.map_err(|error| UsageError(error.to_string()))?;
        let wants_tls = urls.iter().any(TargetUrl::is_tls);
        if wants_tls && !urls.iter().all(TargetUrl::is_tls) {
            let text = "several --url are all ws://, or all wss://";
            return Err(UsageError(text.to_owned()));
        }
        if let (false, Some(flag)) = (wants_tls, self.tls_flag()) {
            return Err(UsageError(format!(
                "{flag} is for TLS; give the URL of a server that speaks it, as in --url wss://host/"
            )));
        }
        let variables = self.vars.as_deref().map(Variables::read).transpose();
        let variables = variables.map_err(|error| UsageError(error.to_string()))?;
        let proxy = self.proxy.as_deref().map(HttpProxy::parse).transpose();
        let route = Route {
            headers: self
                .headers()
                .map_err(|error| UsageError(error.to_string()))?,
            subprotocols: self
                .subprotocol
                .iter()
                .map(|name| checked_subprotocol(name))
                .collect::<Result<_, _>>()
                .map_err(|error| UsageError(format!("--subprotocol: {error}")))?,
            variables: variables.unwrap_or_default(),
            tls: self.tls(wants_tls)?,
            proxy: proxy.map_err(|error| UsageError(error.to_string()))?,
            sources: self.source_ip.clone(),
        };
        for url in &urls {
            let columns = &route.variables.columns;
            UpgradeRequest::new(url, &route.headers, &route.subprotocols, columns)
                .map_err(|error| UsageError(error.to_string()))?;
        }
        Ok(WsTarget {
            urls,
            follow_redirects: self.follow_redirects,
            route: Arc::new(route),
        })
    }

    fn headers(&self) -> Result<Vec<RequestHeader>, HeaderError> {
        let given = self.header.iter().map(|text| RequestHeader::parse(text));
        let mut headers = given.collect::<Result<Vec<_>, _>>()?;
        if !self.cookie.is_empty() {
            headers.push(RequestHeader::new("Cookie", &self.cookie.join("; "))?);
        }
        let has_login = headers.iter().any(|header| header.is("Authorization"));
        if let Some(token) = self.bearer.as_ref().filter(|_| !has_login) {
            headers.push(RequestHeader::new(
                "Authorization",
                &format!("Bearer {token}"),
            )?);
        }
        if let Some(origin) = &self.origin {
            headers.push(RequestHeader::new("Origin", origin)?);
        }
        Ok(headers)
    }

    /// Returns the first flag that is only for TLS; `None` if none is given.
    fn tls_flag(&self) -> Option<&'static str> {
        let flags = [
            ("--ca", self.ca.is_some()),
            ("--client-cert", self.client_cert.is_some()),
            ("--sni", self.sni.is_some()),
            ("--insecure", self.insecure),
        ];
        let mut given = flags.into_iter().filter(|(_, is_given)| *is_given);
        // A redirection may lead to TLS.
        given
            .next()
            .map(|(flag, _)| flag)
            .filter(|_| self.follow_redirects == 0)
    }

    /// Makes the settings of TLS if servers are reached with it, or may redirect to it.
    fn tls(&self, is_wanted: bool) -> Result<Option<WsTls>, UsageError> {
        if !is_wanted && self.follow_redirects == 0 {
            return Ok(None);
        }
        let files = TlsFiles {
            ca: self.ca.clone(),
            client: self.client_cert.clone().zip(self.client_key.clone()),
        };
        match WsTls::new(&files, self.sni.as_deref(), self.insecure) {
            Ok(tls) => Ok(Some(tls)),
            Err(_) if !is_wanted && self.tls_flag().is_none() && self.ca.is_none() => Ok(None),
            Err(error) => Err(UsageError(error.to_string())),
        }
    }
}

fn redirections(text: &str) -> Result<u64, String> {
    let count = text.parse::<u64>().ok().filter(|n| *n <= 20);
    count.ok_or_else(|| "write a number from 0 to 20".to_owned())
}
