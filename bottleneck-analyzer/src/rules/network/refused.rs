//! Rules `listen_overflows` and `udp_drops`: connections and datagrams that a full socket refused.
//!
//! `listen_overflows` is a note if a listening socket refused connections (`tcp.listen_overflows_per_s`,
//! `tcp.listen_drops_per_s`); the client tries again after 1, 3 and 7 s. `udp_drops` is a note if full receive
//! buffers dropped one datagram of ten thousand or more, and one a second (`udp.receive_buffer_errors_per_s`).

use crate::assessment::{ComponentKind, Confidence, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{percent, rate};
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;

use super::reading::{TO_FIND_OUT, draft, highest_loss};

/// Share of datagrams dropped from which they matter.
const DROPPED: f64 = 1e-4;
/// Smallest number of connections refused, or of datagrams dropped, in one second that is told.
const LEAST_PER_S: f64 = 1.0;

pub(super) fn check(facts: &RunFacts<'_>, machine: MachineRecording<'_>, out: &mut Conclusions) {
    overflows(machine, out);
    datagrams(facts, machine, out);
}

fn overflows(machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::ListenOverflows;
    let whole = machine.whole();
    let overflows = machine.read("tcp.listen_overflows_per_s", whole);
    let drops = machine.read("tcp.listen_drops_per_s", whole);
    let Some(overflows) = overflows else {
        let question =
            "whether a server refused connections: overflows of its queue were not counted";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let evidence = machine.peak_sample("connections refused, queue full", overflows);
    let dropped = drops.filter(|drops| drops.max >= LEAST_PER_S);
    if overflows.max < LEAST_PER_S && dropped.is_none() {
        let statement = "no listening socket refused connections";
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    let (title, why) = if overflows.max >= LEAST_PER_S {
        (
            format!(
                "A listening socket refused up to {} connections: its queue was full",
                rate(overflows.max)
            ),
            "The server did not accept connections as fast as they came: it stalled, or its queue is short \
             (the lower of its backlog and net.core.somaxconn).",
        )
    } else {
        let most = dropped.map_or(0.0, |drops| drops.max);
        (
            format!(
                "A listening socket refused up to {} connections",
                rate(most)
            ),
            "Its queue was not full: they were refused for another reason, such as lack of memory.",
        )
    };
    out.add_finding(
        draft(rule, FindingKind::Information)
            .says(title, format!("{why} A client tries again after 1, 3 and 7 s."))
            .confidence(Confidence::Medium)
            .evidence(evidence)
            .evidence(dropped.and_then(|drops| machine.peak_sample("connections refused", drops)))
            .advice(
                &["raise the server's backlog and net.core.somaxconn, or spread the connects over time"],
                "connects that do not wait a second",
                "the queue holds connections that the server has not accepted yet",
            ),
    );
}

fn datagrams(facts: &RunFacts<'_>, machine: MachineRecording<'_>, out: &mut Conclusions) {
    let rule = Rule::UdpDrops;
    let series = ("udp.receive_buffer_errors_per_s", "udp.received_per_s");
    let Some(dropped) = highest_loss(facts, series, LEAST_PER_S) else {
        let question = "whether datagrams were dropped: they were not counted";
        out.cannot_judge(rule, ComponentKind::Machine, question, TO_FIND_OUT);
        return;
    };
    let evidence = machine.typical_sample("datagrams dropped, buffer full", dropped.lost);
    if !dropped.reaches(DROPPED, LEAST_PER_S) {
        let words = percent(dropped.ratio);
        let statement = format!("full buffers dropped {words} of the datagrams (UDP)");
        out.rule_out(rule, ComponentKind::Machine, statement, evidence);
        return;
    }
    out.add_finding(
        draft(rule, FindingKind::Information)
            .says(
                format!("Full receive buffers drop {} of the datagrams (UDP)", percent(dropped.ratio)),
                "A program reads its socket more slowly than datagrams arrive: name lookups and statistics (statsd) \
                 use UDP.",
            )
            .confidence(Confidence::Medium)
            .evidence(evidence)
            .evidence(machine.typical_sample("datagrams received", dropped.passed))
            .advice(
                &["raise net.core.rmem_max and the program's receive buffer (ss -u -a shows whose queue is long)"],
                "no lost lookups, each of which costs 5 s",
                "a datagram that finds no room is lost",
            ),
    );
}
