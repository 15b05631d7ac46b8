//! Instants that somebody gave a name to: a deployment, a failover, a changed setting.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::redaction;

/// Most characters of a name: more do not fit a label of a chart.
pub(crate) const LONGEST_NAME: usize = 120;

/// A named instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Its instant, in nanoseconds on the monotonic clock.
    pub at_ns: u64,
    /// Name of the event, as in `deploy 1.4`.
    pub name: String,
}

/// Reason why a text is no name of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing to read in it.
    #[error("a mark needs a name")]
    Empty,
    /// It is longer than [`LONGEST_NAME`].
    #[error("a mark's name has at most {LONGEST_NAME} characters, not {0}")]
    TooLong(usize),
    /// A line feed, an escape sequence, a change of the writing direction.
    #[error("a mark's name is one line of plain text; U+{0:04X} is not allowed in it")]
    NotPlain(u32),
}

impl Mark {
    /// A mark at `at_ns`; secrets in its name are masked, blanks around it left out.
    ///
    /// # Errors
    /// When the name is empty, too long, or has characters that a terminal or a page would obey.
    pub fn new(at_ns: u64, name: &str) -> Result<Self, NameError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(c) = name.chars().find(|c| c.is_control() || is_direction(*c)) {
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

/// Line and paragraph separators, and what makes text read in another order than it stands.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
            ("a\u{9b}b".into(), NameError::NotPlain(0x9b)),
            ("é".repeat(121), NameError::TooLong(121)),
        ] {
            assert_eq!(named(&name), Err(why), "{name:?}");
        }
        assert!(named(&"é".repeat(120)).is_ok());
    }
}
