//! The server itself: connections to it, its counters, views and messages.

pub(crate) mod capacity;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod control_group;
pub(crate) mod counters;
pub(crate) mod foreign_text;
pub(crate) mod retention;
pub(crate) mod server_message;
pub(crate) mod standby;
pub(crate) mod views;
