//! Rule `disk_others`: a program outside the run that keeps the disks busy.
//!
//! Fires if tasks waited for a disk in a tenth of the time or more (`pressure.io.some_ratio`) and programs that
//! take no part in the run read and wrote half of the disks' bytes or more. Reads
//! `process.disk_read_bytes_per_s` and `process.disk_write_bytes_per_s` (`sysmon record --fields io`) and
//! `disk.read_bytes_per_s` and `disk.write_bytes_per_s`. How busy a disk is, says little: a disk that serves many
//! requests at once is busy with one.

use bench_report::{Series, Window};

use crate::assessment::{ComponentKind, Confidence, FindingKind, ImpactOf, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{bytes, share};
use crate::finding_draft::FindingDraft;
use crate::machine_recording::MachineRecording;
use crate::participants::takes_part;
use crate::resource_owner::process_words;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;
use crate::target;

const RULE: Rule = Rule::DiskOthers;
/// Share of the time in which tasks wait for a disk, from which disks are short.
const WAITS: f64 = 0.10;
/// Share of the disks' bytes from which others are the cause.
const MOST: f64 = 0.5;

/// Transfers of programs outside the run in one window.
struct OutsideTransfers<'a> {
    /// Bytes per second of all disks, and those of outside programs among them.
    all: f64,
    others: f64,
    /// Busiest process outside the run in one direction.
    busiest: Option<(&'a Series, SeriesReading)>,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let Some(waits) = facts.highest_machine_reading("pressure.io.some_ratio") else {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "whether anything waited for a disk: pressure was not recorded",
            "a kernel with PSI (psi=1) and sysmon record",
        );
        return;
    };
    let evidence = machine.typical_sample("waiting for a disk", waits);
    let waited = format!(
        "something waited for a disk {} of the time",
        share(waits.mean)
    );
    if waits.mean < WAITS {
        out.rule_out(RULE, ComponentKind::Machine, waited, evidence);
        return;
    }
    let windows = facts.machine_windows().into_iter();
    let transfers = windows.filter_map(|window| transfers(facts, machine, window));
    let worst = transfers.max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    match worst {
        None => out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            format!("which program keeps the disks busy: {waited}, and transfers of processes were not recorded"),
            "sysmon record --fields io, as root or as the user of these processes",
        ),
        Some(worst) if worst.ratio() < MOST => {
            let statement = format!(
                "programs outside the run transferred {} of the disks' bytes",
                share(worst.ratio())
            );
            out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
        }
        Some(worst) => out.add_finding(finding(machine, &worst, waits).evidence(evidence)),
    }
}

impl OutsideTransfers<'_> {
    /// Returns the share of outside programs in the bytes of the disks. Writes are counted when a program
    /// makes them and reach the disk later, so that the share may exceed the whole.
    fn ratio(&self) -> f64 {
        (self.others / self.all.max(self.others).max(f64::MIN_POSITIVE)).min(1.0)
    }
}

/// Adds up the transfers in one window; `None` if those of processes were not recorded.
fn transfers<'a>(
    facts: &RunFacts<'_>,
    machine: MachineRecording<'a>,
    window: Window,
) -> Option<OutsideTransfers<'a>> {
    let servers: Vec<&str> = facts
        .benches
        .iter()
        .filter_map(|bench| target::process_name(bench.source))
        .collect();
    let is_outside = |series: &Series| {
        let name = series.labels.get("name").map_or("", String::as_str);
        !takes_part(name) && !servers.contains(&name)
    };
    let disks = ["disk.read_bytes_per_s", "disk.write_bytes_per_s"];
    let disks = disks.into_iter().flat_map(|name| machine.all(name, window));
    let of_processes = [
        "process.disk_read_bytes_per_s",
        "process.disk_write_bytes_per_s",
    ];
    let processes: Vec<_> = of_processes
        .into_iter()
        .flat_map(|name| machine.all(name, window))
        .collect();
    if processes.is_empty() {
        return None;
    }
    let outside: Vec<_> = processes
        .into_iter()
        .filter(|(s, _)| is_outside(s))
        .collect();
    Some(OutsideTransfers {
        all: disks.map(|(_, reading)| reading.mean).sum(),
        others: outside.iter().map(|(_, reading)| reading.mean).sum(),
        busiest: outside
            .into_iter()
            .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean)),
    })
}

fn finding(
    machine: MachineRecording<'_>,
    worst: &OutsideTransfers<'_>,
    waits: SeriesReading,
) -> FindingDraft {
    let who = worst.busiest.map(|(series, _)| process_words(series));
    let who = who.unwrap_or_else(|| "a program outside the run".to_owned());
    let does = worst.busiest.map_or("uses", |(series, _)| {
        if series.name.contains("write") {
            "writes"
        } else {
            "reads"
        }
    });
    let rate = worst.busiest.map_or(0.0, |(_, reading)| reading.mean);
    FindingDraft::new(RULE, "machine", ComponentKind::Machine, FindingKind::Problem)
        .thing(who.clone())
        .says(
            format!("{who} keeps the disks busy: it {does} {}/s", bytes(rate)),
            format!(
                "Programs outside the run transferred {} of the disks' bytes, and something waited for a disk {} of \
                 the time.",
                share(worst.ratio()),
                share(waits.mean)
            ),
        )
        .impact(waits.mean * worst.ratio(), ImpactOf::ResponseTime)
        .confidence(Confidence::Medium)
        .evidence(worst.busiest.and_then(|(_, reading)| {
            machine.typical_sample("bytes of the busiest process", reading)
        }))
        .advice(
            &["stop it, limit it (io.max of its control group, ionice), or move it to another disk, and repeat the run"],
            "reads and commits that do not wait for others' transfers",
            "a disk serves all programs, and a flush waits for the writes before it",
        )
}
