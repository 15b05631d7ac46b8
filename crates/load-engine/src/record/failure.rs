//! Reasons why requests fail. Their texts come from outside and may hold secrets; masking one takes
//! microseconds, and most failures are only counted, so a text is masked when it is read.

use std::borrow::Cow;
use std::fmt;

use bench_report::redaction;

/// Reason why a request, or the opening of a session, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Name that errors are counted by: short, stable, as in `timeout.checkout` or
    /// `sqlstate.53300`.
    pub kind: Cow<'static, str>,
    /// Message of the driver.
    pub message: SensitiveText,
    /// Addition of the server: detail and hint.
    pub detail: Option<SensitiveText>,
    /// Statement or command that failed, without values.
    pub statement: Option<String>,
}

/// Text from outside, kept as it came. It can be read with its secrets masked only: `to_string`,
/// `{}` and `{:?}` mask them, and nothing else reads it.
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
    /// Makes a failure of `kind`; `message` may hold secrets.
    pub fn new(kind: impl Into<Cow<'static, str>>, message: &str) -> Self {
        Self {
            kind: kind.into(),
            message: SensitiveText(message.to_owned()),
            detail: None,
            statement: None,
        }
    }

    /// Adds what the server said beside its message; `detail` may hold secrets.
    #[must_use]
    pub fn with_detail(mut self, detail: &str) -> Self {
        self.detail = Some(SensitiveText(detail.to_owned()));
        self
    }

    /// Names the statement or command that failed; `statement` must hold no values.
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
        // Masked when they are made, both would be equal: masking would be paid for each failure.
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
