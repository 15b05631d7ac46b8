//! Workloads: weighted mixes of scripts, built in or the user's own.

mod builtin;
mod flags;
mod schema;
mod selection;
mod tables;
mod user;
mod workload;
mod workload_setup;

pub use builtin::Builtin;
pub(crate) use flags::{ScriptFlag, WorkloadFlags, definition, scale, script};
pub use schema::Schema;
pub(crate) use schema::{LASTING, PREFIX, SchemaState};
pub(crate) use selection::{WorkloadSelection, entries};
pub(crate) use tables::quoted;
pub use tables::{Tables, TablesError};
pub use user::{User, WorkloadConnection};
pub use workload::{ScriptEntry, SqlWorkload, WorkloadDraft, WorkloadError};
pub(crate) use workload_setup::WorkloadSetup;
