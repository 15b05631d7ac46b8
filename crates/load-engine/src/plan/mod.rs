//! What a step is to do, as arithmetic: no clock, no thread.

pub mod curve_segments;
pub mod load_curve;
pub mod rate_goal;
pub mod rate_search;
pub mod think_time;
pub mod user_schedule;
