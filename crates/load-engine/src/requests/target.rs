//! The target of a load, the sessions that users have on it, and the outcome of each request.

use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::operation_table::OperationTable;
use crate::record::outcome::{Outcome, Part};
use crate::record::pool_sums::PoolSample;
use crate::record::timestamps::Timestamps;

/// One user (closed loop) or one place among the requests in flight (open loop), from 0 over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub u64);

/// Target of the load, as one worker's runtime sees it.
pub trait Target: Send + Sync + 'static {
    /// One user's state on it.
    type Session: Session;

    /// Opens a session: connects, where each user has a connection of its own.
    fn open(&self, user: UserId) -> impl Future<Output = Result<Self::Session, Failure>> + Send;

    /// Its pool as it is now; `None` where there is none.
    fn pool(&self) -> Option<PoolSample> {
        None
    }

    /// Gives back what it holds.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// One user's state on a target.
pub trait Session: Send + 'static {
    /// One arrival, from taking it up to having its answer.
    fn request(&mut self, timestamps: &mut Timestamps) -> impl Future<Output = Outcome> + Send;

    /// The parts of the last request, where they are told apart.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// Gives back what it holds; not called when the drain's bound cuts it off.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

/// Makes the target of each worker inside that worker's runtime, because pools and sockets
/// belong to the runtime that made them.
pub trait TargetFactory: Send + Sync + 'static {
    /// Type of the targets that it makes.
    type Target: Target;

    /// Returns the operations of its requests; the same table each time, where sessions add to it.
    fn operations(&self) -> OperationTable;

    /// Returns the names that [`Part::part`] indexes.
    fn parts(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes the target of `worker`: on a shared runtime there is one, per core there are several.
    fn build(
        &self,
        worker: WorkerShare,
    ) -> impl Future<Output = Result<Self::Target, Failure>> + Send;
}
