//! Context of a scenario: a server, the run's tables on it, the evidence collector, and steps that
//! run one after the other. Whatever happens, the run's schema is dropped at the end.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_report::clock::monotonic_ns;
use bench_report::{Generator, Step, StepEnd, Warning, WarningCode, Window};
use load_engine::{Phase, StepPlan, StopRule};
use serde_json::json;
use testbed::{Faults, Proxy};

use crate::conditions::Conditions;
use crate::connect;
use crate::control::{ControlRuntime, clean_up};
use crate::drivers::{Deadpool, Direct, Driver, DriverSetup, Sqlx, Wire};
use crate::failure::from_wire;
use crate::remedy::{self, Purpose};
use crate::server::ServerUnderTest;
use crate::target::TargetFlags;
use crate::time_shares::{self, ExtraUsers};
use crate::workloads::{Schema, SqlWorkload, WorkloadSelection, WorkloadSetup};
use pg_connect::Address;
use pg_evidence::{EvidenceCollector, settings};

/// Stop rule for a server that is not a throwaway one, where the user gives no rules.
const GUARD: StopRule = StopRule::ErrorRatio { above: 0.1 };

/// Driver, size and conditions that one step tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variant {
    /// Driver under test.
    pub(crate) driver: Driver,
    /// Connections of the pool, or of as many users without a pool.
    pub(crate) connections: u64,
    /// Conditions of the requests.
    pub(crate) conditions: Conditions,
}

/// Prepared server on which a scenario runs its steps.
#[derive(Debug)]
pub(crate) struct ScenarioContext<'a> {
    /// Report and progress of the run.
    pub(crate) bench: &'a mut Bench,
    /// Server under test.
    pub(crate) server: &'a ServerUnderTest,
    /// The run's schema; its name is also that of the run's connections.
    pub(crate) schema: &'a Schema,
    /// Collector of the server's evidence.
    pub(crate) collector: EvidenceCollector,
    flags: &'a TargetFlags,
    workload: Arc<SqlWorkload>,
    proxies: BTreeMap<Duration, Proxy>,
}

/// Finds or starts a server with room for `connections`, prepares `selection` there, runs `work` on
/// it, and drops what was created, also after an error. A signal ends it without an error.
///
/// # Errors
/// Fails when no server is found, the workload cannot be prepared, or `work` fails.
pub(crate) fn run(
    bench: &mut Bench,
    flags: &TargetFlags,
    selection: &WorkloadSelection,
    given: Option<ServerUnderTest>,
    connections: u64,
    work: impl FnOnce(&mut ScenarioContext) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let started = match given {
        Some(server) => Some(server),
        None => ServerUnderTest::start(connections, &bench.cancel)?,
    };
    let Some(server) = started else { return Ok(()) };
    if let Some(note) = server.address.password_file_note() {
        bench.line(note);
    }
    let shown = server.address.redacted();
    bench.report.config.insert("url".to_owned(), json!(shown));
    let throwaway = json!(server.throwaway);
    bench
        .report
        .config
        .insert("throwaway".to_owned(), throwaway);
    let schema = Schema::for_run(&bench.own_name());
    let mut begun = false;
    let outcome = match prepare(bench, selection, &server, &schema, &mut begun) {
        Ok(Some(workload)) => ScenarioContext::begin(bench, flags, &server, &schema, workload)
            .and_then(|mut context| work(&mut context)),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    bench.phase(Phase::Save);
    if begun && !server.is_started_here() {
        remove(bench, &server.address, &schema);
    }
    // A throwaway server ends here, before the last save: a signal until then still counts.
    drop(server);
    outcome
}

/// Creates or finds the tables and verifies the statements; `None` when a signal came. `begun` is
/// set once the run's schema may exist.
fn prepare(
    bench: &mut Bench,
    selection: &WorkloadSelection,
    server: &ServerUnderTest,
    schema: &Schema,
    begun: &mut bool,
) -> anyhow::Result<Option<Arc<SqlWorkload>>> {
    bench.phase(Phase::Connect);
    let control = ControlRuntime::new(bench.cancel.clone(), &server.address, schema)
        .context("cannot start a runtime")?;
    let Some(client) = control.connect()? else {
        return Ok(None);
    };
    bench.phase(Phase::Prepare);
    let version = control.run(client.query_one("SHOW server_version", &[]))?;
    if let Some(Ok(version)) = version.map(|row| row.and_then(|row| row.try_get::<_, String>(0))) {
        let versions = &mut bench.report.environment.versions;
        versions.insert("postgresql".to_owned(), version);
    }
    let config = &mut bench.report.config;
    if let Some(Ok(tls)) = control.run(client.tls_in_use())? {
        config.insert("tls".to_owned(), json!(tls));
    }
    if let Some(Ok(settings)) = control.run(settings::read(&client))? {
        config.insert("server_settings".to_owned(), json!(settings));
    }
    if selection.prepares_statements() && !server.throwaway {
        let checked = control.run(connect::check_prepared_statements(&client, schema.name()))?;
        if let Some(Err(error)) = checked {
            let what = format!("keep prepared statements at {}", server.address.redacted());
            return remedy::cannot(
                &what,
                &from_wire(&error),
                Purpose::Checking,
                &server.address,
            );
        }
    }
    let mut workload_setup = WorkloadSetup {
        control: &control,
        address: &server.address,
        client: &client,
        schema,
        throwaway: server.throwaway,
        schema_begun: false,
    };
    let prepared = workload_setup.prepare(selection);
    *begun = workload_setup.schema_begun;
    Ok(prepared?.map(Arc::new))
}

fn remove(bench: &mut Bench, address: &Address, schema: &Schema) {
    if let Err(reason) = clean_up(address, schema, bench.interrupted()) {
        let name = schema.name();
        let command = address.psql_command(&format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
        bench.left_behind(&format!("the schema {name} ({reason})"), &command);
    }
}

impl<'a> ScenarioContext<'a> {
    fn begin(
        bench: &'a mut Bench,
        flags: &'a TargetFlags,
        server: &'a ServerUnderTest,
        schema: &'a Schema,
        workload: Arc<SqlWorkload>,
    ) -> anyhow::Result<Self> {
        let (address, cancel) = (server.address.clone(), bench.cancel.clone());
        let collector = EvidenceCollector::start(address, schema.name(), cancel)
            .context("cannot start the thread that watches the server")?;
        Ok(Self {
            bench,
            server,
            schema,
            collector,
            flags,
            workload,
            proxies: BTreeMap::new(),
        })
    }

    /// Returns true if the server is not a throwaway one, so that guards apply.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.server.throwaway
    }

    /// Returns the rules that end a step early: those `given`, else the default guard where the
    /// server must be protected.
    pub(crate) fn stop_rules(&self, given: &[StopRule]) -> Vec<StopRule> {
        stop_rules(given, self.is_guarded())
    }

    /// Runs one step on `variant` and returns its index in the report. A step for which the server
    /// has too few connections left is recorded as failed, and `None` is returned. A step without
    /// rules gets the default guard on a guarded server.
    ///
    /// # Errors
    /// Fails when the load generator cannot start, or the report cannot be saved.
    pub(crate) fn step(
        &mut self,
        step: &StepPlan,
        variant: Variant,
    ) -> anyhow::Result<Option<usize>> {
        if !self.has_room(step, variant.connections) {
            return Ok(None);
        }
        let setup = self.setup(variant, step.seed)?;
        let mut step = step.clone();
        step.stop_rules = self.stop_rules(&step.stop_rules);
        let step = &step;
        let (bench, collector) = (&mut *self.bench, &mut self.collector);
        let index = match variant.driver {
            Driver::Wire => bench.step(step, &Arc::new(Wire(setup)), collector),
            Driver::Direct => bench.step(step, &Arc::new(Direct(setup)), collector),
            Driver::Deadpool => bench.step(step, &Arc::new(Deadpool(setup)), collector),
            Driver::Sqlx => bench.step(step, &Arc::new(Sqlx(setup)), collector),
        }?;
        let seen = collector.end_step();
        time_shares::record(&mut bench.report.steps[index], seen, ExtraUsers::default());
        bench.save();
        Ok(Some(index))
    }

    /// Returns true if the server has room for `connections`. Otherwise, and after a signal, `step`
    /// must not run.
    pub(crate) fn has_room(&mut self, step: &StepPlan, connections: u64) -> bool {
        let bound = self.flags.most_connections(self.is_guarded());
        self.collector.limit_connections(bound);
        let (reason, warnings) = match self.collector.begin_step() {
            None => return false,
            Some(Err(failure)) => {
                let server = self.server.address.redacted();
                let reason = format!("cannot connect to {server}: {}", failure.message);
                (reason, Vec::new())
            }
            Some(Ok(capacity)) => match capacity.refusal(connections, bound) {
                None => return true,
                Some(reason) => {
                    let warning = Warning::new(WarningCode::LimitTooLow, reason.clone());
                    (reason, vec![warning.about_step(0, &[])])
                }
            },
        };
        self.bench
            .line(&format!("{} was left out: {reason}", step.name));
        self.bench
            .push_step(not_begun(step, reason), Vec::new(), warnings);
        false
    }

    /// Returns the driver settings for `variant`.
    ///
    /// # Errors
    /// Fails when the delaying proxy cannot be placed before the server.
    pub(crate) fn setup(&mut self, variant: Variant, seed: u64) -> anyhow::Result<DriverSetup> {
        Ok(DriverSetup {
            address: self.address(variant.conditions.network_delay)?,
            application: self.schema.name().to_owned(),
            pool_size: variant.connections,
            pool: self.flags.pool.clone(),
            checkout_timeout: self.flags.checkout_timeout,
            workload: Arc::clone(&self.workload),
            seed,
            hold: variant.conditions.hold,
            opened: Arc::default(),
        })
    }

    /// Returns the server's address, or that of a proxy which adds `delay`.
    fn address(&mut self, delay: Duration) -> anyhow::Result<Address> {
        let address = &self.server.address;
        if delay.is_zero() {
            return Ok(address.clone());
        }
        let proxy = match self.proxies.entry(delay) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(proxy(address, delay)?),
        };
        Ok(address.through(proxy.address()))
    }
}

fn stop_rules(given: &[StopRule], guarded: bool) -> Vec<StopRule> {
    if given.is_empty() && guarded {
        return vec![GUARD];
    }
    given.to_vec()
}

/// Starts a proxy before `address` that adds `delay`.
fn proxy(address: &Address, delay: Duration) -> anyhow::Result<Proxy> {
    let target = address
        .socket_address()
        .with_context(|| format!("cannot find {}", address.redacted()))
        .remedy("a server that is reached by TCP; --network-delay has no other way")?;
    let faults = Faults {
        delay,
        ..Faults::default()
    };
    Proxy::start(target, faults).context("cannot start a proxy")
}

/// Creates the record of a step that could not begin.
pub(crate) fn not_begun(step: &StepPlan, reason: String) -> Step {
    let now_ns = monotonic_ns();
    let load = step.load.reported(0);
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
        operations: BTreeMap::new(),
        parts: BTreeMap::new(),
        failures: Vec::new(),
        pool: None,
        server: None,
        generator: Generator::default(),
        curve: None,
        segments: Vec::new(),
        sessions: None,
        figures: BTreeMap::new(),
        end: StepEnd::Failed { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_not_ours_is_guarded_unless_the_user_sets_rules() {
        let own = [StopRule::ErrorRatio { above: 0.5 }];
        assert_eq!(stop_rules(&[], true), [GUARD]);
        assert_eq!(stop_rules(&[], false), []);
        assert_eq!(stop_rules(&own, true), own);
    }
}
