//! Child processes that do not outlive this process.
//!
//! `spawn` starts a child in a session of its own and has the kernel signal it when this process
//! dies; [`ChildProcess`] is such a child whose exit is waited for within a time-out.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod child;
mod spawn;

pub use child::ChildProcess;
pub use nix::sys::signal::Signal;
pub use spawn::spawn;
