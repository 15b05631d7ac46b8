//! Words for the impact of a finding, the same on the terminal and on the page.

use std::fmt::Write as _;

use crate::assessment::{Assessment, Finding, FindingId, FindingKind, Impact, ImpactOf};
use crate::figures::{duration_ns, percent, share};

/// Share of the time that a cause saves alone, below which it saves nothing more after others.
const NOTHING_MORE: f64 = 0.01;

/// Names the quantity that an impact is a share of, as in `of the response time`.
fn impact_of(of: ImpactOf) -> &'static str {
    match of {
        ImpactOf::ResponseTime => "of the response time",
        ImpactOf::Capacity => "of the capacity",
        ImpactOf::Requests => "of the requests",
        ImpactOf::SessionTime => "of the time of sessions at work",
    }
}

/// Describes impact and confidence: `would save 12.0 ms of the 80.0 ms of a call (15 %); after the causes
/// above, 3.00 ms; confidence high`. A problem or symptom without an impact reads `impact not measured; confidence
/// …`.
pub(crate) fn weight(finding: &Finding) -> String {
    let confidence = finding.confidence.name();
    match finding.impact {
        Some(i) if finding.parent.is_some() && i.saved_ns.is_some() => format!(
            "{}; part of the cause above; confidence {confidence}",
            would_come_back(i)
        ),
        Some(i) => format!("{}; confidence {confidence}", would_come_back(i)),
        None if finding.kind == FindingKind::Information => format!("confidence {confidence}"),
        None => format!("impact not measured; confidence {confidence}"),
    }
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
    if let Some(gain) = impact.capacity_gain_ratio.filter(|gain| *gain >= 0.01) {
        let _ = write!(
            text,
            "; {} more throughput until the next limit",
            share(gain)
        );
    }
    let after = impact.capacity_gain_after_ratio;
    if let Some(gain) = after.filter(|gain| *gain >= 0.01) {
        let _ = write!(text, "; {} more after the causes above", share(gain));
    }
    text
}

/// Describes a saved time of `ns` nanoseconds: `would save 12.0 ms of the 80.0 ms of a call (15 %; 10.0 ms to
/// 13.0 ms over the repeats); after the causes above, 3.00 ms`.
fn saved(impact: Impact, ns: f64) -> String {
    let time = duration_ns(ns);
    let mut text = if impact.ratio > 0.0 {
        let whole = duration_ns(ns / impact.ratio);
        format!(
            "would save {time} of the {whole} of a call ({}",
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

    #[test]
    fn a_saved_time_is_told_with_the_whole_call_and_after_the_causes_above() {
        let impact = Impact {
            saved_ns: Some(12e6),
            capacity_gain_ratio: Some(0.17),
            saved_after_ns: Some(3e6),
            capacity_gain_after_ratio: Some(0.43),
            saved_least_ns: Some(10e6),
            saved_most_ns: Some(13e6),
            ..Impact::share(0.15, ImpactOf::ResponseTime)
        };
        assert_eq!(
            would_come_back(impact),
            "would save 12.0 ms of the 80.0 ms of a call (15 %; 10.0 ms to 13.0 ms over the repeats); after the \
             causes above, 3.00 ms; 17 % more throughput until the next limit; 43 % more after the causes above"
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
