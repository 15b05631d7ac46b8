//! Context in which a scenario runs its steps: a server, the run's tables on it, and the collector
//! of evidence.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::{Bench, EvidenceSource};
use bench_cli::host_worker::HostWorker;
use bench_report::{StepEnd, Warning, WarningCode};
use load_engine::{StepPlan, StopRule};
use testbed::{Faults, Proxy};

use crate::conditions::Conditions;
use crate::driver_order::DriverOrder;
use crate::drivers::{Deadpool, Direct, Driver, DriverSetup, Sqlx, Wire};
use crate::server::ServerUnderTest;
use crate::target::TargetFlags;
use crate::time_shares::{self, ExtraUsers};
use crate::workloads::{Schema, SqlWorkload, WorkloadText};
use pg_connect::Address;
use pg_evidence::{EvidenceCollector, Scope};

/// Stop rule for a server that is not a throwaway one, if the user gives no rules: more than 10 %
/// of the requests fail.
const GUARD: StopRule = StopRule::ErrorRatio { above: 0.1 };

/// Driver, number of connections and conditions that one step tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variant {
    /// Driver with which the step's requests are made.
    pub(crate) driver: Driver,
    /// Number of the pool's connections, over all worker threads. Without a pool: number of users,
    /// each with a connection.
    pub(crate) connections: u64,
    /// Hold time and network delay of the step's requests.
    pub(crate) conditions: Conditions,
}

/// Context in which a scenario runs its steps: the prepared server, the run's schema and the
/// report.
#[derive(Debug)]
pub(crate) struct ScenarioContext<'a> {
    /// Run to whose report the steps are added, with its progress lines.
    pub(crate) bench: &'a mut Bench,
    /// Server on which the steps run.
    pub(crate) server: &'a ServerUnderTest,
    /// Schema of the run on the server. Its name is also the application name of the run's
    /// connections.
    pub(crate) schema: &'a Schema,
    /// Collector of what the server reports while a step runs.
    pub(crate) collector: EvidenceCollector,
    flags: &'a TargetFlags,
    workload: Arc<SqlWorkload>,
    proxies: BTreeMap<Duration, Proxy>,
    /// Share of the run's load that this process makes; `None` if no other hosts take part.
    host: Option<HostWorker>,
}

impl<'a> ScenarioContext<'a> {
    /// Starts a thread that watches `server`, and creates the context in which the steps of
    /// `workload` run.
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
        let scope = Scope::Application(schema.name().to_owned());
        let collector = EvidenceCollector::start(scope, address, schema.name(), cancel)
            .context("cannot start the thread that watches the server")?;
        Ok(Self {
            bench,
            server,
            schema,
            collector,
            flags,
            workload,
            proxies: BTreeMap::new(),
            host: None,
        })
    }

    /// Sets which share of the load this process makes in a run of several hosts; `None` for a run
    /// of one host.
    pub(crate) fn among_hosts(mut self, host: Option<HostWorker>) -> Self {
        self.host = host;
        self
    }

    /// Returns true if stop rules and limits must protect the server, because it is not a throwaway
    /// one.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.server.throwaway
    }

    /// Returns the stop rules that end a step early: those in `given`. If none are given, returns
    /// the default rule for a server that must be protected, and no rule for a throwaway one.
    pub(crate) fn stop_rules(&self, given: &[StopRule]) -> Vec<StopRule> {
        stop_rules(given, self.is_guarded())
    }

    /// Runs one step on `variant` and returns its index in the report. Returns `None` if the step
    /// is left out: because the server has too few connections left, which is recorded as a failed
    /// step, or after a signal. A step without stop rules gets the default one on a server that
    /// must be protected.
    ///
    /// # Errors
    /// Fails if the load generator or a proxy cannot start, the report cannot be saved, or a worker
    /// process has died.
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
        let watches = self.host.is_none_or(|host| host.watches_server());
        let index = if self.bench.has_workers() {
            let order = self.order(variant, &setup)?;
            self.bench
                .step_on_workers(&step, &order, &mut self.collector)?
        } else {
            let mut nobody = ();
            let evidence: &mut dyn EvidenceSource = if watches {
                &mut self.collector
            } else {
                &mut nobody
            };
            step_here(self.bench, &step, (variant.driver, setup), evidence)?
        };
        if watches {
            let seen = self.collector.end_step();
            let step = &mut self.bench.report.steps[index];
            if self.host.is_none() {
                time_shares::record(step, seen, ExtraUsers::default());
            } else {
                // The server shows the sessions of all hosts, but this process knows only its own users.
                step.server = Some(seen);
            }
        }
        self.bench.save();
        self.bench.check_workers()?;
        Ok(Some(index))
    }

    /// Runs `steps` in order until all are done or a signal is received. Calls `after` with the
    /// index in the report and the variant of each step that was run.
    ///
    /// # Errors
    /// Fails like [`ScenarioContext::step`].
    pub(crate) fn run_planned(
        &mut self,
        steps: Vec<(Variant, StepPlan)>,
        mut after: impl FnMut(&mut Bench, usize, Variant),
    ) -> anyhow::Result<()> {
        for (variant, step) in steps {
            let host = self.host;
            let is_ready = host.is_none_or(|host| host.await_preparation(self.bench, &step));
            if !is_ready || self.bench.interrupted() {
                break;
            }
            let Some(index) = self.step(&step, variant)? else {
                continue;
            };
            after(self.bench, index, variant);
            let end = &self.bench.report.steps[index].end;
            if let (Some(host), StepEnd::Stopped { .. }) = (host, end) {
                self.bench.warn(host.stopped_in(index));
                self.bench.save();
            }
        }
        Ok(())
    }

    /// Returns the description of a step on `variant` that is sent to worker processes. Fails if
    /// the proxy that delays the network cannot be started.
    fn order(&mut self, variant: Variant, setup: &DriverSetup) -> anyhow::Result<DriverOrder> {
        let delay = variant.conditions.network_delay;
        Ok(DriverOrder {
            throwaway_url: self.server.started_url().map(str::to_owned),
            way: self.server.address.settled_way(),
            proxy: self.proxy(delay)?.map(Proxy::address),
            application: setup.application.clone(),
            driver: variant.driver,
            connections: variant.connections,
            hold: setup.hold,
            workload: WorkloadText::new(&self.workload),
            seed: setup.seed,
        })
    }

    /// Returns true if the server has room for this number of connections. If it returns false,
    /// because too few are left (recorded as a failed step) or a signal was received, the caller
    /// must not run `step`.
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
            .push_step(step.not_begun(reason), Vec::new(), warnings);
        false
    }

    /// Returns the settings with which a driver connects for `variant`. `seed` determines the
    /// random choices in requests.
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

    /// Returns the server's address; with a `delay` above zero, that of a proxy which adds it.
    fn address(&mut self, delay: Duration) -> anyhow::Result<Address> {
        let server = self.server;
        Ok(match self.proxy(delay)? {
            Some(proxy) => server.address.through(proxy.address()),
            None => server.address.clone(),
        })
    }

    /// Returns the proxy that adds `delay`, started at the first call for this delay; `None` if
    /// `delay` is zero.
    fn proxy(&mut self, delay: Duration) -> anyhow::Result<Option<&Proxy>> {
        if delay.is_zero() {
            return Ok(None);
        }
        Ok(Some(match self.proxies.entry(delay) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(proxy(&self.server.address, delay)?),
        }))
    }
}

/// Runs a step with its load in this process, without worker processes, and returns its index in
/// the report.
fn step_here(
    bench: &mut Bench,
    step: &StepPlan,
    (driver, setup): (Driver, DriverSetup),
    evidence: &mut dyn EvidenceSource,
) -> anyhow::Result<usize> {
    match driver {
        Driver::Wire => bench.step(step, &Arc::new(Wire(setup)), evidence),
        Driver::Direct => bench.step(step, &Arc::new(Direct(setup)), evidence),
        Driver::Deadpool => bench.step(step, &Arc::new(Deadpool(setup)), evidence),
        Driver::Sqlx => bench.step(step, &Arc::new(Sqlx(setup)), evidence),
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

/// Starts a proxy that forwards to `address` and adds `delay` in each direction. Fails for a server
/// that is not reached by TCP.
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
