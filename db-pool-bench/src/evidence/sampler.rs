//! The thread that looks: it takes commands at any instant, whatever the server does.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::ServerEvidence;
use load_engine::Failure;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_postgres::{Client, Error, Row, Statement};

use super::activity::{self, Activity};
use super::counters::Counters;
use super::processes::{Family, cpu_between};
use super::{Capacity, Command};
use crate::address::Address;
use crate::failure::of_postgres;

const SAMPLED_EVERY: Duration = Duration::from_millis(100);
/// For connecting and the questions before a step.
const OPENING_BOUND: Duration = Duration::from_secs(6);
/// For the questions after a step.
const CLOSING_BOUND: Duration = Duration::from_secs(1);
/// For the step's own connections to be gone.
const LEAVING_LOOKS: usize = 30;
const LEAVING_LOOK: Duration = Duration::from_millis(10);

/// Looks at the connections of one application.
#[derive(Debug)]
pub(super) struct Sampler {
    address: Address,
    application: String,
    link: Option<Link>,
    before: Option<Counters>,
    measured: Option<Measured>,
    measuring: bool,
    evidence: ServerEvidence,
}

/// A connection and what it takes to ask on it.
#[derive(Debug)]
struct Link {
    client: Client,
    version: i32,
    sessions: Statement,
    family: Result<Family, String>,
}

/// What was seen of the measured part.
#[derive(Debug)]
struct Measured {
    activity: Activity,
    cpu: Result<BTreeMap<u32, u64>, String>,
}

impl Sampler {
    pub(super) fn new(address: Address, application: &str) -> Self {
        Self {
            address,
            application: application.to_owned(),
            link: None,
            before: None,
            measured: None,
            measuring: false,
            evidence: ServerEvidence::default(),
        }
    }

    /// Serves until nobody commands any more.
    pub(super) async fn serve(&mut self, mut inbox: UnboundedReceiver<Command>) {
        let mut clock = interval(SAMPLED_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let command = tokio::select! {
                biased;
                command = inbox.recv() => command,
                sample = sample(self.link.as_ref(), &self.application, &mut clock), if self.measuring => {
                    self.take(sample);
                    continue;
                }
            };
            match command {
                None => return,
                // Who asked may have given up waiting.
                Some(Command::StepBegins(reply)) => drop(reply.send(self.step_begins().await)),
                Some(Command::MeasureBegins) => self.measure_begins(),
                Some(Command::MeasureEnds) => self.measure_ends(),
                Some(Command::StepEnds(reply)) => drop(reply.send(self.step_ends().await)),
            }
        }
    }

    async fn step_begins(&mut self) -> Result<Capacity, Failure> {
        self.evidence = ServerEvidence::default();
        (self.before, self.measured) = (None, None);
        let bound = timeout(OPENING_BOUND, self.look_before()).await;
        let silent = |_| Failure::new("timeout.connect", "the server did not answer within 6 s");
        let (capacity, before) = bound
            .map_err(silent)?
            .map_err(|error| of_postgres(&error))?;
        self.evidence
            .figure("connections.limit", capacity.limit as f64);
        self.evidence
            .figure("connections.reserved", capacity.reserved as f64);
        self.before = Some(before);
        Ok(capacity)
    }

    async fn look_before(&mut self) -> Result<(Capacity, Counters), Error> {
        if self
            .link
            .as_ref()
            .is_none_or(|link| link.client.is_closed())
        {
            self.link = None;
        }
        let link = match &mut self.link {
            Some(link) => link,
            none => none.insert(Link::open(&self.address, &self.application).await?),
        };
        let capacity = Capacity::read(&link.client, &self.application).await?;
        Ok((capacity, Counters::read(&link.client, link.version).await?))
    }

    fn measure_begins(&mut self) {
        self.measuring = true;
        self.measured = Some(Measured {
            activity: Activity::default(),
            cpu: self.cpu(),
        });
    }

    fn measure_ends(&mut self) {
        self.measuring = false;
        let Some(measured) = self.measured.take() else {
            return;
        };
        measured.activity.report(&mut self.evidence);
        match (measured.cpu, self.cpu()) {
            (Ok(before), Ok(after)) => {
                self.evidence
                    .figure("server.cpu_ns", cpu_between(&before, &after) as f64);
            }
            (Err(reason), _) | (_, Err(reason)) => self.missing("server.cpu_ns", reason),
        }
    }

    fn cpu(&self) -> Result<BTreeMap<u32, u64>, String> {
        let link = self
            .link
            .as_ref()
            .ok_or("there is no connection to the server")?;
        link.family.clone().and_then(Family::cpu)
    }

    fn take(&mut self, sample: Result<Vec<Row>, Error>) {
        let Some(measured) = &mut self.measured else {
            return;
        };
        if let Err(error) = sample.and_then(|rows| measured.activity.add(&rows)) {
            // Nothing more will come of this connection.
            self.measuring = false;
            self.missing("sessions", of_postgres(&error).message);
        }
    }

    fn missing(&mut self, what: &str, reason: String) {
        self.evidence.unavailable.insert(what.to_owned(), reason);
    }

    async fn step_ends(&mut self) -> ServerEvidence {
        let mut evidence = std::mem::take(&mut self.evidence);
        let after = match &self.link {
            Some(link) => timeout(CLOSING_BOUND, link.look_after(&self.application)).await,
            None => return evidence,
        };
        let reason = match after {
            Ok(Ok(after)) => {
                if let Some(before) = &self.before {
                    after.report_since(before, &mut evidence);
                }
                return evidence;
            }
            Ok(Err(error)) => of_postgres(&error).message,
            Err(_) => "the server did not answer within 1 s".to_owned(),
        };
        for counters in ["database", "wal.bytes"] {
            evidence
                .unavailable
                .insert(counters.to_owned(), reason.clone());
        }
        evidence
    }
}

impl Link {
    async fn open(address: &Address, application: &str) -> Result<Self, Error> {
        let client = address.connect(&format!("{application}.watch")).await?;
        let version = client.query_one("SELECT current_setting('server_version_num')::int4", &[]);
        let version = version.await?.try_get(0)?;
        let sessions = activity::prepare(&client).await?;
        let family = Family::of(&client).await;
        Ok(Self {
            client,
            version,
            sessions,
            family,
        })
    }

    async fn look_after(&self, application: &str) -> Result<Counters, Error> {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        let left = self.client.prepare(query).await?;
        for _ in 0..LEAVING_LOOKS {
            if self
                .client
                .query_one(&left, &[&application])
                .await?
                .try_get::<_, i64>(0)?
                == 0
            {
                break;
            }
            tokio::time::sleep(LEAVING_LOOK).await;
        }
        Counters::read(&self.client, self.version).await
    }
}

async fn sample(
    link: Option<&Link>,
    application: &str,
    clock: &mut Interval,
) -> Result<Vec<Row>, Error> {
    clock.tick().await;
    match link {
        Some(link) => link.client.query(&link.sessions, &[&application]).await,
        None => std::future::pending().await,
    }
}
