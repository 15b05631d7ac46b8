//! Source text of scripts, and the way in which their values are sent.

/// Text of a script, with its name for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptSource {
    /// Name in error messages, such as `transfer.sql`.
    pub file: String,
    /// Content of the script.
    pub text: String,
}

/// Way in which the values of variables are sent with statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueMode {
    /// As bind parameters, `$1` and so on: `pgbench --protocol extended` and `prepared`.
    #[default]
    Bind,
    /// As text in place of `:name`: `pgbench --protocol simple`. Only this mode supports joining
    /// statements by `\;`, `\gset` and `\aset`.
    Inline,
}
