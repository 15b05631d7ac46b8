//! Load that several processes make: a parent that decides and merges, and worker processes.

pub(crate) mod child_processes;
mod lost_load;
pub(crate) mod parent_connection;
mod protocol;
pub(crate) mod run_on_workers;
mod worker_process;
pub(crate) mod worker_processes;
pub(crate) mod worker_step;

#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod merge_tests;
#[cfg(test)]
mod tests;
