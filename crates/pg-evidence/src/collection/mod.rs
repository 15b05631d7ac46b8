//! Collection of the evidence, on a thread beside the load.

pub(crate) mod budget;
pub(crate) mod collector;
pub(crate) mod command;
pub(crate) mod sampler;
pub(crate) mod traced_evidence;
