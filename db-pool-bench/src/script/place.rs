//! Where something stands in a script, and what is wrong there.

use std::fmt;

/// A place in a file: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What, as a sentence without its full stop.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { place, message }
    }

    /// Returns the same fault with the file in which it stands.
    pub fn of_file(self, file: &str) -> ScriptError {
        ScriptError {
            file: file.to_owned(),
            fault: self,
        }
    }
}

/// What is wrong with a script: `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{fault}")]
pub struct ScriptError {
    /// Its file, as given.
    pub file: String,
    /// What is wrong in it, and where.
    pub fault: Fault,
}
