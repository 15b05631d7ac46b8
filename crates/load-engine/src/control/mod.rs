//! Control of a step: when it begins, what is watched, when it ends, and its result.

pub(crate) mod cancel;
pub(crate) mod controller;
mod heartbeat;
mod overdue_requests;
pub(crate) mod rule_window;
pub mod self_check;
mod timeline;
