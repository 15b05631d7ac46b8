//! Control of a step: its start, what is watched, its end, and its result.

mod answer_log;
mod boundary_readings;
pub(crate) mod cancel;
pub(crate) mod controller;
mod heartbeat;
pub(crate) mod load_control;
mod missing_load;
pub(crate) mod observer;
mod overdue_requests;
mod rule_checks;
pub(crate) mod rule_window;
pub(crate) mod run_account;
pub(crate) mod run_connections;
pub(crate) mod run_requests;
pub(crate) mod run_traced;
pub(crate) mod self_check;
#[cfg(test)]
mod self_check_tests;
mod spike_recovery;
mod start_time;
mod step_load;
pub(crate) mod step_result;
mod timeline;
