//! Driver tokio-postgres without a pool: each user has a connection, as in a program that keeps one
//! for each thread. It is the baseline for the cost of a pool.

use std::sync::Arc;

use load_engine::{
    Failure, OperationTable, Outcome, Part, Session, Target, TargetFactory, Timestamps, UserId,
    WorkerShare,
};
use tokio_postgres::{Client, Statement};

use super::{DriverSetup, client_calls};
use crate::conditions::HoldTimer;
use crate::failure::from_postgres;
use crate::workloads::{SqlWorkload, User, WorkloadConnection};
use pg_evidence::failure::from_connect;
use pgbench_script::{BoundValue, StatementResult};

/// Factory of targets in which each user has a tokio-postgres connection.
#[derive(Debug)]
pub(crate) struct Direct(pub(crate) DriverSetup);

impl TargetFactory for Direct {
    type Target = DirectTarget;

    fn operations(&self) -> OperationTable {
        self.0.workload.operations()
    }

    fn parts(&self) -> Vec<String> {
        self.0.workload.parts()
    }

    async fn build(&self, _worker: WorkerShare) -> Result<DirectTarget, Failure> {
        Ok(DirectTarget(self.0.clone()))
    }
}

/// Target without a pool: the settings with which each user connects by itself.
#[derive(Debug)]
pub(crate) struct DirectTarget(DriverSetup);

impl Target for DirectTarget {
    type Session = DirectSession;

    async fn open(&self, user: UserId) -> Result<DirectSession, Failure> {
        let setup = self.0.clone();
        let connection = DirectConnection::open(&setup).await?;
        Ok(DirectSession {
            user: setup.user(user),
            hold_timer: setup.hold_timer(user)?,
            connection,
            setup,
        })
    }
}

/// Session of a user with a tokio-postgres connection of its own, which is opened again if it was
/// closed.
#[derive(Debug)]
pub(crate) struct DirectSession {
    setup: DriverSetup,
    connection: DirectConnection,
    user: User,
    hold_timer: HoldTimer,
}

impl Session for DirectSession {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.user.choose();
        timestamps.operation(operation);
        if self.connection.client.is_closed() {
            match DirectConnection::open(&self.setup).await {
                Ok(connection) => self.connection = connection,
                Err(failure) => return Outcome::failed(operation, failure),
            }
        }
        let outcome = self.user.execute_script(&mut self.connection).await;
        self.hold_timer.wait().await;
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }
}

/// Connection of tokio-postgres with the statements of the workload prepared on it, if its protocol
/// prepares any.
#[derive(Debug)]
struct DirectConnection {
    client: Client,
    workload: Arc<SqlWorkload>,
    statements: Vec<Statement>,
}

impl DirectConnection {
    async fn open(setup: &DriverSetup) -> Result<Self, Failure> {
        let connected = setup.connect().await;
        let client = connected.map_err(|error| from_connect(&error))?;
        let mut statements = Vec::new();
        for statement in setup.workload.prepared() {
            let prepared = client.prepare(&statement.sql).await;
            let of_it = |error| from_postgres(&error).with_statement(&*statement.fingerprint);
            statements.push(prepared.map_err(of_it)?);
        }
        let workload = Arc::clone(&setup.workload);
        Ok(Self {
            client,
            workload,
            statements,
        })
    }
}

impl WorkloadConnection for DirectConnection {
    async fn execute(&mut self, statement: usize, values: &[BoundValue]) -> Result<(), Failure> {
        if let Some(prepared) = self.statements.get(statement) {
            client_calls::execute(&self.client, prepared, values).await
        } else {
            let sql = &self.workload.statements()[statement].sql;
            client_calls::execute_once(&self.client, sql, values).await
        }
    }

    async fn send(
        &mut self,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> Result<(), Failure> {
        client_calls::send(&self.client, sql, answers).await
    }

    /// Ignores whether a transaction is open, because the connection is never shared.
    fn in_transaction(&mut self, _open: bool) {}
}
