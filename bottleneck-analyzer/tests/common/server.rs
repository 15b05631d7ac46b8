//! Evidence about PostgreSQL in a step, with one thing planted: sessions, waits, tables. Made up for tests.

use bench_report::{EvidenceRow, Load, Parameter, PoolUsage, Report, ServerEvidence, Step};

use super::parts::{self, PlantFigure as _};
use super::parts::{SECOND, begin, generator, hist, operation, step};
use super::{CORES, Plant, START};

/// Load on PostgreSQL: three repeats of one setting, healthy unless something is planted.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Number of users of the closed loop, without think time.
    pub(crate) users: f64,
    pub(crate) pool: u64,
    /// Mean service time of a call, in nanoseconds.
    pub(crate) service_ns: f64,
    /// Events (`Lock.transactionid`), each with the share of the sessions in service that wait for
    /// it, from 0 to 1; the others run.
    pub(crate) waits: Vec<(&'static str, f64)>,
    /// Share of the sessions in service that is idle in a transaction, from 0 to 1.
    pub(crate) idle_in_transaction: f64,
    /// Share of the service time that passes outside the server, from 0 to 1.
    pub(crate) outside: f64,
    /// Further figures of the server's evidence, by name.
    pub(crate) figures: Vec<(&'static str, f64)>,
    /// Tables of the server's evidence, each with its name and rows.
    pub(crate) tables: Vec<(&'static str, Vec<EvidenceRow>)>,
    /// Number of times that the sessions were sampled in each repeat.
    pub(crate) samples: f64,
    /// Shares of the machine's CPU, from 0 to 1: all that is busy, the server's, the generator's.
    pub(crate) cpu: (f64, f64, f64),
    /// Name of a program that takes no part in the run, with the number of cores that it uses.
    pub(crate) outsider: Option<(&'static str, f64)>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            users: 4.0,
            pool: 8,
            service_ns: 2e6,
            waits: vec![],
            idle_in_transaction: 0.0,
            outside: 0.05,
            figures: vec![],
            tables: vec![],
            samples: 200.0,
            cpu: (0.45, 0.25, 0.18),
            outsider: None,
        }
    }
}

/// Returns a row of a table of the evidence with these labels and figures.
pub(crate) fn row(labels: &[(&str, &str)], figures: &[(&str, f64)]) -> EvidenceRow {
    parts::row(labels.iter().copied(), figures.iter().copied())
}

impl Server {
    /// Returns two reports: a bench with three repeats, each changed by `change`, and a recording
    /// of the machine.
    pub(crate) fn run_with(&self, change: impl Fn(usize, &mut Step)) -> Vec<Report> {
        let mut report = begin("db-pool-bench", "sweep", START);
        for repeat in 0..3usize {
            let mut step = self.step(repeat);
            change(repeat, &mut step);
            report.steps.push(step);
        }
        report.duration_ns = 6 * SECOND;
        let machine = Plant {
            cpu: self.cpu,
            outsider: self.outsider.map(|(name, cores)| (name.to_owned(), cores)),
            ..Plant::default()
        };
        vec![report, machine.sysmon()]
    }

    /// Returns two reports: a bench with three equal repeats, and a recording of the machine.
    pub(crate) fn run(&self) -> Vec<Report> {
        self.run_with(|_, _| {})
    }

    /// Returns the two reports without the figure and the table `name` of the server.
    pub(crate) fn run_without(&self, name: &str) -> Vec<Report> {
        self.run_with(|_, step| {
            let server = step.server.as_mut().unwrap();
            server.figures.remove(name);
            server.tables.remove(name);
        })
    }

    /// Returns the mean number of sessions in service: the users, at most as many as the pool has
    /// connections.
    fn inside(&self) -> f64 {
        self.users.min(self.pool as f64)
    }

    fn step(&self, repeat: usize) -> Step {
        let throughput = self.inside() / self.service_ns * 1e9;
        let call_ns = self.users / throughput * 1e9;
        let checkout_ns = (call_ns - self.service_ns).max(2_000.0);
        let mut step = step(
            &format!("deadpool, pool of {}", self.pool),
            START + repeat as u64 * 2 * SECOND,
        );
        step.repeat = repeat as u64;
        step.load = Load::Closed {
            users: self.users as u64,
            think_time_ns: 0,
        };
        step.parameters.insert("driver".into(), "deadpool".into());
        step.parameters
            .insert("pool_size".into(), Parameter::Integer(self.pool));
        step.parameters
            .insert("users".into(), Parameter::Integer(self.users as u64));
        let mut call = operation(throughput, checkout_ns + self.service_ns);
        call.checkout = hist(checkout_ns, call.succeeded);
        call.service = hist(self.service_ns, call.succeeded);
        step.operations.insert("call".into(), call);
        step.pool = Some(PoolUsage {
            max_size: self.pool,
            size_mean: self.pool as f64,
            in_use_mean: self.inside(),
            in_use_max: self.pool,
            waiting_mean: Some((self.users - self.inside()).max(0.0)),
            samples: 100,
            ..PoolUsage::default()
        });
        step.server = Some(self.evidence(throughput));
        step.generator = generator(self.cpu.2);
        step
    }

    fn evidence(&self, throughput: f64) -> ServerEvidence {
        let mut server = ServerEvidence::default();
        let inside = self.inside() * (1.0 - self.outside);
        let waited: f64 = self.waits.iter().map(|(_, part)| part).sum();
        let running = (1.0 - waited - self.idle_in_transaction).max(0.0) * inside;
        server.plant("sessions.samples", self.samples);
        server.plant("sessions.cpu_mean", running);
        server.plant(
            "sessions.idle_in_transaction_mean",
            self.idle_in_transaction * inside,
        );
        for class in ["lock", "lwlock", "io", "client", "other_wait"] {
            let of_class = self
                .waits
                .iter()
                .filter(|(event, _)| class_of(event) == class);
            let sum: f64 = of_class.map(|(_, part)| part * inside).sum();
            server.plant(format!("sessions.{class}_mean"), sum);
        }
        for (event, part) in &self.waits {
            server.plant(format!("waits.{event}_mean"), part * inside);
        }
        server.plant("server.cpu_ns", self.cpu.1 * CORES * SECOND as f64);
        server.plant("deltas.span_s", 1.5);
        server.plant("database.commits", throughput * 1.5);
        server.plant("database.temp_bytes", 0.0);
        server.plant("database.deadlocks", 0.0);
        server.plant("database.sessions", self.pool as f64);
        server.plant("connections.used_max", 12.0);
        server.plant("connections.limit", 100.0);
        for (name, value) in &self.figures {
            server.plant(*name, *value);
        }
        for (name, rows) in &self.tables {
            server.tables.insert((*name).into(), rows.clone());
        }
        server
    }

    /// Returns the number of calls in the 1.5 s over which each repeat's counters were read.
    pub(crate) fn calls(&self) -> f64 {
        self.inside() / self.service_ns * 1e9 * 1.5
    }
}

fn class_of(event: &str) -> &'static str {
    match event.split('.').next().unwrap() {
        "Lock" => "lock",
        "IO" => "io",
        "LWLock" if event == "LWLock.WALWrite" => "io",
        "LWLock" => "lwlock",
        "Client" => "client",
        _ => "other_wait",
    }
}
