//! What `exhaust` and `lifecycle` share: a load that changes on its way, whose requests are followed
//! one by one while the server's sessions are counted, so that a server that goes away in between
//! ends nothing.

mod backend_monitor;
mod follower;
mod gap;
mod session_tracker;
mod threads;
mod visit;

pub(crate) use backend_monitor::{BackendMonitor, Leaked};
pub(crate) use follower::{DRAIN_BOUND, Ledger, RunSupervisor};
pub(crate) use gap::{figures as note_gap, sentence as gap_sentence};
pub(crate) use session_tracker::SessionChanges;
pub(crate) use threads::on_threads;
pub(crate) use visit::{TracedRequest, keep, note_generator, record, whole};
