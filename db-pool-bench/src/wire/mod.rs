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

pub use connection::{BareConnection, ExecutionResult};
pub use error::{ServerError, WireError};
