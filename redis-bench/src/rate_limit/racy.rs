//! Limiters in the form in which they are often written by hand: the client reads, decides by its
//! own clock, and writes. Other clients decide meanwhile by what they read before that write.

use std::io::Write as _;
use std::time::Duration;

use redis::RedisResult;

use super::algorithm::{Algorithm, LimiterKeys};
use super::call::{CallBuffer, LimiterRequest, two_numbers};
use super::model::RateLimit;
use super::scripts::LimiterAnswer;
use crate::clients::RedisConnection;

/// Limiter that reads and then writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RacyLimiter {
    pub(crate) algorithm: Algorithm,
    pub(crate) limit: RateLimit,
    /// Time after which a counter expires although its client ended before it set the expiry;
    /// `None` for never, as where nobody tests this.
    pub(crate) safety_ttl: Option<Duration>,
}

/// Returns the refusal of a request that may be sent again after `wait_us`.
fn refuse(wait_us: i128) -> LimiterAnswer {
    LimiterAnswer::refusal(wait_us.max(0).unsigned_abs().div_ceil(1_000) as u64)
}

impl RacyLimiter {
    /// Decides about `request` for the limiter with `keys`.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(crate) async fn decide<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &mut LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        match self.algorithm {
            Algorithm::FixedWindow => self.fixed_window(connection, call, keys, request).await,
            Algorithm::SlidingLog => self.sliding_log(connection, call, keys, request).await,
            Algorithm::SlidingLogList => self.list(connection, call, keys, request).await,
            Algorithm::SlidingCounter => self.counter(connection, call, keys, request).await,
            Algorithm::TokenBucket => self.bucket(connection, call, keys, request).await,
            Algorithm::Gcra => self.gcra(connection, call, keys, request).await,
        }
    }

    fn window(&self) -> i128 {
        i128::from(self.limit.window_us())
    }

    fn allowed(&self) -> i128 {
        i128::from(self.limit.allowed())
    }

    fn window_ms(&self) -> u64 {
        self.limit.window_us().div_ceil(1_000)
    }

    /// Counts the requests since the first one in a key that expires one window later. Source: the
    /// Redis documentation of INCR, "Pattern: Rate limiter 2", which warns of the counter that
    /// never expires.
    async fn fixed_window<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        let count = call
            .begin("GET")
            .arg(&keys.limiter)
            .number(connection)
            .await?;
        if count.unwrap_or(0) >= self.allowed() {
            let left = call
                .begin("PTTL")
                .arg(&keys.limiter)
                .number(connection)
                .await?;
            let left_ms = left.unwrap_or(-2);
            let never_expires = left_ms == -1 || left_ms > i128::from(self.window_ms());
            return Ok(LimiterAnswer {
                never_expires,
                ..refuse(left_ms * 1_000)
            });
        }
        let count = call
            .begin("INCR")
            .arg(&keys.limiter)
            .number(connection)
            .await?;
        if count == Some(1) {
            let life_ms = if request.crashes {
                let safety = self.safety_ttl.map(|ttl| ttl.as_millis() as u64);
                safety.map(|safety| safety + self.window_ms())
            } else {
                Some(self.window_ms())
            };
            if let Some(life_ms) = life_ms {
                call.begin("PEXPIRE").arg(&keys.limiter).arg(life_ms);
                call.send(connection).await?;
            }
        }
        Ok(LimiterAnswer::ADMISSION)
    }

    /// Counts the entries of the last window in a sorted set, and adds one. Source: the race that
    /// redis-ratelimiting-js#2 and many answers on the web have.
    async fn sliding_log<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &mut LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        let oldest = request.now_us.saturating_sub(self.limit.window_us());
        call.begin("ZREMRANGEBYSCORE").arg(&keys.limiter);
        call.arg("-inf").arg(oldest).send(connection).await?;
        let count = call
            .begin("ZCARD")
            .arg(&keys.limiter)
            .number(connection)
            .await?;
        if count.unwrap_or(0) >= self.allowed() {
            return Ok(refuse(self.window()));
        }
        keys.text.clear();
        // Writing to memory cannot fail.
        let _ = write!(keys.text, "{}-{:x}", request.now_us, request.random);
        call.begin("ZADD").arg(&keys.limiter).arg(request.now_us);
        call.arg(&keys.text).send(connection).await?;
        self.expire(connection, call, keys, self.window_ms())
            .await?;
        Ok(LimiterAnswer::ADMISSION)
    }

    /// Reads the time of the request that was admitted `allowed` requests ago from a list, and adds
    /// the present time to it.
    async fn list<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        call.begin("LINDEX")
            .arg(&keys.limiter)
            .arg(-(self.limit.allowed().cast_signed()));
        let oldest = call.number(connection).await?;
        let free_us = oldest.map_or(0, |oldest| oldest + self.window());
        let now_us = i128::from(request.now_us);
        if free_us > now_us {
            return Ok(refuse(free_us - now_us));
        }
        call.begin("RPUSH").arg(&keys.limiter).arg(request.now_us);
        call.send(connection).await?;
        call.begin("LTRIM").arg(&keys.limiter);
        call.arg(-(self.limit.allowed().cast_signed())).arg(-1);
        call.send(connection).await?;
        self.expire(connection, call, keys, self.window_ms())
            .await?;
        Ok(LimiterAnswer::ADMISSION)
    }

    /// Reads the counts of two windows of the client's clock, and counts in the present one.
    async fn counter<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &mut LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        let number = request.now_us / self.limit.window_us();
        keys.write_window(number);
        call.begin("MGET").arg(&keys.text);
        keys.write_window(number.saturating_sub(1));
        let counts = call.arg(&keys.text).send(connection).await?;
        let (current, previous) = two_numbers(&counts)?;
        let left = self.window() - i128::from(request.now_us % self.limit.window_us());
        let weighed = previous.unwrap_or(0) * left + current.unwrap_or(0) * self.window();
        if weighed >= self.allowed() * self.window() {
            return Ok(refuse(left));
        }
        keys.write_window(number);
        call.begin("INCR").arg(&keys.text).send(connection).await?;
        call.begin("PEXPIRE")
            .arg(&keys.text)
            .arg(2 * self.window_ms());
        call.send(connection).await?;
        Ok(LimiterAnswer::ADMISSION)
    }

    /// Reads the tokens and their time, and writes what is left at the client's time. A client
    /// whose clock is behind sets that time back, so that the next one adds the same tokens again.
    async fn bucket<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        call.begin("HMGET")
            .arg(&keys.limiter)
            .arg("parts")
            .arg("at");
        let (parts, at) = two_numbers(&call.send(connection).await?)?;
        let full = i128::from(self.limit.burst()) * self.window();
        let now_us = i128::from(request.now_us);
        let added = (now_us - at.unwrap_or(now_us)).max(0) * self.allowed();
        let parts = parts.map_or(full, |parts| full.min(parts + added));
        if parts < self.window() {
            return Ok(refuse((self.window() - parts) / self.allowed()));
        }
        let left = parts - self.window();
        call.begin("HSET")
            .arg(&keys.limiter)
            .arg("parts")
            .arg(left as u64);
        call.arg("at").arg(request.now_us).send(connection).await?;
        let full_again_us = (full - left) / self.allowed();
        let life_ms = (full_again_us / 1_000 + 1) as u64;
        self.expire(connection, call, keys, life_ms).await?;
        Ok(LimiterAnswer::ADMISSION)
    }

    /// Reads the time at which the next request is due, and writes the one after it. Source: the
    /// race that boulder#7780 has.
    async fn gcra<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &mut LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        // The due time counts microseconds × allowed, so that nothing is rounded.
        let due = call
            .begin("GET")
            .arg(&keys.limiter)
            .number(connection)
            .await?;
        let now = i128::from(request.now_us) * self.allowed();
        let end = due.unwrap_or(now).max(now) + self.window();
        let excess = end - now - i128::from(self.limit.burst()) * self.window();
        if excess > 0 {
            return Ok(refuse(excess / self.allowed()));
        }
        keys.text.clear();
        // Writing to memory cannot fail.
        let _ = write!(keys.text, "{end}");
        let life_ms = (end - now) / self.allowed() / 1_000 + 1;
        call.begin("SET").arg(&keys.limiter).arg(&keys.text);
        call.arg("PX").arg(life_ms as u64).send(connection).await?;
        Ok(LimiterAnswer::ADMISSION)
    }

    async fn expire<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &LimiterKeys,
        life_ms: u64,
    ) -> RedisResult<()> {
        call.begin("PEXPIRE").arg(&keys.limiter).arg(life_ms);
        call.send(connection).await.map(drop)
    }
}
