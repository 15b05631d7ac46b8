//! Redis server under test: the user's server, or a throwaway one.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};
use load_engine::{Cancel, Failure};
use redis::{Connection, RedisError, RedisResult, Value};
use testbed::{Redis, RedisOptions, token};

use crate::cli::ServerFlags;
use crate::clients::ClientKind;
use crate::server::address::{PasswordSource, RedisAddress};
use crate::server::identity::ServerIdentity;
use crate::server::{failure, guard, port_answer, remedy, replica, tls_check};

/// Time-out for the first connection and the answers about the server's identity.
const PROBE_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest wait for a replica that copies the data of its primary.
const REPLICA_TIMEOUT: Duration = Duration::from_secs(5);
/// Time-out for a handshake of TLS that is made to see what is agreed on.
const ENCRYPTION_TIMEOUT: Duration = Duration::from_secs(3);

/// Redis server of a run. A throwaway server that this run started is stopped when this value is
/// dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    remote: RedisAddress,
    ours: bool,
    throwaway: Option<Redis>,
    /// Replica of the throwaway server; `None` unless reads go there.
    replica: Option<Redis>,
}

impl RedisServer {
    /// Creates the handle for the server in `flags`, without contacting it; without a URL, starts a
    /// throwaway server.
    ///
    /// # Errors
    /// Fails if the URL cannot be parsed, if a flag has no effect, or if no server can be started.
    pub(crate) fn open(flags: &ServerFlags) -> anyhow::Result<Self> {
        if let (Some(url), Some(remote)) = (&flags.url, flags.address()?) {
            let mark = std::env::var(token::ENV).unwrap_or_default();
            return Ok(Self {
                remote,
                ours: token::is_ours(&mark, url),
                throwaway: None,
                replica: None,
            });
        }
        let redis = Redis::start(&RedisOptions::default())
            .context("cannot start a throwaway Redis")
            .remedy("give the URL of a server of yours with --url or REDIS_URL")?;
        Ok(Self {
            remote: RedisAddress::parse(redis.url())?,
            ours: true,
            throwaway: Some(redis),
            replica: None,
        })
    }

    /// Starts a replica of the throwaway server, which has copied its data then. Does nothing if the
    /// server is one of the user.
    ///
    /// # Errors
    /// Fails if it cannot be started.
    pub(crate) fn start_replica(&mut self) -> anyhow::Result<()> {
        if let Some(primary) = &self.throwaway {
            let replica = primary.start_replica();
            self.replica = Some(replica.context("cannot start a replica of the throwaway Redis")?);
        }
        Ok(())
    }

    /// Returns the address of the first replica that this server calls online; waits up to five seconds
    /// for one that copies its data. Returns `None` if `cancel` is triggered, which a signal does.
    ///
    /// # Errors
    /// Fails with a sentence and a remedy if it has none, or does not tell it.
    pub(crate) fn online_replica(&self, cancel: &Cancel) -> anyhow::Result<Option<RedisAddress>> {
        let (shown, cli) = (self.remote.masked_url(), self.remote.cli());
        let remote = self.remote();
        let asked = BlockingTask::start(move |stop: &Cancel| {
            let until = Instant::now() + REPLICA_TIMEOUT;
            let goes_on = &mut || !stop.is_cancelled() && Instant::now() < until;
            replica::await_online(&remote, goes_on)
        });
        let asked = asked.context("cannot ask the server for its replicas")?;
        let why = match asked.wait(cancel, WaitLimits::new(PROBE_TIMEOUT)) {
            TaskResult::Done(Ok(Some((host, port)))) => {
                return Ok(Some(self.remote.at_node(&host, port)));
            }
            TaskResult::Cancelled => return Ok(None),
            TaskResult::Done(Ok(None)) => "has no replica that is online".to_owned(),
            TaskResult::Done(Err(error)) => {
                format!(
                    "does not tell its replicas: {}",
                    failure::from_redis(&error)
                )
            }
            TaskResult::TimedOut | TaskResult::Lost => "does not tell its replicas".to_owned(),
        };
        Err(anyhow::anyhow!("{shown} {why}")).remedy(format!(
            "a primary with a replica: {cli} INFO replication names them; or --read-from primary"
        ))
    }

    /// Returns the address of the server, with its credentials.
    pub(crate) fn remote(&self) -> RedisAddress {
        self.remote.clone()
    }

    /// Returns true if the server is a throwaway one of this run or of its parent process, so that
    /// it needs no protection by guards.
    pub(crate) fn is_ours(&self) -> bool {
        self.ours
    }

    /// Returns the URL of the throwaway server that this run started, which may contain a password;
    /// `None` if this run started none.
    pub(crate) fn throwaway_url(&self) -> Option<&str> {
        self.throwaway.as_ref().map(Redis::url)
    }

    /// Returns true if this run itself started the server. Its keys then need no removal, because
    /// they vanish with the server.
    pub(crate) fn is_throwaway(&self) -> bool {
        self.throwaway.is_some()
    }

    /// Restarts the throwaway server that this run started, with its data and at the same address.
    ///
    /// # Errors
    /// Fails if this run started none, or if the server cannot be restarted.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        let redis = self.throwaway.as_mut();
        let redis = redis.context("only a throwaway server is restarted")?;
        redis
            .restart()
            .context("cannot restart the throwaway Redis")
    }

    /// Connects to the server and asks it what it is. `clients` are those of the run, if it has any.
    /// Returns `None` if `cancel` is triggered, which a signal does.
    ///
    /// # Errors
    /// Fails with a sentence and a remedy if the server does not answer within 12 s, answers with an
    /// error, or cannot be loaded by the clients, as a Sentinel.
    pub(crate) fn probe(
        &self,
        clients: &[ClientKind],
        cancel: &Cancel,
    ) -> anyhow::Result<Option<ServerIdentity>> {
        let identity = self.identify(cancel, ServerIdentity::read)?;
        if let Some(identity) = &identity {
            guard::kind(identity, &self.remote, clients)?;
        }
        Ok(identity)
    }

    /// Connects to the server and asks it what it is, to be read and not loaded: it may be a replica,
    /// or a node that holds a part of a cluster's slots. Returns `None` if `cancel` is triggered, which
    /// a signal does.
    ///
    /// # Errors
    /// Fails with a sentence and a remedy if the server does not answer within 12 s, answers with an
    /// error, or refuses `INFO` to its user.
    pub(crate) fn probe_to_read(&self, cancel: &Cancel) -> anyhow::Result<Option<ServerIdentity>> {
        let identity = self.identify(cancel, ServerIdentity::watched)?;
        let denied = identity.as_ref().and_then(|told| told.denied.get("INFO"));
        if let Some(refusal) = denied {
            let what = format!("cannot watch {}", self.remote.masked_url());
            return Err(anyhow::anyhow!("INFO is refused: {refusal}"))
                .context(what)
                .remedy("a user who may run INFO (ACL SETUSER … +info permits it)");
        }
        Ok(identity)
    }

    /// Connects to the server and asks it what it is, with `read`. Returns `None` if `cancel` is
    /// triggered, which a signal does.
    ///
    /// # Errors
    /// Fails with a sentence and a remedy if the server does not answer within 12 s, or answers with an
    /// error.
    fn identify(
        &self,
        cancel: &Cancel,
        read: fn(&mut Connection) -> RedisResult<ServerIdentity>,
    ) -> anyhow::Result<Option<ServerIdentity>> {
        let remote = self.remote();
        let asked = BlockingTask::start(move |_| ask(&remote, read))
            .context("cannot ask the server who it is")?;
        match asked.wait(cancel, WaitLimits::new(PROBE_TIMEOUT)) {
            TaskResult::Done(Ok(identity)) => Ok(Some(identity)),
            TaskResult::Done(Err(NoIdentity::TlsPort)) => {
                let shown = self.remote.masked_url();
                Err(anyhow::anyhow!("the port of {shown} speaks TLS"))
                    .remedy("rediss:// in place of redis:// in the URL, or the server's plain port")
            }
            TaskResult::Done(Err(NoIdentity::Failed(failure))) => {
                connect_error(&self.remote, &failure)
            }
            TaskResult::Cancelled => Ok(None),
            TaskResult::TimedOut | TaskResult::Lost => {
                let timeout = std::io::Error::from(std::io::ErrorKind::TimedOut);
                let failure = failure::from_redis(&RedisError::from(timeout));
                connect_error(&self.remote, &failure)
            }
        }
    }

    /// Returns the version and the cipher suite of TLS with which connections are encrypted; `None`
    /// for plain connections, or if the server does not answer within 3 s.
    pub(crate) fn encryption(&self, cancel: &Cancel) -> Option<String> {
        self.remote.tls()?;
        let remote = self.remote.current();
        let asked = BlockingTask::start(move |_| tls_check::encryption(&remote)).ok()?;
        match asked.wait(cancel, WaitLimits::new(ENCRYPTION_TIMEOUT)) {
            TaskResult::Done(encryption) => encryption,
            _ => None,
        }
    }

    /// Checks that the server tracks the keys that a connection read. A server that does not tell in
    /// time is supposed to do so.
    ///
    /// # Errors
    /// Fails with the server's answer and a remedy if it does not.
    pub(crate) fn require_tracking(&self, cancel: &Cancel) -> anyhow::Result<()> {
        let remote = self.remote();
        let asked = BlockingTask::start(move |_| {
            let mut track = redis::cmd("CLIENT");
            track.arg("TRACKING").arg("ON");
            track.exec(&mut remote.connect()?)
        })
        .context("cannot ask the server to track keys")?;
        let TaskResult::Done(Err(error)) = asked.wait(cancel, WaitLimits::new(PROBE_TIMEOUT))
        else {
            return Ok(());
        };
        let failure = failure::from_redis(&error);
        let known = remedy::for_failure(&failure, &self.remote());
        let remedy = known.unwrap_or_else(|| "Redis 6 or later, or no --client-cache".to_owned());
        Err(anyhow::anyhow!("{failure}"))
            .with_context(|| format!("{} does not track keys", self.remote.masked_url()))
            .remedy(remedy)
    }

    /// Checks that the server has the command `name`. A server that does not tell, or not in time,
    /// is supposed to have it.
    ///
    /// # Errors
    /// Fails with `remedy` if the server does not have it.
    pub(crate) fn require(
        &self,
        name: &'static str,
        remedy: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let remote = self.remote();
        let asked = BlockingTask::start(move |_| {
            let mut ask = redis::cmd("COMMAND");
            ask.arg("INFO").arg(name);
            ask.query::<Vec<Value>>(&mut remote.connect()?)
        })
        .context("cannot ask the server for its commands")?;
        match asked.wait(cancel, WaitLimits::new(PROBE_TIMEOUT)) {
            TaskResult::Done(Ok(told)) if matches!(told.as_slice(), [Value::Nil]) => {
                let shown = self.remote.masked_url();
                Err(anyhow::anyhow!("{shown} has no command {name}")).remedy(remedy)
            }
            _ => Ok(()),
        }
    }
}

/// Reason for which a server did not tell what it is.
enum NoIdentity {
    /// The connection or the server failed.
    Failed(Failure),
    /// The URL names a plain connection, and the port speaks TLS.
    TlsPort,
}

/// Asks the server at `remote` what it is, with `read`. If a plain connection breaks or is not
/// understood, tries whether the port speaks TLS.
fn ask(
    remote: &RedisAddress,
    read: fn(&mut Connection) -> RedisResult<ServerIdentity>,
) -> Result<ServerIdentity, NoIdentity> {
    let answer = remote
        .connect()
        .and_then(|mut connection| read(&mut connection));
    answer.map_err(|error| {
        let kind = failure::kind(&error);
        let is_odd = matches!(
            &*kind,
            "reset" | "closed" | "timeout" | "io.other" | "client"
        );
        if is_odd && port_answer::speaks_tls(remote.info().addr()) {
            NoIdentity::TlsPort
        } else {
            let failure = failure::from_redis(&error);
            NoIdentity::Failed(tls_check::explained(failure, &remote.current()))
        }
    })
}

/// Always returns an error: a sentence about `failure`, which occurred while connecting to the
/// server at `address`, with a remedy.
fn connect_error<T>(address: &RedisAddress, failure: &Failure) -> anyhow::Result<T> {
    let known = remedy::for_failure(failure, address);
    let (why, remedy) = match failure.kind.as_ref() {
        "refused" => (
            "connection refused".to_owned(),
            format!("{} ping; is the server up?", address.cli()),
        ),
        "timeout" => (
            "no answer in time".to_owned(),
            format!(
                "{} ping; is the server up, and is its port open?",
                address.cli()
            ),
        ),
        _ if known.as_deref() == Some(remedy::LOGIN) => {
            let why = match address.password() {
                PasswordSource::Url => "the server did not take user and password",
                PasswordSource::Environment => {
                    "the server did not take the password in REDISCLI_AUTH"
                }
                PasswordSource::Nowhere => "the server wants a password",
            };
            (why.to_owned(), remedy::LOGIN.to_owned())
        }
        _ => (
            failure.to_string(),
            known.unwrap_or_else(|| format!("{} ping", address.cli())),
        ),
    };
    let what = format!("cannot connect to {}", address.masked_url());
    Err(anyhow::anyhow!(why)).context(what).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_gets_a_sentence_without_its_secret() {
        for url in [
            "",
            "cache",
            "http://:hunter2@h/",
            "redis://:hunter2@h:port",
            "redis://h/x",
            "redis://:hun@ter2?hunter2@h/0",
        ] {
            let sentence = RedisAddress::parse(url).unwrap_err().to_string();
            assert!(!sentence.contains("ter2"), "{sentence}");
            assert!(
                sentence.contains("redis://") || sentence.contains("%40"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn nodelay_is_on_and_the_cli_command_holds_no_password() {
        let remote = RedisAddress::parse("redis://app:hunter2@cache:7000/3").unwrap();
        assert!(remote.info().tcp_settings().nodelay());
        assert_eq!(remote.cli(), "redis-cli -h cache -p 7000 --user app -n 3");
        assert_eq!(remote.masked_url(), "redis://app:***@cache:7000/3");
    }
}
