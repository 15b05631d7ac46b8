//! Search for the highest rate of arrivals that keeps its bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result of a search for the highest rate of arrivals that keeps its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundRate {
    /// Setting under which rates were tried, as in `pool of 8`.
    pub subject: String,
    /// Bounds that a rate must keep, as in `p99<50ms`.
    pub objectives: Vec<String>,
    /// Steps that a rate must keep its bounds in before it counts as held.
    pub repeats: u64,
    /// Highest rate that kept them in every step at it; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_per_s: Option<f64>,
    /// Lowest rate at which a step broke a bound; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_per_s: Option<f64>,
    /// End of the search.
    pub end: RateSearchEnd,
    /// Result in words, with the figures that it rests on.
    pub reason: String,
    /// Steps of the search, in their order.
    pub steps: Vec<TriedRate>,
}

/// End of a search for a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateSearchEnd {
    /// A rate held, and one close above it broke a bound.
    Bracketed,
    /// A rate held; those above could not be judged, as with a generator at its limit.
    NotJudgedAbove,
    /// The lowest rate tried broke a bound.
    NotMet,
    /// The highest rate tried held.
    NotBroken,
    /// No rate could be judged.
    NotJudged,
    /// The run ended before the search did.
    Unfinished,
}

/// Step of a search at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriedRate {
    /// Index into `steps` of the report.
    pub step: usize,
    /// Arrivals per second.
    pub rate_per_s: f64,
    /// Verdict on the step.
    pub verdict: RateVerdict,
    /// Figure that broke a bound, or the reason for a doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Verdict on a step at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateVerdict {
    /// The rate was carried and kept its bounds.
    Held,
    /// It broke a bound, or was not carried.
    Broken,
    /// The figures do not tell: the generator spoilt them, or there are too few.
    Doubtful,
}

impl FoundRate {
    /// Returns true if a step of this search stands for its result: a step at the highest rate that held,
    /// which is not spoilt. Where no rate held, steps at the lowest rate do, because they overload nothing
    /// on purpose.
    pub fn stands_for_result(&self, tried: &TriedRate) -> bool {
        match self.highest_held() {
            Some(held) => tried.is_at(held) && tried.verdict == RateVerdict::Held,
            None => self.lowest().is_some_and(|lowest| tried.is_at(lowest)),
        }
    }

    /// Returns the highest rate that held: the result, or where the search did not come to its end the
    /// highest of those at which no step broke a bound.
    fn highest_held(&self) -> Option<f64> {
        let has_broken = |rate: f64| {
            let mut steps = self.steps.iter();
            steps.any(|tried| tried.is_at(rate) && tried.verdict == RateVerdict::Broken)
        };
        let held = self.steps.iter();
        let held = held.filter(|tried| tried.verdict == RateVerdict::Held);
        let held = held.map(|tried| tried.rate_per_s);
        let so_far = held.filter(|rate| !has_broken(*rate));
        self.held_per_s.or(so_far.max_by(f64::total_cmp))
    }

    fn lowest(&self) -> Option<f64> {
        let rates = self.steps.iter().map(|tried| tried.rate_per_s);
        rates.min_by(f64::total_cmp)
    }
}

impl TriedRate {
    fn is_at(&self, rate: f64) -> bool {
        self.rate_per_s.total_cmp(&rate).is_eq()
    }
}
