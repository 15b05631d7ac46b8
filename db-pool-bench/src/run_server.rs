//! Server of a run: it is found or started, prepared with the run's schema, and cleaned up at the
//! end.

use std::sync::Arc;

use anyhow::Context as _;
use bench_cli::ScenarioName;
use bench_cli::bench::Bench;
use bench_cli::host_worker::{self, HostWorker};
use bench_report::run_id::own_name;
use load_engine::{Phase, WallTime};
use pg_evidence::{Client, settings};
use serde_json::json;

use crate::connect;
use crate::context::ScenarioContext;
use crate::control::{ControlRuntime, clean_up};
use crate::drivers::Driver;
use crate::failure::from_wire;
use crate::load_sharing::PlannedRun;
use crate::remedy::{self, Purpose};
use crate::server::ServerUnderTest;
use crate::target::TargetFlags;
use crate::workloads::{Schema, SqlWorkload, WorkloadSelection, WorkloadSetup};

/// Server of a run, with the schema that the run may create on it.
#[derive(Debug)]
pub(crate) struct RunServer {
    /// Server under test.
    pub(crate) server: ServerUnderTest,
    /// Schema of the run. Its name is also the application name of the run's connections.
    pub(crate) schema: Schema,
    /// True as soon as this run may have created the schema on the server.
    begun: bool,
    /// Run of several hosts to which this run belongs; `None` in a run of one host.
    hosts: Option<HostsRun>,
}

/// Run in which processes on several hosts make one load together, as far as one of them knows it.
#[derive(Debug, Clone, Copy)]
struct HostsRun {
    host: HostWorker,
    /// Planned start of the first step, the same on every host.
    starts: WallTime,
    /// Instant at which the last step has ended on every host.
    over: WallTime,
}

/// Returns the program, its version and the name of a scenario, for the report of that scenario.
pub(crate) fn scenario_name(scenario: &'static str) -> ScenarioName {
    ScenarioName {
        tool: "db-pool-bench",
        version: env!("CARGO_PKG_VERSION"),
        scenario,
    }
}

impl RunServer {
    /// Returns the server that the flags name, or starts a throwaway server with room for this
    /// number of `connections`, and records its address in the report. `None` if a signal is
    /// received.
    ///
    /// # Errors
    /// Fails if the address is wrong or not supported by `drivers`, or a throwaway server cannot be
    /// started.
    pub(crate) fn open(
        bench: &mut Bench,
        flags: &TargetFlags,
        drivers: &[Driver],
        connections: u64,
    ) -> anyhow::Result<Option<Self>> {
        let server = match flags.server(drivers)? {
            Some(server) => server,
            None => match ServerUnderTest::start(connections, &bench.cancel)? {
                Some(server) => server,
                None => return Ok(None),
            },
        };
        if let Some(note) = server.address.password_file_note() {
            bench.line(note);
        }
        let config = &mut bench.report.config;
        config.insert("url".to_owned(), json!(server.address.redacted()));
        config.insert("throwaway".to_owned(), json!(server.throwaway));
        Ok(Some(Self {
            server,
            schema: Schema::for_run(&own_name(&bench.report.run_id)),
            begun: false,
            hosts: None,
        }))
    }

    /// Makes this run part of a run of several hosts as `planned`, if `host` is given. All hosts
    /// then use the same schema, which worker 0 creates and removes.
    pub(crate) fn among_hosts(
        mut self,
        bench: &Bench,
        host: Option<HostWorker>,
        planned: &PlannedRun,
    ) -> Self {
        let starts = planned.steps.first().and_then(|(_, plan)| plan.starts_at);
        if let (Some(host), Some(starts), Some(over)) = (host, starts, planned.over) {
            self.schema = Schema::for_run(&host_worker::data_name(bench));
            self.hosts = Some(HostsRun { host, starts, over });
        }
        self
    }

    /// Connects, creates or finds the tables of the workload, and lets the server verify its
    /// statements. `None` if a signal is received.
    ///
    /// # Errors
    /// Fails with a remedy if the server cannot be reached or the workload cannot be prepared.
    pub(crate) fn prepare(
        &mut self,
        bench: &mut Bench,
        selection: &WorkloadSelection,
    ) -> anyhow::Result<Option<Arc<SqlWorkload>>> {
        bench.phase(Phase::Connect);
        let cancel = bench.cancel.clone();
        let control = ControlRuntime::new(cancel, &self.server.address, &self.schema)
            .context("cannot start a runtime")?;
        let Some(client) = control.connect()? else {
            return Ok(None);
        };
        bench.phase(Phase::Prepare);
        describe(bench, &control, &client)?;
        if selection.prepares_statements() && !self.server.throwaway {
            self.check_prepared_statements(&control, &client)?;
        }
        let mut workload_setup = WorkloadSetup {
            control: &control,
            address: &self.server.address,
            client: &client,
            schema: &self.schema,
            throwaway: self.server.throwaway,
            made_by_other_until: self
                .hosts
                .filter(|hosts| !hosts.host.owns_data())
                .map(|hosts| hosts.starts),
            schema_begun: false,
        };
        let prepared = workload_setup.prepare(selection);
        self.begun = workload_setup.schema_begun;
        Ok(prepared?.map(Arc::new))
    }

    fn check_prepared_statements(
        &self,
        control: &ControlRuntime,
        client: &Client,
    ) -> anyhow::Result<()> {
        let checked = connect::check_prepared_statements(client, self.schema.name());
        let Some(Err(error)) = control.run(checked)? else {
            return Ok(());
        };
        let address = &self.server.address;
        let what = format!("keep prepared statements at {}", address.redacted());
        remedy::cannot(&what, &from_wire(&error), Purpose::Checking, address)
    }

    /// Starts to watch the server, and returns the context in which the steps of `workload` run.
    ///
    /// # Errors
    /// Fails if the operating system starts no thread.
    pub(crate) fn context<'a>(
        &'a self,
        bench: &'a mut Bench,
        flags: &'a TargetFlags,
        workload: Arc<SqlWorkload>,
    ) -> anyhow::Result<ScenarioContext<'a>> {
        let context = ScenarioContext::begin(bench, flags, &self.server, &self.schema, workload)?;
        Ok(context.among_hosts(self.hosts.map(|hosts| hosts.host)))
    }

    /// Drops the run's schema if this run may have created it; a failure is recorded in the report.
    /// Does nothing if the run started the server itself: that server is stopped with everything on
    /// it.
    pub(crate) fn clean_up(self, bench: &mut Bench) {
        if !self.begun || self.server.is_started_here() {
            return;
        }
        if let Some(hosts) = self.hosts {
            // Other hosts use the tables until the end of the run. An interrupt ends the wait, so that no
            // tables are left.
            HostWorker::await_instant(bench, hosts.over);
        }
        let address = &self.server.address;
        if let Err(reason) = clean_up(address, &self.schema, bench.interrupted()) {
            let name = self.schema.name();
            let command =
                remedy::commands::psql(address, &format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
            bench.left_behind(&format!("the schema {name} ({reason})"), &command);
        }
    }
}

/// Records version, TLS and settings of the server in the report; what the server refuses is left
/// out.
///
/// # Errors
/// Fails with a remedy if the server stops answering.
pub(crate) fn describe(
    bench: &mut Bench,
    control: &ControlRuntime,
    client: &Client,
) -> anyhow::Result<()> {
    let version = control.run(client.query_one("SHOW server_version", &[]))?;
    if let Some(Ok(version)) = version.map(|row| row.and_then(|row| row.try_get::<_, String>(0))) {
        let versions = &mut bench.report.environment.versions;
        versions.insert("postgresql".to_owned(), version);
    }
    let config = &mut bench.report.config;
    if let Some(Ok(tls)) = control.run(client.tls_in_use())? {
        config.insert("tls".to_owned(), json!(tls));
    }
    if let Some(Ok(settings)) = control.run(settings::read(client))? {
        config.insert("server_settings".to_owned(), json!(settings));
    }
    Ok(())
}
