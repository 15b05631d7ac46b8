//! What every scenario stands on: a server, our tables on it, the watch over it, and steps that
//! are run there one after the other; whatever happens, what was made is removed.

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

use crate::address::Address;
use crate::conditions::Conditions;
use crate::connect;
use crate::control::{ControlRuntime, clean_up};
use crate::drivers::{Deadpool, Direct, Driver, DriverSetup, Sqlx, Wire};
use crate::evidence::time_shares::{self, ExtraUsers};
use crate::evidence::{EvidenceCollector, settings};
use crate::server::ServerUnderTest;
use crate::target::TargetFlags;
use crate::workloads::{Schema, SqlWorkload, WorkloadSelection, WorkloadSetup};

/// Protects a server that is not a throwaway one, unless the user sets rules of their own.
const GUARD: StopRule = StopRule::ErrorRatio { above: 0.1 };

/// What one step puts to the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variant {
    /// Which driver.
    pub(crate) driver: Driver,
    /// Connections: of its pool, or one for each user.
    pub(crate) connections: u64,
    /// What they work under.
    pub(crate) conditions: Conditions,
}

/// A server that is ready for a scenario's steps.
#[derive(Debug)]
pub(crate) struct ScenarioContext<'a> {
    /// Place where steps and conclusions go.
    pub(crate) bench: &'a mut Bench,
    /// What the steps run on.
    pub(crate) server: &'a ServerUnderTest,
    /// Names our tables and connections.
    pub(crate) schema: &'a Schema,
    /// The watch over the server.
    pub(crate) watch: EvidenceCollector,
    flags: &'a TargetFlags,
    workload: Arc<SqlWorkload>,
    proxies: BTreeMap<Duration, Proxy>,
}

/// Finds or starts a server with room for `connections`, makes ready there what `selection` asks,
/// lets `work` do its steps, and removes what was made, whatever came of it. A signal ends it
/// without an error.
///
/// # Errors
/// Fails with what kept it from running.
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
    if let Some(note) = server.address.password_note() {
        bench.line(note);
    }
    let shown = server.address.shown();
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
    if begun && !server.ends_with_us() {
        remove(bench, &server.address, &schema);
    }
    // A throwaway server ends here, before the last save: a signal until then still counts.
    drop(server);
    outcome
}

/// Makes the tables, or finds the user's, and readies the statements; `None` when a signal came.
/// `begun` is set once our schema may be there.
fn prepare(
    bench: &mut Bench,
    selection: &WorkloadSelection,
    server: &ServerUnderTest,
    schema: &Schema,
    begun: &mut bool,
) -> anyhow::Result<Option<Arc<SqlWorkload>>> {
    bench.phase(Phase::Connect);
    let control = ControlRuntime::new(bench.cancel.clone()).context("cannot start a runtime")?;
    let Some(client) = control.connect(&server.address, schema)? else {
        return Ok(None);
    };
    bench.phase(Phase::Prepare);
    let version = control.run(client.query_one("SHOW server_version", &[]));
    if let Some(Ok(version)) = version.map(|row| row.and_then(|row| row.try_get::<_, String>(0))) {
        let versions = &mut bench.report.environment.versions;
        versions.insert("postgresql".to_owned(), version);
    }
    let config = &mut bench.report.config;
    if let Some(Ok(tls)) = control.run(connect::tls_in_use(&client)) {
        config.insert("tls".to_owned(), json!(tls));
    }
    if let Some(Ok(settings)) = control.run(settings::read(&client)) {
        config.insert("server_settings".to_owned(), json!(settings));
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
        let watch = EvidenceCollector::start(address, schema.name(), cancel)
            .context("cannot start the thread that watches the server")?;
        Ok(Self {
            bench,
            server,
            schema,
            watch,
            flags,
            workload,
            proxies: BTreeMap::new(),
        })
    }

    /// Returns true if the server must be protected from us.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.server.throwaway
    }

    /// The rules that end a step early: those `given`, else ours where the server must be protected.
    pub(crate) fn stop_rules(&self, given: &[StopRule]) -> Vec<StopRule> {
        stop_rules(given, self.is_guarded())
    }

    /// Runs one step on `variant` and returns its index in the report; a step for which the server has no
    /// room is noted and left out. A step without rules gets ours where the server is not ours.
    ///
    /// # Errors
    /// Fails when no load can be made at all, or the report cannot be saved.
    pub(crate) fn step(
        &mut self,
        step: &StepPlan,
        variant: Variant,
    ) -> anyhow::Result<Option<usize>> {
        if !self.has_room(step, variant.connections)? {
            return Ok(None);
        }
        let setup = self.setup(variant, step.seed)?;
        let mut step = step.clone();
        step.stop_rules = self.stop_rules(&step.stop_rules);
        let step = &step;
        let (bench, watch) = (&mut *self.bench, &mut self.watch);
        let index = match variant.driver {
            Driver::Wire => bench.step(step, &Arc::new(Wire(setup)), watch),
            Driver::Direct => bench.step(step, &Arc::new(Direct(setup)), watch),
            Driver::Deadpool => bench.step(step, &Arc::new(Deadpool(setup)), watch),
            Driver::Sqlx => bench.step(step, &Arc::new(Sqlx(setup)), watch),
        }?;
        let seen = watch.step_ends();
        time_shares::record(&mut bench.report.steps[index], seen, ExtraUsers::default());
        bench.save();
        Ok(Some(index))
    }

    /// Asks the server whether `connections` fit; where they do not, or a signal came, `step` is
    /// not to be run.
    ///
    /// # Errors
    /// Fails when the report cannot be saved.
    pub(crate) fn has_room(&mut self, step: &StepPlan, connections: u64) -> anyhow::Result<bool> {
        let bound = self.flags.most_connections(self.is_guarded());
        self.watch.guard(bound);
        let (reason, warnings) = match self.watch.step_begins() {
            None => return Ok(false),
            Some(Err(failure)) => {
                let server = self.server.address.shown();
                let reason = format!("cannot connect to {server}: {}", failure.message);
                (reason, Vec::new())
            }
            Some(Ok(capacity)) => match capacity.refusal(connections, bound) {
                None => return Ok(true),
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
        Ok(false)
    }

    /// Returns what the drivers of `variant` are set up with.
    ///
    /// # Errors
    /// Fails when there is no way to the server under the arm's conditions.
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

    /// The server's address, by way of a proxy where the way is to take longer.
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

/// A longer way to `address`.
fn proxy(address: &Address, delay: Duration) -> anyhow::Result<Proxy> {
    let target = address
        .socket_address()
        .with_context(|| format!("cannot find {}", address.shown()))
        .remedy("a server that is reached by TCP; --network-delay has no other way")?;
    let faults = Faults {
        delay,
        ..Faults::default()
    };
    Proxy::start(target, faults).context("cannot start a proxy")
}

/// A step that could not even begin.
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
