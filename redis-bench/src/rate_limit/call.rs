//! Commands of one decision, one after the other, written into buffers that the next decision uses
//! again.

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ToRedisArgs, Value};

use crate::clients::RedisConnection;

/// Request for which a limiter decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimiterRequest {
    /// Time that the client's clock shows, in microseconds since 1970.
    pub(crate) now_us: u64,
    /// Random number that makes the request's entry in a log unique.
    pub(crate) random: u64,
    /// True if the client ends between counting and setting the expiry.
    pub(crate) crashes: bool,
}

/// Buffer for the commands of a user's decisions.
#[derive(Debug, Default)]
pub(crate) struct CallBuffer {
    pub(crate) command: Cmd,
    /// Name of the last command that was begun.
    pub(crate) name: &'static str,
}

impl CallBuffer {
    /// Begins the command `name` in place of the one before.
    pub(crate) fn begin(&mut self, name: &'static str) -> &mut Self {
        self.name = name;
        self.command.clear();
        self.command.arg(name);
        self
    }

    /// Adds an argument to the command.
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Sends the command and returns its answer.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server.
    pub(crate) async fn send<C: RedisConnection>(&self, connection: &mut C) -> RedisResult<Value> {
        connection.command(&self.command).await
    }

    /// Sends the command, whose answer is a number or nothing.
    ///
    /// # Errors
    /// Fails with the error of the connection or the server, or if the answer is anything else.
    pub(crate) async fn number<C: RedisConnection>(
        &self,
        connection: &mut C,
    ) -> RedisResult<Option<i128>> {
        number(&self.send(connection).await?)
    }
}

/// Returns the number in `value`, which the server sends as a number or as text; `None` for nil.
///
/// # Errors
/// Fails if it is neither.
pub(crate) fn number(value: &Value) -> RedisResult<Option<i128>> {
    let text = match value {
        Value::Nil => return Ok(None),
        Value::Int(number) => return Ok(Some(i128::from(*number))),
        Value::BulkString(text) => str::from_utf8(text).unwrap_or_default(),
        Value::SimpleString(text) => text.as_str(),
        _ => "",
    };
    text.parse().map(Some).map_err(|_| unexpected())
}

/// Returns the numbers in an answer of two values, each as [`number`] does.
///
/// # Errors
/// Fails if the answer is anything else.
pub(crate) fn two_numbers(value: &Value) -> RedisResult<(Option<i128>, Option<i128>)> {
    match value {
        Value::Array(values) => match values.as_slice() {
            [first, second] => Ok((number(first)?, number(second)?)),
            _ => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}

/// Returns the error about an answer that no limiter gives.
pub(crate) fn unexpected() -> RedisError {
    RedisError::from((
        ErrorKind::UnexpectedReturnType,
        "the answer is not the one of a limiter",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_forms() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        assert_eq!(number(&Value::Nil).unwrap(), None);
        assert_eq!(number(&Value::Int(-1)).unwrap(), Some(-1));
        let large = "180000000000000000000";
        assert_eq!(
            number(&text(large)).unwrap(),
            Some(180_000_000_000_000_000_000)
        );
        for wrong in [text("x"), text(""), Value::Okay, Value::Array(Vec::new())] {
            assert!(number(&wrong).is_err(), "{wrong:?}");
        }
        let two = Value::Array(vec![Value::Nil, text("7")]);
        assert_eq!(two_numbers(&two).unwrap(), (None, Some(7)));
        assert!(two_numbers(&Value::Int(1)).is_err());
    }
}
