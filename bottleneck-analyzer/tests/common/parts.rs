//! Parts of reports, made up for tests.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use bench_report::histogram::{self, Histogram};
use bench_report::names::{self, Place};
use bench_report::{
    Environment, EvidenceRow, Generator, Load, Operation, Report, ServerEvidence, Status, Step,
    Summary, Tool, Window,
};
use test_support::empty_step;

use super::{CORES, RUN};

pub(crate) const SECOND: u64 = 1_000_000_000;
const BOOT: &str = "11111111-2222-3333-4444-555555555555";

/// Adds figures to a report by their names in JSON. Names that no program writes are refused, so that no run
/// is made up of figures that do not exist.
pub(crate) trait PlantFigure {
    fn plant(&mut self, name: impl Into<String>, value: f64);
}

impl PlantFigure for ServerEvidence {
    fn plant(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        assert!(names::find(Place::Server, &name).is_some(), "{name}");
        self.figures.insert(name, value);
    }
}

impl PlantFigure for Summary {
    fn plant(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        assert!(names::find(Place::Summary, &name).is_some(), "{name}");
        self.figures.insert(name, value);
    }
}

/// Returns a row of a table of the evidence with these labels and figures.
pub(crate) fn row<'a, L: AsRef<str>>(
    labels: impl IntoIterator<Item = (&'a str, L)>,
    figures: impl IntoIterator<Item = (&'a str, f64)>,
) -> EvidenceRow {
    let labels = labels.into_iter();
    EvidenceRow {
        labels: labels
            .map(|(name, label)| (name.to_owned(), label.as_ref().to_owned()))
            .collect(),
        figures: figures
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

pub(crate) fn begin(tool: &str, scenario: &str, at_ns: u64) -> Report {
    let tool = Tool {
        name: tool.into(),
        version: "0.1.0".into(),
        commit: None,
    };
    let mut report = Report::begin(tool, RUN.into(), scenario);
    report.status = Status::Complete;
    report.started_at = "2026-03-14T09:15:00.000Z".into();
    report.clock.boot_id = Some(BOOT.into());
    report.clock.monotonic_ns = at_ns;
    // The environment is fixed, whatever machine the tests run on.
    report.environment = Environment {
        cores: Some(CORES as u64),
        cores_available: Some(CORES as u64),
        ..Environment::default()
    };
    report
}

pub(crate) fn step(name: &str, start_ns: u64) -> Step {
    Step {
        window: Window {
            start_ns,
            measure_start_ns: start_ns + SECOND / 2,
            measure_end_ns: start_ns + SECOND * 3 / 2,
            end_ns: start_ns + SECOND * 3 / 2 + 1000,
        },
        load: Load::Closed {
            users: 8,
            think_time_ns: 0,
        },
        ..empty_step(name)
    }
}

/// Returns the report with steps whose measured parts last `seconds` each, one after another.
/// Counts and times of the requests stay as they are.
pub(crate) fn held_for(mut report: Report, seconds: u64) -> Report {
    for (index, step) in report.steps.iter_mut().enumerate() {
        let later = index as u64 * seconds * SECOND;
        step.window.start_ns += later;
        step.window.measure_start_ns += later;
        step.window.measure_end_ns = step.window.measure_start_ns + seconds * SECOND;
        step.window.end_ns = step.window.measure_end_ns;
    }
    report
}

pub(crate) fn generator(machine_ratio: f64) -> Generator {
    Generator {
        threads: 4,
        cpu_ns: (machine_ratio * CORES * SECOND as f64) as u64,
        cpu_ratio: machine_ratio,
        busiest_thread_ratio: None,
        ready_ns: None,
        cpu_per_operation_ns: Some(40_000.0),
        worst_stall_ns: 2_000_000,
        parent_cpu_ns: None,
    }
}

/// Returns an operation with one second of successful calls, `throughput_per_s` of them, which take
/// `call_ns` nanoseconds on average.
pub(crate) fn operation(throughput_per_s: f64, call_ns: f64) -> Operation {
    let succeeded = throughput_per_s as u64;
    Operation {
        attempted: succeeded,
        succeeded,
        throughput_per_s,
        call: hist(call_ns, succeeded),
        ..Operation::default()
    }
}

/// Histograms by the bits of their mean and by their number of values.
type Made = HashMap<(u64, u64), Option<Histogram>>;

/// Returns a histogram of `count` values with the mean `mean_ns` (in nanoseconds) and an
/// exponential tail. Keeps each one that it made, because encoding them takes a third of the time of all
/// planted runs.
pub(crate) fn hist(mean_ns: f64, count: u64) -> Option<Histogram> {
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let histogram = made.entry((mean_ns.to_bits(), count));
    histogram.or_insert_with(|| encode(mean_ns, count)).clone()
}

fn encode(mean_ns: f64, count: u64) -> Option<Histogram> {
    let mut recording = histogram::recording();
    let n = count.clamp(1, 500);
    for i in 0..n {
        let q = (i as f64 + 0.5) / n as f64;
        let value = mean_ns * (0.6 - 0.4 * (1.0 - q).ln());
        let weight = count / n + u64::from(i < count % n);
        recording.saturating_record_n(value as u64, weight);
    }
    Histogram::from_recording(&recording)
}
