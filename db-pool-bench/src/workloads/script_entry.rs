//! Scripts of a workload, before they are compiled.

use pgbench_script::{ScriptSource, ScriptValue};

/// One script of a mix, before it is compiled: its text, its names and its weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptEntry {
    /// Text of the script with the path of its file, or with a name for a built-in script.
    pub(crate) source: ScriptSource,
    /// Name of the script; prefix of the names that reports give its statements.
    pub(crate) label: String,
    /// Name of the operation that executions of the script are counted under in reports; several
    /// scripts may share one.
    pub(crate) operation: String,
    /// Weight of the script, above 0, relative to the other scripts of the mix.
    pub(crate) weight: u32,
}

/// Scripts, predefined variables and seed of the hash functions, from which a workload was
/// compiled.
#[derive(Debug, Clone)]
pub(super) struct CompiledFrom {
    pub(super) entries: Vec<ScriptEntry>,
    pub(super) constants: Vec<(String, ScriptValue)>,
    pub(super) seed: u64,
}
