//! Driver sqlx with its own pool. The pool pings the server before each checkout unless the user
//! turns that off. It always pings after a release, before the connection is available again.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use load_engine::{Failure, OperationTable, PoolSample, TargetFactory, WorkerShare, checkout};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnection, PgPool, PgPoolOptions, PgQueryResult, PgRow,
    PgTypeInfo,
};
use sqlx::{Arguments as _, AssertSqlSafe, Column as _, Connection as _, Either, Encode, Error};
use sqlx::{Executor as _, Postgres, Row as _, ValueRef as _};
use sqlx::{SqlSafeStr as _, SqlStr, Type, raw_sql};

use super::pooled::{DriverPool, PoolTarget};
use super::{Driver, DriverSetup, OPENING_BOUND, PoolHandle, Recycle};
use crate::failure::from_sqlx;
use crate::workloads::SqlWorkload;
use pgbench_script::{BoundValue, StatementResult};

/// Factory that creates a sqlx pool for each worker thread.
#[derive(Debug)]
pub(crate) struct Sqlx(pub(crate) DriverSetup);

impl TargetFactory for Sqlx {
    type Target = PoolTarget<SqlxConnections>;

    fn operations(&self) -> OperationTable {
        self.0.workload.operations()
    }

    fn parts(&self) -> Vec<String> {
        self.0.workload.parts()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        PoolTarget::open(&self.0, worker).await
    }
}

/// Pool of sqlx, with the workload that its users execute.
#[derive(Debug, Clone)]
pub(crate) struct SqlxConnections {
    pool: PgPool,
    size: u64,
    /// SQL text of the workload's statements by index, in a form that sqlx takes without copying.
    /// It comes from this program, or from scripts that the user runs.
    statements: Arc<[SqlStr]>,
    workload: Arc<SqlWorkload>,
}

impl DriverPool for SqlxConnections {
    type Object = PoolConnection<Postgres>;

    async fn build(setup: &DriverSetup, size: u64, least: u64) -> Result<Self, Failure> {
        let statements = setup.workload.statements().iter();
        let statements =
            statements.map(|statement| AssertSqlSafe(Arc::clone(&statement.sql)).into_sql_str());
        let options = options(setup, size, least);
        let address = setup.sqlx();
        let pool = if least == 0 {
            options.connect_lazy_with(address)
        } else {
            // The pool's own task opens connections too; without waiting for that task, more than needed
            // would be opened.
            let connected = options.connect_with(address).await;
            connected.map_err(|error| from_sqlx(&error))?
        };
        Ok(Self {
            pool,
            size,
            statements: statements.collect(),
            workload: Arc::clone(&setup.workload),
        })
    }

    async fn checkout(&self) -> Result<Self::Object, Failure> {
        if self.pool.num_idle() == 0 && u64::from(self.pool.size()) < self.size {
            checkout::connecting();
        }
        self.pool.acquire().await.map_err(|error| from_sqlx(&error))
    }

    async fn prepared(&self) -> Result<Self::Object, Failure> {
        let begun = Instant::now();
        let mut connection = loop {
            match self.pool.acquire().await {
                Err(Error::PoolTimedOut) if begun.elapsed() < OPENING_BOUND => {}
                opened => break opened.map_err(|error| from_sqlx(&error))?,
            }
        };
        for (statement, asked) in self.statements.iter().zip(self.workload.prepared()) {
            let prepared = connection.prepare(statement.clone()).await;
            prepared.map_err(|error| from_sqlx(&error).with_statement(&*asked.fingerprint))?;
        }
        Ok(connection)
    }

    async fn execute(
        &self,
        connection: &mut Self::Object,
        statement: usize,
        values: &[BoundValue],
    ) -> Result<(), Failure> {
        let mut arguments = PgArguments::default();
        for value in values {
            let added = arguments.add(BinaryValue(*value));
            added.map_err(|error| Failure::new("driver", &error.to_string()))?;
        }
        let query = sqlx::query_with::<Postgres, _>(self.statements[statement].clone(), arguments);
        let executed = query.execute(&mut **connection).await;
        executed.map(drop).map_err(|error| from_sqlx(&error))
    }

    async fn send(
        &self,
        connection: &mut Self::Object,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> Result<(), Failure> {
        // sqlx takes only text that the caller declares safe; here it comes from the user's own scripts.
        let query = raw_sql(AssertSqlSafe(sql.to_owned()));
        let sent = match answers {
            None => query.execute(&mut **connection).await.map(drop),
            Some(answers) => gather(query.fetch_many(&mut **connection), answers).await,
        };
        sent.map_err(|error| from_sqlx(&error))
    }

    fn end(mut connection: Self::Object) {
        connection.close_on_drop();
    }

    fn sample(&self) -> PoolSample {
        let size = u64::from(self.pool.size());
        // sqlx's count of idle connections can be negative for a moment and then wraps to a huge number.
        let idle = (self.pool.num_idle() as u64).min(size);
        PoolSample {
            max_size: self.size,
            size,
            in_use: size - idle,
            waiting: None,
        }
    }

    async fn close(&self) {
        self.pool.close().await;
    }

    fn pool_handle(&self) -> PoolHandle {
        PoolHandle::Sqlx(self.pool.clone())
    }
}

async fn gather(
    mut messages: BoxStream<'_, Result<Either<PgQueryResult, PgRow>, Error>>,
    answers: &mut Vec<StatementResult>,
) -> Result<(), Error> {
    let mut answer = StatementResult::default();
    while let Some(message) = messages.try_next().await? {
        match message {
            Either::Left(_) => answers.push(std::mem::take(&mut answer)),
            Either::Right(row) => {
                answer.rows += 1;
                let columns = row.columns().iter();
                answer.columns = columns.map(|column| column.name().to_owned()).collect();
                let text = |at: usize| -> Result<Option<String>, Error> {
                    let value = row.try_get_raw(at)?;
                    let text = (!value.is_null()).then(|| value.as_str().map(str::to_owned));
                    text.transpose().map_err(Error::Decode)
                };
                answer.last_row = (0..row.len()).map(text).collect::<Result<_, _>>()?;
            }
        }
    }
    Ok(())
}

fn options(setup: &DriverSetup, size: u64, least: u64) -> PgPoolOptions {
    let verified = setup.pool.recycling(Driver::Sqlx) == Some(Recycle::Verified);
    let opened = Arc::clone(&setup.opened);
    let first = setup.address.sqlx_statements();
    let first = first.map(|first| AssertSqlSafe(first).into_sql_str());
    PgPoolOptions::new()
        .max_connections(size as u32)
        .min_connections(least as u32)
        .acquire_timeout(setup.checkout_timeout)
        // The library's own ping comes before this hook. It is switched off, and the hook sends the ping, so
        // that its time can be measured.
        .test_before_acquire(false)
        .before_acquire(move |connection, _| {
            checkout::checking();
            if verified {
                Box::pin(ping(connection))
            } else {
                Box::pin(Unchecked)
            }
        })
        .idle_timeout(setup.pool.idle_timeout)
        .max_lifetime(setup.pool.max_lifetime)
        .after_connect(move |connection, _| {
            opened.fetch_add(1, Ordering::Relaxed);
            checkout::connected();
            let first = first.clone();
            Box::pin(async move {
                match first {
                    Some(first) => connection.execute(raw_sql(first)).await.map(drop),
                    None => Ok(()),
                }
            })
        })
}

/// Pings the server as the library does before a checkout, and returns true if it answers. If the
/// ping fails, reports to the measurement of checkouts that the pool opens a new connection
/// instead.
async fn ping(connection: &mut PgConnection) -> Result<bool, Error> {
    let answered = connection.ping().await;
    if answered.is_err() {
        checkout::connecting();
    }
    answered.map(|()| true)
}

/// Future that returns true at once: a connection is accepted without a check. It has no size, so
/// that boxing it allocates nothing.
struct Unchecked;

impl Future for Unchecked {
    type Output = Result<bool, Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(true))
    }
}

/// Parameter value of a script in the binary form that sqlx sends.
struct BinaryValue(BoundValue);

impl Type<Postgres> for BinaryValue {
    fn type_info() -> PgTypeInfo {
        <i64 as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for BinaryValue {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(if self.0.write(&mut **buffer) {
            IsNull::No
        } else {
            IsNull::Yes
        })
    }

    /// Returns the type that the server inferred for the parameter. Without it, sqlx would send
    /// another type and prepare the statement again.
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.0.parameter_type().oid())))
    }
}
