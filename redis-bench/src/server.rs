//! Redis server under test: the user's, or a throwaway one.

use std::time::Duration;

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError};
use bench_report::redaction;
use load_engine::Cancel;
use redis::io::tcp::TcpSettings;
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError};
use testbed::{Redis, RedisOptions, token};

use crate::blocking_task::{BlockingTask, TaskResult};
use crate::clients::CONNECT_TIMEOUT;
use crate::failure;
use crate::info::Info;
use crate::remedy;

/// Longest time that a blocking command of this program (`INFO`, filling, clearing) may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Time within which the first connection must be made.
const PROBE_TIMEOUT: Duration = Duration::from_secs(12);

/// Address of a server, and the credentials for it.
#[derive(Debug, Clone)]
pub struct RedisAddress {
    info: ConnectionInfo,
    masked_url: String,
}

impl RedisAddress {
    /// Reads a URL.
    ///
    /// # Errors
    /// Fails if no Redis can be reached by it; the sentence holds no secret.
    pub fn parse(url: &str) -> Result<Self, UsageError> {
        let form = "write redis://USER:PASSWORD@HOST:PORT/DATABASE, of which only the host is \
                    needed, and @, /, ? and # of user or password as %40, %2F, %3F and %23";
        if url.starts_with("rediss://") || url.starts_with("valkeys://") {
            let text = "TLS (rediss://) is not built in; use redis:// to a server that takes plain connections";
            return Err(UsageError(text.to_owned()));
        }
        if redaction::hides_its_host(url) {
            let text = format!(
                "the URL of the Redis server cannot be read: {}",
                redaction::ENCODE_IT
            );
            return Err(UsageError(text));
        }
        let info = url.into_connection_info().map_err(|_| {
            // Not shown: where it cannot be read it cannot be redacted with certainty either.
            UsageError(format!(
                "the URL of the Redis server cannot be read; {form}"
            ))
        })?;
        let settings = TcpSettings::default().set_nodelay(true);
        Ok(Self {
            info: info.set_tcp_settings(settings),
            masked_url: redaction::url(url),
        })
    }

    /// Returns the connection settings for clients.
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Returns the URL with its secrets masked.
    pub fn masked_url(&self) -> &str {
        &self.masked_url
    }

    /// Opens a blocking connection, for work that is not measured.
    ///
    /// # Errors
    /// Returns the error of the driver or the server.
    pub fn connect(&self) -> Result<Connection, RedisError> {
        let client = Client::open(self.info.clone())?;
        let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
        connection.set_read_timeout(Some(COMMAND_TIMEOUT))?;
        connection.set_write_timeout(Some(COMMAND_TIMEOUT))?;
        Ok(connection)
    }

    /// Returns the beginning of a `redis-cli` command for this server, without the password.
    pub fn cli(&self) -> String {
        let database = match self.info.redis_settings().db() {
            0 => String::new(),
            db => format!(" -n {db}"),
        };
        let user = match self.info.redis_settings().username() {
            Some(user) if user != "default" && !user.is_empty() => format!(" --user {user}"),
            _ => String::new(),
        };
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                format!("redis-cli -h {host} -p {port}{user}{database}")
            }
            ConnectionAddr::Unix(path) => {
                format!("redis-cli -s {}{user}{database}", path.display())
            }
            _ => "redis-cli".to_owned(),
        }
    }

    /// Returns true if the URL has a password.
    pub fn has_password(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }

    /// Fails with a sentence about `error` and its remedy.
    fn connect_error<T>(&self, error: &RedisError) -> anyhow::Result<T> {
        let failure = failure::from_redis(error);
        let known = remedy::for_error(error, self);
        let (why, remedy) = match failure.kind.as_ref() {
            "refused" => (
                "connection refused".to_owned(),
                format!("{} ping; is the server up?", self.cli()),
            ),
            "timeout" => (
                "no answer in time".to_owned(),
                format!(
                    "{} ping; is the server up, and is its port open?",
                    self.cli()
                ),
            ),
            _ if known.as_deref() == Some(remedy::LOGIN) => {
                let why = if self.has_password() {
                    "the server did not take user and password"
                } else {
                    "the server wants a password"
                };
                (why.to_owned(), remedy::LOGIN.to_owned())
            }
            _ => (
                failure.to_string(),
                known.unwrap_or_else(|| format!("{} ping", self.cli())),
            ),
        };
        let what = format!("cannot connect to {}", self.masked_url);
        Err(anyhow::anyhow!(why)).context(what).remedy(remedy)
    }
}

/// Server of a run. A throwaway server that this run started is stopped when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    remote: RedisAddress,
    ours: bool,
    throwaway: Option<Redis>,
}

impl RedisServer {
    /// Takes the server at `url`, or starts a throwaway one.
    ///
    /// # Errors
    /// Fails if the URL cannot be read or no server can be started.
    pub fn open(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url {
            let mark = std::env::var(token::ENV).unwrap_or_default();
            return Ok(Self {
                remote: RedisAddress::parse(url)?,
                ours: token::is_ours(&mark, url),
                throwaway: None,
            });
        }
        let redis = Redis::start(&RedisOptions::default())
            .context("cannot start a throwaway Redis")
            .remedy("give the URL of a server of yours with --url or REDIS_URL")?;
        Ok(Self {
            remote: RedisAddress::parse(redis.url())?,
            ours: true,
            throwaway: Some(redis),
        })
    }

    /// Address of the server.
    pub fn remote(&self) -> RedisAddress {
        self.remote.clone()
    }

    /// Returns true if it is a throwaway server, of this run or of its parent, which needs no guards.
    pub fn is_ours(&self) -> bool {
        self.ours
    }

    /// Returns true if this run started the server, whose keys end with it.
    pub fn is_throwaway(&self) -> bool {
        self.throwaway.is_some()
    }

    /// Reads the server's `INFO`; `None` when the run was cancelled meanwhile.
    ///
    /// # Errors
    /// Returns a sentence with a remedy.
    pub fn probe(&self, cancel: &Cancel) -> anyhow::Result<Option<Info>> {
        let remote = self.remote();
        let asked = BlockingTask::start(move |_| Info::read(&mut remote.connect()?))
            .context("cannot ask the server who it is")?;
        match asked.wait(cancel, PROBE_TIMEOUT) {
            TaskResult::Done(Ok(info)) => Ok(Some(info)),
            TaskResult::Done(Err(error)) => self.remote.connect_error(&error),
            TaskResult::Cancelled => Ok(None),
            TaskResult::TimedOut => {
                let timeout = std::io::Error::from(std::io::ErrorKind::TimedOut);
                self.remote.connect_error(&RedisError::from(timeout))
            }
        }
    }
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
            "rediss://:hunter2@h",
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
