//! Control of a step: when it begins, what is watched, when it ends, and its result.

pub(crate) mod cancel;
mod controller;
mod heartbeat;
mod load_series;
pub(crate) mod observer;
mod overdue_requests;
pub(crate) mod rule_window;
pub(crate) mod run_requests;
pub mod self_check;
pub(crate) mod step_result;
mod timeline;
