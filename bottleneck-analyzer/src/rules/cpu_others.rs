//! Rule `cpu_others`: programs that take no part in the run and use the machine's CPU.
//!
//! Fires if outside programs used `cpu.others_ratio` or more of the machine at an operating point; a problem
//! if the CPU was short there. Reads the recording's `process.cpu_cores` and `cpu.busy_ratio`, pressure stall
//! information, and the CPU times of server and generator. The share of outside programs is the busy CPU less
//! the CPU of server, generator and other participants over the same window.

use crate::assessment::{
    ComponentKind, ComputedFigure, Confidence, EvidenceItem, Finding, FindingKind, ImpactOf, Rule,
};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::cost::Saving;
use crate::figures::{counted, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::machine_recording::{MachineRecording, OutsideProgram};
use crate::own_time::OwnTime;
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;
use crate::target;

const RULE: Rule = Rule::CpuOthers;
/// Smallest share of the time in which some task waits for a CPU (pressure stall information) at
/// which the CPU is short although it is not used up.
const QUEUED: f64 = 0.5;
/// Largest number of outside programs that the finding names.
const NAMED: usize = 3;
/// Smallest share of the machine's CPU at which the finding names a program.
const TOLD: f64 = 0.01;

/// CPU use by programs outside the run at one bench's operating point.
struct Disturbance<'f> {
    bench: &'f BenchFacts<'f>,
    cpu: &'f StepCpuUse,
    outsiders: Vec<OutsideProgram>,
    /// Share of the machine's CPU that outside programs used, from 0 to 1.
    ratio: f64,
    /// Share of the machine's CPU used by outside programs that were recorded by name, from 0 to 1.
    /// Short-lived programs are not recorded.
    named: f64,
    /// True if the server under test can be among the outside programs, because its process name is not
    /// known.
    may_be_the_server: bool,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let all: Vec<_> = facts
        .benches
        .iter()
        .filter_map(|b| at(b, machine))
        .collect();
    if all.is_empty() {
        return;
    }
    let mut series = machine.source.report.series.iter();
    if !series.any(|s| s.name == "process.cpu_cores") {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "whether programs outside the test used the CPU: processes were not recorded",
            "sysmon record --processes top",
        );
        return;
    }
    let limit = facts.thresholds.cpu.others_ratio;
    let (unclear, clear): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|d| d.may_be_the_server && d.ratio >= limit);
    if let Some(worst) = worst(clear) {
        judge(&worst, machine, facts, out);
    }
    if let Some(worst) = worst(unclear) {
        cannot_tell(&worst, out);
    }
}

fn worst(all: Vec<Disturbance<'_>>) -> Option<Disturbance<'_>> {
    all.into_iter().max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}

/// Adds an open question about the operating point `worst`: without a known name, the server cannot
/// be distinguished from outside programs.
fn cannot_tell(worst: &Disturbance<'_>, out: &mut Conclusions) {
    let name = worst.outsiders.first().map_or("unnamed", |s| &s.name);
    out.cannot_judge(
        RULE,
        worst.bench.component,
        format!(
            "whether programs outside the test used the CPU: {name} and others used {} of it, and \
             the server under test may be one of them",
            share(worst.ratio)
        ),
        "the server on a machine of its own, or nothing else on this one",
    );
}

fn at<'f>(bench: &'f BenchFacts<'f>, machine: MachineRecording<'_>) -> Option<Disturbance<'f>> {
    let cpu = bench.cpu.as_ref()?;
    let (_, step) = bench.operating_step()?;
    let server = target::process_name(bench.source);
    let outsiders = machine.outsiders(step.window, server);
    let taking_part = machine.cores_of_participants(step.window, server) / cpu.cores;
    let beside = (taking_part - cpu.known_ratio()).max(0.0);
    let others = (cpu.unexplained_ratio() - beside).max(0.0);
    // The CPU times of processes and of the machine are read at slightly different instants.
    let named = outsiders.iter().map(|s| s.cores / cpu.cores).sum::<f64>();
    let named = named.min(others);
    Some(Disturbance {
        bench,
        cpu,
        outsiders,
        named,
        // If the server's own use is not known, CPU time without a name may be the server's and does not
        // count.
        ratio: if cpu.server_ratio.is_some() {
            others
        } else {
            named
        },
        may_be_the_server: target::may_look_like_an_outsider(bench.source, machine, step.window),
    })
}

fn judge(
    worst: &Disturbance<'_>,
    machine: MachineRecording<'_>,
    facts: &RunFacts<'_>,
    out: &mut Conclusions,
) {
    let limit = facts.thresholds.cpu.others_ratio;
    let first = worst.outsiders.first();
    let evidence = first.and_then(|s| {
        let label = match s.processes {
            1 => format!("CPU of process {}", s.name),
            n => format!("CPU of the busiest of {n} processes called {}", s.name),
        };
        machine.typical_sample(&label, s.reading)
    });
    let used = share(worst.ratio);
    if worst.ratio < limit {
        let statement = format!(
            "programs outside the test used at most {used} of the machine's CPU (bound {})",
            share(limit)
        );
        out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
        return;
    }
    out.add_finding(finding(worst, machine, facts, evidence));
}

/// Builds the finding about outside programs at the operating point `worst`, where they used the
/// most CPU.
fn finding(
    worst: &Disturbance<'_>,
    machine: MachineRecording<'_>,
    facts: &RunFacts<'_>,
    evidence: Option<EvidenceItem>,
) -> FindingDraft {
    let used = share(worst.ratio);
    let short = is_short(worst, machine, facts);
    let kind = if short.is_some() {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let draft = FindingDraft::new(RULE, "machine", ComponentKind::Machine, kind)
        .says(
            format!(
                "Programs outside the test use {used} of the machine's CPU{}",
                worst.names()
            ),
            format!(
                "At the operating point of {} the CPU is {}. {}.{}",
                worst.bench.component.title(),
                worst.cpu.sentence(),
                short.as_deref().unwrap_or(
                    "The CPU was not used up, so they took no time that the test needed"
                ),
                worst.group_words()
            ),
        )
        .confidence(confidence(worst, facts.thresholds.cpu.others_ratio))
        .evidence(evidence)
        .evidence(worst.cpu.evidence.clone())
        .computes(worst.computed());
    if short.is_some() {
        weigh(worst, draft).advice(
            &["stop them, move them to another machine, or give them less CPU (nice, cpu.weight), and repeat the run"],
            format!("up to {used} of the machine's CPU"),
            "what somebody else uses is neither the server's nor repeatable",
        )
    } else {
        draft
    }
}

/// Sets the impact: the time that calls wait for a CPU because of the outside programs, with the queues that
/// this makes longer, or their share of the CPU if that time was not measured.
fn weigh(worst: &Disturbance<'_>, draft: FindingDraft) -> FindingDraft {
    let model = worst.bench.time_model.as_ref();
    let waits = model.is_some_and(|model| model.part("server_runnable").is_some());
    let own = OwnTime {
        freed_cpu_ratio: worst.ratio,
        ..OwnTime::new(worst.bench.id(), RULE, Vec::new(), 0.0)
    };
    match Saving::of(worst.bench, &own).filter(|_| waits) {
        Some(saving) => draft
            .saves(saving.saved_ns, saving.whole_ns)
            .raises_capacity(saving.capacity_gain)
            .takes(own),
        None => draft.impact(worst.ratio, ImpactOf::Capacity),
    }
}

impl Disturbance<'_> {
    /// Returns the shares of the outside programs with the way in which they were computed.
    fn computed(&self) -> Vec<ComputedFigure> {
        let how = "CPU that was busy, less that of the server and of the generator";
        let whole = ComputedFigure::new("share of the outside programs", self.ratio, how);
        let named = self.told().flat_map(|(program, ratio)| {
            let how = "CPU time of its processes ÷ measured time";
            let name = &program.name;
            [
                ComputedFigure::new(cores_label(name), ratio * self.cpu.cores, how),
                ComputedFigure::new(
                    format!("share of {name}"),
                    ratio,
                    "its cores ÷ those of the machine",
                ),
            ]
        });
        [whole].into_iter().chain(named).collect()
    }

    /// Iterates over the busiest programs that the finding names, with their shares of the machine's CPU.
    fn told(&self) -> impl Iterator<Item = (&OutsideProgram, f64)> {
        let busiest = self.outsiders.iter().take(NAMED);
        let shares = busiest.map(|program| (program, self.share_of(program)));
        shares.filter(|(_, ratio)| *ratio >= TOLD)
    }

    /// Returns the share of the machine's CPU that `program` used, from 0 to 1.
    fn share_of(&self, program: &OutsideProgram) -> f64 {
        let cores: f64 = self.outsiders.iter().map(|one| one.cores).sum();
        self.named * program.cores / cores.max(f64::MIN_POSITIVE)
    }

    /// Names the three busiest programs with their shares of the machine, as a continuation of the
    /// title.
    fn names(&self) -> String {
        let told: Vec<String> = self
            .told()
            .map(|(program, ratio)| {
                let used = counted(ratio * self.cpu.cores, "core");
                format!("{} {} ({used})", program.name, share(ratio))
            })
            .collect();
        match (told.is_empty(), self.is_mostly_named()) {
            (true, _) => ", but none was recorded by name".to_owned(),
            (false, true) => format!(": {}", told.join(", ")),
            (false, false) => {
                format!(
                    ": {}, the rest too short-lived or too small to be recorded",
                    told.join(", ")
                )
            }
        }
    }

    /// Names the control group of the busiest program, as a sentence that begins with a space; empty
    /// if it is not known.
    fn group_words(&self) -> String {
        let first = self.outsiders.first().filter(|_| self.named > 0.0);
        let group = first.and_then(|program| Some((&program.name, program.group.as_ref()?)));
        group.map_or_else(String::new, |(name, group)| {
            format!(" {name} is in the control group {group}.")
        })
    }

    fn is_mostly_named(&self) -> bool {
        self.named >= 0.5 * self.ratio
    }
}

/// Returns true if a finding of this rule names `program`.
pub(super) fn names_program(finding: &Finding, program: &str) -> bool {
    let label = cores_label(program);
    finding.rule() == RULE && finding.computed.iter().any(|figure| figure.what == label)
}

fn cores_label(program: &str) -> String {
    format!("cores of {program}")
}

/// Returns the reason why the CPU was short at the operating point, as a sentence; `None` if it was
/// not short.
fn is_short(
    at: &Disturbance<'_>,
    machine: MachineRecording<'_>,
    facts: &RunFacts<'_>,
) -> Option<String> {
    let limits = &facts.thresholds.cpu;
    if at.bench.cpu_past(limits.critical_ratio) == Some(true) {
        return Some("The CPU was used up".to_owned());
    }
    let (_, step) = at.bench.operating_step()?;
    let waited = machine.read("pressure.cpu.some_ratio", step.window)?.mean;
    let queued = at.cpu.busy_ratio() >= limits.warning_ratio && waited >= QUEUED;
    queued.then(|| format!("Tasks waited for a CPU {} of the time", share(waited)))
}

/// Returns the confidence that outside programs used more than the share `limit`. It is at most
/// medium if the server's share is not known, or if most of the outside use has no name.
fn confidence(worst: &Disturbance<'_>, limit: f64) -> Confidence {
    let past = confidence_past(worst.ratio, limit, 0.03);
    let sure = worst.cpu.server_ratio.is_some() && worst.is_mostly_named();
    if sure {
        past
    } else {
        past.min(Confidence::Medium)
    }
}
