//! Control of a step: when it begins, what is watched, when it ends, and its result.

mod boundary_readings;
pub(crate) mod cancel;
mod controller;
mod heartbeat;
pub(crate) mod observer;
mod overdue_requests;
pub(crate) mod rule_window;
pub(crate) mod run_connections;
pub(crate) mod run_requests;
pub mod self_check;
mod step_curve;
pub(crate) mod step_result;
mod timeline;
