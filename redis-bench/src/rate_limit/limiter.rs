//! Limiter of a step, in whatever form it decides.

use redis::RedisResult;

use super::algorithm::LimiterKeys;
use super::call::{CallBuffer, LimiterRequest};
use super::library_calls::{django_ratelimit, redis_cell};
use super::model::RateLimit;
use super::racy::RacyLimiter;
use super::scripts::{LimiterAnswer, LimiterScript};
use crate::clients::RedisConnection;

/// Limiter of a step.
#[derive(Debug)]
pub(crate) enum Limiter {
    /// Script that decides by the server's clock.
    Script(LimiterScript),
    /// Script that decides by the client's clock.
    ClientClockScript(LimiterScript),
    /// Client that reads, decides by its own clock, and writes.
    Racy(RacyLimiter),
    /// Commands of django-ratelimit.
    DjangoRatelimit(RateLimit),
    /// Command of the module redis-cell.
    RedisCell(RateLimit),
}

impl Limiter {
    /// Decides about `request` for the limiter with `keys`.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server, or if the answer is not that of a
    /// limiter.
    pub(crate) async fn decide<C: RedisConnection>(
        &self,
        connection: &mut C,
        call: &mut CallBuffer,
        keys: &mut LimiterKeys,
        request: LimiterRequest,
    ) -> RedisResult<LimiterAnswer> {
        let (script, told) = match self {
            Self::Script(script) => (script, None),
            Self::ClientClockScript(script) => (script, Some(request.now_us)),
            Self::DjangoRatelimit(limit) => {
                return django_ratelimit(*limit, connection, call, keys, request).await;
            }
            Self::RedisCell(limit) => return redis_cell(*limit, connection, call, keys).await,
            Self::Racy(racy) => return racy.decide(connection, call, keys, request).await,
        };
        call.name = "EVALSHA";
        script.write_call(&mut call.command, keys, told);
        script.decide(connection, &call.command).await
    }
}
