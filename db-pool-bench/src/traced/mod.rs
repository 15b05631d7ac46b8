//! Evidence of the server beside a traced run.

mod backend_watch;
mod evidence;

pub(crate) use backend_watch::SessionsLeft;
pub(crate) use evidence::{SegmentEvidence, TracedEvidence};
