//! PostgreSQL's protocol without a driver: a socket, and one write and one read for each round trip.
//! The cost of the other drivers is measured against it.
//!
//! Source: PostgreSQL manual, *Frontend/Backend Protocol*, version 3.0.

mod authentication;
mod channel;
mod connection;
mod error;
mod message;
mod socket;

pub(crate) use connection::BareConnection;
#[cfg(test)]
pub(crate) use connection::ExecutionResult;
pub(crate) use error::WireError;
