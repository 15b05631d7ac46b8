//! Connections of the load: opening one, its messages, and the kinds of its failures.

pub(crate) mod echo;
pub(crate) mod failure;
pub(crate) mod socket;
pub(crate) mod ws_connection;
