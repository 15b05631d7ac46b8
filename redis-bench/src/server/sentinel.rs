//! Sentinels of a URL. They watch a primary and its replicas, and name the server that is the primary
//! now: another one after a failover. Source: "Guidelines for Redis clients with support for Redis
//! Sentinel" in the documentation of Redis.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    RedisConnectionInfo, RedisError, RedisResult, Value,
};

use crate::server::failure;

/// Port of a Sentinel whose URL names none. Source: `REDIS_SENTINEL_PORT` in src/sentinel.c.
pub(super) const PORT: u16 = 26_379;
/// Time-out of connecting to one Sentinel, and of each of its answers; then the next one is asked.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Host and port of a server or a Sentinel.
pub(crate) type HostPort = (String, u16);

/// Sentinels that watch a primary, and the primary that they named last. Clones share what they learn.
#[derive(Debug, Clone)]
pub(crate) struct Sentinels {
    /// Name by which the Sentinels know the primary.
    name: Arc<str>,
    known: Arc<Mutex<KnownServers>>,
}

#[derive(Debug, Default)]
struct KnownServers {
    /// Sentinels, of which the one that answered last is the first.
    sentinels: Vec<HostPort>,
    /// Primary that a Sentinel named last; `None` before the first answer.
    primary: Option<HostPort>,
}

/// Answers of one Sentinel.
struct SentinelAnswer {
    /// Address of the primary; `None` if the Sentinel knows none by the name.
    primary: Option<HostPort>,
    /// Other Sentinels of the same primary.
    others: Vec<HostPort>,
}

impl Sentinels {
    pub(super) fn new(name: &str, sentinels: Vec<HostPort>) -> Self {
        let known = KnownServers {
            sentinels,
            primary: None,
        };
        Self {
            name: name.into(),
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// Returns the primary that a Sentinel named last; `None` before the first answer.
    pub(crate) fn primary(&self) -> Option<HostPort> {
        self.known().primary.clone()
    }

    /// Asks one Sentinel after the other where the primary is. `server` has the login and the settings
    /// of the servers.
    ///
    /// # Errors
    /// Fails with what each Sentinel said if none names a primary.
    pub(super) fn ask(&self, server: &ConnectionInfo) -> RedisResult<HostPort> {
        let mut reasons = Vec::new();
        for sentinel in self.sentinels() {
            let mut answer = self.ask_one(at(server, &sentinel, false));
            if wants_login(&answer) {
                answer = self.ask_one(at(server, &sentinel, true));
            }
            if let Some(primary) = self.heard(sentinel, answer, &mut reasons) {
                return Ok(primary);
            }
        }
        Err(no_primary(reasons.join("; ")))
    }

    /// Does the same as [`Self::ask`] without blocking the thread.
    ///
    /// # Errors
    /// Fails as [`Self::ask`] does.
    pub(super) async fn ask_async(&self, server: &ConnectionInfo) -> RedisResult<HostPort> {
        let mut reasons = Vec::new();
        for sentinel in self.sentinels() {
            let mut answer = self.ask_one_async(at(server, &sentinel, false)).await;
            if wants_login(&answer) {
                answer = self.ask_one_async(at(server, &sentinel, true)).await;
            }
            if let Some(primary) = self.heard(sentinel, answer, &mut reasons) {
                return Ok(primary);
            }
        }
        Err(no_primary(reasons.join("; ")))
    }

    fn ask_one(&self, sentinel: ConnectionInfo) -> RedisResult<SentinelAnswer> {
        let client = Client::open(sentinel)?;
        let mut connection = client.get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        let primary = self
            .about("GET-MASTER-ADDR-BY-NAME")
            .query(&mut connection)?;
        let others = self.about("SENTINELS").query(&mut connection);
        Ok(SentinelAnswer {
            primary,
            others: addresses(others),
        })
    }

    async fn ask_one_async(&self, sentinel: ConnectionInfo) -> RedisResult<SentinelAnswer> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let client = Client::open(sentinel)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connection.await?;
        let primary = self.about("GET-MASTER-ADDR-BY-NAME");
        let primary = primary.query_async(&mut connection).await?;
        let others = self.about("SENTINELS");
        let others = others.query_async(&mut connection).await;
        Ok(SentinelAnswer {
            primary,
            others: addresses(others),
        })
    }

    /// Returns the command by which a Sentinel is asked about the primary.
    fn about(&self, question: &str) -> Cmd {
        let mut command = redis::cmd("SENTINEL");
        command.arg(question).arg(&*self.name);
        command
    }

    /// Keeps what `sentinel` answered, and returns the primary that it named; adds the reason to
    /// `reasons` if it named none.
    fn heard(
        &self,
        sentinel: HostPort,
        answer: RedisResult<SentinelAnswer>,
        reasons: &mut Vec<String>,
    ) -> Option<HostPort> {
        let (host, port) = &sentinel;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let why = failure::from_redis(&error);
                reasons.push(format!("{host}:{port}: {why}"));
                return None;
            }
        };
        let Some(primary) = answer.primary else {
            let name = &self.name;
            reasons.push(format!("{host}:{port} knows no primary called {name}"));
            return None;
        };
        let mut known = self.known();
        known.sentinels.retain(|other| *other != sentinel);
        known.sentinels.insert(0, sentinel);
        for other in answer.others {
            if !known.sentinels.contains(&other) {
                known.sentinels.push(other);
            }
        }
        known.primary = Some(primary.clone());
        Some(primary)
    }

    fn sentinels(&self) -> Vec<HostPort> {
        self.known().sentinels.clone()
    }

    fn known(&self) -> MutexGuard<'_, KnownServers> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the answer to `ROLE` of the server that a Sentinel named as the primary. A Sentinel may name a
/// server that is no primary any more, or not yet. A user who may not send the command is believed.
///
/// # Errors
/// Fails if the server is no primary, or with the error of the connection.
pub(super) fn check_primary(role: RedisResult<Vec<Value>>, server: &str) -> RedisResult<()> {
    match role {
        Ok(role) => match role.first().map(redis::from_redis_value_ref::<String>) {
            Some(Ok(role)) if role == "master" => Ok(()),
            _ => Err(no_primary(format!(
                "{server}, which they named, is no primary"
            ))),
        },
        Err(error) if failure::is_refused(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the settings of a server with another host and port.
pub(super) fn moved(server: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let address = match server.addr() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    server.clone().set_addr(address)
}

/// Returns the settings for a connection to a Sentinel: as those of the servers, without a database,
/// and with their login only if `logs_in` is true. The oldest version of the protocol is spoken, because
/// that of some Sentinels is faulty in RESP3 (redis#6160).
fn at(server: &ConnectionInfo, sentinel: &HostPort, logs_in: bool) -> ConnectionInfo {
    let mut login = RedisConnectionInfo::default();
    if logs_in {
        if let Some(user) = server.redis_settings().username() {
            login = login.set_username(user);
        }
        if let Some(password) = server.redis_settings().password() {
            login = login.set_password(password);
        }
    }
    moved(server, &sentinel.0, sentinel.1).set_redis_settings(login)
}

fn wants_login(answer: &RedisResult<SentinelAnswer>) -> bool {
    let code = answer.as_ref().err().and_then(RedisError::code);
    code == Some("NOAUTH")
}

/// Returns the addresses of the Sentinels that one of them lists; none if it does not tell them.
fn addresses(listed: RedisResult<Vec<HashMap<String, String>>>) -> Vec<HostPort> {
    let address = |fields: &HashMap<String, String>| {
        let port = fields.get("port")?.parse().ok()?;
        Some((fields.get("ip")?.clone(), port))
    };
    let listed = listed.unwrap_or_default();
    listed.iter().filter_map(address).collect()
}

fn no_primary(why: String) -> RedisError {
    RedisError::from((
        ErrorKind::MasterNameNotFoundBySentinel,
        "the Sentinels name no primary",
        why,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str, port: u16) -> HostPort {
        (host.to_owned(), port)
    }

    #[test]
    fn the_sentinel_that_answered_is_asked_first_and_those_that_it_knows_last() {
        let group = Sentinels::new("orders", vec![named("a", 1), named("b", 2)]);
        let other = group.clone();
        let mut reasons = Vec::new();
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let heard = group.heard(named("a", 1), Err(refused.into()), &mut reasons);
        assert_eq!(heard, None);
        let unknown = SentinelAnswer {
            primary: None,
            others: Vec::new(),
        };
        assert_eq!(group.heard(named("a", 1), Ok(unknown), &mut reasons), None);
        assert!(reasons[0].starts_with("a:1: "), "{reasons:?}");
        assert!(reasons[1].contains("called orders"), "{reasons:?}");
        let answer = SentinelAnswer {
            primary: Some(named("p", 9)),
            others: vec![named("c", 3), named("a", 1)],
        };
        let heard = group.heard(named("b", 2), Ok(answer), &mut reasons);
        assert_eq!(heard, Some(named("p", 9)));
        assert_eq!(
            other.sentinels(),
            [named("b", 2), named("a", 1), named("c", 3)]
        );
        assert_eq!(other.primary(), Some(named("p", 9)));
    }

    #[test]
    fn a_sentinel_gets_the_login_only_if_it_asks_for_one_and_never_a_database() {
        let server = redis::IntoConnectionInfo::into_connection_info(
            "rediss://app:hunter2@s:1/3?protocol=resp3",
        );
        let server = server.unwrap();
        let anonymous = at(&server, &named("t", 2), false);
        assert_eq!(anonymous.redis_settings().password(), None);
        let known = at(&server, &named("t", 2), true);
        let settings = known.redis_settings();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("app"), Some("hunter2"), 0)
        );
        let ConnectionAddr::TcpTls { host, port, .. } = known.addr() else {
            panic!("{known:?}");
        };
        assert_eq!((host.as_str(), *port), ("t", 2));
    }

    #[test]
    fn only_a_primary_is_taken_for_one() {
        let role = |name: &str| Ok(vec![Value::BulkString(name.as_bytes().to_vec())]);
        check_primary(role("master"), "p:9").unwrap();
        let error = check_primary(role("slave"), "p:9").unwrap_err();
        let failure = failure::from_redis(&error);
        assert_eq!(failure.kind, "sentinel");
        assert!(failure.to_string().contains("p:9"), "{failure}");
        assert!(check_primary(Ok(Vec::new()), "p:9").is_err());
    }
}
