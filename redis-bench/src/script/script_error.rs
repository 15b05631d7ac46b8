//! Error in a script of the user, with its place in the file.

/// Error in a script. It is displayed as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub(crate) struct ScriptError {
    /// Name of the file.
    file: String,
    /// Line, counted from 1.
    line: usize,
    /// Column in characters, counted from 1.
    column: usize,
    /// Message without a full stop.
    message: String,
}

/// Text of a script, with the name of its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScriptText<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl ScriptText<'_> {
    /// Returns an error at `offset`, in bytes from the beginning of the text.
    pub(super) fn error(&self, offset: usize, message: impl Into<String>) -> ScriptError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ScriptError {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }
}
