//! Load of requests: users who ask and wait, or arrivals that come when due.

pub(crate) mod arrival_queue;
pub(crate) mod target;
pub(crate) mod worker;
