//! Run of the scenario `throughput`: its settings in a shuffled order, or a search for the highest
//! rate at each of them.

use std::collections::BTreeMap;

use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::{RateFinder, Scenario, ScenarioName, found_rates};
use bench_report::{Report, StepEnd, Summary};
use load_engine::{StopRule, available_threads, shuffled_steps};
use serde_json::{Value, json};

use crate::load::ws_load::WsLoad;
use crate::machine::planned_shortage::planned_shortage;
use crate::server::endpoint::WsEndpoint;
use crate::server::opened_target::OpenedTarget;
use crate::server::process_evidence::ServerProcessReader;
use crate::server::reach::reach;
use crate::server::target::WsTarget;
use crate::throughput::settings::{DEFAULTS, ThroughputSettings};
use crate::throughput::throughput_step::StepRunner;
use crate::throughput::throughput_text;

/// Share of failed messages above which a step against the user's server ends, if no rule is given.
const PROTECTED_ERROR_RATIO: f64 = 0.1;

/// Run of the scenario, as the flags describe it.
pub(crate) struct ThroughputRun {
    /// Servers that the flags name, and the way to them.
    pub(crate) target: WsTarget,
    pub(crate) settings: ThroughputSettings,
}

/// Load and evidence with which steps are run, after the server has answered a probe.
pub(crate) struct ThroughputSetup {
    watch: ServerProcessReader,
    load: WsLoad,
    threads: usize,
}

impl Scenario for ThroughputRun {
    type Target = OpenedTarget;
    type Prepared = ThroughputSetup;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "ws-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: "throughput",
        }
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let mut config = self.settings.config();
        self.target.describe(&mut config);
        config
    }

    fn shown_figures(&self) -> ShownFigures {
        ShownFigures {
            percentiles: &["p50", "p99", "p999"],
            merged: true,
        }
    }

    fn seeks_limit(&self) -> bool {
        self.settings.flags.search.is_given()
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<OpenedTarget>> {
        let target = OpenedTarget::open(&self.target)?;
        let url = Value::from(target.target().masked());
        bench.report.config.insert("url".to_owned(), url);
        Ok(Some(target))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut OpenedTarget,
    ) -> anyhow::Result<Option<ThroughputSetup>> {
        let settings = &self.settings;
        let Some(servers) = reach(bench, target.target(), settings.load.timeout)? else {
            return Ok(None);
        };
        let (most, workers) = (settings.most(), settings.workers);
        let first = servers.first();
        // A shortage is warned of; the step then fails with the failures of its connections.
        let _ = planned_shortage(bench, first, most, workers.unwrap_or(1));
        let watch = target.process_reader(first);
        if let Some(process) = watch.server_process() {
            let config = &mut bench.report.config;
            config.insert("server_process".to_owned(), process);
        }
        let threads = threads(first, workers);
        bench
            .report
            .config
            .insert("threads".to_owned(), json!(threads));
        let load = WsLoad::start(bench, servers, &settings.load, (workers, threads))?;
        Ok(Some(ThroughputSetup {
            watch,
            load,
            threads,
        }))
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut OpenedTarget,
        prepared: ThroughputSetup,
    ) -> anyhow::Result<()> {
        let settings = &self.settings;
        let mut runner = StepRunner {
            bench,
            load: prepared.load,
            settings,
            watch: prepared.watch,
            threads: prepared.threads,
            stop_rules: stop_rules(settings, target),
        };
        let ran = if settings.flags.search.is_given() {
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

    fn clean_up(&self, bench: &mut Bench, target: OpenedTarget) {
        target.clean_up(bench);
    }

    fn summary(&self, report: &Report) -> Summary {
        if self.settings.flags.search.is_given() {
            return report.summary.clone();
        }
        throughput_text::conclude(report)
    }

    fn text(&self, report: &Report) -> String {
        if self.settings.flags.search.is_given() {
            return found_rates(report);
        }
        throughput_text::text(report)
    }
}

impl ThroughputRun {
    /// Runs each setting as often as the flags say, in a shuffled order. Ends early when a rule has
    /// ended a step against the user's server.
    fn measure(&self, runner: &mut StepRunner<'_>, target: &OpenedTarget) -> anyhow::Result<()> {
        let settings = &self.settings;
        let (counts, step) = (&settings.connections, &settings.flags.step);
        let order = shuffled_steps(counts.len(), step.repeats(DEFAULTS), settings.seed);
        let one = step.warmup(DEFAULTS) + step.measure(DEFAULTS);
        runner.bench.announce(one * order.len() as u32, order.len());
        for next in order {
            let connections = counts[next.setting];
            let plan = runner.plan(connections, next.repeat);
            let Some(index) = runner.run_step(connections, &plan)? else {
                return Ok(());
            };
            let end = &runner.bench.report.steps[index].end;
            let is_stopped = matches!(end, StepEnd::Stopped { .. });
            let is_users = !target.is_throwaway();
            if runner.bench.interrupted() || (is_stopped && is_users) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn find_rates(&self, runner: &mut StepRunner<'_>) -> anyhow::Result<()> {
        let settings = &self.settings;
        let flags = &settings.flags;
        let order = shuffled_steps(settings.connections.len(), 1, settings.seed);
        for (done, next) in order.iter().enumerate() {
            let connections = settings.connections[next.setting];
            let name = throughput_text::setting(connections);
            let held = (&flags.step, DEFAULTS);
            let finder = RateFinder::begin(runner.bench, &name, &flags.search.find_rate, held);
            finder.search(runner, order.len() - done - 1, |runner, step| {
                let plan = runner.plan_at(connections, step);
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
fn stop_rules(settings: &ThroughputSettings, target: &OpenedTarget) -> Vec<StopRule> {
    let given = &settings.flags.step.stop_on;
    if given.is_empty() && !target.is_throwaway() {
        let above = PROTECTED_ERROR_RATIO;
        return vec![StopRule::ErrorRatio { above }];
    }
    given.clone()
}
