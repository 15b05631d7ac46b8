//! Latency as users experience it, from durations of finished requests and ages of unfinished
//! ones.

use super::survival::{DurationCount, Quantile, quantile};
use crate::histogram::{Percentiles, Recording, recording};
use crate::histogram_payload::HistogramError;
use crate::{CensoredPercentiles, Histogram, Operation};

/// Durations of finished requests and ages of unfinished ones, over one or several operations.
#[derive(Debug)]
pub struct Latency {
    finished: Recording,
    unfinished: Recording,
}

/// Certainty of a quantile of latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantileKind {
    /// All requests finished, so the value is that of the measured durations.
    Exact,
    /// Some requests never finished, and the quantile falls among those that did. The value is a
    /// Kaplan–Meier estimate.
    Estimate,
    /// The quantile falls among requests that never finished. The value is a lower bound.
    AtLeast,
}

/// Quantile of latency, with its certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantileEstimate {
    /// Value of the quantile in nanoseconds, or its lower bound.
    pub ns: u64,
    /// Certainty of the value.
    pub kind: QuantileKind,
}

impl QuantileEstimate {
    /// Returns true if the quantile, exact or estimated, is below `bound_ns` nanoseconds. Returns
    /// false for a lower bound, because the true value is not known.
    pub fn is_below(self, bound_ns: u128) -> bool {
        self.kind != QuantileKind::AtLeast && u128::from(self.ns) < bound_ns
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            finished: recording(),
            unfinished: recording(),
        }
    }
}

impl Latency {
    /// Merges the latency of `operations`: response times, or call times in a closed loop, and the
    /// ages of unfinished requests.
    ///
    /// # Errors
    ///
    /// Fails if a histogram of one of them is damaged.
    pub fn from_operations<'a>(
        operations: impl IntoIterator<Item = &'a Operation>,
    ) -> Result<Self, HistogramError> {
        let (mut finished, mut unfinished) = (None, None);
        for operation in operations {
            add(&mut finished, operation.latency())?;
            add(&mut unfinished, operation.unfinished.as_ref())?;
        }
        Ok(Self {
            finished: finished.unwrap_or_else(recording),
            unfinished: unfinished.unwrap_or_else(recording),
        })
    }

    /// Returns the histogram of the durations of finished requests, in nanoseconds.
    pub fn finished(&self) -> &Recording {
        &self.finished
    }

    /// Returns the number of requests that never finished and have an age.
    pub fn unfinished(&self) -> u64 {
        self.unfinished.len()
    }

    /// Returns quantile `q` (0..=1) of latency over all requests, finished or not; `None` if there
    /// are none.
    pub fn quantile(&self, q: f64) -> Option<QuantileEstimate> {
        estimate(&self.finished, &self.unfinished, q)
    }

    /// Returns the longest latency over all requests, as a lower bound if any of them never
    /// finished. `None` if there are no requests.
    pub fn longest(&self) -> Option<QuantileEstimate> {
        let ns = self.finished.max().max(self.unfinished.max());
        if self.unfinished.is_empty() {
            let kind = QuantileKind::Exact;
            return (ns > 0).then_some(QuantileEstimate { ns, kind });
        }
        Some(at_least(&self.unfinished, ns))
    }
}

/// Adds the durations of `histogram` to `sum`.
///
/// # Errors
/// Fails if the histogram is damaged.
fn add(sum: &mut Option<Recording>, histogram: Option<&Histogram>) -> Result<(), HistogramError> {
    let Some(recorded) = histogram.map(Histogram::decode).transpose()? else {
        return Ok(());
    };
    match sum {
        // Both have the same bounds, so that adding cannot fail.
        Some(sum) => {
            let _ = sum.add(recorded);
        }
        None => *sum = Some(recorded),
    }
    Ok(())
}

fn estimate(finished: &Recording, unfinished: &Recording, q: f64) -> Option<QuantileEstimate> {
    if unfinished.is_empty() {
        return (!finished.is_empty()).then(|| QuantileEstimate {
            ns: finished.value_at_quantile(q),
            kind: QuantileKind::Exact,
        });
    }
    quantile_of(&union(finished, unfinished), unfinished, q)
}

fn quantile_of(all: &[DurationCount], unfinished: &Recording, q: f64) -> Option<QuantileEstimate> {
    Some(match quantile(all, q)? {
        Quantile::Estimate(ns) => QuantileEstimate {
            ns,
            kind: QuantileKind::Estimate,
        },
        Quantile::AtLeast(ns) => at_least(unfinished, ns),
    })
}

/// Returns a lower bound of a quantile: the lowest value in the histogram bucket of `ns`
/// nanoseconds.
fn at_least(unfinished: &Recording, ns: u64) -> QuantileEstimate {
    QuantileEstimate {
        ns: unfinished.lowest_equivalent(ns),
        kind: QuantileKind::AtLeast,
    }
}

/// Merges the buckets of finished and unfinished requests, in ascending order of their durations.
fn union(finished: &Recording, unfinished: &Recording) -> Vec<DurationCount> {
    let buckets = |of: &Recording| -> Vec<(u64, u64)> {
        let each = of.iter_recorded();
        each.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect()
    };
    let ended = buckets(finished)
        .into_iter()
        .map(|(value, n)| DurationCount {
            value,
            ended: n,
            cut_off: 0,
        });
    let cut_off = buckets(unfinished)
        .into_iter()
        .map(|(value, n)| DurationCount {
            value,
            ended: 0,
            cut_off: n,
        });
    let mut all: Vec<DurationCount> = ended.chain(cut_off).collect();
    all.sort_unstable_by_key(|lasted| lasted.value);
    all.dedup_by(|next, kept| {
        let same = next.value == kept.value;
        if same {
            kept.ended += next.ended;
            kept.cut_off += next.cut_off;
        }
        same
    });
    all
}

impl Operation {
    /// Returns quantile `q` (0..=1) of latency over successful and censored arrivals, estimated if
    /// some are censored; `None` if there are neither, or if a histogram is damaged.
    pub fn latency_at(&self, q: f64) -> Option<QuantileEstimate> {
        Latency::from_operations([self]).ok()?.quantile(q)
    }
}

impl CensoredPercentiles {
    /// Calculates the listed percentiles over `finished` and `unfinished` requests together, whose
    /// values are nanoseconds; `None` if all requests finished.
    pub fn from_recordings(finished: &Recording, unfinished: &Recording) -> Option<Self> {
        if unfinished.is_empty() {
            return None;
        }
        let all = union(finished, unfinished);
        let mut at_least = Vec::new();
        let percentiles_ns = Percentiles::of(|name, q| {
            let found = quantile_of(&all, unfinished, q)?;
            if found.kind == QuantileKind::AtLeast {
                at_least.push(name.to_owned());
            }
            Some(found.ns)
        });
        Some(Self {
            percentiles_ns: percentiles_ns?,
            at_least,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Histogram;

    fn recorded(durations: &[(u64, u64)]) -> Recording {
        let mut recording = recording();
        for (ns, count) in durations {
            recording.saturating_record_n(*ns, *count);
        }
        recording
    }

    /// Returns an operation of a closed loop with these requests: pairs of a duration or age in
    /// nanoseconds and a number of requests.
    fn operation(finished: &[(u64, u64)], unfinished: &[(u64, u64)]) -> Operation {
        let (finished, unfinished) = (recorded(finished), recorded(unfinished));
        Operation {
            call: Histogram::from_recording(&finished),
            unfinished: Histogram::from_recording(&unfinished),
            with_censored: CensoredPercentiles::from_recordings(&finished, &unfinished),
            censored: unfinished.len(),
            ..Operation::default()
        }
    }

    #[test]
    fn a_request_in_a_hundred_that_hangs_makes_the_p99_a_bound() {
        let hanging = operation(&[(100, 97)], &[(2_000, 3)]);
        let at = |q| hanging.latency_at(q).unwrap();
        assert_eq!((at(0.95).ns, at(0.95).kind), (100, QuantileKind::Estimate));
        assert_eq!((at(0.99).ns, at(0.99).kind), (2_000, QuantileKind::AtLeast));
        assert!(at(0.95).is_below(101) && !at(0.99).is_below(u128::MAX));
        let told = hanging.with_censored.unwrap();
        assert_eq!(
            (told.percentiles_ns.p95, told.percentiles_ns.p99),
            (100, 2_000)
        );
        assert_eq!(told.at_least, ["p99", "p999", "p9999"]);
    }

    #[test]
    fn where_nothing_finished_there_are_bounds_and_without_a_request_nothing() {
        let hanging = operation(&[], &[(1_000, 10)]);
        let p50 = hanging.latency_at(0.5).unwrap();
        assert_eq!((p50.ns, p50.kind), (1_000, QuantileKind::AtLeast));
        assert_eq!(hanging.with_censored.unwrap().at_least.len(), 7);
        let idle = operation(&[], &[]);
        assert_eq!((idle.latency_at(0.5), &idle.with_censored), (None, &None));
    }

    #[test]
    fn the_longest_is_a_bound_as_soon_as_one_was_cut_off() {
        let longest = |unfinished| {
            let one = operation(&[(500, 3)], unfinished);
            Latency::from_operations([&one]).unwrap().longest().unwrap()
        };
        assert_eq!(longest(&[]).kind, QuantileKind::Exact);
        let (young, old) = (longest(&[(7, 1)]), longest(&[(900, 1)]));
        assert_eq!((young.ns, young.kind), (500, QuantileKind::AtLeast));
        assert_eq!(old.ns, 900);
    }

    #[test]
    fn a_bound_is_never_above_the_age_that_was_seen() {
        let age_ns = 9_800_000_000;
        let hanging = operation(&[(100, 1)], &[(age_ns, 99)]);
        let bounds = [
            hanging.latency_at(0.99),
            Latency::from_operations([&hanging]).unwrap().longest(),
        ];
        for bound in bounds.map(Option::unwrap) {
            assert!(
                bound.ns <= age_ns && bound.ns > age_ns - age_ns / 500,
                "{bound:?}"
            );
        }
    }

    proptest! {
        // Few cases, because each histogram is large.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn with_nothing_cut_off_every_quantile_is_the_histograms_own(
            durations in prop::collection::vec((1u64..3_600_000_000_000, 1u64..9), 1..50),
            q in 0.0f64..=1.0,
        ) {
            let recording = recorded(&durations);
            let one = operation(&durations, &[]);
            let found = one.latency_at(q).unwrap();
            prop_assert_eq!(found.ns, recording.value_at_quantile(q));
            prop_assert_eq!(found.kind, QuantileKind::Exact);
            prop_assert_eq!(one.with_censored, None);
        }

        #[test]
        fn merging_operations_is_one_latency(
            a in prop::collection::vec((1u64..2_000_000, 1u64..9), 0..20),
            b in prop::collection::vec((1u64..2_000_000, 1u64..9), 0..20),
            cut_off in prop::collection::vec((1u64..2_000_000, 1u64..9), 0..20),
            q in 0.0f64..=1.0,
        ) {
            let both = [operation(&a, &cut_off), operation(&b, &[])];
            let one = operation(&[a, b].concat(), &cut_off);
            let merged = Latency::from_operations(&both).unwrap();
            prop_assert_eq!(merged.quantile(q), one.latency_at(q));
        }
    }
}
