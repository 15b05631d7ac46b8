//! Environment variables such as `PGHOST`, which replace missing parts of an address.

use std::path::PathBuf;

/// Source of environment variables: those of this process, or in tests a function.
pub(crate) struct EnvironmentVariables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl std::fmt::Debug for EnvironmentVariables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnvironmentVariables")
    }
}

#[cfg(test)]
impl<'a> EnvironmentVariables<'a> {
    /// Creates a source that calls `read` with the name of a variable, such as `PGHOST` or `HOME`.
    pub(crate) fn new(read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(read)
    }
}

impl EnvironmentVariables<'_> {
    /// Creates a source with the variables of this process.
    pub(crate) fn of_process() -> Self {
        Self(&|name| std::env::var(name).ok())
    }

    /// Returns the value of the variable `name`; `None` if it is not set, empty, or not UTF-8.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Returns the path of `file` in the user's home directory, whether or not it exists; `None` if
    /// `HOME` is not set.
    pub(crate) fn home(&self, file: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(file))
    }
}
