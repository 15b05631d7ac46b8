//! What is asked of the server: mixes of scripts, built in or the user's own.

mod builtin;
mod flags;
mod ground;
mod schema;
mod selection;
mod tables;
mod user;
mod workload;

pub use builtin::Builtin;
pub use flags::{ScriptFlag, WorkloadFlags};
pub(crate) use flags::{definition, scale, script};
pub use ground::Ground;
pub(crate) use schema::PREFIX;
pub use schema::{LASTING, NotMade, Schema, State};
pub use selection::Selection;
pub(crate) use selection::entries;
pub(crate) use tables::quoted;
pub use tables::{Tables, TablesError};
pub use user::{Connection, User};
pub use workload::{Draft, Entry, Prepared, Workload, WorkloadError};
