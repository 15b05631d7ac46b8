//! Pool sizes by drivers: each setting several times, in a shuffled order, on one server.

mod cost;
mod limit;
mod plan;
mod recommendation;
mod results;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use bench_cli::bench::Bench;
use bench_cli::{Exit, Remedy as _};
use bench_report::clock::monotonic_ns;
use bench_report::{Generator, Load, Step, StepEnd, Warning, WarningCode, Window};
use load_engine::sweep::{Turn, order};
use load_engine::{LoadPlan, Phase, StepPlan};
use serde_json::json;

pub use plan::{Plan, Setting};

use crate::cli::SweepFlags;
use crate::connect;
use crate::control::{Control, clean_up};
use crate::drivers::{Deadpool, Direct, Driver, Setup, Sqlx, Wire, round_trips};
use crate::evidence::{Watch, parts, settings};
use crate::server::Server;
use crate::workloads::{Schema, Tables};

/// The figure of a step that says how often its driver asks the server beyond what a read takes.
const EXTRA_ROUND_TRIPS: &str = "extra_round_trips_per_request";

/// Runs a sweep from flags to exit code.
///
/// # Errors
/// What kept it from running: wrong usage, no server, no place for the report.
pub fn run(flags: &SweepFlags) -> anyhow::Result<Exit> {
    let plan = Plan::new(flags)?;
    let given = flags.url.as_deref().map(Server::at).transpose()?;
    if let Some(server) = &given {
        plan.suits(&server.address)?;
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut bench = Bench::begin(
        "db-pool-bench",
        version,
        "sweep",
        &flags.output,
        plan.config(),
    )?;
    // On an error the bench saves what there is, as failed.
    measure(&mut bench, &plan, given)?;
    bench.report.summary = recommendation::summary(&bench.report, &plan.settings);
    let text = text::render(&bench.report, &plan.settings);
    bench.finish(&text)
}

fn measure(bench: &mut Bench, plan: &Plan, given: Option<Server>) -> anyhow::Result<()> {
    let started = match given {
        Some(server) => Some(server),
        None => Server::start(plan.largest(), &bench.cancel)?,
    };
    let Some(server) = started else { return Ok(()) };
    bench
        .report
        .config
        .insert("url".to_owned(), json!(server.address.shown()));
    bench
        .report
        .config
        .insert("throwaway".to_owned(), json!(server.throwaway));
    let schema = Schema::of_run(bench.run_id());
    let mut sweep = Sweep {
        bench,
        plan,
        server: &server,
        schema,
        schema_begun: false,
    };
    let outcome = match sweep.prepare() {
        Ok(Some(tables)) => sweep.steps(&tables),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    sweep.clean_up();
    // A throwaway server ends here, before the last save: a signal until then still counts.
    drop(server);
    outcome
}

/// A sweep under way.
struct Sweep<'a> {
    bench: &'a mut Bench,
    plan: &'a Plan<'a>,
    server: &'a Server,
    schema: Schema,
    schema_begun: bool,
}

impl Sweep<'_> {
    /// Makes the tables, or finds the user's; `None` when a signal came.
    fn prepare(&mut self) -> anyhow::Result<Option<Arc<Tables>>> {
        self.bench.phase(Phase::Connect);
        let control = Control::new(self.bench.cancel.clone()).context("cannot start a runtime")?;
        let Some(client) = control.connect(&self.server.address, &self.schema)? else {
            return Ok(None);
        };
        self.bench.phase(Phase::Prepare);
        let version = control.run(client.query_one("SHOW server_version", &[]));
        if let Some(Ok(version)) =
            version.map(|row| row.and_then(|row| row.try_get::<_, String>(0)))
        {
            self.bench
                .report
                .environment
                .versions
                .insert("postgresql".to_owned(), version);
        }
        if let Some(Ok(tls)) = control.run(connect::tls_in_use(&client)) {
            if tls != "none" && self.plan.drivers().contains(&Driver::Wire) {
                self.bench
                    .line("wire speaks no TLS, as the other drivers do here");
            }
            let config = &mut self.bench.report.config;
            config.insert("tls".to_owned(), json!(tls));
        }
        if let Some(Ok(settings)) = control.run(settings::read(&client)) {
            let config = &mut self.bench.report.config;
            config.insert("server_settings".to_owned(), json!(settings));
        }
        if let Some(table) = &self.plan.flags.table {
            let found = control.run(Tables::of_pgbench(&client, table)).transpose();
            let remedy = "a table that pgbench -i has made, as in --table pgbench_accounts";
            return Ok(found.remedy(remedy)?.map(Arc::new));
        }
        self.schema_begun = true;
        let made = control
            .run(self.schema.create(&client, self.plan.flags.scale))
            .transpose();
        let rows = made
            .with_context(|| format!("cannot make the schema {}", self.schema.name()))
            .remedy("a role that may create a schema in this database, or a smaller --scale")?;
        Ok(rows.map(|rows| Arc::new(Tables::own(self.schema.name(), rows))))
    }

    fn steps(&mut self, tables: &Arc<Tables>) -> anyhow::Result<()> {
        let (address, cancel) = (self.server.address.clone(), self.bench.cancel.clone());
        let mut watch = Watch::start(address, self.schema.name(), cancel)
            .context("cannot start the thread that watches the server")?;
        let round_trips = self.round_trips(tables)?;
        let turns = order(
            self.plan.settings.len(),
            self.plan.repeats(),
            self.plan.seed,
        );
        self.bench.announce(self.plan.total(), turns.len());
        for turn in turns {
            if self.bench.interrupted() {
                break;
            }
            self.step(turn, tables, &mut watch, &round_trips)?;
        }
        Ok(())
    }

    /// Extra round trips of each driver; what could not be counted is absent, and says why.
    fn round_trips(&mut self, tables: &Arc<Tables>) -> anyhow::Result<BTreeMap<Driver, f64>> {
        let control = Control::new(self.bench.cancel.clone()).context("cannot start a runtime")?;
        let setup = self.setup(self.plan.seed, 1, tables);
        let mut counted = BTreeMap::new();
        for driver in self.plan.drivers() {
            match control.run(round_trips::extra(driver, &setup)) {
                None => break,
                Some(Ok(extra)) => drop(counted.insert(driver, extra)),
                Some(Err(failure)) => {
                    let name = driver.name();
                    let message = format!("{name}'s round trips could not be counted: {failure}");
                    self.bench
                        .warn(Warning::new(WarningCode::EvidenceMissing, message));
                }
            }
        }
        Ok(counted)
    }

    fn step(
        &mut self,
        turn: Turn,
        tables: &Arc<Tables>,
        watch: &mut Watch,
        round_trips: &BTreeMap<Driver, f64>,
    ) -> anyhow::Result<()> {
        let Setting { driver, size } = self.plan.settings[turn.setting];
        let step = self.plan.step(turn, !self.server.throwaway);
        let bound = self.plan.most_connections(!self.server.throwaway);
        watch.guard(bound);
        match watch.step_begins() {
            None => return Ok(()),
            Some(Err(failure)) => {
                let server = self.server.address.shown();
                return self.refuse(
                    &step,
                    format!("cannot connect to {server}: {}", failure.message),
                    &[],
                );
            }
            Some(Ok(capacity)) => {
                if let Some(reason) = capacity.refusal(size, bound) {
                    let warning = Warning::new(WarningCode::LimitTooLow, reason.clone());
                    return self.refuse(&step, reason, &[warning.of_step(0, &[])]);
                }
            }
        }
        let setup = self.setup(step.seed, size, tables);
        let bench = &mut *self.bench;
        let index = match driver {
            Driver::Wire => bench.step(&step, &Arc::new(Wire(setup)), watch),
            Driver::Direct => bench.step(&step, &Arc::new(Direct(setup)), watch),
            Driver::Deadpool => bench.step(&step, &Arc::new(Deadpool(setup)), watch),
            Driver::Sqlx => bench.step(&step, &Arc::new(Sqlx(setup)), watch),
        }?;
        let done = &mut bench.report.steps[index];
        parts::note(done, watch.step_ends());
        if let Some(extra) = round_trips.get(&driver) {
            done.figures.insert(EXTRA_ROUND_TRIPS.to_owned(), *extra);
        }
        bench.save()
    }

    fn setup(&self, seed: u64, pool_size: u64, tables: &Arc<Tables>) -> Setup {
        Setup {
            address: self.server.address.clone(),
            application: self.schema.name().to_owned(),
            pool_size,
            pool: self.plan.flags.pool.clone(),
            checkout_timeout: self.plan.flags.checkout_timeout,
            workload: self.plan.flags.workload,
            tables: Arc::clone(tables),
            seed,
        }
    }

    /// Notes a step that could not even begin.
    fn refuse(
        &mut self,
        step: &StepPlan,
        reason: String,
        warnings: &[Warning],
    ) -> anyhow::Result<()> {
        self.bench
            .line(&format!("{} was left out: {reason}", step.name));
        self.bench
            .push_step(not_begun(step, reason), Vec::new(), warnings.to_vec())?;
        Ok(())
    }

    fn clean_up(&mut self) {
        self.bench.phase(Phase::Save);
        if !self.schema_begun || self.server.ends_with_us() {
            return;
        }
        let address = &self.server.address;
        if let Err(reason) = clean_up(address, &self.schema, self.bench.interrupted()) {
            let name = self.schema.name();
            let command = address.psql_command(&format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
            self.bench
                .left_behind(&format!("the schema {name} ({reason})"), &command);
        }
    }
}

fn not_begun(step: &StepPlan, reason: String) -> Step {
    let now_ns = monotonic_ns();
    let load = match step.load {
        LoadPlan::Open {
            rate_per_s,
            pacing,
            in_flight_cap,
        } => Load::Open {
            rate_per_s,
            pacing,
            in_flight_cap,
            delayed_at_cap: 0,
        },
        LoadPlan::Closed { users, think_time } => Load::Closed {
            users,
            think_time_ns: think_time.as_nanos() as u64,
        },
    };
    Step {
        name: step.name.clone(),
        parameters: step.parameters.clone(),
        repeat: step.repeat,
        window: Window {
            start_ns: now_ns,
            measure_start_ns: now_ns,
            measure_end_ns: now_ns,
            end_ns: now_ns,
        },
        load,
        operations: std::collections::BTreeMap::new(),
        failures: Vec::new(),
        pool: None,
        server: None,
        generator: Generator::default(),
        figures: std::collections::BTreeMap::new(),
        end: StepEnd::Failed { reason },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bench_report::{Operation, Report, Tool};

    use super::*;

    /// A second of `deadpool` with a pool of `size` at `throughput_per_s`.
    pub(crate) fn step(size: u64, repeat: u64, throughput_per_s: f64) -> Step {
        let load = LoadPlan::Closed {
            users: 16,
            think_time: std::time::Duration::ZERO,
        };
        let plan = StepPlan::new("deadpool", load, std::time::Duration::from_secs(1))
            .parameter("driver", "deadpool")
            .parameter("pool_size", size)
            .parameter("users", 16);
        let mut step = not_begun(&plan, String::new());
        step.repeat = repeat;
        step.end = StepEnd::Completed;
        step.window.measure_end_ns = step.window.measure_start_ns + 1_000_000_000;
        let succeeded = throughput_per_s as u64;
        let operation = Operation {
            succeeded,
            attempted: succeeded,
            throughput_per_s,
            ..Operation::default()
        };
        step.operations = BTreeMap::from([("read".to_owned(), operation)]);
        step
    }

    pub(super) fn report(steps: Vec<Step>) -> Report {
        let tool = Tool {
            name: "db-pool-bench".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "run".to_owned(), "sweep");
        report.steps = steps;
        report
    }
}
