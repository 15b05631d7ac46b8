//! Facts of the reports, joined: every rule reads them and no rule changes them.

use bench_report::{Load, Recommendation, Step, Warning};

use crate::assessment::{ComponentKind, EvidenceItem, TimeModel};
use crate::chosen_step::{self, ChosenStep};
use crate::json_pointer::escape;
use crate::machine_recording::MachineRecording;
use crate::requests::{self, OperationPercentile, PercentileFn};
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;
use crate::step_cpu_use::StepCpuUse;
use crate::sweep::{Sweep, SweepSetting};
use crate::target;
use crate::thresholds::Thresholds;
use crate::time_model;

/// One bench's report with what follows from it.
#[derive(Debug)]
pub(crate) struct BenchFacts<'a> {
    /// Component that was loaded.
    pub(crate) component: ComponentKind,
    /// The report.
    pub(crate) source: &'a SourceReport,
    /// The run that it is of.
    run: &'a RunReports,
    /// Its sweeps.
    pub(crate) sweeps: Vec<Sweep>,
    /// The operating point.
    pub(crate) choice: Option<ChosenStep>,
    /// The steps that had the setting of the operating point and ran to their end, by index: each
    /// of them counts as much as the one that was chosen to be looked into.
    pub(crate) repeats: Vec<usize>,
    /// Where the time went there.
    pub(crate) time_model: Option<TimeModel>,
    /// Users of the CPU there.
    pub(crate) cpu: Option<StepCpuUse>,
    noise_ratio: f64,
}

/// Throughput from one setting of a sweep to a larger one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ThroughputRise {
    /// The smaller setting.
    pub(crate) from: f64,
    /// The larger one.
    pub(crate) to: f64,
    /// Additional throughput of the larger one ÷ that of the smaller one; negative where it was
    /// less.
    pub(crate) gain_ratio: f64,
}

/// Only clocks of one boot may be joined; a run with two is refused, one without a boot id is judged
/// without the machine.
fn aligned<'a>(
    source: &SourceReport,
    machine: Option<MachineRecording<'a>>,
) -> Option<MachineRecording<'a>> {
    machine.filter(|m| {
        let clocks = (&m.source.report.clock, &source.report.clock);
        clocks.0.comparable_with(clocks.1)
    })
}

impl<'a> BenchFacts<'a> {
    /// Joins the report of a bench with the recording of the machine; `None` for a tool that this
    /// version does not know.
    pub(crate) fn new(
        source: &'a SourceReport,
        run: &'a RunReports,
        machine: Option<MachineRecording<'a>>,
        limits: &Thresholds,
    ) -> Option<Self> {
        let choice = chosen_step::choose(source);
        let step = choice.as_ref().map(|c| c.step);
        let aligned = aligned(source, machine);
        Some(Self {
            component: source.component()?,
            source,
            run,
            sweeps: Sweep::all(&source.report),
            time_model: step.and_then(|i| time_model::of_step(source, i)),
            cpu: step.and_then(|i| StepCpuUse::of_step(source, i, aligned)),
            noise_ratio: limits.measurement.noise_ratio,
            repeats: step.map_or(Vec::new(), |i| chosen_step::repeats(source, i)),
            choice,
        })
    }

    /// The repeats of the operating point that ran to their end, with their indices: what its
    /// figures are taken from. What it is judged by is [`BenchFacts::judged`].
    pub(crate) fn operating_repeats(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        let steps = &self.source.report.steps;
        let repeats = self.repeats.iter().copied();
        repeats.filter_map(|index| Some((index, steps.get(index)?)))
    }

    /// The repeat whose slowest operation is slowest at this percentile, with its index.
    pub(crate) fn slowest(
        &self,
        percentile: PercentileFn,
    ) -> Option<(usize, OperationPercentile<'a>)> {
        let all = self.operating_repeats();
        all.filter_map(|(index, step)| Some((index, requests::slowest(step, percentile)?)))
            .max_by_key(|(_, latency)| latency.ns)
    }

    /// Measured time of the load at the operating point, in seconds, over all repeats.
    pub(crate) fn load_s(&self) -> f64 {
        let repeats = self.operating_repeats();
        repeats.map(|(_, step)| step.window.measured_s()).sum()
    }

    /// Returns true if the steps are load of ours: an observer makes none, and what it saw is no
    /// answer to the question of what the target bears.
    pub(crate) fn made_load(&self) -> bool {
        let is_ours = |step: &Step| !matches!(step.load, Load::Closed { users: 0, .. });
        self.source.report.steps.iter().any(is_ours)
    }

    /// The step at the operating point, with its index.
    pub(crate) fn operating(&self) -> Option<(usize, &'a Step)> {
        let index = self.choice.as_ref()?.step;
        Some((index, self.source.report.steps.get(index)?))
    }

    /// The steps by which the bench is judged, with their indices: all with the settings of the
    /// operating point, however they ended, because a fault may have ended one; where there is no
    /// operating point, all in which a request was made.
    pub(crate) fn judged(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        let point = self.operating().map(|(_, step)| &step.parameters);
        let asked = |step: &Step| step.operations.values().any(|o| o.attempted > 0);
        let steps = self.source.report.steps.iter().enumerate();
        steps.filter(move |(_, step)| match point {
            Some(point) => *point == step.parameters,
            None => asked(step),
        })
    }

    /// Returns the bench as seen in another repeat of the operating point.
    pub(crate) fn at(&self, index: usize, machine: Option<MachineRecording<'a>>) -> Option<Self> {
        let source = self.source;
        let choice = ChosenStep {
            step: index,
            ..self.choice.clone()?
        };
        Some(Self {
            component: self.component,
            source,
            run: self.run,
            sweeps: self.sweeps.clone(),
            time_model: time_model::of_step(source, index),
            cpu: StepCpuUse::of_step(source, index, aligned(source, machine)),
            noise_ratio: self.noise_ratio,
            repeats: self.repeats.clone(),
            choice: Some(choice),
        })
    }

    /// The recommendation that the operating point follows.
    pub(crate) fn recommendation(&self) -> Option<&'a Recommendation> {
        let index = self.choice.as_ref()?.recommendation?;
        self.source.report.summary.recommendations.get(index)
    }

    /// A name for ids: `postgres.sweep`, with the report's file where two are of one kind.
    pub(crate) fn id(&self) -> String {
        let id = format!("{}.{}", self.component.name(), self.source.report.scenario);
        match self.namesake_file() {
            Some(file) => format!("{id}.{}", file.trim_end_matches(".json")),
            None => id,
        }
    }

    /// The report's file, where another report is of the same component and scenario.
    pub(crate) fn namesake_file(&self) -> Option<&'a str> {
        let kind = |source: &'a SourceReport| (source.component(), &source.report.scenario);
        let same = self.run.benches();
        let same = same.filter(|other| kind(other) == kind(self.source));
        (same.count() > 1).then_some(&*self.source.file)
    }

    /// The smallest relative difference that is not noise: what the bench says it could have
    /// seen, at its worst where the operating point follows no recommendation.
    pub(crate) fn noise_ratio(&self) -> f64 {
        let all = self.source.report.summary.recommendations.iter();
        let worst = all
            .filter_map(|r| r.detectable_difference_ratio)
            .max_by(f64::total_cmp);
        self.recommendation()
            .and_then(|r| r.detectable_difference_ratio)
            .or(worst)
            .unwrap_or(self.noise_ratio)
    }

    /// A figure of the server's evidence at the operating point.
    pub(crate) fn server(&self, name: &str) -> Option<f64> {
        let (_, step) = self.operating()?;
        step.server.as_ref()?.figures.get(name).copied()
    }

    /// Evidence for a figure of the server at the operating point.
    pub(crate) fn server_evidence(&self, name: &str) -> Option<EvidenceItem> {
        let (index, _) = self.operating()?;
        let pointer = format!("/steps/{index}/server/figures/{}", escape(name));
        self.source.evidence(name, &pointer)
    }

    /// Evidence for a field of the step at the operating point, by its pointer in the step.
    pub(crate) fn step_evidence(&self, label: &str, field: &str) -> Option<EvidenceItem> {
        let (index, _) = self.operating()?;
        self.source
            .evidence(label, &format!("/steps/{index}/{field}"))
    }

    /// The sweep that holds the operating point, with the place of its setting.
    pub(crate) fn operating_sweep(&self) -> Option<(&Sweep, usize)> {
        let (index, _) = self.operating()?;
        self.sweeps
            .iter()
            .find_map(|s| s.holding(index).map(|(place, _)| (s, place)))
    }

    /// Gain of a larger setting: from the operating point to the best setting past it, or, where it
    /// is the last that was measured, from the one before; `None` where there is nothing to compare
    /// with.
    pub(crate) fn rise(&self) -> Option<ThroughputRise> {
        let (sweep, place) = self.operating_sweep()?;
        let here = &sweep.settings[place];
        let past = self.past_operating().iter();
        let best = past.max_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s));
        let (from, to) = match best {
            Some(best) => (here, best),
            None => (sweep.settings.get(place.checked_sub(1)?)?, here),
        };
        (from.throughput_per_s > 0.0).then(|| ThroughputRise {
            from: from.value,
            to: to.value,
            gain_ratio: to.throughput_per_s / from.throughput_per_s - 1.0,
        })
    }

    /// Returns true if more carried more, past the noise; `None` as for [`BenchFacts::rise`].
    pub(crate) fn still_rising(&self) -> Option<bool> {
        Some(self.rise()?.gain_ratio > self.noise_ratio())
    }

    /// Additional throughput of the best larger setting over the operating point, as a share;
    /// `None` where none was measured.
    pub(crate) fn gain_past_operating(&self) -> Option<f64> {
        let (sweep, place) = self.operating_sweep()?;
        let here = sweep.settings[place].throughput_per_s;
        let past = self.past_operating().iter().map(|s| s.throughput_per_s);
        let best = past.max_by(f64::total_cmp)?;
        (here > 0.0).then(|| best / here - 1.0)
    }

    /// Returns true if the CPU that server and generator may use was used to `bound` or more at the
    /// operating point; `None` where that is not known.
    pub(crate) fn cpu_past(&self, bound: f64) -> Option<bool> {
        Some(self.cpu.as_ref()?.used_ratio()? >= bound)
    }

    /// Returns true if the CPU is known to have been used to less than `bound`; `None` where it was
    /// not recorded at all, or is not the server's: what a machine far away does is not known.
    pub(crate) fn cpu_has_room(&self, bound: f64) -> Option<bool> {
        self.cpu.as_ref()?;
        let past = self.cpu_past(bound);
        if past == Some(false) && target::is_elsewhere(self.source) {
            return None;
        }
        Some(past == Some(false))
    }

    /// The settings of the operating point's sweep past it.
    pub(crate) fn past_operating(&self) -> &[SweepSetting] {
        self.operating_sweep()
            .map_or(&[], |(sweep, place)| &sweep.settings[place + 1..])
    }

    /// Warnings about the step at the operating point, or about the whole report. One warning
    /// may stand for several steps: what it spoils tells which.
    pub(crate) fn operating_warnings(&self) -> impl Iterator<Item = (usize, &'a Warning)> {
        let at = self.operating().map(|(index, _)| index);
        let below = at.map(|index| format!("/steps/{index}/"));
        let warnings = self.source.report.warnings.iter().enumerate();
        warnings.filter(move |(_, w)| {
            let named = |prefix: &String| w.spoils.iter().any(|s| s.starts_with(prefix));
            w.step.is_none() || w.step == at || below.as_ref().is_some_and(named)
        })
    }
}
