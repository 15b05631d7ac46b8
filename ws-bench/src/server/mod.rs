//! Servers under test: their URLs and addresses, the way to them, the probe before the load, what
//! their processes use, and the advice for a server that cannot be loaded.

pub(crate) mod endpoint;
pub(crate) mod opened_target;
pub(crate) mod probe;
pub(crate) mod probe_finding;
pub(crate) mod process_evidence;
pub(crate) mod reach;
mod remedy;
mod resolver;
pub(crate) mod route;
pub(crate) mod server_list;
pub(crate) mod target;
pub(crate) mod target_url;
pub(crate) mod variables;
