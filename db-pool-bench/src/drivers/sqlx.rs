//! sqlx with its own pool: unless told otherwise a ping before each checkout, and always another
//! after each release, before which the connection is nobody's.

use std::sync::Arc;

use load_engine::{Factory, Failure, Marks, Outcome, PoolSample, Session, Target, UserId, Worker};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Error, Executor as _, PgConnection, Postgres};
use sqlx::{SqlSafeStr as _, SqlStr};
use tokio::task::JoinSet;

use super::{Driver, Recycle, Setup};
use crate::failure::of_sqlx;
use crate::workloads::{Request, Requests, Tables};

/// Makes a pool for each worker.
#[derive(Debug)]
pub struct Sqlx(pub Setup);

impl Factory for Sqlx {
    type Target = SqlxTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    async fn build(&self, worker: Worker) -> Result<SqlxTarget, Failure> {
        let size = worker.share_of(self.0.pool_size) as u32;
        let statements = Statements::of(&self.0.tables);
        let least = self
            .0
            .pool
            .pool_min
            .map_or(0, |least| worker.share_of(least));
        let pool = pool(&self.0, size, least as u32).await?;
        let before = worker.share_of(self.0.pool.opened_before(self.0.pool_size));
        warm(&pool, before as u32, &statements).await?;
        Ok(SqlxTarget {
            setup: self.0.clone(),
            statements,
            pool,
            size,
        })
    }
}

async fn pool(setup: &Setup, size: u32, least: u32) -> Result<PgPool, Failure> {
    let recycling = setup.pool.recycling(Driver::Sqlx);
    let options = PgPoolOptions::new()
        .max_connections(size)
        .min_connections(least)
        .acquire_timeout(setup.checkout_timeout)
        .test_before_acquire(recycling == Some(Recycle::Verified))
        .idle_timeout(setup.pool.idle_timeout)
        .max_lifetime(setup.pool.max_lifetime);
    let address = setup.address.sqlx(&setup.application);
    if least == 0 {
        return Ok(options.connect_lazy_with(address));
    }
    // Its own task opens them too: whoever does not wait for that opens more.
    let connected = options.connect_with(address).await;
    connected.map_err(|error| of_sqlx(&error))
}

/// Opens `count` connections at once and prepares the statements on each.
async fn warm(pool: &PgPool, count: u32, statements: &Statements) -> Result<(), Failure> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let (pool, statements) = (pool.clone(), statements.clone());
        opening.spawn(async move {
            let mut connection = pool.acquire().await?;
            for statement in [statements.read, statements.update, statements.insert] {
                connection.prepare(statement).await?;
            }
            Ok(connection)
        });
    }
    // Held until all are open: one given back early would be handed out twice.
    let mut held = Vec::with_capacity(count as usize);
    while let Some(opened) = opening.join_next().await {
        let opened = opened.map_err(|error| Failure::new("driver", &error.to_string()))?;
        held.push(opened.map_err(|error: Error| of_sqlx(&error))?);
    }
    Ok(())
}

/// The statements in the form in which sqlx takes them without copying.
#[derive(Debug, Clone)]
struct Statements {
    read: SqlStr,
    update: SqlStr,
    insert: SqlStr,
}

impl Statements {
    /// They come from this program alone; nobody's input is in them.
    fn of(tables: &Tables) -> Self {
        let of = |sql: &Arc<str>| AssertSqlSafe(Arc::clone(sql)).into_sql_str();
        // A table that is only read has no other statement, and no request asks for one.
        let or_read = |sql: &Option<Arc<str>>| of(sql.as_ref().unwrap_or(&tables.read));
        Self {
            read: of(&tables.read),
            update: or_read(&tables.update),
            insert: or_read(&tables.insert),
        }
    }
}

/// A server behind one worker's pool.
#[derive(Debug)]
pub struct SqlxTarget {
    setup: Setup,
    statements: Statements,
    pool: PgPool,
    size: u32,
}

impl Target for SqlxTarget {
    type Session = SqlxSession;

    async fn open(&self, user: UserId) -> Result<SqlxSession, Failure> {
        Ok(SqlxSession {
            pool: self.pool.clone(),
            statements: self.statements.clone(),
            requests: self.setup.requests(user),
        })
    }

    fn pool(&self) -> Option<PoolSample> {
        let size = u64::from(self.pool.size());
        // The count of idle connections may briefly wrap below zero.
        let idle = (self.pool.num_idle() as u64).min(size);
        Some(PoolSample {
            max_size: u64::from(self.size),
            size,
            in_use: size - idle,
            waiting: None,
        })
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// A user of the pool.
#[derive(Debug)]
pub struct SqlxSession {
    pool: PgPool,
    statements: Statements,
    requests: Requests,
}

impl Session for SqlxSession {
    async fn hit(&mut self, marks: &mut Marks) -> Outcome {
        let request = self.requests.draw();
        let mut connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return Outcome::failed(request.operation(), of_sqlx(&error)),
        };
        marks.acquired();
        let result = perform(&mut connection, &self.statements, request).await;
        marks.done();
        match result {
            Ok(()) => Outcome::success(request.operation()),
            Err(error) => Outcome::failed(request.operation(), of_sqlx(&error)),
        }
    }
}

async fn perform(
    connection: &mut PgConnection,
    statements: &Statements,
    request: Request,
) -> Result<(), Error> {
    let Statements {
        read,
        update,
        insert,
    } = statements;
    match request {
        Request::Read { id } => {
            let query = sqlx::query::<Postgres>(read.clone()).bind(id);
            query.fetch_optional(connection).await.map(drop)
        }
        Request::Update { id, delta } => change(connection, update, [delta, id]).await,
        Request::Insert { id, delta } => change(connection, insert, [id, delta]).await,
        Request::Transfer { id, delta } => {
            // Dropped halfway (a failure, the drain's bound) it rolls back.
            let mut transaction = connection.begin().await?;
            change(&mut transaction, update, [delta, id]).await?;
            change(&mut transaction, insert, [id, delta]).await?;
            transaction.commit().await
        }
    }
}

async fn change(
    connection: &mut PgConnection,
    statement: &SqlStr,
    [first, second]: [i32; 2],
) -> Result<(), Error> {
    let query = sqlx::query::<Postgres>(statement.clone())
        .bind(first)
        .bind(second);
    query.execute(connection).await.map(drop)
}
