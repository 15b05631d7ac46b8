//! What `exhaust` and `lifecycle` share: a load that changes on its way, whose requests are followed
//! one by one while the server's sessions are counted, so that a server that goes away in between
//! ends nothing.

mod census;
mod follower;
mod gap;
mod roll;
mod threads;
mod visit;

pub(crate) use census::{Census, Leaked};
pub(crate) use follower::{DRAIN_BOUND, Follower, Ledger};
pub(crate) use gap::{figures as note_gap, sentence as gap_sentence};
pub(crate) use roll::Tally;
pub(crate) use threads::on_threads;
pub(crate) use visit::{Visit, keep, note_generator, record, whole};
