//! Limits of this machine on the number of connections.

pub(crate) mod kernel_limits;
pub(crate) mod machine_limits;
pub(crate) mod open_files;
pub(crate) mod planned_shortage;
