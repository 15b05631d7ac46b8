//! Workloads: weighted mixes of scripts, built in or the user's own.

#[cfg(test)]
mod allocations;
mod builtin;
mod flags;
mod schema;
mod script_entry;
mod selection;
mod tables;
mod user;
mod workload;
mod workload_setup;
mod workload_text;

pub(crate) use builtin::Builtin;
pub(crate) use flags::{ScriptFlag, WorkloadFlags};
pub(crate) use flags::{definition, scale, script};
pub(crate) use schema::PREFIX;
pub(crate) use schema::Schema;
pub(crate) use schema::{LASTING, SchemaState};
pub(crate) use script_entry::ScriptEntry;
pub(crate) use selection::WorkloadSelection;
pub(crate) use selection::entries;
pub(crate) use tables::Tables;
pub(crate) use tables::TablesError;
pub(crate) use tables::quoted;
pub(crate) use user::{User, WorkloadConnection};
pub(crate) use workload::WorkloadError;
pub(crate) use workload::{SqlWorkload, WorkloadDraft};
pub(crate) use workload_setup::WorkloadSetup;
pub(crate) use workload_text::WorkloadText;
