//! Connections of the load: opening one, its messages, and the kinds of its failures.

pub(crate) mod client_session;
pub(crate) mod client_stream;
pub(crate) mod close_frame;
pub(crate) mod echo;
pub(crate) mod failure;
pub(crate) mod http_answer;
pub(crate) mod message_sizes;
pub(crate) mod message_stream;
pub(crate) mod opening;
pub(crate) mod request_headers;
pub(crate) mod row_template;
pub(crate) mod shown_text;
pub(crate) mod socket;
pub(crate) mod time_out;
pub(crate) mod tls_connector;
pub(crate) mod tunnel;
pub(crate) mod upgrade;
pub(crate) mod upgrade_request;
pub(crate) mod ws_connection;

#[cfg(test)]
mod allocation_tests;
