//! Answers to other clients: the one thread copies and writes them too.

use super::MATTERS;
use crate::assessment::{Component, Confidence, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft};
use crate::facts::Bench;
use crate::figures::{bytes, share};
use crate::redis::View;

const RULE: &str = "redis_bytes";

/// Less than this is what looking at a server takes.
const LEAST_BYTES_PER_S: f64 = 1_048_576.0;

pub(super) fn judge(bench: &Bench<'_>, view: &View<'_>, out: &mut Conclusions) {
    let (Some(sent), Some(others)) = (view.figure("net_output_bytes"), view.others_bytes()) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether other clients take up Redis's output: what it sent was not read",
            "a server that counts total_net_output_bytes",
        );
        return;
    };
    let per_s = others / view.seconds;
    let ratio = others / sent.max(1.0);
    let evidence = view.evidence("net_output_bytes");
    if per_s < LEAST_BYTES_PER_S || ratio < MATTERS {
        let statement = format!("other clients took at most {}/s of answers", bytes(per_s));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    // Their share of the time in which the thread read, wrote and copied.
    let taken = view.outside_commands_s().map(|s| s * ratio / view.seconds);
    let matters = taken.is_some_and(|taken| taken >= MATTERS);
    let kind = if matters {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let cost = taken.map_or_else(
        || "How much of the thread's time that takes is not known.".to_owned(),
        |taken| {
            format!(
                "Writing them took about {} of the one thread's time.",
                share(taken)
            )
        },
    );
    let mut draft = Draft::new(RULE, &bench.id(), Component::Redis, kind)
        .says(
            format!("Other clients take {}/s of answers from Redis", bytes(per_s)),
            format!("That is {} of what it sends. {cost}", share(ratio)),
        )
        .confidence(Confidence::Medium)
        .evidence(evidence)
        .evidence(view.evidence("output_buffer_max_bytes"))
        .advice(
            &[
                "find who reads so much: CLIENT LIST shows tot-net-out by client on Valkey, omem and \
                 cmd elsewhere",
                "ask for less: HMGET instead of HGETALL, ranges, smaller values",
            ],
            "the thread's time for the load's own answers",
            "one thread copies and writes the answers to all clients",
        );
    if let Some(taken) = taken.filter(|_| matters) {
        draft = draft.impact(taken, ImpactOf::Capacity);
    }
    out.find(draft);
}
