//! PostgreSQL's protocol with nothing around it: a socket, and one write and one read for each
//! round trip. What a driver costs beyond that is measured against it.
//!
//! Source: PostgreSQL manual, *Frontend/Backend Protocol*, version 3.0.

mod error;
mod link;
mod login;
mod message;
mod socket;

pub use error::{ServerError, WireError};
pub use link::{Answer, Link};
