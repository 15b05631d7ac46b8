//! Load of logins: each request opens a connection, measures the parts of opening it, and closes
//! it.

use std::sync::{Arc, Mutex, PoisonError};

use load_engine::{
    Failure, OperationId, OperationTable, Outcome, Session, Target, TargetFactory, Timestamps,
    UserId, WorkerShare,
};
use pg_connect::Address;

use super::connecting::{ConnectCost, connect};

/// Target whose requests are logins. Clones share the list of their costs.
#[derive(Debug, Clone)]
pub(super) struct Logins {
    address: Address,
    application: String,
    costs: LoginCosts,
}

/// Costs of the successful logins, in the order in which the logins ended.
#[derive(Debug, Clone, Default)]
struct LoginCosts(Arc<Mutex<Vec<ConnectCost>>>);

impl LoginCosts {
    fn push(&self, cost: ConnectCost) {
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        costs.push(cost);
    }

    fn take(&self) -> Vec<ConnectCost> {
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut costs)
    }
}

impl Logins {
    /// Creates a target of logins at `address`, with `application` as the application name of their
    /// connections.
    pub(super) fn new(address: &Address, application: &str) -> Self {
        Self {
            address: address.clone(),
            application: application.to_owned(),
            costs: LoginCosts::default(),
        }
    }

    /// Returns the costs of the logins that succeeded since the last call, in the order in which
    /// they ended.
    pub(super) fn take_costs(&self) -> Vec<ConnectCost> {
        self.costs.take()
    }
}

impl TargetFactory for Logins {
    type Target = Self;

    fn operations(&self) -> OperationTable {
        (&["connect"]).into()
    }

    async fn build(&self, _worker: WorkerShare) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl Target for Logins {
    type Session = Self;

    async fn open(&self, _user: UserId) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl Session for Logins {
    /// Opens and closes a connection. The measured request ends with the first answer; the
    /// statement is executed a second time after that.
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        match connect(&self.address, &self.application).await {
            Ok(cost) => {
                timestamps.done_ns = timestamps.started_ns + cost.whole_ns();
                self.costs.push(cost);
                Outcome::success(OperationId::FIRST)
            }
            Err(failure) => Outcome::failed(OperationId::FIRST, failure),
        }
    }
}
