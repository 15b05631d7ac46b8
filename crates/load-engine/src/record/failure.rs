//! Failures of requests. Their texts come from other programs and may contain secrets. Most
//! failures are only counted and masking a text takes microseconds, so a text is masked when it is
//! read.

use std::borrow::Cow;
use std::fmt;

use bench_report::redaction;

/// Reason for which a request, or the opening of a session, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Kind under which failures are counted: a short, stable name such as `timeout.checkout` or
    /// `sqlstate.53300`.
    pub kind: Cow<'static, str>,
    /// Error message of the driver; its secrets are masked when it is formatted.
    pub message: SensitiveText,
    /// Detail and hint that the server sent with its error; `None` if it sent none.
    pub detail: Option<SensitiveText>,
    /// Statement or command that failed, without the values in it; `None` if it is not known.
    pub statement: Option<String>,
}

/// Text from another program, stored unmasked. It can be read only through `to_string`, `{}` and
/// `{:?}`, which mask its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct SensitiveText(String);

impl fmt::Display for SensitiveText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redaction::text(&self.0))
    }
}

impl fmt::Debug for SensitiveText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redaction::text(&self.0), f)
    }
}

impl Failure {
    /// Creates a failure of `kind` with the driver's `message`, without detail and statement.
    /// `message` may contain secrets.
    pub fn new(kind: impl Into<Cow<'static, str>>, message: &str) -> Self {
        Self {
            kind: kind.into(),
            message: SensitiveText(message.to_owned()),
            detail: None,
            statement: None,
        }
    }

    /// Sets the detail that the server sent with its error. `detail` may contain secrets.
    #[must_use]
    pub fn with_detail(mut self, detail: &str) -> Self {
        self.detail = Some(SensitiveText(detail.to_owned()));
        self
    }

    /// Sets the statement or command that failed. `statement` must not contain values, because it
    /// is shown unmasked.
    #[must_use]
    pub fn with_statement(mut self, statement: impl Into<String>) -> Self {
        self.statement = Some(statement.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_text_and_never_shows_its_secrets() {
        let with = |password: &str| {
            let text = format!("postgres://app:{password}@db:5432/shop refused");
            Failure::new("refused", &text).with_detail(&text)
        };
        // The two differ because texts are stored unmasked. Equal ones would mean that each failure
        // pays for masking.
        assert_ne!(with("hunter2"), with("hunter3"));
        let failure = with("hunter2");
        let detail = failure.detail.as_ref().unwrap();
        for shown in [
            failure.to_string(),
            format!("{failure:?}"),
            failure.message.to_string(),
            detail.to_string(),
            format!("{detail:?}"),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("db:5432"), "{shown}");
        }
    }
}
