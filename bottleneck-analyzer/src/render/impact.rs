//! Words for the impact of a finding, the same on the terminal and on the page.

use std::fmt::Write as _;

use crate::assessment::{Assessment, Finding, FindingId, FindingKind, Impact, ImpactOf};
use crate::figures::{duration_ns, percent, share};

/// Share of the time that a cause saves alone, below which it saves nothing more after others.
const NOTHING_MORE: f64 = 0.01;

/// Smallest rise of throughput that is told, as a share of the measured one.
const LEAST_GAIN: f64 = 0.01;
/// Largest rise that is told: what a call takes of a CPU that is mostly idle tells little about a full one.
const MOST_GAIN: f64 = 2.0;

/// Names the quantity that an impact is a share of, as in `of the response time`.
fn impact_of(of: ImpactOf) -> &'static str {
    match of {
        ImpactOf::ResponseTime => "of the response time",
        ImpactOf::Capacity => "of the capacity",
        ImpactOf::Requests => "of the requests",
        ImpactOf::SessionTime => "of the time of sessions at work",
    }
}

/// Describes impact and confidence: `would save 12.0 ms of the 80.0 ms of a call at the same load (15 %); after
/// the causes above, 3.00 ms; confidence high`. What is part of another cause tells what it saves only if that is
/// more than the other saves, because the other's queue goes with it. A problem without an impact reads `impact
/// not measured; confidence …`.
pub(crate) fn weight(finding: &Finding, assessment: &Assessment) -> String {
    let confidence = finding.confidence.name();
    if let Some(parent) = &finding.parent {
        let parent = assessment.findings.iter().find(|f| f.id == *parent);
        let more = parent.and_then(|parent| more_than(finding, parent));
        return format!(
            "part of the cause above{}; confidence {confidence}",
            more.unwrap_or_default()
        );
    }
    match finding.impact {
        Some(i) => format!("{}; confidence {confidence}", would_come_back(i)),
        None if finding.kind == FindingKind::Information => format!("confidence {confidence}"),
        None => format!("impact not measured; confidence {confidence}"),
    }
}

/// Describes the time that `finding` saves if it is more than what `parent`, of which it is a part, saves: the
/// queue of the other goes with it. `None` if it is not more, or no queue.
fn more_than(finding: &Finding, parent: &Finding) -> Option<String> {
    let impact = finding
        .impact
        .filter(|_| finding.kind == FindingKind::Symptom)?;
    let (own, above) = (impact.saved_ns?, parent.impact?.saved_ns?);
    (own > above).then(|| {
        format!(
            "; without it the queue above is gone too: {} of a call together ({})",
            duration_ns(own),
            share(impact.ratio)
        )
    })
}

/// Describes an impact: the saved time, or the share of another quantity, and the gain of throughput.
fn would_come_back(impact: Impact) -> String {
    let mut text = match (impact.saved_ns, impact.of) {
        (Some(ns), _) => saved(impact, ns),
        (None, ImpactOf::Requests) => {
            format!("{} {}", percent(impact.ratio), impact_of(impact.of))
        }
        (None, of) => format!("up to {} {}", share(impact.ratio), impact_of(of)),
    };
    let told = |gain: Option<f64>| {
        let gain = gain.filter(|gain| (LEAST_GAIN..=MOST_GAIN).contains(gain))?;
        Some(format!("{} more throughput", share(gain)))
    };
    if let Some(gain) = told(impact.capacity_gain_ratio) {
        let _ = write!(text, "; {gain}");
        if let Some(limit) = impact.next_limit {
            let _ = write!(text, ", until {} is the limit", limit.name());
        }
    }
    if let Some(gain) = told(impact.capacity_gain_after_ratio) {
        let _ = write!(text, "; after the causes above, {gain}");
    }
    text
}

/// Describes a saved time of `ns` nanoseconds: `would save 12.0 ms of the 80.0 ms of a call at the same load
/// (15 %; 10.0 ms to 13.0 ms over the repeats); after the causes above, 3.00 ms`.
fn saved(impact: Impact, ns: f64) -> String {
    let time = duration_ns(ns);
    let mut text = if impact.ratio > 0.0 {
        let whole = duration_ns(ns / impact.ratio);
        format!(
            "would save {time} of the {whole} of a call at the same load ({}",
            share(impact.ratio)
        )
    } else {
        format!("would save {time} of a call (0 %")
    };
    if let Some((least, most)) = impact.saved_range_ns() {
        let (least, most) = (duration_ns(least), duration_ns(most));
        if least != most {
            let _ = write!(text, "; {least} to {most} over the repeats");
        }
    }
    text.push(')');
    match impact.saved_after_ns {
        Some(after) if after < NOTHING_MORE * ns => {
            text += "; after the causes above, nothing more";
        }
        Some(after) => {
            let _ = write!(text, "; after the causes above, {}", duration_ns(after));
        }
        None => {}
    }
    text
}

/// Names the problems whose saved time overlaps with that of `finding`; `None` if there is none.
pub(crate) fn not_ordered(finding: &Finding, assessment: &Assessment) -> Option<String> {
    let name = |id: &FindingId| {
        let other = assessment.findings.iter().find(|f| f.id == *id)?;
        Some(other.thing.clone().unwrap_or_else(|| other.title.clone()))
    };
    let names: Vec<String> = finding.not_ordered_with.iter().filter_map(name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Which costs more is not known: over the repeats, the time that this would save overlaps with \
             that of {}.",
            names.join(" and of ")
        )
    })
}

/// Returns the sentence that tells how to add the impacts up; `None` if fewer than two findings have one.
pub(crate) fn how_they_add_up(assessment: &Assessment) -> Option<&'static str> {
    let mut impacts = assessment.findings.iter().filter_map(|f| f.impact);
    let several = impacts.clone().count() > 1;
    let after = impacts.any(|i| i.saved_after_ns.is_some());
    several.then_some(if after {
        "Impacts overlap: each is told as if its cause alone were removed. Only the times 'after the causes \
         above' add up."
    } else {
        "Impacts overlap: they may add up to more than the whole."
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::NextLimit;

    #[test]
    fn a_saved_time_is_told_with_the_whole_call_and_after_the_causes_above() {
        let impact = Impact {
            saved_ns: Some(12e6),
            capacity_gain_ratio: Some(0.17),
            saved_after_ns: Some(3e6),
            next_limit: Some(NextLimit::Cpu),
            capacity_gain_after_ratio: Some(0.43),
            saved_least_ns: Some(10e6),
            saved_most_ns: Some(13e6),
            ..Impact::share(0.15, ImpactOf::ResponseTime)
        };
        assert_eq!(
            would_come_back(impact),
            "would save 12.0 ms of the 80.0 ms of a call at the same load (15 %; 10.0 ms to 13.0 ms over the \
             repeats); after the causes above, 3.00 ms; 17 % more throughput, until the CPU is the limit; after \
             the causes above, 43 % more throughput"
        );
    }

    #[test]
    fn what_saves_nothing_more_after_the_others_says_so() {
        let impact = Impact {
            saved_ns: Some(12e6),
            saved_after_ns: Some(1e3),
            ..Impact::share(0.15, ImpactOf::ResponseTime)
        };
        let told = would_come_back(impact);
        assert!(
            told.ends_with("after the causes above, nothing more"),
            "{told}"
        );
    }
}
