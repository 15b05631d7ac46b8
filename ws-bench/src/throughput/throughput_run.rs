//! Run of the scenario `throughput`: its settings in a shuffled order, or a search for the highest
//! rate at each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::load::Defaults;
use bench_cli::{RateFinder, Scenario, ScenarioName, found_rates};
use bench_report::{Report, StepEnd, Summary};
use load_engine::{RuntimeKind, StopRule, available_threads, shuffled_steps};
use serde_json::{Value, json};

use crate::cli::ThroughputArgs;
use crate::load::ws_load::WsLoad;
use crate::machine::planned_shortage::planned_shortage;
use crate::server::endpoint::{TargetUrl, WsEndpoint};
use crate::server::process_evidence::ServerProcessReader;
use crate::server::ws_target::WsTarget;
use crate::throughput::throughput_step::StepRunner;
use crate::throughput::throughput_text;

/// Defaults of this scenario for shared flags that are not given.
pub(crate) const DEFAULTS: Defaults = Defaults {
    warmup: Duration::from_secs(1),
    measure: Duration::from_secs(5),
    repeats: 1,
    runtime: RuntimeKind::PerCore,
};
/// Share of failed messages at which a step against the user's server ends, if no rule is given.
const PROTECTED_ERROR_RATIO: f64 = 0.5;

/// Run of the scenario, as the flags describe it.
pub(crate) struct ThroughputRun<'a> {
    /// Server that the flags name; `None` for a throwaway server.
    pub(crate) url: Option<TargetUrl>,
    pub(crate) flags: &'a ThroughputArgs,
    pub(crate) seed: u64,
}

/// Load and evidence with which steps are run, after the server has answered a probe.
pub(crate) struct ThroughputSetup {
    watch: ServerProcessReader,
    load: WsLoad,
    threads: usize,
}

impl Scenario for ThroughputRun<'_> {
    type Target = WsTarget;
    type Prepared = ThroughputSetup;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "ws-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: "throughput",
        }
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let mut config = flags.load.config(self.seed, DEFAULTS);
        for (name, value) in [
            ("connections", json!(flags.connections.0)),
            ("in_flight", json!(flags.in_flight)),
            ("message_bytes", json!(flags.message_size.to_string())),
            ("spawn_rate_per_s", json!(flags.spawn_rate)),
            ("timeout_ns", json!(flags.timeout.as_nanos() as u64)),
        ] {
            config.insert(name.to_owned(), value);
        }
        if let Some(workers) = flags.workers.workers {
            config.insert("workers".to_owned(), workers.into());
        }
        config
    }

    fn shown_figures(&self) -> ShownFigures {
        ShownFigures {
            percentiles: &["p50", "p99", "p999"],
            merged: true,
        }
    }

    fn seeks_limit(&self) -> bool {
        self.flags.load.search.is_given()
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<WsTarget>> {
        let target = WsTarget::open(self.url.as_ref())?;
        let url = Value::from(target.url().masked());
        bench.report.config.insert("url".to_owned(), url);
        Ok(Some(target))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut WsTarget,
    ) -> anyhow::Result<Option<ThroughputSetup>> {
        let flags = self.flags;
        let Some(endpoint) = target.probe(flags.timeout, &bench.cancel)? else {
            return Ok(None);
        };
        let most = flags.connections.0.iter().copied().max().unwrap_or(1);
        let workers = flags.workers.workers;
        // A shortage is warned of; the step then fails with the failures of its connections.
        let _ = planned_shortage(bench, &endpoint, most, workers.unwrap_or(1));
        let watch = target.process_reader(&endpoint);
        if let Some(process) = watch.server_process() {
            let config = &mut bench.report.config;
            config.insert("server_process".to_owned(), process);
        }
        let threads = threads(&endpoint, workers);
        bench
            .report
            .config
            .insert("threads".to_owned(), json!(threads));
        let settings = flags.load_settings();
        let load = WsLoad::start(bench, (target, endpoint), &settings, (workers, threads))?;
        Ok(Some(ThroughputSetup {
            watch,
            load,
            threads,
        }))
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut WsTarget,
        prepared: ThroughputSetup,
    ) -> anyhow::Result<()> {
        let flags = self.flags;
        let mut runner = StepRunner {
            bench,
            load: prepared.load,
            flags,
            watch: prepared.watch,
            threads: prepared.threads,
            stop_rules: stop_rules(flags, target),
        };
        let ran = if flags.load.search.is_given() {
            self.find_rates(&mut runner)
        } else {
            self.measure(&mut runner, target)
        };
        ran?;
        if !runner.bench.interrupted() {
            // This fails if a worker thread has ended, which does not matter at the end.
            let _ = runner.close_beyond(0);
        }
        Ok(())
    }

    fn clean_up(&self, bench: &mut Bench, target: WsTarget) {
        target.clean_up(bench);
    }

    fn summary(&self, report: &Report) -> Summary {
        if self.flags.load.search.is_given() {
            return report.summary.clone();
        }
        throughput_text::conclude(report)
    }

    fn text(&self, report: &Report) -> String {
        if self.flags.load.search.is_given() {
            return found_rates(report);
        }
        throughput_text::text(report)
    }
}

impl ThroughputRun<'_> {
    /// Runs each setting as often as the flags say, in a shuffled order. Ends early when a rule has
    /// ended a step against the user's server.
    fn measure(&self, runner: &mut StepRunner<'_>, target: &WsTarget) -> anyhow::Result<()> {
        let settings = &self.flags.connections.0;
        let step = &self.flags.load.step;
        let order = shuffled_steps(settings.len(), step.repeats(DEFAULTS), self.seed);
        let one = step.warmup(DEFAULTS) + step.measure(DEFAULTS);
        runner.bench.announce(one * order.len() as u32, order.len());
        for next in order {
            let plan = runner.plan(settings[next.setting], next.repeat, self.seed);
            let Some(index) = runner.run_step(settings[next.setting], &plan)? else {
                return Ok(());
            };
            let end = &runner.bench.report.steps[index].end;
            let is_stopped = matches!(end, StepEnd::Stopped { .. });
            let is_users = target.throwaway_url().is_none();
            if runner.bench.interrupted() || (is_stopped && is_users) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn find_rates(&self, runner: &mut StepRunner<'_>) -> anyhow::Result<()> {
        let settings = &self.flags.connections.0;
        let flags = &self.flags.load;
        let order = shuffled_steps(settings.len(), 1, self.seed);
        for (done, next) in order.iter().enumerate() {
            let connections = settings[next.setting];
            let name = throughput_text::setting(connections);
            let held = (&flags.step, DEFAULTS);
            let finder = RateFinder::begin(runner.bench, &name, &flags.search.find_rate, held);
            finder.search(runner, order.len() - done - 1, |runner, step| {
                let plan = runner.plan_at(connections, step, self.seed);
                runner.run_step(connections, &plan)
            })?;
        }
        Ok(())
    }
}

/// Returns the number of threads that make the load: as many as there are cores. A server on this
/// machine keeps one of them, because it would otherwise wait for a core that the load has; with
/// workers, each has a thread at least.
fn threads(endpoint: &WsEndpoint, workers: Option<u64>) -> usize {
    let cores = available_threads();
    let left = if endpoint.is_local() {
        cores.saturating_sub(1)
    } else {
        cores
    };
    left.max(workers.unwrap_or(1) as usize)
}

/// Returns the user's stop rules. Without any, returns one that protects a server of the user's.
fn stop_rules(flags: &ThroughputArgs, target: &WsTarget) -> Vec<StopRule> {
    let given = &flags.load.step.stop_on;
    if given.is_empty() && target.throwaway_url().is_none() {
        let above = PROTECTED_ERROR_RATIO;
        return vec![StopRule::ErrorRatio { above }];
    }
    given.clone()
}
