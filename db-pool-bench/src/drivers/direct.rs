//! tokio-postgres without a pool: each user has a connection, as in a program that keeps one per
//! thread. What a pool costs is measured against it.

use std::sync::Arc;

use load_engine::{
    Failure, Outcome, Part, Session, Target, TargetFactory, Timestamps, UserId, WorkerShare,
};
use tokio_postgres::{Client, Statement};

use super::{Setup, held};
use crate::conditions::Holding;
use crate::failure::{of_connect, of_postgres};
use crate::script::{Answer, Bound};
use crate::workloads::{Connection, User, Workload};

/// Makes targets without a pool.
#[derive(Debug)]
pub struct Direct(pub Setup);

impl TargetFactory for Direct {
    type Target = DirectTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    fn parts(&self) -> &'static [&'static str] {
        self.0.workload.parts()
    }

    async fn build(&self, _worker: WorkerShare) -> Result<DirectTarget, Failure> {
        Ok(DirectTarget(self.0.clone()))
    }
}

/// A server to which each user connects.
#[derive(Debug)]
pub struct DirectTarget(Setup);

impl Target for DirectTarget {
    type Session = DirectSession;

    async fn open(&self, user: UserId) -> Result<DirectSession, Failure> {
        let setup = self.0.clone();
        let link = Link::open(&setup).await?;
        Ok(DirectSession {
            user: setup.user(user),
            holding: setup.holding(user)?,
            link,
            setup,
        })
    }
}

/// A user with its connection.
#[derive(Debug)]
pub struct DirectSession {
    setup: Setup,
    link: Link,
    user: User,
    holding: Holding,
}

impl Session for DirectSession {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.user.choose();
        timestamps.operation(operation);
        if self.link.client.is_closed() {
            match Link::open(&self.setup).await {
                Ok(link) => self.link = link,
                Err(failure) => return Outcome::failed(operation, failure),
            }
        }
        let outcome = self.user.perform(&mut self.link).await;
        self.holding.work().await;
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }
}

/// A connection with its statements.
#[derive(Debug)]
struct Link {
    client: Client,
    workload: Arc<Workload>,
    statements: Vec<Statement>,
}

impl Link {
    async fn open(setup: &Setup) -> Result<Self, Failure> {
        let connected = setup.connect().await;
        let client = connected.map_err(|error| of_connect(&error))?;
        let mut statements = Vec::new();
        for statement in setup.workload.prepared() {
            let prepared = client.prepare(&statement.sql).await;
            let of_it = |error| of_postgres(&error).with_statement(&*statement.shape);
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

impl Connection for Link {
    async fn execute(&mut self, statement: usize, values: &[Bound]) -> Result<(), Failure> {
        if let Some(prepared) = self.statements.get(statement) {
            held::execute(&self.client, prepared, values).await
        } else {
            let sql = &self.workload.statements()[statement].sql;
            held::execute_once(&self.client, sql, values).await
        }
    }

    async fn send(&mut self, sql: &str, answers: Option<&mut Vec<Answer>>) -> Result<(), Failure> {
        held::send(&self.client, sql, answers).await
    }

    /// It ends with its user: nobody else gets it.
    fn in_transaction(&mut self, _open: bool) {}
}
