//! Facts about one bench: its report together with the recording of the machine.

use bench_report::names::{FigureFamily, FigureName};
use bench_report::{Load, Recommendation, Step, Warning};

use crate::assessment::{ComponentKind, EvidenceItem, FindingId, FindingKind, Rule, TimeModel};
use crate::chosen_step::{self, ChosenStep};
use crate::finding_draft::FindingDraft;
use crate::json_pointer::escape;
use crate::machine_recording::MachineRecording;
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;
use crate::step_cpu_use::StepCpuUse;
use crate::sweep::{Sweep, SweepSetting, completed};
use crate::target;
use crate::thresholds::{BenchObjectives, Thresholds};
use crate::time_model;

/// Report of one bench with its operating point, and the time model and CPU use there.
#[derive(Debug)]
pub(crate) struct BenchFacts<'a> {
    /// Component that was loaded.
    pub(crate) component: ComponentKind,
    /// Report of the bench, with its file name.
    pub(crate) source: &'a SourceReport,
    /// Run that the report belongs to, with its other reports.
    run: &'a RunReports,
    /// Report's file name if another report is of the same component and scenario, else `None`.
    pub(crate) distinguishing_file: Option<&'a str>,
    /// Sweeps of the report: its settings, grouped by the parameter that was varied.
    pub(crate) sweeps: Vec<Sweep>,
    /// Step chosen to stand for the operating point; `None` if no step qualifies.
    pub(crate) choice: Option<ChosenStep>,
    /// Indices into the report's `steps` of all completed steps with the setting of the operating
    /// point; empty without an operating point.
    pub(crate) repeats: Vec<usize>,
    /// Division of the mean time of a call in the chosen step; `None` without an operating point,
    /// or if no time was measured.
    pub(crate) time_model: Option<TimeModel>,
    /// CPU use during the chosen step; `None` without an operating point or a comparable recording
    /// of the machine.
    pub(crate) cpu: Option<StepCpuUse>,
    /// Thresholds that the run is judged by.
    limits: &'a Thresholds,
}

/// Change of throughput from one setting of a sweep to a larger one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ThroughputRise {
    /// Value of the parameter at the smaller setting.
    pub(crate) from: f64,
    /// Value of the parameter at the larger setting.
    pub(crate) to: f64,
    /// Relative change of throughput: (throughput at `to` − throughput at `from`) ÷ throughput at
    /// `from`; negative if throughput fell.
    pub(crate) gain_ratio: f64,
}

impl<'a> BenchFacts<'a> {
    /// Joins the report of a bench with the recording of the machine. `limits` gives the noise for
    /// reports that do not tell theirs. `None` if the report is of a tool that this version does
    /// not know.
    pub(crate) fn new(
        source: &'a SourceReport,
        run: &'a RunReports,
        machine: Option<MachineRecording<'a>>,
        limits: &'a Thresholds,
    ) -> Option<Self> {
        let choice = chosen_step::choose(source);
        let step = choice.as_ref().map(|c| c.step);
        let aligned = machine.filter(|machine| machine.is_aligned_with(source));
        Some(Self {
            component: source.component()?,
            source,
            run,
            distinguishing_file: distinguishing_file(source, run),
            sweeps: Sweep::from_report(&source.report),
            time_model: step.and_then(|i| time_model::of_step(source, i)),
            cpu: step.and_then(|i| StepCpuUse::of_step(source, i, aligned)),
            limits,
            repeats: step.map_or(Vec::new(), |i| chosen_step::repeats(source, i)),
            choice,
        })
    }

    /// Returns the name of the profile under which the bench ran: the one that the user named, else
    /// that of the run's manifest. `None` if there is neither.
    pub(crate) fn profile(&self) -> Option<&'a str> {
        let named = self.limits.profile.as_deref();
        named.or_else(|| self.run.profile_of(self.source))
    }

    /// Returns the objectives by which the bench is judged.
    pub(crate) fn objectives(&self) -> BenchObjectives {
        let scenario = &self.source.report.scenario;
        self.limits
            .objectives_of(self.component, scenario, self.profile())
    }

    /// Iterates over the completed repeats of the operating point, with their indices in the
    /// report. Figures come from these; gates and errors use [`BenchFacts::judged_steps`].
    pub(crate) fn operating_repeats(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        let steps = &self.source.report.steps;
        let repeats = self.repeats.iter().copied();
        repeats.filter_map(|index| Some((index, steps.get(index)?)))
    }

    /// Returns the length of the measured parts of all completed repeats of the operating point
    /// together, in seconds; 0 without an operating point.
    pub(crate) fn load_s(&self) -> f64 {
        let repeats = self.operating_repeats();
        repeats.map(|(_, step)| step.window.measured_s()).sum()
    }

    /// Returns true if the bench made load in at least one step. An observer makes none, and its
    /// report shows no capacity.
    pub(crate) fn made_load(&self) -> bool {
        let is_ours = |step: &Step| !matches!(step.load, Load::Closed { users: 0, .. });
        self.source.report.steps.iter().any(is_ours)
    }

    /// Returns true if the bench measured something without any load, its own or that of others, such as the
    /// memory of keys. Its report has no operating point.
    pub(crate) fn measured_at_rest(&self) -> bool {
        let is_at_rest = |step: &Step| completed(step) && step.operations.is_empty();
        !self.made_load() && self.source.report.steps.iter().any(is_at_rest)
    }

    /// Returns the step chosen to stand for the operating point, with its index in the report;
    /// `None` without an operating point.
    pub(crate) fn operating_step(&self) -> Option<(usize, &'a Step)> {
        let index = self.choice.as_ref()?.step;
        Some((index, self.source.report.steps.get(index)?))
    }

    /// Iterates over the steps by which gates and errors are judged, with their indices in the report: all
    /// steps with the setting of the operating point, or, without an operating point, all steps in which a
    /// request was made. Incomplete steps are included, because a fault may have ended them. Steps that a
    /// search for a rate tried on the way to its result are left out.
    pub(crate) fn judged_steps(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        let point = self.operating_step().map(|(_, step)| &step.parameters);
        let asked = |step: &Step| step.operations.values().any(|o| o.attempted > 0);
        let steps = self.source.report.steps.iter().enumerate();
        steps.filter(move |(index, step)| {
            let is_judged = match point {
                Some(point) => *point == step.parameters,
                None => asked(step),
            };
            is_judged && !self.source.report.summary.is_on_the_way(*index)
        })
    }

    /// Returns a copy of these facts in which step `index` of the report stands for the operating
    /// point, with the time model and CPU use of that step. `machine` is the recording of the whole
    /// run. `None` without an operating point; whether the step exists is not checked.
    pub(crate) fn at(&self, index: usize, machine: Option<MachineRecording<'a>>) -> Option<Self> {
        let source = self.source;
        let aligned = machine.filter(|machine| machine.is_aligned_with(source));
        let choice = ChosenStep {
            step: index,
            ..self.choice.clone()?
        };
        Some(Self {
            component: self.component,
            source,
            distinguishing_file: self.distinguishing_file,
            run: self.run,
            sweeps: self.sweeps.clone(),
            time_model: time_model::of_step(source, index),
            cpu: StepCpuUse::of_step(source, index, aligned),
            limits: self.limits,
            repeats: self.repeats.clone(),
            choice: Some(choice),
        })
    }

    /// Returns the bench's own recommendation that the operating point follows; `None` if it
    /// follows none.
    pub(crate) fn recommendation(&self) -> Option<&'a Recommendation> {
        let index = self.choice.as_ref()?.recommendation?;
        self.source.report.summary.recommendations.get(index)
    }

    /// Returns the name used in ids: component and scenario, as in `postgres.sweep`. The report's
    /// file name without `.json` follows if another report is of the same component and scenario.
    pub(crate) fn id(&self) -> String {
        let id = format!("{}.{}", self.component.name(), self.source.report.scenario);
        match self.distinguishing_file {
            Some(file) => format!("{id}.{}", file.trim_end_matches(".json")),
            None => id,
        }
    }

    /// Returns the relative difference, from 0 to 1, below which two figures differ by noise alone.
    /// It is the detectable difference of the recommendation, else the largest detectable
    /// difference in the report, else the threshold `measurement.noise_ratio`.
    pub(crate) fn noise_ratio(&self) -> f64 {
        let all = self.source.report.summary.recommendations.iter();
        let worst = all
            .filter_map(|r| r.detectable_difference_ratio)
            .max_by(f64::total_cmp);
        self.recommendation()
            .and_then(|r| r.detectable_difference_ratio)
            .or(worst)
            .unwrap_or(self.limits.measurement.noise_ratio)
    }

    /// Returns the figure `name` of the server's evidence in the chosen step; `None` if it was not
    /// measured.
    pub(crate) fn server_figure(&self, name: FigureName) -> Option<f64> {
        let (_, step) = self.operating_step()?;
        step.server.as_ref()?.value(name)
    }

    /// Returns the figure of `member` of a family in the chosen step; `None` if it was not measured.
    pub(crate) fn server_member(&self, family: FigureFamily, member: &str) -> Option<f64> {
        let (_, step) = self.operating_step()?;
        step.server.as_ref()?.value_of(family, member)
    }

    /// Returns the figure `name` of the server's evidence in the chosen step, as evidence; `None`
    /// if it was not measured.
    pub(crate) fn server_evidence(&self, name: FigureName) -> Option<EvidenceItem> {
        let (index, _) = self.operating_step()?;
        let pointer = format!("/steps/{index}/server/figures/{}", escape(name.as_str()));
        self.source.evidence(name.as_str(), &pointer)
    }

    /// Returns the figures `names` of the server in the chosen step, as evidence; figures that were
    /// not measured are left out.
    pub(crate) fn server_evidence_of(&self, names: &[FigureName]) -> Vec<EvidenceItem> {
        let all = names.iter().filter_map(|name| self.server_evidence(*name));
        all.collect()
    }

    /// Returns the id of the finding of `rule` about this bench, if there is only one.
    pub(crate) fn finding_id(&self, rule: Rule) -> FindingId {
        FindingId::new(rule, &self.id())
    }

    /// Creates a draft of a finding of `rule` about this bench and its component.
    pub(crate) fn finding(&self, rule: Rule, kind: FindingKind) -> FindingDraft {
        FindingDraft::new(rule, &self.id(), self.component, kind)
    }

    /// Returns a field of the chosen step as evidence called `label`. `field` is a JSON pointer
    /// inside the step, without the leading slash. `None` without an operating point or without
    /// such a field.
    pub(crate) fn step_evidence(&self, label: &str, field: &str) -> Option<EvidenceItem> {
        let (index, _) = self.operating_step()?;
        self.source
            .evidence(label, &format!("/steps/{index}/{field}"))
    }

    /// Returns the sweep that contains the operating point, with the index of its setting in the
    /// sweep; `None` if no sweep contains it.
    pub(crate) fn operating_sweep(&self) -> Option<(&Sweep, usize)> {
        let (index, _) = self.operating_step()?;
        self.sweeps
            .iter()
            .find_map(|s| s.setting_of_step(index).map(|(place, _)| (s, place)))
    }

    /// Returns the change of throughput from the operating point to the larger setting with the
    /// highest throughput. If the operating point is the largest setting, returns the change from
    /// the next smaller setting to it. `None` if only one setting was measured, or if nothing
    /// succeeded at the smaller one.
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

    /// Returns true if throughput rises by more than the noise over the change that [`BenchFacts::rise`]
    /// describes; `None` where that returns `None`.
    pub(crate) fn still_rising(&self) -> Option<bool> {
        Some(self.rise()?.gain_ratio > self.noise_ratio())
    }

    /// Returns the throughput that the best larger setting adds, as a share of the throughput at
    /// the operating point; negative if every larger setting carried less. `None` if no larger
    /// setting was measured.
    pub(crate) fn gain_past_operating(&self) -> Option<f64> {
        let (sweep, place) = self.operating_sweep()?;
        let here = sweep.settings[place].throughput_per_s;
        let past = self.past_operating().iter().map(|s| s.throughput_per_s);
        let best = past.max_by(f64::total_cmp)?;
        (here > 0.0).then(|| best / here - 1.0)
    }

    /// Returns true if server and generator together used the share `bound` (0 to 1) or more of the
    /// CPU time that they may use; `None` if their use is not known.
    pub(crate) fn cpu_past(&self, bound: f64) -> Option<bool> {
        Some(self.cpu.as_ref()?.used_ratio()? >= bound)
    }

    /// Returns true if server and generator are known to have used less than the share `bound` (0
    /// to 1) of the CPU; false if they used more or their use is not known. `None` if the machine's
    /// CPU was not recorded, or if its use is below `bound` but the server is on another machine.
    pub(crate) fn cpu_has_room(&self, bound: f64) -> Option<bool> {
        self.cpu.as_ref()?;
        let past = self.cpu_past(bound);
        if past == Some(false) && target::is_elsewhere(self.source) {
            return None;
        }
        Some(past == Some(false))
    }

    /// Returns the settings of the sweep that are larger than the operating point, in ascending
    /// order; empty without a sweep.
    pub(crate) fn past_operating(&self) -> &[SweepSetting] {
        self.operating_sweep()
            .map_or(&[], |(sweep, place)| &sweep.settings[place + 1..])
    }

    /// Iterates over the warnings about the chosen step or the whole report, with their indices in the
    /// report. A warning that covers several steps counts if it spoils a figure of the chosen one.
    pub(crate) fn operating_warnings(&self) -> impl Iterator<Item = (usize, &'a Warning)> {
        let at = self.operating_step().map(|(index, _)| index);
        let below = at.map(|index| format!("/steps/{index}/"));
        let warnings = self.source.report.warnings.iter().enumerate();
        warnings.filter(move |(_, w)| {
            let named = |prefix: &String| w.spoils.iter().any(|s| s.starts_with(prefix));
            w.step.is_none() || w.step == at || below.as_ref().is_some_and(named)
        })
    }
}

/// Returns the file name of the report `source` if another report of `run` is of the same component and scenario;
/// `None` if there is no other one.
fn distinguishing_file<'a>(source: &'a SourceReport, run: &RunReports) -> Option<&'a str> {
    let scenario = &source.report.scenario;
    let mut like = run.benches().filter(|other| {
        other.report.scenario == *scenario && other.component() == source.component()
    });
    like.nth(1).is_some().then_some(&*source.file)
}
