//! Context of a scenario: a server, the run's tables on it, the collector of evidence, and the execution of
//! steps one after another.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_report::clock::monotonic_ns;
use bench_report::{Generator, Step, StepEnd, Warning, WarningCode, Window};
use load_engine::{StepPlan, StopRule};
use testbed::{Faults, Proxy};

use crate::conditions::Conditions;
use crate::drivers::{Deadpool, Direct, Driver, DriverSetup, Sqlx, Wire};
use crate::server::ServerUnderTest;
use crate::target::TargetFlags;
use crate::time_shares::{self, ExtraUsers};
use crate::workloads::{Schema, SqlWorkload};
use pg_connect::Address;
use pg_evidence::EvidenceCollector;

/// Stop rule that protects a server that is not a throwaway one, if the user gives no rules.
const GUARD: StopRule = StopRule::ErrorRatio { above: 0.1 };

/// Driver, size and conditions that one step tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variant {
    /// Driver under test.
    pub(crate) driver: Driver,
    /// Number of the pool's connections. Without a pool: number of users, each with a connection.
    pub(crate) connections: u64,
    /// Hold time and network delay of the requests.
    pub(crate) conditions: Conditions,
}

/// Prepared server on which a scenario runs its steps.
#[derive(Debug)]
pub(crate) struct ScenarioContext<'a> {
    /// Report and progress of the run.
    pub(crate) bench: &'a mut Bench,
    /// Server under test.
    pub(crate) server: &'a ServerUnderTest,
    /// Schema of the run. Its name is also the application name of the run's connections.
    pub(crate) schema: &'a Schema,
    /// Collector of evidence about the server.
    pub(crate) collector: EvidenceCollector,
    flags: &'a TargetFlags,
    workload: Arc<SqlWorkload>,
    proxies: BTreeMap<Duration, Proxy>,
}

impl<'a> ScenarioContext<'a> {
    /// Starts to watch `server`, and creates the context in which steps run.
    ///
    /// # Errors
    /// Fails if the operating system starts no thread.
    pub(crate) fn begin(
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

    /// Returns true if guards apply, because the server is not a throwaway one.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.server.throwaway
    }

    /// Returns the rules that end a step early: those in `given`. If none are given, returns the default
    /// guard for a server that must be protected.
    pub(crate) fn stop_rules(&self, given: &[StopRule]) -> Vec<StopRule> {
        stop_rules(given, self.is_guarded())
    }

    /// Runs one step on `variant` and returns its index in the report. If the server has too few connections
    /// left for the step, records the step as failed and returns `None`. A step without rules gets the
    /// default guard on a guarded server.
    ///
    /// # Errors
    /// Fails if the load generator cannot start, or the report cannot be saved.
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

    /// Returns true if the server has room for `connections`. If it returns false (too few connections are
    /// left, or a signal was received), the caller must not run `step`.
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

    /// Returns the settings with which a driver connects for `variant`.
    ///
    /// # Errors
    /// Fails if the proxy that delays the network cannot be started.
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

    /// Returns the server's address. With a `delay`, returns the address of a proxy that adds it.
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

impl AsMut<Bench> for ScenarioContext<'_> {
    fn as_mut(&mut self) -> &mut Bench {
        self.bench
    }
}

fn stop_rules(given: &[StopRule], guarded: bool) -> Vec<StopRule> {
    if given.is_empty() && guarded {
        return vec![GUARD];
    }
    given.to_vec()
}

/// Starts a proxy that forwards to `address` and adds `delay` in each direction.
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
