//! What a step is to do, as arithmetic: no clock, no thread.

pub(crate) mod arrivals;
pub mod curve_segments;
pub mod load_curve;
pub(crate) mod load_plan;
pub(crate) mod phase;
pub(crate) mod rate_curve;
pub mod rate_goal;
pub mod rate_search;
pub(crate) mod segments;
pub(crate) mod step_order;
pub(crate) mod step_plan;
pub(crate) mod stop_rule;
pub mod think_time;
pub mod user_schedule;
pub(crate) mod worker_share;
