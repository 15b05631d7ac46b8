//! Sessions of the server: their activity, waits, coming and going.

pub(crate) mod activity;
pub(crate) mod backend_monitor;
#[cfg(test)]
pub(crate) mod backend_monitor_tests;
pub(crate) mod backend_watch;
pub(crate) mod backends;
pub(crate) mod background_work;
pub(crate) mod connections_in_use;
pub(crate) mod events;
pub(crate) mod running;
pub(crate) mod scope;
pub(crate) mod session;
pub(crate) mod session_seconds;
pub(crate) mod session_tracker;
