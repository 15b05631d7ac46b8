//! tokio-postgres without a pool: each user has a connection, as in a program that keeps one per
//! thread. What a pool costs is measured against it.

use load_engine::{Factory, Failure, Marks, Outcome, Session, Target, UserId, Worker};
use tokio_postgres::{Client, Error, Statement};

use super::{Setup, statements};
use crate::conditions::Holding;
use crate::failure::of_postgres;
use crate::workloads::{Request, Requests, Tables};

/// Makes targets without a pool.
#[derive(Debug)]
pub struct Direct(pub Setup);

impl Factory for Direct {
    type Target = DirectTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    async fn build(&self, _worker: Worker) -> Result<DirectTarget, Failure> {
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
        let link = Link::open(&setup)
            .await
            .map_err(|error| of_postgres(&error))?;
        Ok(DirectSession {
            requests: setup.requests(user),
            holding: setup.holding(user)?,
            link,
            setup,
        })
    }
}

/// A user's connection and requests.
#[derive(Debug)]
pub struct DirectSession {
    setup: Setup,
    link: Link,
    requests: Requests,
    holding: Holding,
}

impl Session for DirectSession {
    async fn hit(&mut self, _marks: &mut Marks) -> Outcome {
        let request = self.requests.draw();
        let result = self.perform(request).await;
        self.holding.work().await;
        match result {
            Ok(()) => Outcome::success(request.operation()),
            Err(error) => Outcome::failed(request.operation(), of_postgres(&error)),
        }
    }
}

impl DirectSession {
    async fn perform(&mut self, request: Request) -> Result<(), Error> {
        if self.link.client.is_closed() {
            self.link = Link::open(&self.setup).await?;
        }
        self.link.perform(request).await
    }
}

/// A connection with its statements.
#[derive(Debug)]
struct Link {
    client: Client,
    read: Statement,
    update: Statement,
    insert: Statement,
}

impl Link {
    async fn open(setup: &Setup) -> Result<Self, Error> {
        let client = setup.address.connect(&setup.application).await?;
        let Tables {
            read,
            update,
            insert,
            ..
        } = &*setup.tables;
        let read = client.prepare(read).await?;
        // A table that is only read has one statement, and no request asks for another.
        let update = match update {
            Some(update) => client.prepare(update).await?,
            None => read.clone(),
        };
        let insert = match insert {
            Some(insert) => client.prepare(insert).await?,
            None => read.clone(),
        };
        Ok(Self {
            client,
            read,
            update,
            insert,
        })
    }

    async fn perform(&mut self, request: Request) -> Result<(), Error> {
        let Self {
            client,
            read,
            update,
            insert,
        } = self;
        match request {
            Request::Read { id } => statements::read(client, read, id).await,
            Request::Update { id, delta } => statements::update(client, update, id, delta).await,
            Request::Insert { id, delta } => statements::insert(client, insert, id, delta).await,
            Request::Transfer { id, delta } => {
                statements::transfer(client, update, insert, id, delta).await
            }
        }
    }
}
