//! Server under test: its URL and addresses, the probe before the load, what its processes use, and the
//! advice for a server that cannot be loaded.

pub(crate) mod endpoint;
pub(crate) mod probe;
pub(crate) mod process_evidence;
pub(crate) mod remedy;
pub(crate) mod ws_target;
