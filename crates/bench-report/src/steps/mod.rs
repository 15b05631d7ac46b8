//! Result of a step, by operation and segment.

pub(crate) mod changing_load;
pub(crate) mod failure;
pub(crate) mod latency;
pub(crate) mod load_share;
pub(crate) mod merge;
pub(crate) mod operation;
pub(crate) mod pool;
pub(crate) mod server_evidence;
pub(crate) mod spike_recovery;
pub(crate) mod step;
mod survival;
