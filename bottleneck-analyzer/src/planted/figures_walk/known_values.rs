//! Values that a figure in the sentences of a finding may have.

use bench_report::Window;
use serde_json::Value;

use crate::assessment::{EvidenceItem, Finding, Gate};
use crate::bench_facts::BenchFacts;
use crate::machine_recording::MachineRecording;
use crate::postgres::PostgresEvidence;
use crate::redis::RedisEvidence;
use crate::run_facts::RunFacts;
use crate::series_reading::{SeriesReading, measured_intervals};
use crate::source_report::SourceReport;
use crate::thresholds::Thresholds;
use crate::time_model;
use crate::windows::StepWindows;

/// Values that a finding may name, by where they come from.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownValues {
    /// Values at the pointers of the finding's evidence, and readings of the series that they point into.
    pub(super) evidence: Vec<f64>,
    /// Figures that the assessment states in fields of their own, with evidence there: the finding's impact,
    /// the parts of the time model, the use of the CPU, throughput and p99 of the settings of a sweep, the
    /// intervals of gates.
    pub(super) stated: Vec<f64>,
    /// Thresholds by which the run was judged.
    pub(super) thresholds: Vec<f64>,
    /// Settings: users, sizes, lengths of steps, size of the machine; and numbers of steps and repeats.
    pub(super) settings: Vec<f64>,
    /// Rates and numbers of calls, with which totals become figures of each call.
    pub(super) load: Vec<f64>,
}

impl KnownValues {
    /// Gathers the values that every finding about `bench` may name.
    pub(super) fn of_bench(bench: &BenchFacts<'_>) -> Self {
        let mut known = Self::of_report(bench.source);
        for (index, step) in bench.operating_repeats() {
            if let Some(model) = time_model::of_step(bench.source, index) {
                let served_ns = model.served_ns();
                known.stated.extend([model.whole_ns, served_ns]);
                known.stated.extend([model.queued_ns(), model.lock_ns()]);
                for part in &model.parts {
                    let of_service = part.ns / served_ns;
                    known.stated.extend([part.ns, part.share_ratio, of_service]);
                }
                // Numbers of sessions by Little's law.
                let parts = model.parts.iter().map(|part| part.ns).chain([served_ns]);
                let rate_per_s = step.throughput_per_s();
                known.load.extend(parts.map(|ns| rate_per_s * ns / 1e9));
            }
            if let Some(server) = RedisEvidence::of_step(bench.source, index) {
                known.stated.push(server.response_ns);
                known.stated.extend(server.busy_ratio());
                known.stated.extend(server.cost_of_others_bytes());
                known.load.extend([server.seconds, server.calls]);
                known
                    .load
                    .extend(["get", "set"].map(|command| server.calls_of(command)));
                known.load.extend(server.others_bytes());
            }
            if let Some(server) = PostgresEvidence::of_step(bench.source, index) {
                known
                    .load
                    .extend([server.calls_per_s(), step.throughput_per_s()]);
                known.load.extend(server.calls_of_counters());
            }
        }
        for setting in bench.sweeps.iter().flat_map(|sweep| &sweep.settings) {
            known.stated.push(setting.throughput_per_s);
            known.stated.extend(setting.p99_ns);
        }
        known.stated.push(bench.noise_ratio());
        if let Some(cpu) = &bench.cpu {
            let stolen = cpu.stolen.map(|stolen| stolen.mean);
            let owners = [
                cpu.server_ratio,
                Some(cpu.generator_ratio),
                cpu.others_ratio(),
            ];
            let whole = [
                Some(cpu.busy_ratio()),
                cpu.used_ratio(),
                Some(cpu.known_ratio()),
            ];
            let size = [
                Some(cpu.cores),
                cpu.limit.as_ref().map(|limit| limit.cores),
                stolen,
            ];
            let all = owners.into_iter().chain(whole).chain(size);
            known.stated.extend(all.flatten());
        }
        known
    }

    /// Gathers the settings of a report.
    pub(super) fn of_report(source: &SourceReport) -> Self {
        let report = &source.report;
        let mut settings: Vec<f64> = (1..=report.steps.len()).map(|n| n as f64).collect();
        settings.extend(report.environment.cores.map(|n| n as f64));
        numbers(&source.raw["config"], &mut settings);
        for step in &report.steps {
            settings.extend(
                step.parameters
                    .values()
                    .filter_map(bench_report::Parameter::as_f64),
            );
            numbers(&serde_json::to_value(&step.load).unwrap(), &mut settings);
            settings.push(step.window.measured_s());
        }
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Gathers the thresholds by which the run was judged.
    pub(super) fn of_thresholds(thresholds: &Thresholds) -> Self {
        let mut known = Self::default();
        numbers(
            &serde_json::to_value(thresholds).unwrap(),
            &mut known.thresholds,
        );
        known
    }

    /// Gathers the values between which the true figures of gates lie.
    pub(super) fn of_gates(gates: &[Gate]) -> Self {
        let intervals = gates.iter().flat_map(|gate| [gate.low, gate.high]);
        Self {
            stated: intervals.flatten().collect(),
            ..Self::default()
        }
    }

    /// Adds the values that `finding` alone may name.
    pub(super) fn with(mut self, finding: &Finding, facts: &RunFacts<'_>) -> Self {
        numbers(
            &serde_json::to_value(finding.impact).unwrap(),
            &mut self.stated,
        );
        let computed = finding.computed.iter().map(|figure| figure.value);
        self.stated.extend(computed);
        for evidence in &finding.evidence {
            self.evidence.extend(evidence.value.as_f64());
            self.evidence.extend(readings(evidence, facts));
        }
        for (place, from) in finding.evidence.iter().enumerate() {
            let later = &finding.evidence[place + 1..];
            let trends = later.iter().filter_map(|to| trend(from, to, facts));
            self.evidence.extend(trends.flatten());
        }
        self
    }

    /// Adds the values of `other`.
    pub(super) fn extend(&mut self, other: &Self) {
        self.stated.extend(&other.stated);
        self.settings.extend(&other.settings);
        self.load.extend(&other.load);
        self.thresholds.extend(&other.thresholds);
    }
}

/// Returns the report, the series and the point that `evidence` points at; `None` for other evidence.
fn point<'a>(
    evidence: &EvidenceItem,
    facts: &'a RunFacts<'_>,
) -> Option<(&'a SourceReport, usize, Option<usize>)> {
    let rest = evidence.pointer.strip_prefix("/series/")?;
    let mut parts = rest.split('/');
    let series = parts.next()?.parse().ok()?;
    let mut sources = facts.run.sources.iter();
    let source = sources.find(|source| source.file == evidence.file)?;
    Some((
        source,
        series,
        parts.nth(1).and_then(|point| point.parse().ok()),
    ))
}

/// Returns the fall per second of a series between two of its points, and the time in seconds from the later
/// one until nothing is left at that rate. `None` for other evidence.
fn trend(one: &EvidenceItem, other: &EvidenceItem, facts: &RunFacts<'_>) -> Option<[f64; 2]> {
    let (source, series, first) = point(one, facts)?;
    let (other_source, other_series, second) = point(other, facts)?;
    if (&source.file, series) != (&other_source.file, other_series) {
        return None;
    }
    let (earlier, later) = (first?.min(second?), first?.max(second?));
    let series = &source.report.series[series];
    let at_s = |index: usize| series.at_ns[index] as f64 / 1e9;
    let (from, to) = (series.mean[earlier]?, series.mean[later]?);
    let per_s = (from - to) / (at_s(later) - at_s(earlier));
    Some([per_s, to / per_s])
}

/// Returns the mean and the highest sample of the series that `evidence` points into: over the measured part
/// of each step, over the tenths of it, over the whole load, and over the whole recording. Empty for other
/// evidence.
fn readings(evidence: &EvidenceItem, facts: &RunFacts<'_>) -> Vec<f64> {
    let Some((source, index, _)) = point(evidence, facts) else {
        return Vec::new();
    };
    let series = &source.report.series[index];
    let mut found = Vec::new();
    let mut add = |reading: Option<SeriesReading>| {
        found.extend(
            reading
                .into_iter()
                .flat_map(|reading| [reading.mean, reading.max]),
        );
    };
    let whole = facts.machine.map(MachineRecording::whole);
    for window in facts.load_window().into_iter().chain(whole) {
        add(read(index, source, window));
    }
    for bench in &facts.benches {
        for (place, step) in bench.source.report.steps.iter().enumerate() {
            add(read(index, source, step.window));
            let windows = StepWindows::of_step(bench, place, None);
            let is_own = source.file == bench.source.file;
            let spans: Vec<_> = if is_own {
                measured_intervals(series, step.window)
            } else {
                series.spans().collect()
            };
            for window in windows.iter().flat_map(|windows| &windows.spans) {
                add(SeriesReading::from_spans(index, series, &spans, window));
            }
        }
    }
    found
}

fn read(index: usize, source: &SourceReport, window: Window) -> Option<SeriesReading> {
    let measured = window.measure_start_ns..window.measure_end_ns;
    SeriesReading::over(index, &source.report.series[index], &measured)
}

/// Adds every number in `value` to `found`.
fn numbers(value: &Value, found: &mut Vec<f64>) {
    match value {
        Value::Number(number) => found.extend(number.as_f64()),
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| numbers(field, found)),
        _ => {}
    }
}
