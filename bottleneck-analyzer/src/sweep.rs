//! Sweeps: the steps of a report, grouped by subject and setting.

use std::collections::BTreeMap;

use bench_report::{Report, Step, StepEnd};

use crate::{rate_search, requests};

/// Setting of a sweep, with the figures of its completed repeats.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SweepSetting {
    /// Value of the swept parameter at this setting; 0 if nothing was swept.
    pub value: f64,
    /// Indices into the report's `steps` of the completed repeats.
    pub steps: Vec<usize>,
    /// Mean throughput of the repeats, in successful requests per second.
    pub throughput_per_s: f64,
    /// Median over the repeats of the p99 of their slowest operation, in nanoseconds; `None` if no
    /// request was timed.
    pub p99_ns: Option<f64>,
}

/// Sweep of one subject over several settings of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sweep {
    /// Name of the subject, as in `deadpool` or `pooled, read-heavy`; empty if no parameter names
    /// one.
    pub subject: String,
    /// Name of the swept parameter, as in `pool_size`; empty if nothing was swept.
    pub parameter: String,
    /// Settings in ascending order of the parameter.
    pub settings: Vec<SweepSetting>,
}

/// Names of the parameters that can be swept, in order of preference.
const SWEPT: [&str; 4] = ["pool_size", "connections", "users", "rate_per_s"];

/// Names of the parameters whose values name the subject of a sweep.
const SUBJECTS: [&str; 4] = ["driver", "client", "workload", "value_bytes"];

impl Sweep {
    /// Groups the completed steps of a report into sweeps, one for each subject. Of the steps of a
    /// search for a rate, only those that stand for a limit that was found are used.
    pub(crate) fn from_report(report: &Report) -> Vec<Self> {
        let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (index, step) in report.steps.iter().enumerate() {
            let is_setting = completed(step) && rate_search::shows_limit(report, index);
            if is_setting && !step.operations.is_empty() {
                groups.entry(key(report, step)).or_default().push(index);
            }
        }
        groups
            .into_iter()
            .map(|((subject, parameter), steps)| Self {
                settings: settings(report, &parameter, &steps),
                subject,
                parameter,
            })
            .collect()
    }

    /// Returns the setting that contains step `index`, with its index in `settings`; `None` if no
    /// setting does.
    pub(crate) fn setting_of_step(&self, index: usize) -> Option<(usize, &SweepSetting)> {
        let mut settings = self.settings.iter().enumerate();
        settings.find(|(_, s)| s.steps.contains(&index))
    }
}

fn key(report: &Report, step: &Step) -> (String, String) {
    let varies = |name: &str| {
        let mut seen = report.steps.iter().filter_map(|s| s.parameters.get(name));
        let first = seen.next();
        seen.any(|other| Some(other) != first)
    };
    let always = |name: &str| matches!(name, "driver" | "client");
    let subject: Vec<String> = SUBJECTS
        .into_iter()
        .filter(|name| always(name) || varies(name))
        .filter_map(|name| step.parameters.get(name).map(ToString::to_string))
        .collect();
    let parameter = SWEPT
        .into_iter()
        .find(|name| step.parameter(name).is_some())
        .unwrap_or_default();
    (subject.join(", "), parameter.to_owned())
}

fn settings(report: &Report, parameter: &str, steps: &[usize]) -> Vec<SweepSetting> {
    let mut found: Vec<SweepSetting> = Vec::new();
    for &index in steps {
        let value = report.steps[index].parameter(parameter).unwrap_or(0.0);
        match found.iter_mut().find(|s| s.value.total_cmp(&value).is_eq()) {
            Some(setting) => setting.steps.push(index),
            None => found.push(SweepSetting {
                value,
                steps: vec![index],
                throughput_per_s: 0.0,
                p99_ns: None,
            }),
        }
    }
    for setting in &mut found {
        let of = |figure: fn(&Step) -> Option<f64>| -> Vec<f64> {
            let repeats = setting.steps.iter().map(|i| &report.steps[*i]);
            repeats.filter_map(figure).collect()
        };
        let throughputs = of(|step| Some(step.throughput_per_s()));
        setting.throughput_per_s = statistics::mean(&throughputs).unwrap_or(0.0);
        setting.p99_ns = statistics::median(&of(|step| {
            requests::slowest(step, |h| h.percentiles_ns.p99).map(|s| s.ns as f64)
        }));
    }
    found.sort_by(|a, b| a.value.total_cmp(&b.value));
    found
}

/// Returns true if a step ran to its planned end: no stop rule, signal or fault ended it.
pub(crate) fn completed(step: &Step) -> bool {
    matches!(step.end, StepEnd::Completed)
}

/// Describes the setting of a step, names first: `deadpool, read-heavy, pool size 8, users 32`.
/// Durations of zero are left out.
pub(crate) fn describe_setting(step: &Step) -> String {
    let number = |value: &bench_report::Parameter| value.as_f64().is_some();
    let names = step.parameters.iter().filter(|(_, v)| !number(v));
    let numbers = step.parameters.iter().filter(|(_, v)| number(v));
    let told = |(key, value): (&String, &bench_report::Parameter)| {
        let text = value.to_string();
        match text.as_str() {
            "0" | "0s" => None,
            time if time.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(format!("{} {time}", key.replace('_', " ")))
            }
            _ => Some(text),
        }
    };
    let words = names
        .filter_map(told)
        .chain(numbers.map(|(k, v)| format!("{} {v}", k.replace('_', " "))));
    words.collect::<Vec<_>>().join(", ")
}
