//! Connection on which a server's evidence is read.

use std::time::Duration;

use bench_report::ServerEvidence;
use rand::RngExt as _;
use tokio::time::sleep;
use tokio_postgres::Error;

use crate::objects::Objects;
use crate::processes::ServerProcesses;
use crate::server::client::Client;
use crate::server::counters::Counters;
use crate::server::retention::{self, Retention};
use crate::sessions::scope::Scope;
use crate::sessions::session::{self, OwnIdentity, SessionGroup};
use crate::statements::StatementCounters;
use pg_connect::Address;
use pg_connect::ConnectError;

/// Range of the time between two samples of sessions, in milliseconds. It is drawn at random,
/// because a fixed interval could keep step with a periodic load.
const SAMPLED_EVERY_MS: std::ops::RangeInclusive<u64> = 50..=100;
/// Largest number of checks whether the connections of the load have ended after a step.
const LEAVING_LOOKS: usize = 30;
const LEAVING_LOOK: Duration = Duration::from_millis(10);
/// Wait before the counters are read from a server up to version 14, whose counters come from a
/// file that may be half a second old.
const SETTLING: Duration = Duration::from_millis(600);
const FIRST_WITHOUT_FILE: i32 = 150_000;

/// Query of the server's version, and of the role and the database of the connection.
const OWN: &str =
    "SELECT /* plimsoll */ current_setting('server_version_num')::int4, usesysid::int8, datid::int8
      FROM pg_stat_get_activity(pg_backend_pid())";

/// Connection for evidence, with the server's version and, if they are visible, its processes.
#[derive(Debug)]
pub(crate) struct EvidenceConnection {
    pub(crate) client: Client,
    version: i32,
    own: OwnIdentity,
    pub(crate) processes: Result<ServerProcesses, String>,
}

/// Counters of the server as read before a step, or the reasons for which they are missing.
#[derive(Debug)]
pub(crate) struct CountersBefore {
    counters: Counters,
    retention: Result<Retention, String>,
    statements: Result<StatementCounters, String>,
    objects: Objects,
}

impl EvidenceConnection {
    /// Connects for the run `name`, with the application name `name` followed by `.watch`. Finds
    /// the server's version and processes, and the role and the database of the connection.
    pub(crate) async fn open(address: &Address, name: &str) -> Result<Self, ConnectError> {
        let client = Client::open(address, &format!("{name}.watch")).await?;
        let row = client.query_one(OWN, &[]).await?;
        let version = row.try_get(0)?;
        let own = OwnIdentity {
            role: row.try_get(1)?,
            database: row.try_get(2)?,
        };
        let processes = ServerProcesses::of(&client).await;
        Ok(Self {
            client,
            version,
            own,
            processes,
        })
    }

    /// Reads all counters, before a step. Never fails: for missing counters the reason
    /// is stored.
    pub(crate) async fn read_before(&self) -> CountersBefore {
        CountersBefore {
            counters: Counters::read(&self.client, self.version).await,
            retention: Retention::read(&self.client).await,
            statements: StatementCounters::read(&self.client).await,
            objects: Objects::read(&self.client).await,
        }
    }

    /// Waits, for 0.3 s at most, until the load's connections have ended, reads the counters, and
    /// writes their growth since `before` into `evidence`. Fails if the connection is lost.
    pub(crate) async fn report_after(
        &self,
        scope: &Scope,
        before: &CountersBefore,
        evidence: &mut ServerEvidence,
    ) -> Result<(), Error> {
        if let Scope::Application(name) = scope {
            self.await_leaving(name).await?;
            if self.version < FIRST_WITHOUT_FILE {
                sleep(SETTLING).await;
            }
        }
        let counters = Counters::read(&self.client, self.version).await;
        if self.client.is_closed() {
            // If the connection is lost, this statement returns the reason.
            self.client.batch_execute("").await?;
        }
        counters.report_since(&before.counters, evidence);
        let kept = Retention::read(&self.client).await;
        retention::report(&before.retention, &kept, evidence);
        let statements = match (
            &before.statements,
            StatementCounters::read(&self.client).await,
        ) {
            (Ok(before), Ok(after)) => after.report_since(before, &self.client, evidence).await,
            (Err(reason), _) => Err(reason.clone()),
            (_, Err(reason)) => Err(reason),
        };
        if let Err(reason) = statements {
            evidence.unavailable.insert("statements".to_owned(), reason);
        }
        let objects = Objects::read(&self.client).await;
        objects
            .report_since(&before.objects, &self.client, evidence)
            .await;
        Ok(())
    }

    async fn await_leaving(&self, name: &str) -> Result<(), Error> {
        let query = "SELECT /* plimsoll evidence */ count(*) FROM pg_stat_activity WHERE application_name = $1";
        for _ in 0..LEAVING_LOOKS {
            let row = self.client.query_one(query, &[&name]).await?;
            if row.try_get::<_, i64>(0)? == 0 {
                break;
            }
            sleep(LEAVING_LOOK).await;
        }
        Ok(())
    }
}

/// Samples the sessions in `scope` after a random interval, or after `pause` if that is longer.
/// Never returns if there is no connection. Fails with the error of the query.
pub(crate) async fn sample(
    connection: Option<&EvidenceConnection>,
    scope: &Scope,
    pause: Duration,
) -> Result<Vec<SessionGroup>, Error> {
    let drawn = Duration::from_millis(rand::rng().random_range(SAMPLED_EVERY_MS));
    sleep(drawn.max(pause)).await;
    match connection {
        Some(connection) => session::sample(&connection.client, scope, connection.own).await,
        None => std::future::pending().await,
    }
}
