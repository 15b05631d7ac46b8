//! Scenario `limit`: finds the number of connections that a server holds, and the owner of the
//! limit.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::{Scenario, ScenarioName};
use bench_report::names::summaries;
use bench_report::{Limit, LimitOwner, Report};
use load_engine::{Failure, available_threads};
use serde_json::Value;

use crate::connection::failure;
use crate::limit::limit_text;
use crate::limit::search::LimitSearch;
use crate::limit::settings::LimitSettings;
use crate::limit::step_runner::{StepBreak, StepRunner, StepVerdict};
use crate::limit::verdict::BreakReason;
use crate::load::ws_load::WsLoad;
use crate::machine::machine_limits::Shortage;
use crate::machine::planned_shortage::planned_shortage;
use crate::server::endpoint::TargetUrl;
use crate::server::probe::{ProbeResult, probe};
use crate::server::process_evidence::ServerProcessReader;
use crate::server::ws_target::WsTarget;

/// Largest time-out of each part of the probe after a rule ended a step. If the probe fails because
/// of the server, the server counts as gone.
const PROBE_AFTER_RULE: Duration = Duration::from_secs(1);

/// Search for the limit of a server, as the flags describe it. Without a URL a throwaway server is
/// started.
pub(crate) struct LimitRun {
    /// Server that the flags name; `None` for a throwaway server.
    pub(crate) url: Option<TargetUrl>,
    /// Settings of the search.
    pub(crate) settings: LimitSettings,
    /// Number of worker processes that hold the connections; `None` if this process holds them
    /// itself.
    pub(crate) workers: Option<u64>,
    /// Entries of the report's `config` that come from the flags of the load.
    pub(crate) config: BTreeMap<String, Value>,
}

/// Load and evidence with which steps are run, after the server has answered a probe.
pub(crate) struct LimitSetup {
    watch: ServerProcessReader,
    load: WsLoad,
    /// Limit of this machine that is below the number of connections to try; `None` if there is
    /// none.
    shortage: Option<Shortage>,
}

impl Scenario for LimitRun {
    type Target = WsTarget;
    type Prepared = LimitSetup;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "ws-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: "limit",
        }
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let mut config = self.config.clone();
        self.settings.describe(&mut config);
        if let Some(workers) = self.workers {
            config.insert("workers".to_owned(), workers.into());
        }
        config
    }

    fn shown_figures(&self) -> ShownFigures {
        ShownFigures {
            merged: false,
            ..ShownFigures::default()
        }
    }

    fn seeks_limit(&self) -> bool {
        true
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
    ) -> anyhow::Result<Option<LimitSetup>> {
        let settings = &self.settings;
        let Some(endpoint) = target.probe(settings.timeout, &bench.cancel)? else {
            return Ok(None);
        };
        let shortage = planned_shortage(bench, &endpoint, settings.max, self.workers.unwrap_or(1));
        let watch = target.process_reader(&endpoint);
        if let Some(process) = watch.server_process() {
            let config = &mut bench.report.config;
            config.insert("server_process".to_owned(), process);
        }
        let load = WsLoad::start(
            bench,
            (target, endpoint),
            &settings.load_settings(),
            (self.workers, available_threads()),
        )?;
        Ok(Some(LimitSetup {
            watch,
            load,
            shortage,
        }))
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut WsTarget,
        prepared: LimitSetup,
    ) -> anyhow::Result<()> {
        let settings = &self.settings;
        let shortage = prepared.shortage;
        let mut runner = StepRunner {
            bench,
            load: prepared.load,
            settings,
            watch: prepared.watch,
            steps_left: 0,
        };
        let highest = shortage.as_ref().map_or(settings.max, |s| s.fits.max(1));
        let mut search = LimitSearch::new(settings.start, settings.factor, highest);
        let found = run_steps(&mut runner, &mut search, target.url())?;
        let is_gone = matches!(found, Some(Found::Gone(_)));
        if !is_gone && !runner.bench.interrupted() {
            // This fails if a worker thread has ended, which does not matter at the end.
            let _ = runner.close_beyond(0);
        }
        drop(runner);
        let why = found.map(|(Found::Broke(why) | Found::Gone(why))| why);
        conclude(bench, &search, why, shortage.as_ref());
        Ok(())
    }

    fn clean_up(&self, bench: &mut Bench, target: WsTarget) {
        target.clean_up(bench);
    }

    fn text(&self, report: &Report) -> String {
        limit_text::text(report)
    }
}

/// Reason why the lowest step that did not hold broke, and whether the server still works.
enum Found {
    /// The server still answers, as far as that was tested.
    Broke(BreakReason),
    /// The server does not answer any connection any more, so that the search ended.
    Gone(BreakReason),
}

/// Runs steps until the limit is known, the server is gone, or the run is interrupted. Returns the
/// reason why the last broken step broke; `None` if none broke. Fails if no load can be made.
fn run_steps(
    runner: &mut StepRunner<'_>,
    search: &mut LimitSearch,
    target: &TargetUrl,
) -> anyhow::Result<Option<Found>> {
    let mut found = None;
    while let Some(step) = search.next() {
        if runner.bench.interrupted() {
            return Ok(found);
        }
        runner.steps_left = search.steps_after();
        runner.close_beyond(step)?;
        match hold(runner, step)? {
            StepVerdict::Held => search.held(step),
            StepVerdict::Interrupted => return Ok(found),
            StepVerdict::Broken(broken) => {
                search.broke(step, broken.open);
                if let Some(gone) = server_gone(runner, &broken, target)? {
                    return Ok(Some(Found::Gone(gone)));
                }
                found = Some(Found::Broke(broken.why));
            }
        }
    }
    Ok(found)
}

/// Runs the repeats of a step with `step` connections until one does not hold, and returns the
/// verdict on that one; `Held` if all hold.
fn hold(runner: &mut StepRunner<'_>, step: u64) -> anyhow::Result<StepVerdict> {
    for repeat in 0..runner.settings.repeats {
        match hold_once(runner, step, repeat)? {
            StepVerdict::Held => {}
            other => return Ok(other),
        }
    }
    Ok(StepVerdict::Held)
}

/// Runs one repeat of a step. Runs it again, up to three times in all, if it broke while the
/// generator itself was late, and returns the last verdict.
fn hold_once(runner: &mut StepRunner<'_>, step: u64, repeat: u64) -> anyhow::Result<StepVerdict> {
    const TRIES: usize = 3;
    for _ in 1..TRIES {
        match runner.run_step(step, repeat)? {
            StepVerdict::Broken(broken) if broken.why.may_pass => {}
            other => return Ok(other),
        }
        runner
            .bench
            .line("the generator itself was late: this step is tried again");
        runner.close_beyond(step)?;
        if runner.bench.interrupted() {
            return Ok(StepVerdict::Interrupted);
        }
    }
    runner.run_step(step, repeat)
}

/// Returns the reason of a broken step if the server answers no connection any more, so that the
/// search must end; `None` otherwise. A new connection is tried out if all connections were lost,
/// or if a rule ended the step, because that happens if a server hangs.
fn server_gone(
    runner: &StepRunner<'_>,
    broken: &StepBreak,
    target: &TargetUrl,
) -> anyhow::Result<Option<BreakReason>> {
    let timeout = runner.settings.timeout;
    let (bound, observed) = match broken {
        StepBreak { open: 0, .. } => (timeout, "the server answered nobody any more".to_owned()),
        StepBreak { by_rule: true, .. } => {
            let bound = timeout.min(PROBE_AFTER_RULE);
            let text = humantime::format_duration(bound);
            (bound, format!("a new connection got no echo within {text}"))
        }
        StepBreak { .. } => return Ok(None),
    };
    let found = probe(target, bound, &runner.bench.cancel)?;
    let of_target = |failure: &Failure| failure::owner(&failure.kind) == LimitOwner::Target;
    let is_gone = matches!(found, ProbeResult::Nothing(failure) if of_target(&failure));
    Ok(is_gone.then(|| BreakReason {
        reason: format!("{}; after that {observed}", broken.why.reason),
        ..broken.why.clone()
    }))
}

fn conclude(
    bench: &mut Bench,
    search: &LimitSearch,
    found: Option<BreakReason>,
    shortage: Option<&Shortage>,
) {
    let held = search.highest_held();
    let (owner, reason) = match (found, shortage) {
        _ if bench.interrupted() => (
            LimitOwner::Unknown,
            "the search was interrupted: the true limit may be higher".to_owned(),
        ),
        (Some(why), _) => (why.owner, why.reason),
        (None, Some(short)) => (
            short.owner,
            format!(
                "{}: the target's limit is higher; {}",
                short.reason, short.remedy
            ),
        ),
        (None, None) => (
            LimitOwner::Bound,
            "--max was reached, the true limit is higher".to_owned(),
        ),
    };
    let summary = &mut bench.report.summary;
    summary.figure(summaries::CONNECTIONS_HELD, held as f64);
    let limit = Limit {
        parameter: "connections".to_owned(),
        value: held as f64,
        owner,
        reason,
    };
    summary.headline = limit_text::headline(&limit);
    summary.limit = Some(limit);
}
