//! Gates that a bench is judged by: the shipped objectives, the expectations of its profile, and the gates
//! of the user's file, with the more specific one in place of the less specific.

use std::collections::BTreeMap;

use bench_report::Parameter;

use crate::assessment::{ComponentKind, GateOrigin};
use crate::bench_facts::BenchFacts;
use crate::requests;
use crate::requirement::{GateBound, GateFigure, Requirement};
use crate::run_facts::RunFacts;
use crate::thresholds::{GateEntry, Thresholds};

/// Gate that is to be judged.
#[derive(Clone)]
pub(super) struct PlannedGate<'a> {
    pub(super) requirement: Requirement,
    pub(super) origin: GateOrigin,
    /// Entry of the user's file; `None` for gates of other origin.
    pub(super) entry: Option<&'a GateEntry>,
    /// Profile whose expectation the gate is; `None` for gates of other origin.
    pub(super) profile: Option<&'a str>,
    /// Operation that is judged; `None` for the slowest, or for all together.
    pub(super) operation: Option<&'a str>,
    /// Operations that gates of their own judge.
    pub(super) except: Vec<&'a str>,
}

impl<'a> PlannedGate<'a> {
    /// Creates a gate of no file and no profile.
    pub(super) fn on(requirement: Requirement, origin: GateOrigin) -> Self {
        Self {
            requirement,
            origin,
            entry: None,
            profile: None,
            operation: None,
            except: Vec::new(),
        }
    }

    fn shipped(requirement: Requirement, (thresholds, place): (&Thresholds, &str)) -> Self {
        let is_chosen = thresholds.is_chosen(&format!("objectives.{place}"));
        let origin = if is_chosen {
            GateOrigin::Thresholds
        } else {
            GateOrigin::Shipped
        };
        Self::on(requirement, origin)
    }

    fn expected(requirement: Requirement, profile: &'a str) -> Self {
        Self {
            profile: Some(profile),
            ..Self::on(requirement, GateOrigin::Profile)
        }
    }

    fn chosen(entry: &'a GateEntry) -> Self {
        Self {
            entry: Some(entry),
            operation: entry.operation.as_deref(),
            ..Self::on(entry.bound, GateOrigin::Thresholds)
        }
    }

    /// Returns the id of the requirement; `None` if it has none.
    fn id(&self) -> Option<&'a str> {
        self.entry?.id.as_deref()
    }

    /// Returns the parameters of the steps that are judged; `None` for the operating point.
    pub(super) fn setting(&self) -> Option<&'a BTreeMap<String, Parameter>> {
        self.entry
            .map(|entry| &entry.setting)
            .filter(|s| !s.is_empty())
    }

    /// Returns the name of the processes whose memory is judged; `None` for the machine.
    pub(super) fn process(&self) -> Option<&'a str> {
        self.entry?.process.as_deref()
    }

    /// Returns the name of the gate in ids: `postgres.sweep.read.p99` for p99 of reads in
    /// `postgres.sweep`.
    pub(super) fn name(&self, subject: &str) -> String {
        let figure = self.requirement.figure.id();
        if self.entry.is_none() && self.operation.is_some() {
            return format!("{subject}.connect_{figure}");
        }
        let setting = self.setting().into_iter().flatten();
        let setting = setting.map(|(name, value)| format!("{name}={value}"));
        let parts = [subject.to_owned()].into_iter();
        let parts = parts
            .chain(self.operation.map(str::to_owned))
            .chain(setting);
        let parts = parts
            .chain(self.process().map(str::to_owned))
            .chain([figure.to_owned()]);
        let parts = parts.chain(self.id().or(self.profile).map(str::to_owned));
        parts.collect::<Vec<_>>().join(".")
    }

    /// Returns words that follow the name of the figure: ` of read at driver deadpool`.
    pub(super) fn subject(&self) -> String {
        let mut words = String::new();
        match (self.entry, self.operation) {
            (None, Some(_)) => words += " of connecting",
            (_, Some(operation)) => words += &format!(" of {operation}"),
            (_, None) => {}
        }
        if let Some(process) = self.process() {
            words += &format!(" of {process}");
        }
        for (index, (name, value)) in self.setting().into_iter().flatten().enumerate() {
            let joint = if index == 0 { " at" } else { "," };
            words += &format!("{joint} {} {value}", name.replace('_', " "));
        }
        words
    }

    /// Returns true if the gate, on a figure of the machine, is about the run of this bench.
    pub(super) fn is_about_run_of(&self, bench: &BenchFacts<'_>) -> bool {
        match (self.entry, self.profile) {
            (Some(entry), _) if entry.component != Some(ComponentKind::Machine) => {
                is_about(entry, bench)
            }
            (None, Some(profile)) => bench.profile() == Some(profile),
            _ => true,
        }
    }

    /// Returns a key that is the larger, the more specific the gate is. Gates that are not of the
    /// user's file have the smallest.
    fn rank(&self) -> Option<(bool, bool, bool)> {
        self.entry.map(GateEntry::rank)
    }

    /// Returns true if this gate takes the place of `other`. A requirement with an id is replaced
    /// only by one with the same id, because it must be shown.
    fn replaces(&self, other: &Self) -> bool {
        self.judges_the_figure_of(other)
            && self.operation == other.operation
            && self.process() == other.process()
            && self.rank() > other.rank()
            && (other.id().is_none() || other.id() == self.id())
    }

    fn judges_the_figure_of(&self, other: &Self) -> bool {
        let (own, others) = (self.requirement.figure, other.requirement.figure);
        own.judges_the_same_as(others)
    }
}

/// Returns the gates of a bench, those of the machine left out.
pub(super) fn of_bench<'a>(bench: &BenchFacts<'a>, facts: &RunFacts<'a>) -> Vec<PlannedGate<'a>> {
    let thresholds = facts.thresholds;
    let profile = bench.profile();
    let expectations = profile.and_then(|name| Some((name, thresholds.profiles.get(name)?)));
    let mut planned = shipped(bench, thresholds);
    if let Some((name, expectations)) = expectations {
        planned.retain(|gate| {
            let figure = gate.requirement.figure;
            expectations.objectives || !(figure.is_latency() || figure == GateFigure::Errors)
        });
        let expected = expectations.expect.iter().copied();
        let expected = expected.filter(|r| !r.figure.is_of_machine());
        planned.extend(expected.map(|r| PlannedGate::expected(r, name)));
    }
    let chosen = thresholds.gates.iter();
    let chosen = chosen.filter(|entry| is_about(entry, bench) && has_figure(entry, bench));
    planned.extend(
        chosen
            .map(PlannedGate::chosen)
            .filter(|g| !g.requirement.figure.is_of_machine()),
    );
    resolve(planned, bench)
}

/// Returns the gates of the machine.
pub(super) fn of_machine<'a>(facts: &RunFacts<'a>) -> Vec<PlannedGate<'a>> {
    let thresholds = facts.thresholds;
    let most = GateBound::at_most(thresholds.objectives.memory_used_ratio);
    let memory = requirement(GateFigure::Memory, most);
    let mut planned = match facts.machine {
        Some(_) => vec![PlannedGate::shipped(
            memory,
            (thresholds, "memory_used_ratio"),
        )],
        None => Vec::new(),
    };
    let mut profiles: Vec<&'a str> = facts
        .benches
        .iter()
        .filter_map(BenchFacts::profile)
        .collect();
    profiles.sort_unstable();
    profiles.dedup();
    for name in profiles {
        let expected = thresholds
            .profiles
            .get(name)
            .into_iter()
            .flat_map(|p| &p.expect);
        let expected = expected.copied().filter(|r| r.figure.is_of_machine());
        planned.extend(expected.map(|r| PlannedGate::expected(r, name)));
    }
    let is_of_run = |entry: &&GateEntry| {
        let of_bench = facts.benches.iter().any(|bench| is_about(entry, bench));
        let of_machine = entry
            .component
            .is_none_or(|kind| kind == ComponentKind::Machine);
        let of_all = of_machine && entry.scenario.is_none() && entry.profile.is_none();
        entry.bound.figure.is_of_machine() && (of_bench || of_all)
    };
    let chosen = thresholds.gates.iter().filter(is_of_run);
    planned.extend(chosen.map(PlannedGate::chosen));
    replace(planned)
}

/// Returns the entries of the user's file that no bench and no recording of this run can be judged
/// by, although they are about runs such as this one.
pub(super) fn unmatched<'a>(facts: &RunFacts<'a>) -> Vec<PlannedGate<'a>> {
    let entries = facts.thresholds.gates.iter().filter(|entry| {
        let mut benches = facts.benches.iter().filter(|b| b.made_load());
        let is_matched = benches.any(|bench| is_about(entry, bench) && has_figure(entry, bench));
        let of_machine = entry.bound.figure.is_of_machine()
            && entry
                .component
                .is_none_or(|kind| kind == ComponentKind::Machine);
        let wanted = entry.profile.as_deref();
        let of_profile = wanted.is_none_or(|name| {
            let mut all = facts.benches.iter();
            all.any(|bench| bench.profile() == Some(name))
        });
        !is_matched && !of_machine && of_profile
    });
    entries.map(PlannedGate::chosen).collect()
}

fn requirement(figure: GateFigure, bound: GateBound) -> Requirement {
    Requirement { figure, bound }
}

/// Returns the gates on the objectives of production readiness.
fn shipped<'a>(bench: &BenchFacts<'a>, thresholds: &Thresholds) -> Vec<PlannedGate<'a>> {
    let objectives = &thresholds.objectives;
    let mut planned = Vec::new();
    if let Some((which, bound_ms)) = objectives.latency_of(bench.component) {
        let place = format!("{}_{which}_ms", bench.component.name());
        let most = GateBound::at_most(bound_ms * 1e6);
        let latency = requirement(GateFigure::Percentile(which), most);
        planned.push(PlannedGate::shipped(latency, (thresholds, &place)));
    }
    if opens_connections(bench) {
        let most = GateBound::at_most(objectives.websocket_connect_p95_ms * 1e6);
        let connecting = requirement(GateFigure::Percentile("p95"), most);
        planned.push(PlannedGate {
            operation: Some(requests::CONNECT),
            ..PlannedGate::shipped(connecting, (thresholds, "websocket_connect_p95_ms"))
        });
    }
    let mut push = |figure, bound, place| {
        planned.push(PlannedGate::shipped(
            requirement(figure, bound),
            (thresholds, place),
        ));
    };
    push(
        GateFigure::Errors,
        GateBound::at_most(objectives.error_ratio),
        "error_ratio",
    );
    if bench.source.report.scenario == "cache" {
        let least = GateBound::at_least(objectives.cache_hit_ratio);
        push(GateFigure::HitRatio, least, "cache_hit_ratio");
    }
    if bench.component.has_own(GateFigure::Connected) {
        let least = GateBound::at_least(objectives.websocket_success_ratio);
        push(GateFigure::Connected, least, "websocket_success_ratio");
    }
    planned
}

/// Returns true if the chosen step opened connections and sent echoes.
fn opens_connections(bench: &BenchFacts<'_>) -> bool {
    let step = bench.operating_step();
    step.is_some_and(|(_, step)| requests::connecting(step, |h| h.percentiles_ns.p95).is_some())
}

/// Returns true if the entry is about this bench.
fn is_about(entry: &GateEntry, bench: &BenchFacts<'_>) -> bool {
    let profile = entry.profile.as_deref();
    bench.made_load()
        && entry.component.is_none_or(|kind| kind == bench.component)
        && entry
            .scenario
            .as_ref()
            .is_none_or(|name| *name == bench.source.report.scenario)
        && profile.is_none_or(|name| bench.profile() == Some(name))
}

/// Returns true if the bench can have the figure of the entry. An entry that names its component
/// is judged in any case, because its figure is then missing rather than out of place.
fn has_figure(entry: &GateEntry, bench: &BenchFacts<'_>) -> bool {
    let steps = &bench.source.report.steps;
    let is_possible = match entry.bound.figure {
        GateFigure::HitRatio => bench.source.report.scenario == "cache",
        GateFigure::Connected => bench.component.has_own(GateFigure::Connected),
        GateFigure::PoolUse => steps.iter().any(|step| step.pool.is_some()),
        GateFigure::Carried => steps.iter().any(|step| step.carried_ratio().is_some()),
        GateFigure::Recovery => steps
            .iter()
            .any(|s| s.curve.as_ref().is_some_and(|c| c.recovery.is_some())),
        _ => true,
    };
    let has_operation = entry
        .operation
        .as_ref()
        .is_none_or(|name| steps.iter().any(|step| step.operations.contains_key(name)));
    entry.component.is_some() || is_possible && has_operation
}

/// Removes the gates that more specific ones replace, and takes operations with gates of their own
/// out of the gates on all operations.
fn resolve<'a>(planned: Vec<PlannedGate<'a>>, bench: &BenchFacts<'_>) -> Vec<PlannedGate<'a>> {
    let at = bench.operating_step().map(|(_, step)| &step.parameters);
    let mut kept = replace(planned);
    let covers = |gate: &PlannedGate<'_>, other: &PlannedGate<'_>| {
        let setting = gate.setting().filter(|_| other.setting().is_none());
        setting.is_some_and(|setting| at.is_some_and(|at| has_setting(at, setting)))
            && gate.operation == other.operation
            && gate.judges_the_figure_of(other)
            && other.id().is_none()
    };
    let all = kept.clone();
    kept.retain(|gate| !all.iter().any(|other| covers(other, gate)));
    for gate in &mut kept {
        if gate.operation.is_some() || gate.id().is_some() {
            continue;
        }
        let own = all.iter().filter(|other| {
            other.entry.is_some()
                && other.setting() == gate.setting()
                && other.judges_the_figure_of(gate)
        });
        gate.except = own.filter_map(|other| other.operation).collect();
    }
    kept
}

fn replace(planned: Vec<PlannedGate<'_>>) -> Vec<PlannedGate<'_>> {
    let all = planned.clone();
    let mut kept = planned;
    kept.retain(|gate| {
        let mut others = all.iter();
        !others.any(|other| other.setting() == gate.setting() && other.replaces(gate))
    });
    kept
}

/// Returns true if `parameters` has every value of `setting`.
pub(super) fn has_setting(
    parameters: &BTreeMap<String, Parameter>,
    setting: &BTreeMap<String, Parameter>,
) -> bool {
    setting.iter().all(|(name, wanted)| {
        let found = parameters.get(name);
        found.is_some_and(|found| found.to_string() == wanted.to_string())
    })
}
