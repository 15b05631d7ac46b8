//! Rules `packet_drops` and `retransmits`: packets that the machine dropped, and segments sent again.
//!
//! `packet_drops` is a problem if the CPUs' queues dropped one packet of ten thousand or more, and ten a second
//! (`network.softnet_drops_per_s`). Drops and errors of an interface are a note from the same bounds on, because
//! an interface also counts packets that were never meant for this machine. `retransmits` is a note from one
//! segment of a thousand and ten a second on: it is a symptom of drops or of a peer that stalls.

use crate::assessment::{ComponentKind, Confidence, FindingKind, ImpactOf, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{percent, rate};
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;

use super::reading::{LossReading, TO_FIND_OUT, draft, highest_loss};

/// Share of dropped packets from which they matter.
const DROPPED: f64 = 1e-4;
/// Share of segments sent again from which they matter.
const SENT_AGAIN: f64 = 1e-3;
/// Smallest rate, in packets or segments a second, at which they matter.
const LEAST_PER_S: f64 = 10.0;

/// Series of what an interface lost, that of its packets, and what was lost in words.
const LOSSES: [(&str, &str, &str); 4] = [
    (
        "network.receive_drops_per_s",
        "network.receive_packets_per_s",
        "received packets dropped",
    ),
    (
        "network.transmit_drops_per_s",
        "network.transmit_packets_per_s",
        "packets to be sent dropped",
    ),
    (
        "network.receive_errors_per_s",
        "network.receive_packets_per_s",
        "received packets with errors",
    ),
    (
        "network.transmit_errors_per_s",
        "network.transmit_packets_per_s",
        "errors in sending packets",
    ),
];

pub(super) fn check(facts: &RunFacts<'_>, machine: MachineRecording<'_>, out: &mut Conclusions) {
    drops(facts, machine, out);
    retransmits(facts, machine, out);
}

fn drops(facts: &RunFacts<'_>, machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::PacketDrops;
    let series = (
        "network.softnet_drops_per_s",
        "network.softnet_packets_per_s",
    );
    let queues = highest_loss(facts, series, LEAST_PER_S);
    let Some(queues) = queues else {
        let question = "whether CPUs dropped packets: their queues were not recorded";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    if queues.reaches(DROPPED, LEAST_PER_S) {
        out.add_finding(
            draft(rule, FindingKind::Problem)
                .says(
                    format!("CPUs drop {} of the packets that arrive", percent(queues.ratio)),
                    format!(
                        "{} were dropped because the queue of a CPU was full. Each is sent again after 200 ms or more.",
                        rate(queues.lost.mean)
                    ),
                )
                .impact(queues.ratio, ImpactOf::ResponseTime)
                .confidence(Confidence::Medium)
                .evidence(machine.typical_sample("packets dropped by CPUs", queues.lost))
                .evidence(machine.typical_sample("packets taken by CPUs", queues.passed))
                .advice(
                    &[
                        "spread the queues of the network interface over the cores (RSS, RPS, irqbalance)",
                        "raise net.core.netdev_max_backlog and net.core.netdev_budget",
                    ],
                    "no answers that wait for a packet to be sent again",
                    "a CPU that cannot keep up with its queue drops what arrives",
                ),
        );
    } else if let Some(worst) = worst_loss(machine) {
        let InterfaceLoss {
            interface,
            words,
            loss,
        } = worst;
        out.add_finding(
            draft(rule, FindingKind::Information)
                .thing(format!("the network interface {interface}"))
                .says(
                    format!(
                        "Network interface {interface}: {} {words}",
                        percent(loss.ratio)
                    ),
                    "An interface also counts packets that were never meant for this machine.",
                )
                .confidence(Confidence::Low)
                .evidence(machine.typical_sample(words, loss.lost))
                .evidence(machine.typical_sample("packets", loss.passed)),
        );
    } else {
        let statement = format!("CPUs dropped {} of the packets", percent(queues.ratio));
        let evidence = machine.typical_sample("packets dropped by CPUs", queues.lost);
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
    }
}

/// Packets that a network interface lost.
struct InterfaceLoss<'a> {
    interface: &'a str,
    /// Kind of loss, to be read after its share.
    words: &'static str,
    loss: LossReading,
}

/// Returns the interface that lost the largest share of its packets; `None` if none lost one of ten thousand
/// and ten a second.
fn worst_loss(machine: MachineRecording<'_>) -> Option<InterfaceLoss<'_>> {
    let whole = machine.whole();
    let all = LOSSES.into_iter().flat_map(|(lost, packets, words)| {
        let packets = machine.all(packets, whole);
        let losing = machine.all(lost, whole).into_iter();
        losing.filter_map(move |(series, reading)| {
            let of = packets.iter().find(|(s, _)| s.labels == series.labels);
            let (_, packets) = *of?;
            let loss = LossReading::new(reading, packets);
            let interface = series.labels.get("interface")?.as_str();
            loss.reaches(DROPPED, LEAST_PER_S).then_some(InterfaceLoss {
                interface,
                words,
                loss,
            })
        })
    });
    all.max_by(|a, b| a.loss.ratio.total_cmp(&b.loss.ratio))
}

fn retransmits(facts: &RunFacts<'_>, machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::Retransmits;
    let series = ("tcp.retransmits_per_s", "tcp.segments_sent_per_s");
    let again = highest_loss(facts, series, LEAST_PER_S);
    let Some(again) = again else {
        let question = "whether TCP segments were sent again: they were not counted";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let evidence = machine.typical_sample("segments sent again", again.lost);
    if !again.reaches(SENT_AGAIN, LEAST_PER_S) {
        let statement = format!("TCP sent {} of its segments again", percent(again.ratio));
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    out.add_finding(
        draft(rule, FindingKind::Information)
            .says(
                format!("TCP sends {} of its segments again", percent(again.ratio)),
                "A segment that is lost costs its call 200 ms or more, one of a new connection a second. Segments \
                 are lost on the way, or by a peer that stalls.",
            )
            .confidence(Confidence::Medium)
            .evidence(evidence)
            .evidence(machine.typical_sample("segments sent", again.passed)),
    );
}
