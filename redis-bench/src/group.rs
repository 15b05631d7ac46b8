//! Groups of steps: all repeats of one way to connect.

use bench_report::histogram::{Recording, recording};
use bench_report::{CheckoutParts, Histogram, Latency, Operation, Report, Step, StepEnd};

use crate::clients::ClientKind;

/// Repeats of one setting, with their places in the report.
pub(crate) struct ClientGroup<'a> {
    /// The way to connect.
    pub(crate) client: ClientKind,
    /// Connections.
    pub(crate) count: u64,
    /// Index in the report, and step.
    pub(crate) steps: Vec<(usize, &'a Step)>,
}

/// Returns a setting as text: `pool of 8`, `1 shared connection`.
pub(crate) fn setting(client: ClientKind, count: u64) -> String {
    match (client, count) {
        (ClientKind::Pooled, _) => format!("pool of {count}"),
        (ClientKind::Multiplexed, 1) => "1 shared connection".to_owned(),
        (ClientKind::Multiplexed, _) => format!("{count} shared connections"),
    }
}

/// The steps of `report` by client; a client that was not measured has none.
pub(crate) fn groups(report: &Report) -> Vec<ClientGroup<'_>> {
    let of = |client: ClientKind| {
        let named = |step: &&Step| {
            step.parameters
                .get("client")
                .map(ToString::to_string)
                .as_deref()
                == Some(client.name())
        };
        let steps = report.steps.iter().enumerate();
        let steps: Vec<(usize, &Step)> = steps.filter(|(_, step)| named(step)).collect();
        let (_, first) = steps.first()?;
        let count = first.parameter(client.parameter())? as u64;
        Some(ClientGroup {
            client,
            count,
            steps,
        })
    };
    [ClientKind::Pooled, ClientKind::Multiplexed]
        .into_iter()
        .filter_map(of)
        .collect()
}

impl ClientGroup<'_> {
    /// Name as it is shown.
    pub(crate) fn name(&self) -> String {
        setting(self.client, self.count)
    }

    /// Steps that lasted as long as planned; shorter ones are no fair sample.
    pub(crate) fn completed(&self) -> impl Iterator<Item = &Step> {
        let steps = self.steps.iter().map(|(_, step)| *step);
        steps.filter(|step| step.end == StepEnd::Completed && !step.operations.is_empty())
    }

    /// Successes per second of each completed step.
    pub(crate) fn throughputs(&self) -> Vec<f64> {
        self.completed().map(Step::throughput_per_s).collect()
    }

    /// A figure of each completed step that has it.
    pub(crate) fn figures(&self, name: &str) -> Vec<f64> {
        self.completed()
            .filter_map(|step| step.figures.get(name).copied())
            .collect()
    }

    /// Latency over all repeats and operations, requests that were never answered among them;
    /// `None` where a histogram is damaged.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let steps = self.steps.iter();
        Latency::from_operations(steps.flat_map(|(_, step)| step.operations.values())).ok()
    }

    /// Requests that were never answered.
    pub(crate) fn unanswered(&self) -> u64 {
        self.steps.iter().map(|(_, step)| step.censored()).sum()
    }

    /// All durations of a phase over all repeats and operations.
    pub(crate) fn merged(&self, phase: impl Fn(&Operation) -> Option<&Histogram>) -> Recording {
        let mut whole = recording();
        for (_, step) in &self.steps {
            for histogram in step.operations.values().filter_map(&phase) {
                if let Ok(part) = histogram.decode() {
                    // Equal bounds on both sides: adding cannot fail.
                    let _ = whole.add(part);
                }
            }
        }
        whole
    }

    /// Parts of its checkouts, over all completed steps.
    pub(crate) fn checkout(&self) -> Option<CheckoutParts> {
        let told = self.completed();
        CheckoutParts::merged(told.filter_map(|step| step.pool.as_ref()?.checkout.as_ref()))
    }

    /// Failures of every kind over all steps.
    pub(crate) fn errors(&self) -> u64 {
        let operations = self
            .steps
            .iter()
            .flat_map(|(_, step)| step.operations.values());
        operations.map(Operation::failures).sum()
    }
}
