//! Plan of a step: pure arithmetic, without clock or threads.

pub(crate) mod arrivals;
mod change_instants;
mod curve_file;
pub(crate) mod curve_segments;
pub(crate) mod curve_sequence;
pub(crate) mod intended_load;
#[cfg(test)]
mod intended_load_tests;
pub(crate) mod load_change;
pub(crate) mod load_curve;
pub(crate) mod load_curve_error;
#[cfg(test)]
mod load_curve_tests;
pub(crate) mod load_plan;
pub(crate) mod phase;
pub(crate) mod rate_curve;
pub(crate) mod segments;
pub(crate) mod step_order;
pub(crate) mod step_plan;
pub(crate) mod stop_rule;
pub(crate) mod straight_line;
pub(crate) mod think_time;
pub(crate) mod user_schedule;
pub(crate) mod wall_time;
pub(crate) mod worker_share;
mod written_time;
mod written_value;
