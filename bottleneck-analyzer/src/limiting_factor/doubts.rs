//! Reasons to doubt a limiting factor, although its bound explains the measured throughput.

use bench_report::names;

use crate::assessment::{Confidence, LimitingFactor};
use crate::bench_facts::BenchFacts;
use crate::figures::{plain, share};
use crate::postgres::PostgresEvidence;

/// Number of samples of sessions, over all repeats, below which a limit that rests on them is doubtful.
const FEW_SAMPLES: f64 = 20.0;

/// Lowers the confidence of `answer` if throughput still rises at the largest setting, because the limit was
/// then not reached, or if it rests on a handful of samples.
pub(super) fn weigh(bench: &BenchFacts<'_>, answer: &mut LimitingFactor) {
    let says_so = answer.factor == "offered_rate";
    if let Some((doubt, to_find_out)) = not_reached(bench).filter(|_| !says_so) {
        answer.confidence = answer.confidence.min(Confidence::Medium);
        answer.reason += &format!("; {doubt}");
        answer.to_find_out.get_or_insert(to_find_out);
    }
    let on_samples = answer.factor.starts_with("wait.");
    if let Some(samples) = few_samples(bench).filter(|_| on_samples) {
        answer.confidence = Confidence::Low;
        answer.reason += &format!("; sessions were sampled only {} times", plain(samples));
        let longer = "a longer step, so that sessions are sampled more often";
        answer.to_find_out.get_or_insert(longer.to_owned());
    }
}

/// Describes a throughput that still rises at the largest setting of the sweep, with the measurement that
/// would reach the limit; `None` if it does not, or if larger settings were measured.
fn not_reached(bench: &BenchFacts<'_>) -> Option<(String, String)> {
    let rise = bench.rise().filter(|_| bench.past_operating().is_empty())?;
    (bench.still_rising()? && bench.made_load()).then(|| {
        (
            format!(
                "throughput still rose by {} from {} to {}, the largest setting: the limit was not reached",
                share(rise.gain_ratio),
                plain(rise.from),
                plain(rise.to)
            ),
            "a sweep to higher settings: more carried more".to_owned(),
        )
    })
}

/// Returns the number of times that sessions were sampled over all repeats, if it is small; `None` if it is
/// not, or if sessions were not sampled.
fn few_samples(bench: &BenchFacts<'_>) -> Option<f64> {
    let repeats = bench.repeats.iter();
    let samples = repeats.map(|index| {
        PostgresEvidence::of_step(bench.source, *index)?.figure(names::postgres::SESSIONS_SAMPLES)
    });
    let samples: Option<f64> = samples.sum();
    samples.filter(|n| *n < FEW_SAMPLES)
}
