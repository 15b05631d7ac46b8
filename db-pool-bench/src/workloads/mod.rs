//! What is asked of the server: mixes of scripts, built in or the user's own.

mod builtin;
mod flags;
mod schema;
mod selection;
mod tables;
mod user;
mod workload;
mod workload_setup;

pub use builtin::Builtin;
pub use flags::{ScriptFlag, WorkloadFlags};
pub(crate) use flags::{definition, scale, script};
pub(crate) use schema::PREFIX;
pub use schema::{LASTING, NotMade, Schema, SchemaState};
pub use selection::WorkloadSelection;
pub(crate) use selection::entries;
pub(crate) use tables::quoted;
pub use tables::{Tables, TablesError};
pub use user::{User, WorkloadConnection};
pub use workload::{Prepared, ScriptEntry, SqlWorkload, WorkloadDraft, WorkloadError};
pub use workload_setup::WorkloadSetup;
