//! Connections of the load: opening one, its messages, and the kinds of its failures.

mod answer_head;
pub(crate) mod client_session;
pub(crate) mod close_frame;
pub(crate) mod echo;
pub(crate) mod failure;
pub(crate) mod message_sizes;
pub(crate) mod message_stream;
pub(crate) mod socket;
pub(crate) mod time_out;
pub(crate) mod ws_connection;
