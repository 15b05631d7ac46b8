//! Traced runs of `exhaust` and `lifecycle`: a load that changes, with every request recorded one
//! by one while the server's sessions are counted, so that a server that restarts does not end the
//! run.

mod follower;
mod threads;
mod visit;

pub(crate) use follower::{DRAIN_BOUND, Ledger, RunSupervisor};
pub(crate) use pg_evidence::gap::{record as note_gap, sentence as gap_sentence};
pub(crate) use pg_evidence::{BackendMonitor, Leaked, SessionChanges};
pub(crate) use threads::on_threads;
pub(crate) use visit::{TracedRequest, keep, note_generator, record, whole};
