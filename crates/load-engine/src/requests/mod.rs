//! Load of requests: by users who wait for their answers, or by arrivals at a rate.

pub(crate) mod arrival_queue;
mod arrival_server;
mod open_session;
pub(crate) mod target;
mod user;
mod user_requests;
pub(crate) mod worker;
