//! Load of requests: by users who wait for their answers, or by arrivals at a rate.

pub(crate) mod arrival_queue;
mod arrival_release;
mod arrival_server;
mod due_instants;
mod open_session;
pub(crate) mod target;
mod user;
mod user_requests;
mod user_tasks;
pub(crate) mod worker;
