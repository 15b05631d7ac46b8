//! The server's side of a pool's connections: which there are, since when, and which are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio_postgres::{Client, Error, Statement};

use crate::address::Address;

const COUNTED_EVERY: Duration = Duration::from_millis(40);
/// A process's number may be given again: its start tells it from another.
const QUERY: &str = "
    SELECT pid, extract(epoch FROM backend_start)::float8,
           extract(epoch FROM clock_timestamp() - state_change)::float8
      FROM pg_stat_activity WHERE application_name = $1";

/// A session, by its process and the microsecond in which it began.
type Session = (i32, u64);

/// A session that is there although nobody should hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leaked {
    /// The server's process.
    pub(super) pid: i32,
    /// How long it has been doing nothing.
    pub(super) idle_s: f64,
}

/// Counts the sessions of one application, on a connection of its own.
#[derive(Debug)]
pub(super) struct Census {
    client: Client,
    query: Statement,
    application: String,
    present: BTreeSet<Session>,
    known: BTreeSet<Session>,
    tally: Tally,
}

/// Sessions that came and went since the last look at the tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) opened: u64,
    pub(super) closed: u64,
    /// There now.
    pub(super) present: u64,
    /// Most at once.
    pub(super) most: u64,
}

impl Census {
    pub(super) async fn open(address: &Address, application: &str) -> Result<Self, Error> {
        let client = address.connect(&format!("{application}.census")).await?;
        let query = client.prepare(QUERY).await?;
        Ok(Self {
            client,
            query,
            application: application.to_owned(),
            present: BTreeSet::new(),
            known: BTreeSet::new(),
            tally: Tally::default(),
        })
    }

    async fn ask(&self) -> Result<BTreeMap<Session, f64>, Error> {
        let rows = self.client.query(&self.query, &[&self.application]).await?;
        let read = rows.iter().map(|row| {
            let started_s: f64 = row.try_get(1)?;
            // The state of a session that is just beginning is not known yet.
            let idle_s: Option<f64> = row.try_get(2)?;
            let session = (row.try_get(0)?, (started_s * 1e6) as u64);
            Ok((session, idle_s.unwrap_or(0.0)))
        });
        read.collect()
    }

    /// Counts once.
    pub(super) async fn count(&mut self) -> Result<(), Error> {
        let now: BTreeSet<Session> = self.ask().await?.into_keys().collect();
        self.tally.closed += self.present.difference(&now).count() as u64;
        self.tally.opened += now.difference(&self.known).count() as u64;
        self.tally.present = now.len() as u64;
        self.tally.most = self.tally.most.max(self.tally.present);
        self.known.extend(&now);
        self.present = now;
        Ok(())
    }

    /// Counts again and again; returns only when the server no longer answers.
    pub(super) async fn keep_counting(&mut self) -> Error {
        loop {
            if let Err(error) = self.count().await {
                return error;
            }
            tokio::time::sleep(COUNTED_EVERY).await;
        }
    }

    /// What came and went since the last call.
    pub(super) fn take(&mut self) -> Tally {
        let next = Tally {
            present: self.tally.present,
            most: self.tally.present,
            ..Tally::default()
        };
        std::mem::replace(&mut self.tally, next)
    }

    /// The sessions that are there now.
    pub(super) async fn left(&self) -> Result<Vec<Leaked>, Error> {
        let left = self.ask().await?;
        let told = left.into_iter();
        Ok(told
            .map(|((pid, _), idle_s)| Leaked { pid, idle_s })
            .collect())
    }
}
