//! Rule `redis_encodings`: small collections that a setting keeps out of their compact encoding.
//!
//! Fires for a kind of collection that the run measured, of up to 128 elements of up to 64 bytes, the smallest limits
//! that Redis ships, if it has another encoding than the compact one because a limit of this server is lower:
//! information with the bytes that it takes. Reads the table `encoding_limits`, and `memory.key_bytes` and
//! `memory.payload_bytes`. A type of which the server has no such limit has no such encoding, and is not judged.

use bench_report::EvidenceRow;
use bench_report::names::redis::encoding_limits;
use bench_report::names::steps;

use super::part_step::{PartStep, of_part};
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, plain};
use crate::finding_draft::FindingDraft;

const RULE: Rule = Rule::RedisEncodings;
/// Parts of the scenario that find limits, and that measure keys.
const LIMITS_PART: &str = "thresholds";
const SIZES_PART: &str = "sizes";
/// Smallest limits that Redis ships: number of elements, and length of an element in bytes.
const SHIPPED: [(&str, f64); 2] = [("elements", 128.0), ("element_bytes", 64.0)];

/// Limit that keeps a measured collection from its compact encoding.
struct LowLimit<'a> {
    of: PartStep<'a>,
    row: (usize, &'a EvidenceRow),
    found: f64,
    size: PartStep<'a>,
    parameter: &'static str,
}

pub(super) fn check(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let limits = of_part(bench, LIMITS_PART);
    let Some(limits) = limits.first().filter(|step| step.limits().next().is_some()) else {
        let question = "up to which sizes collections are stored compactly: it was not found";
        let to_find_out = "a user that may run OBJECT ENCODING and the commands of all types";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    };
    let mut told: Vec<LowLimit<'_>> = Vec::new();
    for size in of_part(bench, SIZES_PART) {
        let is_known = |known: &LowLimit<'_>| is_same_kind(known.size, size);
        let low = low_limit(*limits, size).filter(|_| !told.iter().any(is_known));
        told.extend(low);
    }
    if told.is_empty() {
        let found: Vec<String> = limits.limits().filter_map(|(_, row)| up_to(row)).collect();
        let evidence = limits.limits().filter_map(|(index, row)| {
            let label = row.label(encoding_limits::LIMIT).unwrap_or("limit");
            limits.limit_evidence(label, index, encoding_limits::FOUND)
        });
        let statement = format!(
            "compact encodings hold up to their limits: {}",
            found.join(", ")
        );
        out.rule_out(RULE, bench.component, statement, evidence);
    }
    for low in told {
        out.add_finding(finding(bench, &low));
    }
}

/// Returns true if two steps measured the same values, with and without expiry.
fn is_same_kind(one: PartStep<'_>, other: PartStep<'_>) -> bool {
    let names = ["type", "elements", "element_bytes"];
    names.iter().all(|name| one.text(name) == other.text(name))
}

/// Returns the limit with its size, as in `hash-max-listpack-entries 512`; `None` if it was not found.
fn up_to(row: &EvidenceRow) -> Option<String> {
    let limit = row.label(encoding_limits::LIMIT)?;
    Some(format!(
        "{limit} {}",
        plain(row.value(encoding_limits::FOUND)?)
    ))
}

/// Returns the limit that keeps the collection of step `size` from its compact encoding; `None` if none does, or if it
/// is too large for every limit that Redis ships.
fn low_limit<'a>(limits: PartStep<'a>, size: PartStep<'a>) -> Option<LowLimit<'a>> {
    let kind = size.text("type");
    let encoding = size.text("encoding");
    let is_small =
        |(name, most): &(&str, f64)| size.step.parameter(name).is_some_and(|n| n <= *most);
    if encoding.is_empty() || !SHIPPED.iter().all(is_small) {
        return None;
    }
    limits.limits().find_map(|(index, row)| {
        let limit = row.label(encoding_limits::LIMIT)?;
        let of_kind = limit.strip_prefix(kind.as_str())?;
        let parameter = match of_kind {
            "-max-listpack-entries" | "-max-ziplist-entries" => "elements",
            "-max-listpack-value" | "-max-ziplist-value" => "element_bytes",
            _ => return None,
        };
        let found = row.value(encoding_limits::FOUND)?;
        let is_larger = row.label(encoding_limits::LARGER) == Some(encoding.as_str())
            && row.label(encoding_limits::COMPACT) != Some(encoding.as_str());
        (is_larger && size.step.parameter(parameter)? > found).then_some(LowLimit {
            of: limits,
            row: (index, row),
            found,
            size,
            parameter,
        })
    })
}

fn finding(bench: &BenchFacts<'_>, low: &LowLimit<'_>) -> FindingDraft {
    let (index, row) = low.row;
    let label = |column| row.label(column).unwrap_or("unknown");
    let (limit, compact) = (
        label(encoding_limits::LIMIT),
        label(encoding_limits::COMPACT),
    );
    let value = |name| low.size.value(name);
    let (key, payload) = (
        value(steps::MEMORY_KEY_BYTES),
        value(steps::MEMORY_PAYLOAD_BYTES),
    );
    let sizes = key.zip(payload).filter(|(_, payload)| *payload > 0.0);
    let times = sizes.map(|(key, payload)| key / payload);
    let takes = sizes.map_or_else(String::new, |(key, payload)| {
        format!(
            " Each takes {} for {} of names and values, {} times as much.",
            bytes(key),
            bytes(payload),
            plain(key / payload)
        )
    });
    let wanted = low.size.step.parameter(low.parameter).unwrap_or(low.found);
    let limits = [encoding_limits::FOUND, encoding_limits::CONFIGURED];
    let limits = limits
        .into_iter()
        .filter_map(|column| low.of.limit_evidence(limit, index, column));
    let figures = [steps::MEMORY_KEY_BYTES, steps::MEMORY_PAYLOAD_BYTES];
    let figures = figures
        .into_iter()
        .filter_map(|name| low.size.evidence(name.as_str()));
    let evidence: Vec<EvidenceItem> = limits
        .chain(figures)
        .chain(low.size.setting(low.parameter))
        .collect();
    bench
        .finding(RULE, FindingKind::Information)
        .one_of_several(&low.size.step.name)
        .thing(limit)
        .says(
            format!(
                "A small {} is stored as {} and not as {compact}: {limit} ends at {}",
                low.size.text("type"),
                low.size.text("encoding"),
                plain(low.found)
            ),
            format!(
                "Measured with {} {} in it.{takes}",
                plain(wanted),
                if low.parameter == "elements" { "elements" } else { "bytes in an element" }
            ),
        )
        .confidence(Confidence::High)
        .computes(times.map(|times| {
            ComputedFigure::new("memory ÷ content of a key", times, "key_bytes ÷ payload_bytes")
        }))
        .evidence(evidence)
        .advice(
            &[&format!("CONFIG SET {limit} {wanted:.0} or more, for keys that are written from then on")],
            "less memory for each such key; how much, the same run tells with the larger limit",
            "a compact value is one block without pointers; reading it takes time that grows with its size",
        )
}
