//! The ways to reach a server, in the order in which they are tried.

use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use super::{Endpoint, Login, Parameters, Passwords, Tls, TlsMode};

const DEFAULT_PORT: u16 = 5432;

/// One way to reach a server.
#[derive(Debug, Clone)]
pub struct Way {
    /// The server.
    pub endpoint: Endpoint,
    /// What the password file holds for it.
    pub password: Option<String>,
    /// True if TLS is spoken.
    pub sslmode: SslMode,
    /// What the server must be.
    pub target: TargetSessionAttrs,
    /// True if it is tried only where the way before was refused for having, or not having, TLS.
    pub otherwise: bool,
}

/// The servers that are named, each with its port.
///
/// # Errors
/// A sentence on the part at fault. No part of it is quoted: what is left of a password that was not
/// encoded may stand in its place.
pub(crate) fn endpoints(parameters: &Parameters) -> Result<Vec<Endpoint>, String> {
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

/// The ports between commas; one that is left out is the usual one.
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

/// Returns what is asked of the server, first choice first. Drivers tell a primary by whether it
/// lets a transaction write.
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

/// Each server with each choice of TLS that the mode leaves, for each target.
pub(crate) fn ways(
    endpoints: &[Endpoint],
    tls: &Tls,
    targets: &[TargetSessionAttrs],
    login: &Login,
    passwords: &Passwords,
) -> Vec<Way> {
    let (user, database) = (login.user(), login.database());
    let mut ways = Vec::new();
    for &target in targets {
        for endpoint in endpoints {
            let modes: &[SslMode] = match tls.mode {
                _ if endpoint.is_socket() => &[SslMode::Disable],
                TlsMode::Disable => &[SslMode::Disable],
                TlsMode::Allow => &[SslMode::Disable, SslMode::Require],
                TlsMode::Prefer => &[SslMode::Prefer, SslMode::Disable],
                _ => &[SslMode::Require],
            };
            ways.extend(modes.iter().enumerate().map(|(i, &sslmode)| Way {
                endpoint: endpoint.clone(),
                password: passwords.of(endpoint, database, user).map(str::to_owned),
                sslmode,
                target,
                otherwise: i > 0,
            }));
        }
    }
    ways
}
