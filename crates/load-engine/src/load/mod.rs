//! Threads and runtimes that make load, and the parts that all kinds of load share.

pub(crate) mod cpu_use;
pub(crate) mod finished_users;
pub(crate) mod load_changes;
pub(crate) mod load_source;
pub(crate) mod local_load;
pub(crate) mod opening_order;
pub(crate) mod pacer;
pub(crate) mod step_state;
pub(crate) mod worker_pool;
