//! Scenario of a bench as a trait, and the run of a scenario from its flags to its exit code.

use std::collections::BTreeMap;

use bench_report::{Report, Summary};
use load_engine::Phase;
use serde_json::Value;

use crate::Exit;
use crate::bench::{Bench, ShownFigures};
use crate::exit::explain;
use crate::flags::OutputFlags;

/// Names that identify a scenario in its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioName {
    /// Name of the program, such as `redis-bench`.
    pub tool: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// Name of the scenario, as on the command line.
    pub scenario: &'static str,
}

/// Scenario of a bench: its target, its steps and its conclusions. [`run_scenario`] runs it, and
/// does everything that all scenarios share: the report and its file, progress, signals, the order
/// of clean-up, and the exit code.
pub trait Scenario {
    /// Target of the load: a server of the user or a throwaway one, with the data that the run
    /// creates on it.
    type Target;
    /// Result of [`Scenario::prepare`], which [`Scenario::steps`] needs.
    type Prepared;

    /// Returns the names of program, version and scenario for the report.
    fn name(&self) -> ScenarioName;

    /// Checks the flags before anything is written or connected to.
    ///
    /// # Errors
    /// Fails with a [`UsageError`](crate::UsageError) if the flags are wrong.
    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Returns the flags and settings of the run as entries of the report's `config`.
    fn config(&self) -> BTreeMap<String, Value>;

    /// Returns the latency figures that [`Scenario::text`] shows; the text output repeats warnings
    /// for these only.
    fn shown_figures(&self) -> ShownFigures {
        ShownFigures::default()
    }

    /// Returns true if the scenario seeks a limit, so that a step that a stop rule ends is a
    /// result and no failure.
    fn seeks_limit(&self) -> bool {
        false
    }

    /// Finds or starts the target, and creates nothing on it yet. `None` if a signal ended the
    /// run.
    ///
    /// # Errors
    /// Fails if there is no target, and says what to do.
    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<Self::Target>>;

    /// Connects to the target and prepares it for the steps, for example by writing data. `None`
    /// if a signal ended the run.
    ///
    /// # Errors
    /// Fails if the target does not answer or does not allow the run, and says what to do.
    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut Self::Target,
    ) -> anyhow::Result<Option<Self::Prepared>>;

    /// Runs the steps and adds them to the report, until all have ended or a signal comes.
    ///
    /// # Errors
    ///
    /// Fails if no load can be made. The steps that were measured before stay in the report.
    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut Self::Target,
        prepared: Self::Prepared,
    ) -> anyhow::Result<()>;

    /// Removes the data that the run created on the target, and ends the processes that it started.
    /// Called whenever [`Scenario::open`] has returned a target, even if a later part failed.
    fn clean_up(&self, bench: &mut Bench, target: Self::Target) {
        let _ = (bench, target);
    }

    /// Returns the scenario's conclusions. By default these are what the steps have written into
    /// the report's summary.
    fn summary(&self, report: &Report) -> Summary {
        report.summary.clone()
    }

    /// Returns the result as text for stdout, with a line break at its end.
    fn text(&self, report: &Report) -> String;
}

/// Runs `scenario` and returns the exit status. An error after a signal is taken for an effect of
/// the signal: the run then ends as interrupted.
///
/// # Errors
///
/// Fails on wrong usage, if the target cannot be opened or prepared, if no load can be made, if
/// there is no result, and if the report cannot be written. A report that was begun is saved with
/// the steps measured so far, and marked `failed`.
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
            // The bench, when it is dropped here, saves the report as failed.
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

/// Opens the target, prepares it and runs the steps. Cleans up whenever a target was opened, also
/// after an error.
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
