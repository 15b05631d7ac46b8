//! Traced runs of `exhaust` and `lifecycle`: a load that changes, with every request recorded one
//! by one while the server's sessions are counted, so that a server that restarts does not end the
//! run.

mod follower;
mod threads;
mod visit;

pub(crate) use follower::{Ledger, RunSupervisor};
pub(crate) use threads::on_threads;
pub(crate) use visit::{TracedRequest, keep, note_generator, record, whole};
