//! Reasons for which a request fails: errors of the driver and the server, and answers that the
//! load did not expect.

use load_engine::Failure;
use redis::RedisError;

use crate::server::failure;

/// Reason for which a request failed.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// Error of the driver or the server.
    Redis(RedisError),
    /// The server has no value for a key that was written before the load began.
    MissingKey,
    /// The server did not answer within the time that the load allows. The connection stays.
    NoAnswerInTime,
}

impl From<RedisError> for RequestError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl RequestError {
    /// Returns true if the connection cannot be used after this error.
    pub(super) fn breaks_connection(&self) -> bool {
        match self {
            Self::Redis(error) => failure::breaks_connection(error),
            Self::MissingKey | Self::NoAnswerInTime => false,
        }
    }

    /// Returns true if the server refused a write because it is a replica.
    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some("READONLY"))
    }

    /// Returns the failure by which the report counts this error: `missing_key`, or the kind of the
    /// driver's error.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Redis(error) => failure::from_redis(error),
            Self::MissingKey => Failure::new(
                "missing_key",
                "no value under a key that was written before the load",
            ),
            Self::NoAnswerInTime => Failure::new(
                "timeout.decision",
                "no answer within the time of --stall-after",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_is_told_apart_from_a_wrong_answer_and_keeps_its_connection() {
        let missing = RequestError::MissingKey;
        assert_eq!(missing.failure().kind, "missing_key");
        assert!(!missing.breaks_connection());
        let wrong = RedisError::from((redis::ErrorKind::UnexpectedReturnType, "a list"));
        assert_eq!(RequestError::from(wrong).failure().kind, "wrong_value");
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(RequestError::from(RedisError::from(reset)).breaks_connection());
    }
}
