//! Traced runs: a load that changes and whose requests are followed one by one, with actors beside it.

pub(crate) mod actor;
pub(crate) mod actor_tasks;
pub(crate) mod traced_plan;
