//! Scripts as they are given, and the way in which their values are sent.

/// Text of a script and the name that errors give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptSource {
    /// Name in error messages, as in `transfer.sql`.
    pub file: String,
    /// Content of the script.
    pub text: String,
}

/// Way in which the values of variables get into statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueMode {
    /// Bind parameters, `$1` and so on: `pgbench --protocol extended` and `prepared`.
    #[default]
    Bind,
    /// Text in place of `:name`: `pgbench --protocol simple`. Only here statements can be
    /// joined by `\;`, and `\gset` and `\aset` are understood.
    Inline,
}
