//! Merge of the measurements that several processes made of one step. Counts and histogram buckets
//! are added, and derived figures are calculated once from the sums, so that nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::histogram::{Recording, recording};
use crate::histogram_payload::HistogramError;
use crate::{
    CensoredPercentiles, CheckoutParts, FailureSample, Generator, Histogram, Operation, PoolUsage,
    SessionUse,
};

impl Histogram {
    /// Adds histograms bucket by bucket; `None` if there are none.
    ///
    /// # Errors
    /// Fails if a histogram is damaged, or has other bounds, so that its buckets do not correspond.
    pub(crate) fn merged<'a>(
        parts: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Option<Self>, HistogramError> {
        Ok(Self::from_recording(&sum(parts)?))
    }
}

/// Adds histograms bucket by bucket; the result is empty if there are none. Fails if one is
/// damaged or has bounds other than those of this schema.
fn sum<'a>(parts: impl IntoIterator<Item = &'a Histogram>) -> Result<Recording, HistogramError> {
    let mut whole = recording();
    for part in parts {
        let part = part.decode()?;
        let bounds = |r: &Recording| (r.low(), r.high(), r.sigfig());
        if bounds(&part) != bounds(&whole) {
            return Err(HistogramError::Bounds {
                high_ns: part.high(),
                digits: part.sigfig(),
            });
        }
        // Both have the same bounds, so that adding cannot fail.
        let _ = whole.add(part);
    }
    Ok(whole)
}

impl Operation {
    /// Merges the results of one operation that several processes measured at the same time.
    /// Counts, histogram buckets and throughputs are added, and percentiles are calculated anew.
    ///
    /// # Errors
    ///
    /// Fails if a histogram is damaged or has bounds other than those of this schema.
    pub(crate) fn merged(parts: &[&Self]) -> Result<Self, HistogramError> {
        let count = |of: fn(&Self) -> u64| parts.iter().map(|part| of(part)).sum();
        let phase = |of: fn(&Self) -> Option<&Histogram>| {
            Histogram::merged(parts.iter().filter_map(|part| of(part)))
        };
        let mut whole = Self {
            attempted: count(|o| o.attempted),
            succeeded: count(|o| o.succeeded),
            errors: sum_by_name(parts.iter().map(|part| &part.errors)),
            censored: count(|o| o.censored),
            never_started: count(|o| o.never_started),
            retries: count(|o| o.retries),
            throughput_per_s: parts.iter().map(|part| part.throughput_per_s).sum::<f64>() + 0.0,
            response: phase(|o| o.response.as_ref())?,
            call: phase(|o| o.call.as_ref())?,
            service: phase(|o| o.service.as_ref())?,
            checkout: phase(|o| o.checkout.as_ref())?,
            backlog: phase(|o| o.backlog.as_ref())?,
            pacing_lag: phase(|o| o.pacing_lag.as_ref())?,
            failed: phase(|o| o.failed.as_ref())?,
            unfinished: phase(|o| o.unfinished.as_ref())?,
            with_censored: None,
            phases: BTreeMap::new(),
        };
        let names: BTreeSet<&String> = parts.iter().flat_map(|part| part.phases.keys()).collect();
        for name in names {
            let phases = parts.iter().filter_map(|part| part.phases.get(name));
            let merged = Histogram::merged(phases)?;
            whole
                .phases
                .extend(merged.map(|phase| (name.clone(), phase)));
        }
        let finished = sum(whole.latency())?;
        whole.with_censored =
            CensoredPercentiles::from_recordings(&finished, &sum(&whole.unfinished)?);
        Ok(whole)
    }

    /// Merges the results of operations with the same name, measured by several processes at the
    /// same time. `parts` are the operations of each process by name.
    ///
    /// # Errors
    ///
    /// Fails if a histogram is damaged or has bounds other than those of this schema.
    pub fn merged_by_name<'a>(
        parts: impl IntoIterator<Item = &'a BTreeMap<String, Self>>,
    ) -> Result<BTreeMap<String, Self>, HistogramError> {
        let mut named: BTreeMap<&String, Vec<&Self>> = BTreeMap::new();
        for (name, operation) in parts.into_iter().flatten() {
            named.entry(name).or_default().push(operation);
        }
        let merged =
            |(name, parts): (&String, Vec<&Self>)| Ok((name.clone(), Self::merged(&parts)?));
        named.into_iter().map(merged).collect()
    }
}

/// Adds counts with the same name over all maps.
fn sum_by_name<'a>(
    parts: impl IntoIterator<Item = &'a BTreeMap<String, u64>>,
) -> BTreeMap<String, u64> {
    let mut whole = BTreeMap::new();
    for (name, count) in parts.into_iter().flatten() {
        *whole.entry(name.clone()).or_default() += count;
    }
    whole
}

impl PoolUsage {
    /// Merges the use of several workers' pools, which together are the pool of the step; `None`
    /// if there are none. Sizes and means are added. So are the maxima, which gives an upper
    /// bound, because the pools may reach them at different times. `samples` is the largest
    /// number, not the sum.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let parts: Vec<&Self> = parts.into_iter().collect();
        let checkout = CheckoutParts::merged(parts.iter().filter_map(|p| p.checkout.as_ref()));
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        let whole = parts.into_iter().cloned().reduce(|sum, one| Self {
            max_size: sum.max_size + one.max_size,
            size_mean: sum.size_mean + one.size_mean,
            in_use_mean: sum.in_use_mean + one.in_use_mean,
            in_use_max: sum.in_use_max + one.in_use_max,
            waiting_mean: both(sum.waiting_mean, one.waiting_mean),
            waiting_max: sum.waiting_max.zip(one.waiting_max).map(|(a, b)| a + b),
            samples: sum.samples.max(one.samples),
            checkout: None,
        })?;
        Some(Self { checkout, ..whole })
    }
}

impl SessionUse {
    /// Merges the sessions that several processes opened; `None` if `parts` is empty. Numbers of
    /// sessions and the maxima are added; the sum of maxima is an upper bound.
    ///
    /// # Errors
    ///
    /// Fails if a histogram is damaged or has bounds other than those of this schema.
    pub fn merged<'a>(
        parts: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Option<Self>, HistogramError> {
        let parts: Vec<&Self> = parts.into_iter().collect();
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            opened: parts.iter().map(|part| part.opened).sum(),
            failed: parts.iter().map(|part| part.failed).sum(),
            errors: sum_by_name(parts.iter().map(|part| &part.errors)),
            open: Histogram::merged(parts.iter().filter_map(|part| part.open.as_ref()))?,
            present_max: parts.iter().map(|part| part.present_max).sum(),
        }))
    }
}

impl FailureSample {
    /// Merges samples of failures in the order of time. Keeps the earliest [`FailureSample::KEPT`]
    /// ones and, beyond that number, the first one of each kind.
    pub fn merged(mut all: Vec<Self>) -> Vec<Self> {
        all.sort_by_key(|failure| failure.at_ns);
        let mut kinds = BTreeSet::new();
        let mut room = FailureSample::KEPT;
        all.retain(|failure| {
            let is_early = room > 0;
            room = room.saturating_sub(1);
            kinds.insert(failure.kind.clone()) || is_early
        });
        all
    }
}

impl Generator {
    /// Merges the figures of load generators that together made the load of one step with
    /// `attempted` arrivals. CPU times and numbers of threads are added; for the busiest thread
    /// and the longest stall, the largest value is kept.
    pub fn merged(parts: &[&Self], attempted: u64) -> Self {
        let threads: u64 = parts.iter().map(|part| part.threads).sum();
        let cpu_ns: u64 = parts.iter().map(|part| part.cpu_ns).sum();
        let used = parts
            .iter()
            .map(|part| part.cpu_ratio * part.threads as f64);
        let each = |of: fn(&Self) -> Option<u64>| -> Option<u64> {
            parts.iter().map(|part| of(part)).sum()
        };
        let busiest = parts.iter().filter_map(|part| part.busiest_thread_ratio);
        let parents = parts.iter().filter_map(|part| part.parent_cpu_ns);
        Self {
            threads,
            cpu_ns,
            cpu_ratio: used.sum::<f64>() / threads.max(1) as f64,
            busiest_thread_ratio: busiest.max_by(f64::total_cmp),
            ready_ns: each(|part| part.ready_ns),
            cpu_per_operation_ns: (attempted > 0).then(|| cpu_ns as f64 / attempted as f64),
            worst_stall_ns: parts.iter().map(|p| p.worst_stall_ns).max().unwrap_or(0),
            parent_cpu_ns: parents.reduce(|a, b| a + b),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(durations: &[u64]) -> Option<Histogram> {
        let mut recorded = recording();
        for ns in durations {
            recorded.saturating_record(*ns);
        }
        Histogram::from_recording(&recorded)
    }

    fn buckets(histogram: &Histogram) -> Vec<(u64, u64)> {
        let recorded = histogram.decode().unwrap();
        let each = recorded.iter_recorded();
        each.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect()
    }

    /// Returns an operation of an open loop whose requests have these durations and ages, in
    /// nanoseconds.
    fn operation(finished: &[u64], unfinished: &[u64]) -> Operation {
        Operation {
            attempted: (finished.len() + unfinished.len()) as u64,
            succeeded: finished.len() as u64,
            censored: unfinished.len() as u64,
            throughput_per_s: finished.len() as f64,
            response: histogram(finished),
            unfinished: histogram(unfinished),
            ..Operation::default()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn the_merge_of_four_equals_one_histogram_of_all_their_values(
            parts in prop::collection::vec(
                (prop::collection::vec(1_u64..crate::histogram_payload::HIGHEST_NS, 0..60),
                 prop::collection::vec(1_u64..crate::histogram_payload::HIGHEST_NS, 0..20)),
                4..=4,
            ),
        ) {
            let each: Vec<Operation> = parts.iter().map(|(a, b)| operation(a, b)).collect();
            let merged = Operation::merged(&each.iter().collect::<Vec<_>>()).unwrap();
            let finished: Vec<u64> = parts.iter().flat_map(|(a, _)| a).copied().collect();
            let unfinished: Vec<u64> = parts.iter().flat_map(|(_, b)| b).copied().collect();
            let whole = histogram(&finished);
            prop_assert_eq!(merged.response.as_ref().map(buckets), whole.as_ref().map(buckets));
            prop_assert_eq!(&merged.response, &whole, "percentiles are those of the sum");
            prop_assert_eq!(&merged.unfinished, &histogram(&unfinished));
            prop_assert_eq!(merged.attempted, (finished.len() + unfinished.len()) as u64);
            if let Some(unfinished) = &merged.unfinished {
                let finished = whole.map_or_else(recording, |whole| whole.decode().unwrap());
                let of_all = CensoredPercentiles::from_recordings(
                    &finished,
                    &unfinished.decode().unwrap(),
                );
                prop_assert_eq!(merged.with_censored, of_all);
            }
        }
    }

    #[test]
    fn a_histogram_with_other_bounds_is_refused() {
        let mut coarse = Recording::new_with_bounds(1, 1_000_000, 2).unwrap();
        coarse.saturating_record(7_777);
        let coarse = Histogram::from_recording(&coarse).unwrap();
        let ours = histogram(&[5]).unwrap();
        let refused = Histogram::merged([&ours, &coarse]);
        assert!(
            matches!(refused, Err(HistogramError::Bounds { digits: 2, .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn threads_and_cpu_time_add_up_and_the_worst_thread_stays() {
        let one = Generator {
            threads: 2,
            cpu_ns: 600,
            cpu_ratio: 0.3,
            busiest_thread_ratio: Some(0.5),
            ready_ns: Some(7),
            worst_stall_ns: 40,
            ..Generator::default()
        };
        let other = Generator {
            threads: 1,
            cpu_ns: 900,
            cpu_ratio: 0.9,
            busiest_thread_ratio: Some(0.9),
            ready_ns: None,
            worst_stall_ns: 10,
            ..Generator::default()
        };
        let both = Generator::merged(&[&one, &other], 3);
        assert_eq!((both.threads, both.cpu_ns), (3, 1_500));
        assert!((both.cpu_ratio - 0.5).abs() < 1e-9, "{}", both.cpu_ratio);
        assert_eq!(both.busiest_thread_ratio, Some(0.9));
        assert_eq!(both.ready_ns, None, "of one it is not known");
        assert_eq!(both.cpu_per_operation_ns, Some(500.0));
        assert_eq!((both.worst_stall_ns, both.parent_cpu_ns), (40, None));
    }
}
