//! Interface that a target of a load implements, with the sessions that users have on it.

use std::time::Duration;

use bench_report::names::FigureName;

use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::operation_table::OperationTable;
use crate::record::outcome::{Outcome, Part};
use crate::record::pool_sums::PoolSample;
use crate::record::timestamps::Timestamps;

/// Number of a user (closed loop) or of a session (open loop), counted from 0 over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub u64);

/// Instants at which arrivals are due, rising, in nanoseconds since the start of the warm-up.
pub type ArrivalInstants = Box<dyn Iterator<Item = u64> + Send>;

/// Target of the load, such as a pool of connections. Each worker has one of its own.
pub trait Target: Send + Sync + 'static {
    /// Type of the session that one user has on the target.
    type Session: Session;

    /// Opens the session of `user`. Connects to the server if each user has a connection of its
    /// own. Fails with the reason for which the session cannot be opened.
    fn open(&self, user: UserId) -> impl Future<Output = Result<Self::Session, Failure>> + Send;

    /// Returns the present state of the target's pool; `None` if it has no pool. The engine calls
    /// this at regular intervals.
    fn pool(&self) -> Option<PoolSample> {
        None
    }

    /// Returns the target's own counts of events so far, which never fall, such as the connections
    /// that it has opened, each with the name of its figure. The step has their increase during its
    /// measured part, summed over all targets. The engine calls this at regular intervals.
    fn tallies(&self) -> Vec<(FigureName, u64)> {
        Vec::new()
    }

    /// Returns the instants at which this worker's arrivals of an open loop are due; `None`, the
    /// default, if they follow the rate of the plan. The engine asks once, before the first arrival,
    /// and takes each instant before it releases the arrival of the one before. It expects no two
    /// workers: instants are not shared among them.
    fn arrivals(&self) -> Option<ArrivalInstants> {
        None
    }

    /// Releases the resources of the target at the end of the step. Cut off if it takes long.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Session that one user has on a target, and on which it makes requests one after the other.
pub trait Session: Send + 'static {
    /// Makes one request and waits for its answer. Stamps the instants that it knows in
    /// `timestamps`; the engine stamps start and end.
    fn request(&mut self, timestamps: &mut Timestamps) -> impl Future<Output = Outcome> + Send;

    /// Returns the parts of the last request; empty if requests have no parts.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// Does work that belongs to no request, such as growing a log. Called after each request, once
    /// it is recorded. Returns the shortest pause of a user of a closed loop before the next
    /// request, which the time of this call is no part of; `None` if there was nothing to do. The
    /// arrivals of an open loop wait for no pause.
    fn between_requests(&mut self) -> Option<Duration> {
        None
    }

    /// Releases the resources of the session. Not called if the session is cut off at the end of
    /// the drain.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

/// Factory that creates the target of each worker. It is called inside the worker's runtime,
/// because pools and sockets belong to the runtime that created them.
pub trait TargetFactory: Send + Sync + 'static {
    /// Type of the targets that the factory creates.
    type Target: Target;

    /// Returns the table of the operations of the target's requests. If sessions add operations,
    /// every call must return a clone of the same table.
    fn operations(&self) -> OperationTable;

    /// Returns the names of the parts of requests; [`Part::part`] is an index into them.
    fn parts(&self) -> Vec<String> {
        Vec::new()
    }

    /// Creates the target of `worker`, or fails with the reason. A shared runtime is a single
    /// worker; with a runtime per core there are several.
    fn build(
        &self,
        worker: WorkerShare,
    ) -> impl Future<Output = Result<Self::Target, Failure>> + Send;
}
