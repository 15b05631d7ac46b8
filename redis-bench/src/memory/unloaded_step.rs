//! Step of a report without load: it has settings, figures and evidence, but no operations.

use std::collections::BTreeMap;

use bench_report::clock::monotonic_ns;
use bench_report::{
    Generator, Load, Parameter, ServerEvidence, Step, StepEnd, Warning, WarningCode, Window,
};

/// Finished step, with warnings about it that name step 0.
#[derive(Debug)]
pub(crate) struct UnloadedStep {
    /// Step of the report.
    pub(crate) step: Step,
    /// Doubts about its figures.
    pub(crate) doubts: Vec<Warning>,
}

impl UnloadedStep {
    /// Begins a step now. Its parameter `part` is the part of the scenario that it belongs to.
    pub(crate) fn begin(name: String, part: &str) -> Self {
        let now_ns = monotonic_ns();
        let window = Window {
            start_ns: now_ns,
            measure_start_ns: now_ns,
            measure_end_ns: now_ns,
            end_ns: now_ns,
        };
        let step = Step {
            name,
            parameters: BTreeMap::from([("part".to_owned(), part.into())]),
            repeat: 0,
            window,
            load: Load::Closed {
                users: 0,
                think_time_ns: 0,
            },
            operations: BTreeMap::new(),
            parts: BTreeMap::new(),
            failures: Vec::new(),
            pool: None,
            server: None,
            generator: Generator::default(),
            curve: None,
            segments: Vec::new(),
            sessions: None,
            figures: BTreeMap::new(),
            end: StepEnd::Completed,
        };
        Self {
            step,
            doubts: Vec::new(),
        }
    }

    /// Sets a parameter of the step.
    pub(crate) fn parameter(&mut self, name: &str, value: impl Into<Parameter>) {
        self.step.parameters.insert(name.to_owned(), value.into());
    }

    /// Returns the evidence about the server, which is empty at first.
    pub(crate) fn server(&mut self) -> &mut ServerEvidence {
        self.step.server.get_or_insert_default()
    }

    /// Notes that `what` is not known, with the reason.
    pub(crate) fn unavailable(&mut self, what: &str, reason: &str) {
        let unavailable = &mut self.server().unavailable;
        unavailable.insert(what.to_owned(), reason.to_owned());
    }

    /// Adds a warning that concerns the step's figures.
    pub(crate) fn doubt(&mut self, code: WarningCode, told: String) {
        self.doubts
            .push(Warning::new(code, told).about_step(0, &["figures/*"]));
    }

    /// Sets the end of the step to now.
    pub(crate) fn finish(mut self) -> Self {
        let now_ns = monotonic_ns();
        self.step.window.measure_end_ns = now_ns;
        self.step.window.end_ns = now_ns;
        self
    }
}
