//! Environment variables, which stand in for what an address leaves out.

use std::path::PathBuf;

/// Source of environment variables: the process, or a function in its place.
pub(crate) struct EnvironmentVariables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl std::fmt::Debug for EnvironmentVariables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnvironmentVariables")
    }
}

#[cfg(test)]
impl<'a> EnvironmentVariables<'a> {
    /// Takes variables from `read`, which is given a name as `PGHOST` or `HOME`.
    pub(crate) fn new(read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(read)
    }
}

impl EnvironmentVariables<'_> {
    /// Takes the variables of this process.
    pub(crate) fn of_process() -> Self {
        Self(&|name| std::env::var(name).ok())
    }

    /// Returns a variable; `None` where it is not set or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Returns the path of `file` in the home directory.
    pub(crate) fn home(&self, file: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(file))
    }
}
