//! Recommendation of one of several ways to connect that were measured with the same requests.

use bench_cli::table;
use bench_report::{Histogram, Load, Recommendation, Step};
use statistics::{Estimate, mean, minimum_detectable_difference, ratio_interval};

use crate::clients::ClientKind;
use crate::results::group::ClientGroup;

/// Share of the generator's processor time, from 0 to 1, above which the generator may have limited
/// the load.
const GENERATOR_BOUND: f64 = 0.9;

/// Figure of a step by which ways to connect are compared.
struct Measure {
    name: &'static str,
    more_is_better: bool,
    show: fn(f64) -> String,
    of: fn(&Step) -> Option<f64>,
}

impl Measure {
    /// Returns the figure of each completed step of `group` that has it.
    fn sample(&self, group: &ClientGroup<'_>) -> Vec<f64> {
        group.completed().filter_map(self.of).collect()
    }
}

/// Returns the figure to compare for the load of `step`. In a closed loop it is the throughput. In
/// an open loop all ways to connect have the same throughput, so it is the mean response time.
fn measure(step: &Step) -> Measure {
    match step.load {
        Load::Closed { .. } | Load::Unknown => Measure {
            name: "throughput",
            more_is_better: true,
            show: table::rate,
            of: |step| Some(step.throughput_per_s()),
        },
        Load::Open { .. } => Measure {
            name: "mean response time",
            more_is_better: false,
            show: |ns| table::duration_ns(ns as u64),
            of: mean_response_ns,
        },
    }
}

fn mean_response_ns(step: &Step) -> Option<f64> {
    let responses: Vec<&Histogram> = step
        .operations
        .values()
        .filter_map(|operation| operation.response.as_ref())
        .collect();
    let count: u64 = responses.iter().map(|response| response.count).sum();
    let sum: f64 = responses.iter().map(|r| r.mean_ns * r.count as f64).sum();
    (count > 0).then(|| sum / count as f64)
}

/// Recommends the best of several ways to connect, which is compared with the second best. The
/// recommendation has no value if the ratio of their repeats differs from 1 by no more than chance
/// explains, or if an open loop has unanswered requests. `None` unless at least two completed a
/// step. Repeats with the same number are compared in pairs: they ran one after another, so a
/// machine that gets slower over time favours neither.
///
/// Of a way that was measured with several numbers of connections, the one in `sizes` takes part;
/// without one, the one with the best mean.
pub(crate) fn recommend(
    groups: &[ClientGroup<'_>],
    sizes: &[Recommendation],
) -> Option<Recommendation> {
    let first = groups.iter().find_map(|group| group.completed().next())?;
    let measure = measure(first);
    let ways = groups.chunk_by(|a, b| a.client == b.client);
    let ways: Vec<&ClientGroup<'_>> = ways
        .filter_map(|sizes_of_way| of_way(sizes_of_way, sizes, &measure))
        .collect();
    let [best, second, ..] = ways_by_mean(&ways, &measure)[..] else {
        return None;
    };
    let (a, b) = (measure.sample(best), measure.sample(second));
    let both = format!(
        "{} {} {}, {} {}",
        measure.name,
        (measure.show)(mean(&a)?),
        within(best),
        (measure.show)(mean(&b)?),
        within(second),
    );
    let unanswered: u64 = ways.iter().map(|group| group.unanswered()).sum();
    if unanswered > 0 && matches!(first.load, Load::Open { .. }) {
        let why = format!(
            "{} never got an answer, and how long that would have taken nobody knows: means do not \
             tell the ways apart",
            table::counted(unanswered, "request")
        );
        return Some(undecided(best, &both, &why, None));
    }
    let pairs = pairs(best, second, measure.of);
    let detectable = minimum_detectable_difference(&a, pairs.len(), 0.05, 0.8);
    // Pairs may contradict the means from which the best was chosen; neither is then proven.
    let is_told = |ratio: &Estimate| {
        !ratio.interval.contains(1.0) && (ratio.mean > 1.0) == measure.more_is_better
    };
    let ratio = ratio_interval(&pairs, 0.95).filter(is_told);
    let Some(ratio) = ratio else {
        let why = match pairs.len() {
            0 | 1 => "one repeat cannot tell them apart; use --repeats 3 or more",
            _ => "the repeats scatter too much to tell them apart",
        };
        return Some(undecided(best, &both, why, detectable));
    };
    let (low, high) = if ratio.mean > 1.0 {
        (ratio.interval.low, ratio.interval.high)
    } else {
        (1.0 / ratio.interval.high, 1.0 / ratio.interval.low)
    };
    Some(Recommendation {
        subject: best.client.name().to_owned(),
        parameter: best.client.parameter().to_owned(),
        value: Some(best.count as f64),
        low: None,
        high: None,
        throughput_per_s: mean(&best.throughputs()),
        detectable_difference_ratio: detectable,
        reason: format!(
            "{both}: {low:.2} to {high:.2} times ({} repeats, 95 %){}{}",
            pairs.len(),
            checkout(&ways),
            saturated(&ways),
        ),
        steps: best.steps.iter().map(|(index, _)| *index).collect(),
    })
}

/// Returns the group of one way to connect that is compared with other ways: that with the number
/// of connections in `recommended`, else that with the best mean of `measure`.
fn of_way<'g, 'a>(
    groups: &'g [ClientGroup<'a>],
    recommended: &[Recommendation],
    measure: &Measure,
) -> Option<&'g ClientGroup<'a>> {
    let client = groups.first()?.client;
    let of_client = recommended.iter().find(|r| r.subject == client.name());
    let value = of_client.and_then(|found| found.value);
    let chosen = groups
        .iter()
        .find(|group| Some(group.count as f64) == value);
    chosen.or_else(|| {
        let all: Vec<&ClientGroup<'_>> = groups.iter().collect();
        ways_by_mean(&all, measure).first().copied()
    })
}

/// Returns the groups that completed a step with the figure `measure`, the best mean first.
fn ways_by_mean<'g, 'a>(
    groups: &[&'g ClientGroup<'a>],
    measure: &Measure,
) -> Vec<&'g ClientGroup<'a>> {
    let measured = groups.iter();
    let measured = measured.filter_map(|group| Some((mean(&measure.sample(group))?, *group)));
    let mut measured: Vec<(f64, &ClientGroup<'_>)> = measured.collect();
    measured.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    if measure.more_is_better {
        measured.reverse();
    }
    measured.into_iter().map(|(_, group)| group).collect()
}

/// Returns the way to connect of a group as the place of a figure, as in `in the pool of 8`.
fn within(group: &ClientGroup<'_>) -> String {
    match group.client {
        ClientKind::Pooled => format!("in the {}", group.name()),
        ClientKind::Multiplexed | ClientKind::Managed => format!("on the {}", group.name()),
        ClientKind::Plain | ClientKind::PerRequest | ClientKind::Cluster => {
            format!("with {}", group.name())
        }
    }
}

/// Returns pairs of figures, of `a` and of `b`, for those repeats that both groups completed and
/// for which both have the figure.
fn pairs(
    a: &ClientGroup<'_>,
    b: &ClientGroup<'_>,
    of: fn(&Step) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let partner = |step: &Step| b.completed().find(|other| other.repeat == step.repeat);
    a.completed()
        .filter_map(|step| Some((of(step)?, of(partner(step)?)?)))
        .collect()
}

fn undecided(
    best: &ClientGroup<'_>,
    both: &str,
    why: &str,
    detectable: Option<f64>,
) -> Recommendation {
    Recommendation {
        subject: best.client.name().to_owned(),
        parameter: best.client.parameter().to_owned(),
        value: None,
        low: None,
        high: None,
        throughput_per_s: None,
        detectable_difference_ratio: detectable,
        reason: format!("{both}: {why}"),
        steps: Vec::new(),
    }
}

/// Returns a sentence if the generator may have limited the throughput in any completed step; else
/// an empty text.
fn saturated(groups: &[&ClientGroup<'_>]) -> &'static str {
    let busy = |step: &Step| step.generator.cpu_ratio > GENERATOR_BOUND;
    if groups.iter().any(|group| group.completed().any(busy)) {
        ". The generator had no processor to spare: the faster way may be faster still"
    } else {
        ""
    }
}

/// Returns a sentence about the part of a mean call in the pool that is the checkout; an empty text
/// if no checkouts were measured.
fn checkout(groups: &[&ClientGroup<'_>]) -> String {
    let pooled = groups.iter().find(|g| g.client == ClientKind::Pooled);
    let Some(pooled) = pooled else {
        return String::new();
    };
    let checkout = pooled.merged(|operation| operation.checkout.as_ref());
    let call = pooled.merged(|operation| operation.call.as_ref());
    if checkout.is_empty() || call.is_empty() {
        return String::new();
    }
    let (whole, call) = (checkout.mean() as u64, call.mean() as u64);
    let told = pooled.checkout().map_or_else(
        || table::duration_ns(whole),
        |parts| table::checkout(&parts),
    );
    format!(
        ". In the pool a call of {} holds a checkout of {told}",
        table::duration_ns(call),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::group::groups;
    use crate::results::summary::tests::report;
    use crate::run::workload::Variants;

    fn advice(pooled: &[f64], shared: &[f64]) -> Recommendation {
        recommend(&groups(&report(pooled, shared), &Variants::default()), &[]).unwrap()
    }

    #[test]
    fn the_way_that_is_faster_in_every_round_is_recommended() {
        let found = advice(&[100.0, 120.0, 90.0], &[210.0, 235.0, 184.0]);
        assert_eq!(found.subject, "multiplexed");
        assert_eq!(
            (found.parameter.as_str(), found.value),
            ("connections", Some(1.0))
        );
        assert_eq!(found.steps, [1, 3, 5]);
        let found = advice(&[210.0, 235.0, 184.0], &[100.0, 120.0, 90.0]);
        assert_eq!((found.subject.as_str(), found.value), ("pooled", Some(8.0)));
    }

    #[test]
    fn a_machine_that_drifts_favours_neither_because_rounds_are_pairs() {
        let found = advice(&[100.0, 200.0, 400.0], &[111.0, 218.0, 442.0]);
        assert_eq!(found.value, Some(1.0), "{}", found.reason);
    }

    #[test]
    fn what_may_be_chance_is_not_recommended() {
        let found = advice(&[100.0, 120.0, 90.0], &[105.0, 110.0, 95.0]);
        assert_eq!(found.value, None);
        assert!(found.reason.contains("scatter"), "{}", found.reason);
        let found = advice(&[100.0], &[900.0]);
        assert_eq!(found.value, None);
        assert!(found.reason.contains("--repeats"), "{}", found.reason);
    }

    #[test]
    fn a_way_whose_requests_hang_is_not_the_faster_one() {
        let mut report = report(&[100.0, 120.0, 90.0], &[100.0, 120.0, 90.0]);
        for step in &mut report.steps {
            step.load = Load::Open {
                rate_per_s: 300.0,
                pacing: bench_report::Pacing::Constant,
                in_flight_cap: 1_000,
                delayed_at_cap: 0,
            };
            let is_pooled = step.is_with(&[("client", "pooled")]);
            let get = step.operations.get_mut("get").unwrap();
            get.response.clone_from(&get.call);
            if is_pooled {
                get.censored = 200;
            }
        }
        let found = recommend(&groups(&report, &Variants::default()), &[]).unwrap();
        assert_eq!(found.value, None);
        assert!(
            found.reason.contains("600 requests never got an answer"),
            "{}",
            found.reason
        );
    }

    #[test]
    fn one_way_alone_is_compared_with_nothing() {
        assert!(
            recommend(
                &groups(&report(&[1.0, 2.0], &[]), &Variants::default()),
                &[]
            )
            .is_none()
        );
    }
}
