//! Rule `link_saturated`: a network link that is used up in one direction.
//!
//! Fires if an interface sent or received four fifths of its speed or more over an operating point or the whole
//! load (`network.receive_used_ratio`, `network.transmit_used_ratio`). The speed of a virtual interface is
//! unknown: what it carried is told, and nothing is concluded. The finding has no impact: how full a link is does
//! not tell what a faster one would give.

use crate::assessment::{ComponentKind, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{bytes, share};
use crate::finding_draft::confidence_past;
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

use super::reading::{TO_FIND_OUT, draft};

const RULE: Rule = Rule::LinkSaturated;
/// Share of the speed from which a link is used up.
const SATURATED: f64 = 0.80;
/// Bytes per second below which no link is full: a tenth of a gigabit per second.
const LEAST_BYTES_PER_S: f64 = 12.5e6;

/// Series of one direction, its share of the speed, and the direction in words.
const DIRECTIONS: [(&str, &str, &str); 2] = [
    (
        "network.receive_bytes_per_s",
        "network.receive_used_ratio",
        "received",
    ),
    (
        "network.transmit_bytes_per_s",
        "network.transmit_used_ratio",
        "sent",
    ),
];

/// Interface with the most traffic in one direction.
struct BusiestLink<'a> {
    interface: &'a str,
    direction: &'static str,
    reading: SeriesReading,
}

pub(super) fn check(facts: &RunFacts<'_>, machine: MachineRecording<'_>, out: &mut Conclusions) {
    let carried = busiest(facts, machine, |(bytes, ..)| bytes);
    let Some(carried) = carried else {
        let question = "whether a network link was full: no interface was recorded";
        out.cannot_judge(RULE, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let used = busiest(facts, machine, |(_, ratio, _)| ratio);
    if let Some(used) = used.as_ref().filter(|used| used.reading.mean >= SATURATED) {
        saturated(machine, used, out);
        return;
    }
    let most = format!(
        "{}/s {} by {}",
        bytes(carried.reading.mean),
        carried.direction,
        carried.interface
    );
    let is_known = used.is_some_and(|used| used.interface == carried.interface);
    if !is_known && carried.reading.mean >= LEAST_BYTES_PER_S {
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            format!(
                "whether a network link was full: the speed of the busiest one is unknown ({most})"
            ),
            "what the provider of the machine promises, or iperf3 between both machines",
        );
        return;
    }
    let statement = format!("network links: at most {most}");
    let evidence = machine.typical_sample("bytes carried", carried.reading);
    out.rule_out(RULE, ComponentKind::Machine, statement, evidence);
}

/// Returns the interface, other than the loopback, with the highest mean of the series that `name` chooses,
/// over an operating point or the whole load.
fn busiest<'a>(
    facts: &RunFacts<'_>,
    machine: MachineRecording<'a>,
    name: impl Fn((&'static str, &'static str, &'static str)) -> &'static str,
) -> Option<BusiestLink<'a>> {
    let windows = facts.machine_windows();
    let all = DIRECTIONS.into_iter().flat_map(|direction| {
        let series = name(direction);
        let readings = windows.iter().flat_map(move |w| machine.all(series, *w));
        readings.map(move |found| (direction.2, found))
    });
    let links = all.filter_map(|(direction, (series, reading))| {
        let interface = series.labels.get("interface")?;
        (interface != "lo").then_some(BusiestLink {
            interface,
            direction,
            reading,
        })
    });
    links.max_by(|a, b| a.reading.mean.total_cmp(&b.reading.mean))
}

fn saturated(machine: MachineRecording<'_>, used: &BusiestLink<'_>, out: &mut Conclusions) {
    let ratio = used.reading.mean;
    out.add_finding(
        draft(RULE, FindingKind::Problem)
            .thing(format!("the network link {}", used.interface))
            .says(
                format!(
                    "The network link {} is used up: {} of its speed {}",
                    used.interface,
                    share(ratio),
                    used.direction
                ),
                "Packets queue in front of a full link: each answer waits for those before it.",
            )
            .confidence(confidence_past(ratio, SATURATED, 0.05))
            .evidence(machine.typical_sample("share of the link's speed", used.reading))
            .advice(
                &[
                    "send fewer bytes (columns that nobody reads, larger batches, compression)",
                    "or use a faster link, or a second one",
                ],
                "answers that do not wait for the link",
                "a link carries its speed and no more",
            ),
    );
}
