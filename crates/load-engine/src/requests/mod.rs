//! Load of requests: users who ask and wait, or arrivals that come when due.

pub(crate) mod arrival_queue;
mod arrival_server;
mod open_session;
pub(crate) mod target;
mod user;
mod user_requests;
pub(crate) mod worker;
