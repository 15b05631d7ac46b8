//! Traced runs: a changing load of which every request is recorded, with actors that run beside it.

pub(crate) mod actor;
pub(crate) mod actor_tasks;
pub(crate) mod traced_plan;
