//! Rules `conntrack_full` and `ports_used_up`: tables of connections that have an end.
//!
//! `conntrack_full` is a problem if packets were dropped because a connection could not be tracked, or from 90 %
//! of the table on. Entries that could not be inserted while the table had room (`conntrack.insert_failed_per_s`)
//! are a note: two packets of one connection raced. `ports_used_up` is a problem from 90 % of the ephemeral ports
//! in use to one destination on (`sysmon record --sockets`). Without that count, all TCP sockets of the machine
//! are an upper bound: if they are fewer than 80 % of the ports, no destination can have more.

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{plain, rate, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::machine_recording::MachineRecording;
use crate::series_reading::SeriesReading;

use super::reading::{TO_FIND_OUT, draft};

/// Share of a table from which it is nearly full.
const NEARLY_FULL: f64 = 0.90;
/// Share of the ports below which the upper bound rules them out.
const FEW: f64 = 0.80;
/// Smallest rate of lost packets, in one sample, that is told.
const LEAST_PER_S: f64 = 1.0;

pub(super) fn check(machine: MachineRecording<'_>, out: &mut Conclusions) {
    tracked(machine, out);
    ports(machine, out);
}

fn read(machine: MachineRecording<'_>, name: &str) -> Option<SeriesReading> {
    machine.read(name, machine.whole())
}

fn tracked(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::ConntrackFull;
    let Some(count) = read(machine, "conntrack.count") else {
        // A recording that has the ports was made by a recorder that looks for tracked connections.
        if let Some(ports) = read(machine, "tcp.ephemeral_ports") {
            let evidence = machine.peak_sample("ephemeral ports", ports);
            let statement = "the firewall does not track connections";
            out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        } else {
            let question =
                "whether the firewall's table of connections was full: it was not recorded";
            out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        }
        return;
    };
    let table = ConnectionTable::read(machine, count);
    if table.dropped.is_some() || table.is_nearly_full() {
        out.add_finding(full_table(machine, &table));
    } else if let Some(failed) = table.failed {
        out.add_finding(lost_race(machine, &table, failed));
    } else {
        let statement = format!("the firewall's table: at most {}", table.words());
        let evidence = table.evidence(machine);
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
    }
}

/// Connections that the firewall tracks, over the whole recording.
struct ConnectionTable {
    count: SeriesReading,
    /// Most connections that may be tracked; `None` if it is not known.
    most: Option<SeriesReading>,
    /// Packets dropped because no connection could be tracked for them; `None` if there were none.
    dropped: Option<SeriesReading>,
    /// Entries that could not be inserted; `None` if there were none.
    failed: Option<SeriesReading>,
}

impl ConnectionTable {
    fn read(machine: MachineRecording<'_>, count: SeriesReading) -> Self {
        let some = |name| read(machine, name).filter(|reading| reading.max >= LEAST_PER_S);
        let failed = some("conntrack.insert_failed_per_s");
        // The kernel may count the packet of an entry that could not be inserted as dropped, too.
        let is_more =
            |dropped: &SeriesReading| failed.is_none_or(|failed| dropped.mean > failed.mean);
        Self {
            count,
            most: read(machine, "conntrack.most").filter(|most| most.max > 0.0),
            dropped: some("conntrack.drops_per_s").filter(is_more),
            failed,
        }
    }

    fn is_nearly_full(&self) -> bool {
        self.most
            .is_some_and(|most| self.count.max >= NEARLY_FULL * most.max)
    }

    /// Describes how full the table was: `300 of 262144 connections tracked`.
    fn words(&self) -> String {
        match self.most {
            Some(most) => format!(
                "{} of {} connections tracked",
                plain(self.count.max),
                plain(most.max)
            ),
            None => format!("{} connections tracked", plain(self.count.max)),
        }
    }

    fn evidence(&self, machine: MachineRecording<'_>) -> Vec<EvidenceItem> {
        let counted = machine.peak_sample("connections tracked", self.count);
        let most = self
            .most
            .and_then(|most| machine.peak_sample("most that may be tracked", most));
        counted.into_iter().chain(most).collect()
    }
}

fn full_table(machine: MachineRecording<'_>, table: &ConnectionTable) -> FindingDraft {
    let words = table.words();
    let (title, confidence) = match table.dropped {
        Some(dropped) => (
            format!(
                "The firewall drops packets that it cannot track: up to {}",
                rate(dropped.max)
            ),
            Confidence::High,
        ),
        None => (
            format!("The firewall's table of connections is nearly full: {words}"),
            Confidence::Medium,
        ),
    };
    draft(Rule::ConntrackFull, FindingKind::Problem)
        .says(
            title,
            format!("At most {words}. A packet of a connection that finds no room is dropped without an answer."),
        )
        .confidence(confidence)
        .evidence(
            table
                .dropped
                .and_then(|dropped| machine.peak_sample("packets dropped", dropped)),
        )
        .evidence(table.evidence(machine))
        .advice(
            &[
                "raise net.netfilter.nf_conntrack_max, and nf_conntrack_buckets with it",
                "or do not track the connections of the load (iptables -t raw … -j NOTRACK)",
            ],
            "no connects that wait for a second try",
            "closed connections stay in the table for up to two minutes",
        )
}

/// Builds the note about entries that could not be inserted (`failed`) into a table that is not known to be full.
fn lost_race(
    machine: MachineRecording<'_>,
    table: &ConnectionTable,
    failed: SeriesReading,
) -> FindingDraft {
    draft(Rule::ConntrackFull, FindingKind::Information)
        .says(
            format!(
                "The firewall could not insert entries into its table of connections: up to {}",
                rate(failed.max)
            ),
            format!(
                "At most {}. In a table with room this is a race: two packets of one new connection came at once, \
                 and the one whose entry came second was dropped. Name look-ups over UDP do so: the resolver asks \
                 for both kinds of addresses from one socket, and waits 5 s for a lost answer.",
                table.words()
            ),
        )
        .confidence(Confidence::Medium)
        .evidence(machine.peak_sample("entries not inserted", failed))
        .evidence(table.evidence(machine))
        .advice(
            &[
                "let the resolver ask one after the other (options single-request-reopen in resolv.conf), or cache \
                 names on the machine",
                "or do not track these packets (iptables -t raw … -j NOTRACK)",
            ],
            "no name look-ups that wait for a second try",
            "an entry is inserted when its packet leaves the firewall, so that two packets may both make one",
        )
}

fn ports(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::PortsUsedUp;
    let ports = read(machine, "tcp.ephemeral_ports").filter(|ports| ports.max > 0.0);
    let Some(ports) = ports else {
        let question =
            "whether ports for outgoing connections ran out: their range was not recorded";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let range = machine.peak_sample("ports for outgoing connections", ports);
    if let Some(used) = read(machine, "tcp.ephemeral_ports_used") {
        judge_ports(machine, used, ports, out);
        return;
    }
    let sockets = read(machine, "tcp.sockets_in_use");
    let waiting = read(machine, "tcp.time_wait");
    let Some((sockets, waiting)) = sockets.zip(waiting) else {
        let question = "whether ports for outgoing connections ran out: sockets were not counted";
        out.cannot_judge(
            rule,
            ComponentKind::Machine,
            question,
            "sysmon record --sockets",
        );
        return;
    };
    let bound = sockets.max + waiting.max;
    if bound >= FEW * ports.max {
        let question = format!(
            "whether ports for outgoing connections ran out: {} sockets share {} ports for each destination",
            plain(bound),
            plain(ports.max)
        );
        let to_find_out = "sysmon record --sockets, which counts them by destination";
        out.cannot_judge(rule, ComponentKind::Machine, question, to_find_out);
        return;
    }
    let evidence = [
        range,
        machine.peak_sample("TCP sockets in use", sockets),
        machine.peak_sample("TCP sockets in time-wait", waiting),
    ];
    let statement = format!(
        "ports for outgoing connections: {} for each destination, and no more than {} sockets in all",
        plain(ports.max),
        plain(bound)
    );
    let evidence = evidence.into_iter().flatten();
    out.rule_out(rule, ComponentKind::Machine, statement, evidence);
}

fn judge_ports(
    machine: MachineRecording<'_>,
    used: SeriesReading,
    ports: SeriesReading,
    out: &mut Conclusions,
) {
    let rule = Rule::PortsUsedUp;
    let ratio = used.max / ports.max;
    let words = format!("{} of {} ports", plain(used.max), plain(ports.max));
    let evidence = [
        machine.peak_sample("ports to one destination", used),
        machine.peak_sample("ports for outgoing connections", ports),
    ];
    let evidence = evidence.into_iter().flatten();
    if ratio < NEARLY_FULL {
        let statement =
            format!("ports for outgoing connections: at most {words} to one destination");
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    out.add_finding(
        draft(rule, FindingKind::Problem)
            .says(
                format!("Ports for outgoing connections are used up: {words} to one destination"),
                format!(
                    "That is {} of them, connections that were just closed included. Further connects fail \
                     (EADDRNOTAVAIL): a limit of this machine as a client, not of the server.",
                    share(ratio)
                ),
            )
            .confidence(confidence_past(ratio, NEARLY_FULL, 0.02))
            .evidence(evidence)
            .advice(
                &[
                    "keep connections open (a pool, keep-alive)",
                    "or use more client addresses, or widen net.ipv4.ip_local_port_range",
                ],
                "connects that do not fail",
                "a port stays in use for 60 s after its connection was closed",
            ),
    );
}
