//! Environment variables, which replace missing parts of an address.

use std::path::PathBuf;

/// Source of environment variables: those of the process, or a function in tests.
pub(crate) struct EnvironmentVariables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl std::fmt::Debug for EnvironmentVariables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnvironmentVariables")
    }
}

#[cfg(test)]
impl<'a> EnvironmentVariables<'a> {
    /// Creates a source that calls `read` with a name such as `PGHOST` or `HOME`.
    pub(crate) fn new(read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(read)
    }
}

impl EnvironmentVariables<'_> {
    /// Creates the source of this process's variables.
    pub(crate) fn of_process() -> Self {
        Self(&|name| std::env::var(name).ok())
    }

    /// Returns a variable; `None` if it is not set, or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Returns the path of `file` in the home directory; `None` if that is unknown.
    pub(crate) fn home(&self, file: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(file))
    }
}
