//! Rule `disk_others`: a program outside the run that keeps the disks busy.
//!
//! Fires if tasks waited for a disk in a tenth of the time or more (`pressure.io.some_ratio`) and programs that
//! take no part in the run read and wrote half of the disks' bytes or more, both over the same operating point or
//! over the whole load. Reads `process.disk_read_bytes_per_s` and `process.disk_write_bytes_per_s` (`sysmon record
//! --fields io`) and `disk.read_bytes_per_s` and `disk.write_bytes_per_s`. How busy a disk is, says little: a disk
//! that serves many requests at once is busy with one.

use bench_report::Window;

use crate::assessment::{ComponentKind, Confidence, FindingId, FindingKind, ImpactOf, Rule};
use crate::conclusions::Conclusions;
use crate::figures::share;
use crate::finding_draft::FindingDraft;
use crate::outside_transfers::OutsideTransfers;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

const RULE: Rule = Rule::DiskOthers;
/// Share of the time in which tasks wait for a disk, from which disks are short.
const WAITS: f64 = 0.10;
/// Rules about a server's waits for a disk, which name the program that keeps it busy themselves.
const OF_SERVERS: [Rule; 3] = [Rule::CommitWaits, Rule::ReadWaits, Rule::IoWaits];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    let windows = facts.machine_windows().into_iter();
    let waits = windows.filter_map(|window| {
        let waits = machine.read("pressure.io.some_ratio", window)?;
        Some((window, waits))
    });
    let waits: Vec<(Window, SeriesReading)> = waits.collect();
    let longest = waits.iter().max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let Some((window, longest)) = longest.copied() else {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            "whether anything waited for a disk: pressure was not recorded",
            "a kernel with PSI (psi=1) and sysmon record",
        );
        return;
    };
    let evidence = machine.typical_sample("waiting for a disk", longest);
    let waited = format!(
        "something waited for a disk {} of the time",
        share(longest.mean)
    );
    if longest.mean < WAITS {
        out.rule_out(RULE, ComponentKind::Machine, waited, evidence);
        return;
    }
    let short = waits.into_iter().filter(|(_, waits)| waits.mean >= WAITS);
    let worst = short
        .filter_map(|(window, waits)| DisksOfOthers::in_window(facts, window, waits))
        .max_by(|a, b| a.share().total_cmp(&b.share()));
    if let Some(worst) = worst {
        let server = told_of_server(out, &worst.transfers);
        let evidence = machine.typical_sample("waiting for a disk", worst.waits);
        out.add_finding(finding(&worst, server).evidence(evidence));
        return;
    }
    match OutsideTransfers::in_window(facts, window) {
        None => out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            format!("which program keeps the disks busy: {waited}, and transfers of processes were not recorded"),
            "sysmon record --fields io, as root or as the user of these processes",
        ),
        Some(transfers) => {
            let statement = format!(
                "programs outside the run transferred {}",
                transfers.share_words()
            );
            out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
        }
    }
}

/// Waits for a disk in one window, and the programs outside the run that kept the disks busy then.
struct DisksOfOthers<'a> {
    waits: SeriesReading,
    transfers: OutsideTransfers<'a>,
}

impl<'a> DisksOfOthers<'a> {
    /// Joins the `waits` in `window` with the transfers there; `None` if programs outside the run transferred
    /// less than half of the bytes, or if that was not recorded.
    fn in_window(facts: &RunFacts<'a>, window: Window, waits: SeriesReading) -> Option<Self> {
        let transfers = OutsideTransfers::in_window(facts, window)?;
        transfers.are_most().then_some(Self { waits, transfers })
    }

    /// Returns the part of the time, from 0 to 1, in which something waited for transfers of others.
    fn share(&self) -> f64 {
        self.waits.mean * self.transfers.ratio()
    }
}

/// Returns the finding about a server's waits for a disk that names the busiest program; `None` if there is
/// none.
fn told_of_server(out: &Conclusions, transfers: &OutsideTransfers<'_>) -> Option<FindingId> {
    let found = out.findings.iter().find(|finding| {
        let thing = finding.thing.as_deref().unwrap_or_default();
        OF_SERVERS.contains(&finding.rule())
            && finding.kind == FindingKind::Problem
            && thing.contains(transfers.name())
    });
    found.map(|finding| finding.id.clone())
}

/// Builds the finding about the program that keeps the disks busy. Its time is counted once: it is information
/// below the finding `server` about a server's waits for a disk, if that names it.
fn finding(worst: &DisksOfOthers<'_>, server: Option<FindingId>) -> FindingDraft {
    let transfers = &worst.transfers;
    let who = transfers.who();
    let kind = match server {
        Some(_) => FindingKind::Information,
        None => FindingKind::Problem,
    };
    let draft = FindingDraft::new(RULE, "machine", ComponentKind::Machine, kind)
        .thing(who.clone())
        .says(
            format!("{who} keeps the disks busy: it {}", transfers.does()),
            format!(
                "Programs outside the run transferred {}, and something waited for a disk {} of the time.",
                transfers.share_words(),
                share(worst.waits.mean)
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(transfers.evidence())
        .advice(
            &["stop it, limit it (io.max of its control group, ionice), or move it to another disk, and repeat the run"],
            "reads and commits that do not wait for others' transfers",
            "a disk serves all programs, and a flush waits for the writes before it",
        );
    match server {
        Some(_) => draft.parent(server),
        None => draft.impact(worst.share(), ImpactOf::ResponseTime),
    }
}
