//! Load made by several processes: a parent that decides and merges, and workers that make its load.

pub(crate) mod child_processes;
pub(crate) mod parent_connection;
mod protocol;
pub(crate) mod run_on_workers;
mod worker_process;
pub(crate) mod worker_processes;
pub(crate) mod worker_step;

#[cfg(test)]
mod tests;
