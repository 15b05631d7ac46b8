//! Driver of the bare protocol: each user writes to a socket directly. It shows the highest
//! throughput of the server that this client can reach, and is the baseline for the other drivers.

use std::sync::Arc;

use load_engine::{
    Failure, OperationTable, Outcome, Part, Session, Target, TargetFactory, Timestamps, UserId,
    WorkerShare,
};

use super::DriverSetup;
use crate::conditions::HoldTimer;
use crate::failure::from_wire;
use crate::wire::BareConnection;
use crate::workloads::{SqlWorkload, User, WorkloadConnection};
use pgbench_script::{BoundValue, StatementResult};

/// Factory of targets in which each user has a bare connection, without a client library.
#[derive(Debug)]
pub(crate) struct Wire(pub(crate) DriverSetup);

impl TargetFactory for Wire {
    type Target = WireTarget;

    fn operations(&self) -> OperationTable {
        self.0.workload.operations()
    }

    fn parts(&self) -> Vec<String> {
        self.0.workload.parts()
    }

    async fn build(&self, _worker: WorkerShare) -> Result<WireTarget, Failure> {
        Ok(WireTarget(Arc::new(self.0.clone())))
    }
}

/// Target without a pool: the settings with which each user connects by itself.
#[derive(Debug)]
pub(crate) struct WireTarget(Arc<DriverSetup>);

impl Target for WireTarget {
    type Session = WireSession;

    async fn open(&self, user: UserId) -> Result<WireSession, Failure> {
        let count = self.0.workload.prepared().len();
        // The names differ from those of other drivers, because behind a pooler both may use one session.
        let names: Arc<[String]> = (0..count).map(|n| format!("w{n}")).collect();
        let opened = open(&self.0, &names).await;
        Ok(WireSession {
            setup: Arc::clone(&self.0),
            user: self.0.user(user),
            hold_timer: self.0.hold_timer(user)?,
            connection: opened?,
            names,
        })
    }
}

/// Session of a user with a bare connection of its own, which is opened again once it is unusable.
#[derive(Debug)]
pub(crate) struct WireSession {
    setup: Arc<DriverSetup>,
    connection: BareConnection,
    /// Names of the prepared statements, by the statement's index; empty if the workload's protocol
    /// prepares none.
    names: Arc<[String]>,
    user: User,
    hold_timer: HoldTimer,
}

impl Session for WireSession {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.user.choose();
        timestamps.operation(operation);
        if !self.connection.is_usable() {
            match open(&self.setup, &self.names).await {
                Ok(connection) => self.connection = connection,
                Err(failure) => return Outcome::failed(operation, failure),
            }
        }
        let mut connection = WireConnection {
            connection: &mut self.connection,
            names: &self.names,
            workload: &self.setup.workload,
        };
        let outcome = self.user.execute_script(&mut connection).await;
        self.hold_timer.wait().await;
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }

    async fn close(self) {
        self.connection.close().await;
    }
}

/// Bare connection of a user, borrowed for one request.
struct WireConnection<'a> {
    connection: &'a mut BareConnection,
    names: &'a [String],
    workload: &'a SqlWorkload,
}

impl WorkloadConnection for WireConnection<'_> {
    async fn execute(&mut self, statement: usize, values: &[BoundValue]) -> Result<(), Failure> {
        let executed = if let Some(name) = self.names.get(statement) {
            self.connection.execute(name, values).await
        } else {
            let sql = &self.workload.statements()[statement].sql;
            self.connection.execute_once(sql, values).await
        };
        executed.map(drop).map_err(|error| from_wire(&error))
    }

    async fn send(
        &mut self,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> Result<(), Failure> {
        let sent = match answers {
            None => self.connection.simple_query(sql).await.map(drop),
            Some(answers) => self.connection.simple_query_results(sql, answers).await,
        };
        sent.map_err(|error| from_wire(&error))
    }

    /// Ignores whether a transaction is open, because the connection is never shared.
    fn in_transaction(&mut self, _open: bool) {}
}

/// Opens a bare connection and prepares the workload's statements on it under `names`, in order.
async fn open(setup: &DriverSetup, names: &[String]) -> Result<BareConnection, Failure> {
    let connected = BareConnection::connect(&setup.config(), &setup.address.tls()).await;
    let mut connection = connected.map_err(|error| from_wire(&error))?;
    for (name, statement) in names.iter().zip(setup.workload.prepared()) {
        let prepared = connection
            .prepare(name, &statement.sql, statement.kinds())
            .await;
        prepared.map_err(|error| from_wire(&error).with_statement(&*statement.fingerprint))?;
    }
    Ok(connection)
}
