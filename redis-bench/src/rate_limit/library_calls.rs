//! Limiters of libraries that need no script: single commands, or a module's own command.

use redis::{RedisResult, Value};

use super::algorithm::LimiterKeys;
use super::call::{CallBuffer, LimiterRequest, unexpected};
use super::model::RateLimit;
use super::scripts::LimiterAnswer;
use crate::clients::RedisConnection;

/// Decides as django-ratelimit 4 does on its cache: adds the counter of the window of the client's
/// clock if there is none, and else increments it. A refused request counts, too. Source: the
/// behaviour of its `get_usage`.
///
/// # Errors
/// Fails with the error of the connection or the server.
pub(super) async fn django_ratelimit<C: RedisConnection>(
    limit: RateLimit,
    connection: &mut C,
    call: &mut CallBuffer,
    keys: &mut LimiterKeys,
    request: LimiterRequest,
) -> RedisResult<LimiterAnswer> {
    let window_us = limit.window_us();
    let life_ms = window_us.div_ceil(1_000);
    keys.write_window(request.now_us / window_us);
    call.begin("SET").arg(&keys.text).arg(1);
    call.arg("PX").arg(life_ms).arg("NX");
    let mut count = 1;
    if call.send(connection).await? == Value::Nil {
        let counted = call
            .begin("INCR")
            .arg(&keys.text)
            .number(connection)
            .await?;
        count = counted.unwrap_or(1);
        if count == 1 {
            // The counter expired between the two commands.
            call.begin("PEXPIRE").arg(&keys.text).arg(life_ms);
            call.send(connection).await?;
        }
    }
    if count > i128::from(limit.allowed()) {
        let left_us = window_us - request.now_us % window_us;
        return Ok(LimiterAnswer::refusal(left_us.div_ceil(1_000)));
    }
    Ok(LimiterAnswer::ADMISSION)
}

/// Decides by `CL.THROTTLE` of the module redis-cell. Source: its README.
///
/// # Errors
/// Fails with the error of the connection or the server, such as where the module is not loaded, or
/// if the answer is another one.
pub(super) async fn redis_cell<C: RedisConnection>(
    limit: RateLimit,
    connection: &mut C,
    call: &mut CallBuffer,
    keys: &LimiterKeys,
) -> RedisResult<LimiterAnswer> {
    // The first of the numbers is the burst beyond one request.
    call.begin("CL.THROTTLE").arg(&keys.limiter);
    call.arg(limit.burst() - 1).arg(limit.allowed());
    call.arg(limit.window_us() / 1_000_000).arg(1);
    let answer = call.send(connection).await?;
    let fields = match &answer {
        Value::Array(fields) => fields.as_slice(),
        _ => &[],
    };
    match fields {
        [Value::Int(0), ..] => Ok(LimiterAnswer::ADMISSION),
        [Value::Int(1), _, _, Value::Int(retry_s), ..] => {
            let retry_s = u64::try_from(*retry_s).unwrap_or(0);
            Ok(LimiterAnswer::refusal(retry_s * 1_000))
        }
        _ => Err(unexpected()),
    }
}
