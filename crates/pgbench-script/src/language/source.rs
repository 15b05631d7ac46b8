//! Source text of scripts, and the mode in which the values of variables reach the server.

/// Text of a pgbench script, with its name for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptSource {
    /// Name of the script in error messages, such as `transfer.sql`; it need not be a path.
    pub file: String,
    /// Text of the whole script in pgbench's language, as written.
    pub text: String,
}

/// Way in which a client sends the values of variables with SQL statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueMode {
    /// As bind parameters `$1`, `$2` and so on, with `pgbench --protocol extended` and `prepared`.
    #[default]
    Bind,
    /// As text written in place of `:name`, with `pgbench --protocol simple`. Only this mode
    /// supports statements joined by `\;`, and the commands `\gset` and `\aset`.
    Inline,
}
