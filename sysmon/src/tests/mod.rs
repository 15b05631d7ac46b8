//! Tests of a recording as a whole, on made-up machines.

mod cgroup_changes;
mod cgroup_search;
mod cgroups;
mod files;
mod full_disk;
#[cfg(feature = "export")]
mod golden;
mod gpu;
mod growth;
mod hostile_files;
mod made_up_tree;
mod memory;
mod own_process;
mod samples;
mod tree;
mod unreadable_process;
