//! Traced runs of `exhaust` and `lifecycle`: a load that changes, with every request recorded one
//! by one while the server's sessions are counted, so that a server that restarts does not end the
//! run.

mod backend_monitor;
mod follower;
mod gap;
mod session_tracker;
mod threads;
mod visit;

pub(crate) use backend_monitor::{BackendMonitor, Leaked};
pub(crate) use follower::{DRAIN_BOUND, Ledger, RunSupervisor};
pub(crate) use gap::{doubt as gap_doubt, figures as note_gap, sentence as gap_sentence};
pub(crate) use session_tracker::SessionChanges;
pub(crate) use threads::on_threads;
pub(crate) use visit::{TracedRequest, keep, note_generator, record, whole};
