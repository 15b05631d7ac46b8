//! The four drivers without the rest of the bench: one user of each, and the failures of its
//! requests.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{
    Failure, Session as _, Target as _, TargetFactory, ThinkTime, Timestamps, UserId, WorkerShare,
};
use pg_connect::Address;
use tokio::runtime::Runtime;

use crate::drivers::{Deadpool, Direct, DriverSetup, PoolOptions, Sqlx, Wire};
use crate::protocol::Protocol;
use crate::workloads::{Builtin, SqlWorkload, Tables};

/// Creates a workload whose requests execute a `SELECT 1` without parameters.
pub(crate) fn ask_nothing() -> Arc<SqlWorkload> {
    let draft = Builtin::CheckoutOnly.draft(&Tables::at_scale(1), 0, Protocol::Prepared);
    Arc::new(draft.unwrap().without_parameters())
}

pub(crate) fn setup(address: Address, workload: Arc<SqlWorkload>) -> DriverSetup {
    DriverSetup {
        address,
        application: "a_test_of_drivers".to_owned(),
        pool_size: 1,
        pool: PoolOptions::default(),
        checkout_timeout: Duration::from_secs(5),
        workload,
        seed: 7,
        hold: ThinkTime::NONE,
        opened: Arc::default(),
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// All four drivers with the same settings.
pub(crate) struct Variants {
    setup: DriverSetup,
    runtime: Runtime,
}

impl Variants {
    pub(crate) fn of(setup: DriverSetup) -> Self {
        Self {
            setup,
            runtime: runtime(),
        }
    }

    /// Runs `requests` requests of one user with `wire`, `direct`, `deadpool` and `sqlx`, one
    /// driver after another, and returns the failure of each request by driver; `None` for a
    /// success. If a driver cannot connect, its only entry is that failure.
    pub(crate) fn each(&self, requests: usize) -> [Vec<Option<Failure>>; 4] {
        self.each_between(requests, |_| ())
    }

    /// Does the same as [`each`](Self::each), and calls `before` with the driver's index, 0 to 3,
    /// between its connection and its first request.
    pub(crate) fn each_between(
        &self,
        requests: usize,
        mut before: impl FnMut(usize),
    ) -> [Vec<Option<Failure>>; 4] {
        let setup = || self.setup.clone();
        [
            self.run(&Wire(setup()), requests, || before(0)),
            self.run(&Direct(setup()), requests, || before(1)),
            self.run(&Deadpool(setup()), requests, || before(2)),
            self.run(&Sqlx(setup()), requests, || before(3)),
        ]
    }

    fn run<F: TargetFactory>(
        &self,
        factory: &F,
        requests: usize,
        before: impl FnOnce(),
    ) -> Vec<Option<Failure>> {
        let opening = async {
            let target = factory.build(WorkerShare::ALONE).await?;
            let session = target.open(UserId(0)).await?;
            Ok((target, session))
        };
        let (target, mut session) = match self.runtime.block_on(opening) {
            Ok(opened) => opened,
            Err(failure) => return vec![Some(failure)],
        };
        before();
        self.runtime.block_on(async {
            let mut failures = Vec::new();
            for _ in 0..requests {
                let outcome = session.request(&mut Timestamps::default()).await;
                failures.push(outcome.failure.map(|failure| *failure));
            }
            session.close().await;
            target.close().await;
            failures
        })
    }
}
