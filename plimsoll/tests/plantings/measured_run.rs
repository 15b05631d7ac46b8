//! Figures of one run's report, and the impact of a cause measured by taking it away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bench_report::{Report, Step, StepEnd};
use serde::{Deserialize, Serialize};

use crate::planting::DeclaredFigure;

/// Figures of the load of one run, over all of its completed steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeasuredRun {
    /// Mean response time of the successes, in milliseconds; of the calls in a closed loop. Absent
    /// without successes.
    pub(crate) mean_ms: Option<f64>,
    /// Arrivals per second.
    pub(crate) arrivals_per_s: f64,
    /// Successes per second.
    pub(crate) carried_per_s: f64,
    /// Arrivals that failed ÷ arrivals, from 0 to 1.
    pub(crate) failed_ratio: f64,
    /// Versions of the program and of the servers that took part, by name.
    pub(crate) versions: BTreeMap<String, String>,
}

impl MeasuredRun {
    /// Reads the report of the program `tool` among the kept files of a run.
    ///
    /// # Errors
    /// Fails with a sentence if there is none, or none of its steps was measured.
    pub(crate) fn read(kept: &Path, tool: &str) -> Result<Self, String> {
        let path = report_path(kept, tool).ok_or("no report")?;
        let report = bench_report::store::load(&path).map_err(|error| error.to_string())?;
        Self::of(&report).ok_or_else(|| "no step was measured".to_owned())
    }

    /// Returns true if the program `tool` left a report among the kept files.
    pub(crate) fn has_report(kept: &Path, tool: &str) -> bool {
        report_path(kept, tool).is_some()
    }

    fn of(report: &Report) -> Option<Self> {
        let is_measured = |step: &&Step| !matches!(step.end, StepEnd::Failed { .. });
        let steps: Vec<&Step> = report.steps.iter().filter(is_measured).collect();
        let measured_s: f64 = steps.iter().map(|step| step.window.measured_s()).sum();
        if measured_s <= 0.0 {
            return None;
        }
        let operations = || steps.iter().flat_map(|step| step.operations.values());
        let attempted: u64 = operations().map(|o| o.attempted).sum();
        let succeeded: u64 = operations().map(|o| o.succeeded).sum();
        let failed: u64 = operations().flat_map(|o| o.errors.values()).sum();
        let timed =
            operations().filter_map(|o| Some((o.response.as_ref().or(o.call.as_ref())?, o)));
        let total_ns: f64 = timed
            .map(|(times, o)| times.mean_ns * o.succeeded as f64)
            .sum();
        let mut versions = report.environment.versions.clone();
        versions.insert(report.tool.name.clone(), report.tool.version.clone());
        Some(Self {
            mean_ms: (succeeded > 0).then(|| total_ns / succeeded as f64 / 1e6),
            arrivals_per_s: attempted as f64 / measured_s,
            carried_per_s: succeeded as f64 / measured_s,
            failed_ratio: if attempted > 0 {
                failed as f64 / attempted as f64
            } else {
                0.0
            },
            versions,
        })
    }
}

/// Returns the share of the CPU time that the hypervisor gave to others in a step of the load that the program
/// `tool` made, from 0 to 1: that of the worst step. `None` if it was not recorded.
pub(crate) fn stolen_ratio(kept: &Path, tool: &str) -> Option<f64> {
    let report = |tool| bench_report::store::load(&report_path(kept, tool)?).ok();
    let (bench, machine) = (report(tool)?, report("sysmon")?);
    let mut all = machine.series.iter();
    let stolen = all.find(|s| s.name == "cpu.steal_ratio" && s.labels.is_empty())?;
    let in_step = |step: &Step| {
        let window = step.window.measure_start_ns..=step.window.measure_end_ns;
        let points = stolen.at_ns.iter().zip(&stolen.mean);
        let points = points.filter(|(at_ns, _)| window.contains(at_ns));
        let ratios: Vec<f64> = points.filter_map(|(_, ratio)| *ratio).collect();
        (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64)
    };
    bench
        .steps
        .iter()
        .filter_map(in_step)
        .max_by(f64::total_cmp)
}

/// Returns the path of the report of the program `tool`, as in `db-pool-bench.sweep.json`.
fn report_path(kept: &Path, tool: &str) -> Option<PathBuf> {
    let paths = std::fs::read_dir(kept)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let is_of_tool = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        stem.starts_with(&format!("{tool}.")) && path.extension().is_some_and(|e| e == "json")
    };
    paths.into_iter().find(is_of_tool)
}

/// Largest ratio of the calls per second of two runs whose response times can be compared.
const COMPARABLE: f64 = 2.0;

/// Returns the share, from 0 to 1, that taking the cause away gives back; `None` if the declared
/// figure is none that comes back, or was not measured, or if the loads of the two runs are not alike.
pub(crate) fn given_back(
    figure: DeclaredFigure,
    with: &MeasuredRun,
    without: &MeasuredRun,
) -> Option<f64> {
    let share = match figure {
        DeclaredFigure::ResponseTime => {
            let rates = with.arrivals_per_s / without.arrivals_per_s;
            if !(1.0 / COMPARABLE..=COMPARABLE).contains(&rates) {
                return None;
            }
            let (with, without) = (with.mean_ms?, without.mean_ms?);
            (with - without) / with
        }
        DeclaredFigure::Requests => with.failed_ratio - without.failed_ratio,
        DeclaredFigure::Capacity => 1.0 - with.carried_per_s / without.carried_per_s,
        DeclaredFigure::None => return None,
    };
    share.is_finite().then_some(share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mean_ms: f64, carried_per_s: f64, failed_ratio: f64) -> MeasuredRun {
        MeasuredRun {
            mean_ms: Some(mean_ms),
            arrivals_per_s: 100.0,
            carried_per_s,
            failed_ratio,
            versions: BTreeMap::new(),
        }
    }

    #[test]
    fn what_comes_back_is_a_share_of_the_run_with_the_cause() {
        let (with, without) = (run(80.0, 60.0, 0.25), run(20.0, 100.0, 0.05));
        let share = |figure| given_back(figure, &with, &without);
        assert_eq!(share(DeclaredFigure::ResponseTime), Some(0.75));
        assert_eq!(share(DeclaredFigure::Capacity), Some(0.4));
        assert!((share(DeclaredFigure::Requests).unwrap() - 0.2).abs() < 1e-9);
        assert_eq!(share(DeclaredFigure::None), None);
    }

    #[test]
    fn response_times_at_loads_that_are_not_alike_are_not_compared() {
        let (with, without) = (run(80.0, 60.0, 0.25), run(20.0, 100.0, 0.05));
        let at = |arrivals_per_s| MeasuredRun {
            arrivals_per_s,
            ..without.clone()
        };
        let share = |without| given_back(DeclaredFigure::ResponseTime, &with, &without);
        assert_eq!(share(at(51.0)), Some(0.75));
        assert_eq!((share(at(49.0)), share(at(201.0))), (None, None));
    }

    #[test]
    fn a_run_that_is_faster_with_the_cause_gives_nothing_back() {
        let (with, without) = (run(10.0, 100.0, 0.0), run(20.0, 100.0, 0.0));
        assert_eq!(
            given_back(DeclaredFigure::ResponseTime, &with, &without),
            Some(0.0)
        );
        let unmeasured = MeasuredRun {
            mean_ms: None,
            ..with
        };
        assert_eq!(
            given_back(DeclaredFigure::ResponseTime, &unmeasured, &without),
            None
        );
    }
}
