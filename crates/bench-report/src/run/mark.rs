//! Instants of a run that the user named, such as a deployment, a failover or a changed setting.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{plain_text, redaction};

/// Largest number of characters of a mark's name, which must fit a label in a chart.
pub(crate) const LONGEST_NAME: usize = 120;

/// Instant of a run with a name, which the user set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Instant in nanoseconds on the monotonic clock of the host (`CLOCK_MONOTONIC`).
    pub at_ns: u64,
    /// Name of the event, such as `deploy 1.4`.
    pub name: String,
}

/// Reason for which a text cannot be the name of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty or blank.
    #[error("a mark needs a name")]
    Empty,
    /// The text is longer than [`LONGEST_NAME`] characters; the value is its number of characters.
    #[error("a mark's name has at most {LONGEST_NAME} characters, not {0}")]
    TooLong(usize),
    /// The text has a control character or another one that a reader does not see; the value is the
    /// code point of the first one.
    #[error("a mark's name is one line of plain text; U+{0:04X} is not allowed in it")]
    NotPlain(u32),
}

impl Mark {
    /// Creates a mark at `at_ns`, in nanoseconds of `CLOCK_MONOTONIC`. Secrets in its name are
    /// masked, and blanks around it are removed.
    ///
    /// # Errors
    ///
    /// Fails if the name is empty, has more than 120 characters, or has characters that would
    /// control a terminal or a
    /// page.
    pub fn new(at_ns: u64, name: &str) -> Result<Self, NameError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(c) = name.chars().find(|c| plain_text::is_hidden(*c)) {
            return Err(NameError::NotPlain(u32::from(c)));
        }
        let length = name.chars().count();
        if length > LONGEST_NAME {
            return Err(NameError::TooLong(length));
        }
        let name = redaction::text(name);
        Ok(Self { at_ns, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_line_without_secrets() {
        let named = |name: &str| Mark::new(1, name).map(|mark| mark.name);
        assert_eq!(
            named("  deploy 1.4 – größer "),
            Ok("deploy 1.4 – größer".into())
        );
        assert_eq!(named("</script>"), Ok("</script>".into()));
        let secret = named("to postgres://app:hunter2@db/shop").unwrap();
        assert!(!secret.contains("hunter2"), "{secret}");
        for (name, why) in [
            (String::new(), NameError::Empty),
            (" \n ".into(), NameError::Empty),
            ("a\nb".into(), NameError::NotPlain(10)),
            ("a\u{1b}[2Jb".into(), NameError::NotPlain(27)),
            ("a\u{202e}b".into(), NameError::NotPlain(0x202e)),
            ("a\u{200b}b".into(), NameError::NotPlain(0x200b)),
            ("a\u{9b}b".into(), NameError::NotPlain(0x9b)),
            ("é".repeat(121), NameError::TooLong(121)),
        ] {
            assert_eq!(named(&name), Err(why), "{name:?}");
        }
        assert!(named(&"é".repeat(120)).is_ok());
    }
}
