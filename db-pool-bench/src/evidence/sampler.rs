//! The thread that looks: it takes commands at any instant, whatever the server does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_report::ServerEvidence;
use load_engine::Failure;
use rand::RngExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error, Row, Statement};

use super::activity::{self, Activity};
use super::counters::Counters;
use super::locks::Locks;
use super::processes::{Family, cpu_between};
use super::running::Running;
use super::statements::Statements;
use super::{Capacity, Command, Scope};
use crate::address::Address;
use crate::failure::of_postgres;

/// Between two samples, drawn anew each time: a fixed gap would always meet a load that repeats
/// itself at the same point.
const SAMPLED_EVERY_MS: std::ops::RangeInclusive<u64> = 50..=100;
/// For connecting and the questions before a step.
const OPENING_BOUND: Duration = Duration::from_secs(6);
/// For the questions after a step.
const CLOSING_BOUND: Duration = Duration::from_millis(2_500);
/// For a look at locks.
const LOOK_BOUND: Duration = Duration::from_secs(1);
/// For the step's own connections to be gone.
const LEAVING_LOOKS: usize = 30;
const LEAVING_LOOK: Duration = Duration::from_millis(10);
/// Until version 14 counters came through a file that may be half a second old.
const SETTLING: Duration = Duration::from_millis(600);
const FIRST_WITHOUT_FILE: i32 = 150_000;

/// Looks at the sessions in its scope.
#[derive(Debug)]
pub(super) struct Sampler {
    address: Address,
    /// The run; its own connection has `.watch` added.
    name: String,
    scope: Scope,
    link: Option<Link>,
    before: Option<Before>,
    measured: Option<Measured>,
    measuring: bool,
    evidence: ServerEvidence,
    /// Connections of the server, for those who guard it.
    used: Arc<AtomicU64>,
}

/// A connection and what it takes to ask on it.
#[derive(Debug)]
struct Link {
    client: Client,
    version: i32,
    sessions: Statement,
    family: Result<Family, String>,
}

/// Counters before a step.
#[derive(Debug)]
struct Before {
    counters: Counters,
    statements: Result<Statements, String>,
}

/// What was seen of the measured part.
#[derive(Debug)]
struct Measured {
    activity: Activity,
    /// The same since the last glance.
    recent: Activity,
    running: Running,
    locks: Locks,
    /// When the last sample was taken, or measuring began.
    last: Instant,
    cpu: Result<Cpu, String>,
}

/// CPU times of the server at one instant.
#[derive(Debug)]
struct Cpu {
    at: Instant,
    all: BTreeMap<u32, u64>,
    own: u64,
}

impl Sampler {
    pub(super) fn new(address: Address, name: &str, scope: Scope, used: Arc<AtomicU64>) -> Self {
        Self {
            address,
            name: name.to_owned(),
            scope,
            link: None,
            before: None,
            measured: None,
            measuring: false,
            evidence: ServerEvidence::default(),
            used,
        }
    }

    /// Serves until nobody commands any more.
    pub(super) async fn serve(&mut self, mut inbox: UnboundedReceiver<Command>) {
        loop {
            let command = tokio::select! {
                biased;
                command = inbox.recv() => command,
                sample = sample(self.link.as_ref()), if self.measuring => {
                    self.take(sample).await;
                    continue;
                }
            };
            match command {
                None => return,
                // Who asked may have given up waiting.
                Some(Command::StepBegins(reply)) => drop(reply.send(self.step_begins().await)),
                Some(Command::MeasureBegins) => self.measure_begins(),
                Some(Command::MeasureEnds) => self.measure_ends(),
                Some(Command::Glance(reply)) => drop(reply.send(self.glance())),
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

    async fn look_before(&mut self) -> Result<(Capacity, Before), Error> {
        if self
            .link
            .as_ref()
            .is_none_or(|link| link.client.is_closed())
        {
            self.link = None;
        }
        let link = match &mut self.link {
            Some(link) => link,
            none => none.insert(Link::open(&self.address, &self.name).await?),
        };
        let capacity = Capacity::read(&link.client, &self.name).await?;
        let before = Before {
            counters: Counters::read(&link.client, link.version).await,
            statements: Statements::read(&link.client).await,
        };
        Ok((capacity, before))
    }

    fn measure_begins(&mut self) {
        self.measuring = true;
        self.measured = Some(Measured {
            activity: Activity::of(self.scope.clone()),
            recent: Activity::of(self.scope.clone()),
            running: Running::default(),
            locks: Locks::default(),
            last: Instant::now(),
            cpu: self.cpu(),
        });
    }

    /// What sessions did since the last glance.
    fn glance(&mut self) -> ServerEvidence {
        let mut evidence = ServerEvidence::default();
        if let Some(measured) = &mut self.measured {
            let next = Activity::of(self.scope.clone());
            std::mem::replace(&mut measured.recent, next).report(&mut evidence);
        }
        if let Some(reason) = self.evidence.unavailable.get("sessions") {
            evidence
                .unavailable
                .insert("sessions".to_owned(), reason.clone());
        }
        evidence
    }

    fn measure_ends(&mut self) {
        self.measuring = false;
        let Some(measured) = self.measured.take() else {
            return;
        };
        measured.activity.report(&mut self.evidence);
        measured.locks.report(&mut self.evidence);
        if self.scope == Scope::Everyone {
            measured.running.report(&mut self.evidence);
        }
        match (measured.cpu, self.cpu()) {
            (Ok(before), Ok(after)) => {
                let spent = cpu_between(&before.all, &after.all);
                let own = after.own.saturating_sub(before.own) as f64;
                let elapsed = (after.at - before.at).as_nanos() as f64;
                self.evidence.figure("server.cpu_ns", spent as f64);
                self.evidence.figure("watch.cpu_ratio", own / elapsed);
            }
            (Err(reason), _) | (_, Err(reason)) => self.missing("server.cpu_ns", reason),
        }
    }

    fn cpu(&self) -> Result<Cpu, String> {
        let link = self
            .link
            .as_ref()
            .ok_or("there is no connection to the server")?;
        let family = link.family.clone()?;
        Ok(Cpu {
            at: Instant::now(),
            all: family.cpu()?,
            own: family.own_cpu()?,
        })
    }

    async fn take(&mut self, sample: Result<Vec<Row>, Error>) {
        let (Some(measured), Some(link)) = (&mut self.measured, &self.link) else {
            return;
        };
        let since = std::mem::replace(&mut measured.last, Instant::now());
        let seconds = (measured.last - since).as_secs_f64();
        let seen = sample.and_then(|rows| {
            measured.recent.add(&rows, seconds)?;
            measured.activity.add(&rows, seconds)
        });
        if self.scope == Scope::Everyone && measured.running.is_due() {
            let look = timeout(LOOK_BOUND, Running::look(&link.client)).await;
            measured.running.add(look.ok());
        }
        if let Ok(sight) = &seen {
            self.used.store(sight.used, Ordering::Relaxed);
        }
        match seen {
            Ok(sight) if sight.lock_wait && measured.locks.is_due() => {
                let look = timeout(LOOK_BOUND, Locks::look(&link.client, &self.scope)).await;
                measured.locks.add(look.ok());
            }
            Ok(_) => {}
            Err(error) => {
                // Nothing more will come of this connection.
                self.measuring = false;
                self.missing("sessions", of_postgres(&error).message);
            }
        }
    }

    fn missing(&mut self, what: &str, reason: String) {
        self.evidence.unavailable.insert(what.to_owned(), reason);
    }

    async fn step_ends(&mut self) -> ServerEvidence {
        let mut evidence = std::mem::take(&mut self.evidence);
        let (Some(link), Some(before)) = (&self.link, &self.before) else {
            return evidence;
        };
        let looking = link.look_after(&self.scope, before, &mut evidence);
        let reason = match timeout(CLOSING_BOUND, looking).await {
            Ok(Ok(())) => return evidence,
            Ok(Err(error)) => of_postgres(&error).message,
            Err(_) => "the server did not answer in time after the step".to_owned(),
        };
        for counters in [
            "database",
            "wal",
            "io",
            "checkpointer",
            "bgwriter",
            "statements",
        ] {
            let told = evidence.unavailable.entry(counters.to_owned());
            told.or_insert_with(|| reason.clone());
        }
        evidence
    }
}

impl Link {
    async fn open(address: &Address, name: &str) -> Result<Self, Error> {
        let client = address.connect(&format!("{name}.watch")).await?;
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

    /// Reads the counters once those who counted have handed in what they had.
    async fn look_after(
        &self,
        scope: &Scope,
        before: &Before,
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
            // Asking once more gives the reason.
            self.client.batch_execute("").await?;
        }
        counters.report_since(&before.counters, evidence);
        let statements = match (&before.statements, Statements::read(&self.client).await) {
            (Ok(before), Ok(after)) => after.report_since(before, &self.client, evidence).await,
            (Err(reason), _) => Err(reason.clone()),
            (_, Err(reason)) => Err(reason),
        };
        if let Err(reason) = statements {
            evidence.unavailable.insert("statements".to_owned(), reason);
        }
        Ok(())
    }

    async fn await_leaving(&self, name: &str) -> Result<(), Error> {
        let query = "SELECT /* plimsoll evidence */ count(*) FROM pg_stat_activity WHERE application_name = $1";
        let left = self.client.prepare(query).await?;
        for _ in 0..LEAVING_LOOKS {
            let row = self.client.query_one(&left, &[&name]).await?;
            if row.try_get::<_, i64>(0)? == 0 {
                break;
            }
            sleep(LEAVING_LOOK).await;
        }
        Ok(())
    }
}

async fn sample(link: Option<&Link>) -> Result<Vec<Row>, Error> {
    sleep(Duration::from_millis(
        rand::rng().random_range(SAMPLED_EVERY_MS),
    ))
    .await;
    match link {
        Some(link) => link.client.query(&link.sessions, &[]).await,
        None => std::future::pending().await,
    }
}
