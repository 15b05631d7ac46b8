//! Scripts of the rate limiters: loading them, calling them and reading their answers.

use std::sync::Arc;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind, Value};

use super::algorithm::LimiterKeys;
use super::model::RateLimit;
use crate::clients::RedisConnection;

/// Part that all scripts begin with.
const SHARED: &str = include_str!("scripts/shared.lua");

/// Commands that the calls of all scripts consist of, in lower case: the server also counts those
/// that a script makes.
pub(crate) const COMMANDS: [&str; 25] = [
    "evalsha",
    "script|load",
    "time",
    "incr",
    "get",
    "set",
    "mget",
    "hmget",
    "hset",
    "zrange",
    "zremrangebyscore",
    "zcard",
    "zadd",
    "lindex",
    "rpush",
    "ltrim",
    "pexpire",
    "pexpireat",
    "pttl",
    "expire",
    "incrby",
    "hincrby",
    "lpush",
    "zcount",
    "cl.throttle",
];
/// Largest number of times that one decision makes any of them.
pub(crate) const MOST_CALLS: u64 = 2;

/// Script of a limiter, for one limit. Each call is one atomic decision.
#[derive(Debug, Clone)]
pub(crate) struct LimiterScript {
    script: Script,
    code: Arc<str>,
    limit: RateLimit,
    numbers_decisions: bool,
}

impl LimiterScript {
    /// Creates the script of a limiter, whose own part is `own`, for `limit`. If `numbers_decisions` is true, each call
    /// also increments the limiter's number of decisions, which tells their order: times may be
    /// equal.
    pub(crate) fn new(own: &str, limit: RateLimit, numbers_decisions: bool) -> Self {
        let code = [SHARED, own].concat();
        Self {
            script: Script::new(&code),
            code: code.into(),
            limit,
            numbers_decisions,
        }
    }

    /// Loads the script into the server's cache.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    #[cfg(test)]
    pub(crate) fn load(&self, connection: &mut redis::Connection) -> RedisResult<()> {
        self.script.load(connection).map(drop)
    }

    /// Writes the call for the limiter with `keys` into `command`, replacing its content. The
    /// decision is made for the server's time, or for `now_us` if it is given.
    pub(crate) fn write_call(&self, command: &mut Cmd, keys: &LimiterKeys, now_us: Option<u64>) {
        command.clear();
        command.arg("EVALSHA").arg(self.script.get_hash());
        if self.numbers_decisions {
            command.arg(2).arg(&keys.limiter).arg(&keys.sequence);
        } else {
            command.arg(1).arg(&keys.limiter);
        }
        command
            .arg(self.limit.allowed())
            .arg(self.limit.window_us())
            .arg(self.limit.burst());
        if let Some(now_us) = now_us {
            command.arg(now_us);
        }
    }

    /// Sends the call in `command`, and returns the decision. If the server does not have the
    /// script, because it restarted, failed over or flushed its scripts, loads it and sends the
    /// call again.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server, or if the answer is not that of a
    /// limiter's script.
    pub(crate) async fn decide<C: RedisConnection>(
        &self,
        connection: &mut C,
        command: &Cmd,
    ) -> RedisResult<LimiterAnswer> {
        let answer = match connection.command(command).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut load = redis::cmd("SCRIPT");
                load.arg("LOAD").arg(&*self.code);
                connection.command(&load).await?;
                connection.command(command).await?
            }
            answer => answer?,
        };
        LimiterAnswer::read(&answer)
    }
}

/// Answer of a limiter's script: a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimiterAnswer {
    /// True if the request was admitted.
    pub(crate) admitted: bool,
    /// Time of the decision, in microseconds since 1970: the server's, or the one that was given.
    pub(crate) server_us: u64,
    /// Number of this decision among those of its limiter, counted from 1; `None` if they are not
    /// numbered.
    pub(crate) sequence: Option<u64>,
    /// Time after which a refused request would be admitted if no other came meanwhile, rounded up
    /// to milliseconds; 0 if it was admitted.
    pub(crate) retry_after_ms: u64,
    /// True if the request was refused because of a counter without an expiry.
    pub(crate) never_expires: bool,
}

impl LimiterAnswer {
    /// Answer of a limiter that admits a request and tells nothing else.
    pub(crate) const ADMISSION: Self = Self {
        admitted: true,
        server_us: 0,
        sequence: None,
        retry_after_ms: 0,
        never_expires: false,
    };

    /// Returns the answer of a limiter that refuses a request for `retry_after_ms`, and tells
    /// nothing else.
    pub(crate) fn refusal(retry_after_ms: u64) -> Self {
        Self {
            admitted: false,
            retry_after_ms,
            ..Self::ADMISSION
        }
    }

    /// Reads the answer of a script.
    ///
    /// # Errors
    /// Fails if `value` is not four numbers.
    pub(crate) fn read(value: &Value) -> RedisResult<Self> {
        let fields = match value {
            Value::Array(fields) => fields.as_slice(),
            _ => &[],
        };
        let [
            Value::Int(admitted),
            Value::Int(server_us),
            Value::Int(sequence),
            Value::Int(retry_after_ms),
        ] = fields
        else {
            return Err(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "the answer is not the one of a limiter's script",
            )));
        };
        Ok(Self {
            admitted: *admitted == 1,
            server_us: *server_us as u64,
            sequence: (*sequence > 0).then_some(*sequence as u64),
            retry_after_ms: *retry_after_ms as u64,
            never_expires: false,
        })
    }
}
