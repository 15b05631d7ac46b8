//! The ways to reach a server, in the order in which they are tried.

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::{Endpoint, Environment, Login, Passwords, Tls, TlsMode};

/// One way to reach a server.
#[derive(Debug, Clone)]
pub struct Way {
    /// The server.
    pub endpoint: Endpoint,
    /// What the password file holds for it.
    pub password: Option<String>,
    /// Whether TLS is spoken.
    pub sslmode: SslMode,
    /// What the server must be.
    pub target: TargetSessionAttrs,
    /// Whether it is tried only where the way before was refused for having, or not having, TLS.
    pub otherwise: bool,
}

/// The servers that are named; those of the environment where the address names none.
pub(crate) fn endpoints(
    parsed: &Config,
    environment: &Environment<'_>,
) -> Result<Vec<Endpoint>, String> {
    let given = parsed.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let mut hosts: Vec<String> = given.filter(|host| !host.is_empty()).collect();
    let mut ports = parsed.get_ports().to_vec();
    if hosts.is_empty() {
        let named = match (environment.get("PGHOST"), environment.get("PGHOSTADDR")) {
            (Some(_), Some(_)) => {
                return Err(
                    "PGHOSTADDR beside PGHOST is not supported; unset one of them".to_owned(),
                );
            }
            (name, address) => name.or(address).unwrap_or_default(),
        };
        let named = named.split(',').filter(|host| !host.is_empty());
        hosts = named.map(str::to_owned).collect();
    }
    if ports.is_empty() {
        let named = environment.get("PGPORT").unwrap_or_default();
        let named = named.split(',').filter(|port| !port.is_empty());
        let read = |port: &str| {
            port.parse::<u16>()
                .map_err(|_| format!("PGPORT={port} is no port"))
        };
        ports = named.map(read).collect::<Result<_, _>>()?;
    }
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(format!(
            "{} ports do not fit {} hosts",
            ports.len(),
            hosts.len()
        ));
    }
    let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
    let endpoint = |(i, host)| Endpoint {
        host,
        port: port(i),
    };
    Ok(hosts.into_iter().enumerate().map(endpoint).collect())
}

/// What is asked of the server, first choice first. Drivers tell a primary by whether it lets a
/// transaction write.
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
