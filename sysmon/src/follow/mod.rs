//! Processes followed over time: those asked for, with their descendants, and those that use the
//! most CPU time, memory and disk.
//!
//! All CPU time of a process that started after the last sample was used since then. A process that
//! is seen for the first time but started earlier has no rate yet.

mod cpu_tracker;
mod disk_use;
mod fault_counters;
mod followed_process;
mod follower;
mod lookup;
mod options;
mod process_recorder;
mod process_tree;
mod selection;
mod target;
mod target_matcher;
mod target_trees;
#[cfg(test)]
mod tests;
mod tree_totals;

pub(crate) use fault_counters::FaultCounters;
#[cfg(feature = "watch")]
pub(crate) use followed_process::FollowedProcess;
pub(crate) use follower::Follower;
#[cfg(feature = "export")]
pub(crate) use follower::MOST_MEMBERS;
pub(crate) use lookup::ProcessLookup;
pub(crate) use options::FollowOptions;
pub(crate) use process_recorder::ProcessRecorder;
#[cfg(feature = "export")]
pub(crate) use selection::{ProcessUse, StartTracker, select_top};
pub(crate) use target::ProcessTarget;
#[cfg(feature = "export")]
pub(crate) use target_trees::TargetTrees;
pub(crate) use tree_totals::TreeTotals;
