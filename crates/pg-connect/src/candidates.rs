//! Candidates for connecting (a server with a choice of TLS), in the order in which they are tried.

use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::endpoint::Endpoint;
use crate::parameters::ConnectionParameters;
use crate::password::Password;
use crate::tls::TlsSettings;
use crate::tls_mode::TlsMode;

const DEFAULT_PORT: u16 = 5432;

/// One way to reach a server: its host and port, with one choice of TLS and one kind of server that
/// is accepted.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Host and port of the server.
    pub(crate) endpoint: Endpoint,
    /// Password for this server from the password file; `None` if the address has one or the file
    /// has none.
    pub(crate) password: Option<Password>,
    /// Use of TLS by the connection.
    pub(crate) sslmode: SslMode,
    /// Kind of server that is accepted, such as one that allows writing.
    pub(crate) target: TargetSessionAttrs,
    /// True if this candidate is tried only when the previous one was refused because of its choice
    /// of TLS.
    pub(crate) fallback: bool,
}

/// Returns the servers that `parameters` name, each with its port (5432 by default); empty if no
/// host is named.
///
/// # Errors
/// Returns a message about the faulty part. It quotes nothing, because the text may be part of a
/// password that was not encoded.
pub(crate) fn endpoints(parameters: &ConnectionParameters) -> Result<Vec<Endpoint>, String> {
    let named = match (parameters.get("host"), parameters.get("hostaddr")) {
        (Some(_), Some(_)) => {
            return Err(
                "hostaddr beside a host (or PGHOSTADDR) is not supported; name the address as the host"
                    .to_owned(),
            );
        }
        (name, address) => name.or(address),
    };
    let Some(named) = named else {
        return Ok(Vec::new());
    };
    let hosts: Vec<&str> = named.split(',').map(str::trim).collect();
    if hosts.len() > 1 && hosts.contains(&"") {
        return Err("one of the hosts between the commas is empty".to_owned());
    }
    let ports = parameters.get("port").map_or(Ok(Vec::new()), ports)?;
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(format!(
            "{} ports do not fit {} hosts; name one for all, or one for each",
            ports.len(),
            hosts.len()
        ));
    }
    let endpoint = |(i, host): (usize, &str)| Endpoint {
        host: host.to_owned(),
        port: ports
            .get(i)
            .or(ports.first())
            .copied()
            .unwrap_or(DEFAULT_PORT),
    };
    Ok(hosts.into_iter().enumerate().map(endpoint).collect())
}

/// Parses ports separated by commas; an empty one is 5432. Fails with a message if one is no number
/// from 1 to 65535.
fn ports(text: &str) -> Result<Vec<u16>, String> {
    let read = text.split(',').map(|port| match port.trim() {
        "" => Some(DEFAULT_PORT),
        port => port.parse().ok().filter(|port| *port > 0),
    });
    read.collect::<Option<_>>().ok_or_else(|| {
        "a port is no number from 1 to 65535; a password with @ / : or ? must have them encoded, as %40 %2F %3A %3F"
            .to_owned()
    })
}

/// Parses the value of `target_session_attrs` (`any` if `None`) into the kinds of server to try, in
/// order. Fails with a message for an unknown value. Drivers recognize a primary by its accepting
/// transactions that write.
pub(crate) fn targets(name: Option<&str>) -> Result<&'static [TargetSessionAttrs], String> {
    use TargetSessionAttrs::{Any, ReadOnly, ReadWrite};
    Ok(match name.unwrap_or("any") {
        "any" => &[Any],
        "read-write" | "primary" => &[ReadWrite],
        "read-only" | "standby" => &[ReadOnly],
        "prefer-standby" => &[ReadOnly, Any],
        other => return Err(format!("target_session_attrs={other} is not known")),
    })
}

/// Combines, for each of `targets` in turn, each server with each choice of TLS that the mode
/// allows. `password` returns the password for a server from the password file.
pub(crate) fn combine(
    endpoints: &[Endpoint],
    tls: &TlsSettings,
    targets: &[TargetSessionAttrs],
    password: impl Fn(&Endpoint) -> Option<Password>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for &target in targets {
        for endpoint in endpoints {
            let modes: &[SslMode] = match tls.mode {
                _ if endpoint.is_socket() => &[SslMode::Disable],
                TlsMode::Disable => &[SslMode::Disable],
                TlsMode::Allow => &[SslMode::Disable, SslMode::Require],
                TlsMode::Prefer => &[SslMode::Prefer, SslMode::Disable],
                _ => &[SslMode::Require],
            };
            candidates.extend(modes.iter().enumerate().map(|(i, &sslmode)| Candidate {
                endpoint: endpoint.clone(),
                password: password(endpoint),
                sslmode,
                target,
                fallback: i > 0,
            }));
        }
    }
    candidates
}
