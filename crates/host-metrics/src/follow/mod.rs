//! Processes followed over time: those asked for, with their descendants, and those that use the
//! most CPU time and memory.
//!
//! All CPU time of a process that started after the last sample was used since then. A process that
//! is seen for the first time but started earlier has no rate yet.

mod cpu_tracker;
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

pub use followed_process::FollowedProcess;
pub use follower::{Follower, MOST_MEMBERS};
pub use lookup::ProcessLookup;
pub use options::FollowOptions;
pub use process_recorder::ProcessRecorder;
pub use selection::{ProcessUse, StartTracker, select_top};
pub use target::ProcessTarget;
pub use target_trees::TargetTrees;
pub use tree_totals::TreeTotals;
