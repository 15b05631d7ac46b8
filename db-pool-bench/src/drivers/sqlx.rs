//! sqlx with its own pool: unless told otherwise a ping before each checkout, and always another
//! after each release, before which the connection is nobody's.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use load_engine::{
    Factory, Failure, Marks, Outcome, Part, PoolSample, Session, Target, UserId, Worker,
};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgPool, PgPoolOptions, PgTypeInfo};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Error, Executor as _, Postgres};
use sqlx::{SqlSafeStr as _, SqlStr, Type};
use tokio::task::JoinSet;

use super::{Driver, Lender, Lends, OPENING_BOUND, Recycle, Setup};
use crate::conditions::Holding;
use crate::failure::of_sqlx;
use crate::script::Bound;
use crate::workloads::{Connection, User, Workload};

/// Makes a pool for each worker.
#[derive(Debug)]
pub struct Sqlx(pub Setup);

impl Factory for Sqlx {
    type Target = SqlxTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    fn parts(&self) -> &'static [&'static str] {
        self.0.workload.parts()
    }

    async fn build(&self, worker: Worker) -> Result<SqlxTarget, Failure> {
        let size = worker.share_of(self.0.pool_size) as u32;
        let statements = statements(&self.0.workload);
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
    let opened = Arc::clone(&setup.opened);
    let options = PgPoolOptions::new()
        .max_connections(size)
        .min_connections(least)
        .acquire_timeout(setup.checkout_timeout)
        .test_before_acquire(recycling == Some(Recycle::Verified))
        .idle_timeout(setup.pool.idle_timeout)
        .max_lifetime(setup.pool.max_lifetime)
        .after_connect(move |_, _| {
            opened.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        });
    let address = setup.sqlx();
    if least == 0 {
        return Ok(options.connect_lazy_with(address));
    }
    // Its own task opens them too: whoever does not wait for that opens more.
    let connected = options.connect_with(address).await;
    connected.map_err(|error| of_sqlx(&error))
}

/// Opens `count` connections at once and prepares the statements on each.
async fn warm(pool: &PgPool, count: u32, statements: &Arc<[SqlStr]>) -> Result<(), Failure> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let (pool, statements) = (pool.clone(), Arc::clone(statements));
        opening.spawn(async move {
            let mut connection = open_one(&pool).await?;
            for statement in &*statements {
                connection.prepare(statement.clone()).await?;
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

/// Takes out a connection, however short the pool's checkouts are to be.
async fn open_one(pool: &PgPool) -> Result<PoolConnection<Postgres>, Error> {
    let begun = Instant::now();
    loop {
        match pool.acquire().await {
            Err(Error::PoolTimedOut) if begun.elapsed() < OPENING_BOUND => {}
            opened => return opened,
        }
    }
}

/// The statements in the form in which sqlx takes them without copying. They come from this
/// program, and from scripts that the user has it run.
fn statements(workload: &Workload) -> Arc<[SqlStr]> {
    let statements = workload.statements().iter();
    statements
        .map(|statement| AssertSqlSafe(Arc::clone(&statement.sql)).into_sql_str())
        .collect()
}

/// A server behind one worker's pool.
#[derive(Debug)]
pub struct SqlxTarget {
    setup: Setup,
    statements: Arc<[SqlStr]>,
    pool: PgPool,
    size: u32,
}

impl Target for SqlxTarget {
    type Session = SqlxSession;

    async fn open(&self, user: UserId) -> Result<SqlxSession, Failure> {
        Ok(SqlxSession {
            pool: self.pool.clone(),
            statements: Arc::clone(&self.statements),
            user: self.setup.user(user),
            holding: self.setup.holding(user)?,
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

impl Lends for SqlxTarget {
    fn lender(&self) -> Lender {
        Lender::Sqlx(self.pool.clone())
    }
}

/// A user of the pool.
#[derive(Debug)]
pub struct SqlxSession {
    pool: PgPool,
    statements: Arc<[SqlStr]>,
    user: User,
    holding: Holding,
}

impl Session for SqlxSession {
    async fn hit(&mut self, marks: &mut Marks) -> Outcome {
        let operation = self.user.choose();
        let connection = match self.pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => return Outcome::failed(operation, of_sqlx(&error)),
        };
        marks.acquired();
        let mut held = Held {
            connection,
            statements: &self.statements,
            in_transaction: false,
        };
        let outcome = self.user.perform(&mut held).await;
        self.holding.work().await;
        marks.done();
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }
}

/// A connection of the pool. Dropped inside a transaction (the drain's bound) it is closed:
/// nobody else would be told of what it holds.
struct Held<'a> {
    connection: PoolConnection<Postgres>,
    statements: &'a [SqlStr],
    in_transaction: bool,
}

impl Connection for Held<'_> {
    async fn execute(&mut self, statement: usize, values: &[Bound]) -> Result<(), Failure> {
        let mut arguments = PgArguments::default();
        for value in values {
            let added = arguments.add(*value);
            added.map_err(|error| Failure::new("driver", &error.to_string()))?;
        }
        let query = sqlx::query_with::<Postgres, _>(self.statements[statement].clone(), arguments);
        let executed = query.execute(&mut *self.connection).await;
        executed.map(drop).map_err(|error| of_sqlx(&error))
    }

    fn in_transaction(&mut self, open: bool) {
        self.in_transaction = open;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.in_transaction {
            self.connection.close_on_drop();
        }
    }
}

impl Type<Postgres> for Bound {
    fn type_info() -> PgTypeInfo {
        <i64 as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Bound {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(if self.write(&mut **buffer) {
            IsNull::No
        } else {
            IsNull::Yes
        })
    }

    /// What the server inferred; a connection that prepares the statement anew is told the same.
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.kind().oid())))
    }
}
