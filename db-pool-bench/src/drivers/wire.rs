//! The bare protocol: each user has a socket and nothing between it and the requests. It is the
//! server's ceiling as this client sees it, and what the other drivers are measured against.

use std::sync::Arc;

use load_engine::{Factory, Failure, Marks, Outcome, Session, Target, UserId, Worker};

use super::Setup;
use crate::failure::of_wire;
use crate::wire::{Answer, Link, WireError};
use crate::workloads::{Request, Requests};

const READ: &str = "read";
const UPDATE: &str = "update";
const INSERT: &str = "insert";

/// Makes targets of bare connections.
#[derive(Debug)]
pub struct Wire(pub Setup);

impl Factory for Wire {
    type Target = WireTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    async fn build(&self, _worker: Worker) -> Result<WireTarget, Failure> {
        Ok(WireTarget(Arc::new(self.0.clone())))
    }
}

/// A server to which each user connects.
#[derive(Debug)]
pub struct WireTarget(Arc<Setup>);

impl Target for WireTarget {
    type Session = WireSession;

    async fn open(&self, user: UserId) -> Result<WireSession, Failure> {
        let link = open(&self.0).await.map_err(|error| of_wire(&error))?;
        Ok(WireSession {
            setup: Arc::clone(&self.0),
            requests: self.0.requests(user),
            link,
        })
    }
}

/// A user's connection and requests.
#[derive(Debug)]
pub struct WireSession {
    setup: Arc<Setup>,
    link: Link,
    requests: Requests,
}

impl Session for WireSession {
    async fn hit(&mut self, _marks: &mut Marks) -> Outcome {
        let request = self.requests.draw();
        match self.perform(request).await {
            Ok(()) => Outcome::success(request.operation()),
            Err(error) => Outcome::failed(request.operation(), of_wire(&error)),
        }
    }

    async fn close(self) {
        self.link.close().await;
    }
}

impl WireSession {
    async fn perform(&mut self, request: Request) -> Result<(), WireError> {
        if !self.link.is_usable() {
            self.link = open(&self.setup).await?;
        }
        let link = &mut self.link;
        match request {
            Request::Read { id } => at_most_one(link.execute(READ, &[id]).await?),
            Request::Update { id, delta } => link.execute(UPDATE, &[delta, id]).await.map(drop),
            Request::Insert { id, delta } => link.execute(INSERT, &[id, delta]).await.map(drop),
            Request::Transfer { id, delta } => {
                let done = transfer(link, id, delta).await;
                if done.is_err() && link.is_usable() {
                    link.command("ROLLBACK").await?;
                }
                done
            }
        }
    }
}

/// Connects and prepares the statements.
async fn open(setup: &Setup) -> Result<Link, WireError> {
    let mut link = Link::connect(&setup.address.config(&setup.application)).await?;
    let tables = &setup.tables;
    link.prepare(READ, &tables.read, 1).await?;
    if let Some(update) = &tables.update {
        link.prepare(UPDATE, update, 2).await?;
    }
    if let Some(insert) = &tables.insert {
        link.prepare(INSERT, insert, 2).await?;
    }
    Ok(link)
}

async fn transfer(link: &mut Link, id: i32, delta: i32) -> Result<(), WireError> {
    link.command("BEGIN").await?;
    link.execute(UPDATE, &[delta, id]).await?;
    link.execute(INSERT, &[id, delta]).await?;
    link.command("COMMIT").await.map(drop)
}

/// As the other drivers have it: a key names one row or none.
fn at_most_one(answer: Answer) -> Result<(), WireError> {
    if answer.rows > 1 {
        return Err(WireError::Rows);
    }
    Ok(())
}
