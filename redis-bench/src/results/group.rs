//! Groups of steps: all repeats of one variant with one way to connect to Redis.

use std::collections::BTreeMap;

use bench_cli::table;
use bench_report::histogram::{Recording, recording};
use bench_report::names::FigureName;
use bench_report::{CheckoutParts, Histogram, Latency, Operation, Report, Step, StepEnd};
use clap::ValueEnum as _;

use crate::clients::ClientKind;
use crate::run::workload::Variants;

/// Group of steps: all repeats of one variant with one way to connect and one number of
/// connections.
pub(crate) struct ClientGroup<'a> {
    /// Name of the workload's variant, if it has several.
    pub(crate) variant: Option<String>,
    /// Way to connect that the steps of the group use.
    pub(crate) client: ClientKind,
    /// Number of connections, as set for the first step of the group.
    pub(crate) count: u64,
    /// Steps of the group in their order of execution, each with its index in the report.
    pub(crate) steps: Vec<(usize, &'a Step)>,
}

/// Returns a way to connect and its number of connections as text: `pool of 8`, `1 shared
/// connection`.
pub(crate) fn setting(client: ClientKind, count: u64) -> String {
    match client {
        ClientKind::Pooled => format!("pool of {count}"),
        ClientKind::Multiplexed => table::counted(count, "shared connection"),
        ClientKind::Managed => table::counted(count, "managed connection"),
        ClientKind::Plain => "a connection per user".to_owned(),
        ClientKind::PerRequest => "a connection per request".to_owned(),
        ClientKind::Cluster => table::counted(count, "connection") + " per node",
    }
}

/// Groups the steps of `report` by variant of the workload, way to connect and number of
/// connections, the smallest pool first. A setting that was not measured has no group.
pub(crate) fn groups<'a>(report: &'a Report, variants: &Variants) -> Vec<ClientGroup<'a>> {
    let mut groups = Vec::new();
    for variant in 0..variants.count() {
        let name = variants.names.get(variant);
        for client in ClientKind::value_variants() {
            let is = |step: &Step, parameter: &str, name: &str| step.is_with(&[(parameter, name)]);
            let of = |(_, step): &(usize, &Step)| {
                is(step, "client", client.name())
                    && name.is_none_or(|name| is(step, variants.parameter, name))
            };
            let count = |step: &Step| Some(step.parameter(client.parameter())? as u64);
            let mut by_count: BTreeMap<u64, Vec<(usize, &Step)>> = BTreeMap::new();
            for (index, step) in report.steps.iter().enumerate().filter(of) {
                if let Some(count) = count(step) {
                    by_count.entry(count).or_default().push((index, step));
                }
            }
            groups.extend(by_count.into_iter().map(|(count, steps)| ClientGroup {
                variant: name.cloned(),
                client: *client,
                count,
                steps,
            }));
        }
    }
    groups
}

impl ClientGroup<'_> {
    /// Iterates over the steps of the group, also those that did not last as long as planned.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().map(|(_, step)| *step)
    }

    /// Returns the sum of a figure over all steps of the group; `None` if no step has it.
    pub(crate) fn total(&self, name: FigureName) -> Option<f64> {
        let values = self.all_steps().filter_map(|step| step.value(name));
        values.reduce(|sum, value| sum + value)
    }

    /// Returns the name of the group as shown to the user, for example `pool of 8`.
    pub(crate) fn name(&self) -> String {
        let client = setting(self.client, self.count);
        match &self.variant {
            Some(variant) => format!("{variant}, {client}"),
            None => client,
        }
    }

    /// Returns the name of the group among the figures of a run: that of the way to connect, with
    /// the variant in front if there are several.
    pub(crate) fn key(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{variant}.{}", self.client.name()),
            None => self.client.name().to_owned(),
        }
    }

    /// Iterates over the steps that lasted as long as planned and have operations; shorter ones
    /// cannot be compared.
    pub(crate) fn completed(&self) -> impl Iterator<Item = &Step> {
        let steps = self.steps.iter().map(|(_, step)| *step);
        steps.filter(|step| step.end == StepEnd::Completed && !step.operations.is_empty())
    }

    /// Returns the throughput of each completed step, in successful requests per second, in the
    /// order of execution.
    pub(crate) fn throughputs(&self) -> Vec<f64> {
        self.completed().map(Step::throughput_per_s).collect()
    }

    /// Returns the value of the figure `name` of each completed step that has it.
    pub(crate) fn figures(&self, name: FigureName) -> Vec<f64> {
        self.completed()
            .filter_map(|step| step.value(name))
            .collect()
    }

    /// Returns the merged latency over all steps and operations, including requests that were never
    /// answered. `None` if a histogram cannot be decoded.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let steps = self.steps.iter();
        Latency::from_operations(steps.flat_map(|(_, step)| step.operations.values())).ok()
    }

    /// Returns the number of requests of all steps that were never answered.
    pub(crate) fn unanswered(&self) -> u64 {
        self.steps.iter().map(|(_, step)| step.censored()).sum()
    }

    /// Merges the histograms that `phase` selects over all steps and operations, in nanoseconds.
    /// Operations without that histogram, and histograms that cannot be decoded, are left out.
    pub(crate) fn merged(&self, phase: impl Fn(&Operation) -> Option<&Histogram>) -> Recording {
        let mut whole = recording();
        for (_, step) in &self.steps {
            for histogram in step.operations.values().filter_map(&phase) {
                if let Ok(part) = histogram.decode() {
                    // Both histograms have the same bounds, so adding cannot fail.
                    let _ = whole.add(part);
                }
            }
        }
        whole
    }

    /// Returns the mean parts of a checkout over all completed steps; `None` if no step recorded
    /// them.
    pub(crate) fn checkout(&self) -> Option<CheckoutParts> {
        let told = self.completed();
        CheckoutParts::merged(told.filter_map(|step| step.pool.as_ref()?.checkout.as_ref()))
    }

    /// Returns the number of failures of all kinds over all steps.
    pub(crate) fn errors(&self) -> u64 {
        let operations = self
            .steps
            .iter()
            .flat_map(|(_, step)| step.operations.values());
        operations.map(Operation::failures).sum()
    }
}
