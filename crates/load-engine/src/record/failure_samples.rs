//! Samples of a step's failures with their messages: the earliest ones, and the first one of each
//! kind, so that every kind that is counted has an example.

use bench_report::FailureSample;

/// Failures that one shard keeps in full, with their messages, in the order in which they occurred.
#[derive(Debug)]
pub(crate) struct FailureSamples(Vec<FailureSample>);

impl Default for FailureSamples {
    fn default() -> Self {
        Self(Vec::with_capacity(FailureSample::KEPT))
    }
}

impl FailureSamples {
    /// Keeps the failure that `sample` creates if `is_first` (the first of its kind), or if fewer
    /// than [`FailureSample::KEPT`] are kept. Otherwise `sample` is not called.
    pub(crate) fn offer(&mut self, is_first: bool, sample: impl FnOnce() -> FailureSample) {
        if is_first || self.0.len() < FailureSample::KEPT {
            self.0.push(sample());
        }
    }

    /// Merges the samples of all shards into one list in the order of time, limited to the earliest
    /// failures and the first of each kind.
    pub(crate) fn merged<'a>(shards: impl Iterator<Item = &'a Self>) -> Vec<FailureSample> {
        FailureSample::merged(shards.flat_map(|shard| &shard.0).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_comes_late_has_an_example_too() {
        let sample = |at_ns: u64, kind: &str| FailureSample {
            at_ns,
            operation: "get".to_owned(),
            phase: "call".to_owned(),
            kind: kind.to_owned(),
            message: "why".to_owned(),
            detail: None,
            statement: None,
        };
        let mut shards = [FailureSamples::default(), FailureSamples::default()];
        for (at, shard) in shards.iter_mut().enumerate() {
            for n in 0..100 {
                shard.offer(n == 0, || sample(2 * n + at as u64, "closed"));
            }
            shard.offer(true, || sample(300 + at as u64, "refused"));
        }
        let kept = FailureSamples::merged(shards.iter());
        let (last, early) = kept.split_last().unwrap();
        assert_eq!((last.at_ns, last.kind.as_str()), (300, "refused"));
        let times: Vec<u64> = early.iter().map(|failure| failure.at_ns).collect();
        assert_eq!(times, (0..FailureSample::KEPT as u64).collect::<Vec<_>>());
    }
}
