//! Positions in a script, and error messages with a position.

use std::fmt;

/// Position in a script by line and column. It is displayed as `line:column`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Error at a position of a script, found while compiling or executing it. It is displayed as
/// `line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {message}")]
pub struct Diagnostic {
    /// Position of the mistake in the script.
    pub position: Position,
    /// Error message, without a full stop at its end.
    pub message: String,
}

impl Diagnostic {
    /// Creates an error at `position`; `message` has no full stop at its end.
    pub fn new(position: Position, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { position, message }
    }

    /// Adds the name of the file to which the position belongs, for display.
    pub fn in_file(self, file: &str) -> ScriptError {
        ScriptError {
            file: file.to_owned(),
            diagnostic: self,
        }
    }
}

/// Error in a script, with the name of its file. It is displayed as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{diagnostic}")]
pub struct ScriptError {
    /// File name of the script, as in [`ScriptSource::file`](crate::ScriptSource::file).
    pub file: String,
    /// Position in the script, and message.
    pub diagnostic: Diagnostic,
}
