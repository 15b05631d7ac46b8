//! Scripts of a workload, before they are compiled.

use pgbench_script::{ScriptSource, ScriptValue};

/// Text of one script of a mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptEntry {
    /// Source text of the script.
    pub(crate) source: ScriptSource,
    /// Prefix for the names of its statements.
    pub(crate) label: String,
    /// Name of the operation that executions of the script count for; several scripts may share one.
    pub(crate) operation: String,
    /// Weight of the script, relative to the other scripts.
    pub(crate) weight: u32,
}

/// Scripts and variables that a workload was compiled from.
#[derive(Debug, Clone)]
pub(super) struct CompiledFrom {
    pub(super) entries: Vec<ScriptEntry>,
    pub(super) constants: Vec<(String, ScriptValue)>,
    pub(super) seed: u64,
}
