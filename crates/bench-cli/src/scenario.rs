//! Scenario of a bench, and the run of any scenario from its flags to its exit code.

use std::collections::BTreeMap;

use bench_report::{Report, Summary};
use load_engine::Phase;
use serde_json::Value;

use crate::Exit;
use crate::bench::{Bench, ShownFigures};
use crate::exit::explain;
use crate::flags::OutputFlags;

/// Names under which a scenario's report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioName {
    /// Program, as in `redis-bench`.
    pub tool: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// Scenario, as on the command line.
    pub scenario: &'static str,
}

/// Scenario of a bench: what it loads, in which steps, and what it concludes. [`run_scenario`] runs
/// it, and owns everything that is the same for all: the report and its place, saving, progress,
/// signals, the order of clean-up, and the exit code.
pub trait Scenario {
    /// What the scenario loads: a server, be it the user's or a throwaway one, with what the run
    /// makes on it.
    type Target;
    /// What preparing has yielded and the steps need.
    type Prepared;

    /// Names of the report.
    fn name(&self) -> ScenarioName;

    /// Checks the flags before anything is written or connected to.
    ///
    /// # Errors
    /// Fails with a [`UsageError`](crate::UsageError).
    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Returns the flags and settings as entries of the report's `config`.
    fn config(&self) -> BTreeMap<String, Value>;

    /// Percentiles that [`Scenario::text`] shows, about which doubts are told.
    fn shown_figures(&self) -> ShownFigures {
        ShownFigures::default()
    }

    /// Returns true if a rule that ends a step is the result looked for, and no failure.
    fn seeks_limit(&self) -> bool {
        false
    }

    /// Finds the target or starts it; nothing is made on it yet. `None` when a signal came.
    ///
    /// # Errors
    /// Fails with a remedy when there is no target.
    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<Self::Target>>;

    /// Connects to the target and prepares it for the steps. `None` when a signal came.
    ///
    /// # Errors
    /// Fails with a remedy when the target does not answer, or does not allow the run.
    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut Self::Target,
    ) -> anyhow::Result<Option<Self::Prepared>>;

    /// Runs the steps, until all are done or a signal comes.
    ///
    /// # Errors
    /// Fails when no load can be made. What was measured until then is kept.
    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut Self::Target,
        prepared: Self::Prepared,
    ) -> anyhow::Result<()>;

    /// Removes what the run has made on the target and ends what it has started. Called once
    /// [`Scenario::open`] has returned a target, whatever came of the rest.
    fn clean_up(&self, bench: &mut Bench, target: Self::Target) {
        let _ = (bench, target);
    }

    /// Returns the scenario's conclusions about its own data. By default those that the steps have
    /// written into the report.
    fn summary(&self, report: &Report) -> Summary {
        report.summary.clone()
    }

    /// Returns the result as text.
    fn text(&self, report: &Report) -> String;
}

/// Runs `scenario` from its flags to its exit code. An error after a signal is an effect of it: the
/// run ends as an interrupted one.
///
/// # Errors
/// Fails on wrong usage, without a target, and when the report cannot be written. A report that was
/// begun is saved with what was measured, and marked `failed`.
pub fn run_scenario<S: Scenario>(scenario: &S, output: &OutputFlags) -> anyhow::Result<Exit> {
    scenario.check()?;
    let name = scenario.name();
    let config = scenario.config();
    let mut bench = Bench::begin(name.tool, name.version, name.scenario, output, config)?;
    bench.show_figures(scenario.shown_figures());
    if scenario.seeks_limit() {
        bench.seek_limit();
    }
    let loaded = load(scenario, &mut bench);
    bench.report.summary = scenario.summary(&bench.report);
    if let Err(error) = loaded {
        if !bench.interrupted() {
            // Dropped, the bench saves the report as failed.
            return Err(error);
        }
        tracing::info!(
            error = explain(&error),
            "the run failed after it was interrupted"
        );
    }
    let text = scenario.text(&bench.report);
    bench.finish(&text)
}

/// Opens the target, prepares it and runs the steps; cleans up in any case.
fn load<S: Scenario>(scenario: &S, bench: &mut Bench) -> anyhow::Result<()> {
    let Some(mut target) = scenario.open(bench)? else {
        return Ok(());
    };
    let loaded = match scenario.prepare(bench, &mut target) {
        Ok(Some(prepared)) => scenario.steps(bench, &mut target, prepared),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    bench.phase(Phase::Save);
    scenario.clean_up(bench, target);
    loaded
}
