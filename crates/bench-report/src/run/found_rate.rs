//! Result of a search for the highest rate of arrivals that keeps its bounds, as it is in a
//! report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result of a search for the highest rate of arrivals that keeps its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundRate {
    /// Setting under which rates were tried, such as `pool of 8`.
    pub subject: String,
    /// Bounds that a rate must keep, such as `p99<50ms`.
    pub objectives: Vec<String>,
    /// Number of steps at one rate that must keep the bounds, so that the rate counts as held.
    pub repeats: u64,
    /// Highest rate, in arrivals per second, that kept the bounds in as many steps as required and
    /// broke none in any; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_per_s: Option<f64>,
    /// Lowest rate, in arrivals per second, at which a step broke a bound; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_per_s: Option<f64>,
    /// Way in which the search ended.
    pub end: RateSearchEnd,
    /// Result of the search as a sentence, with the figures behind it.
    pub reason: String,
    /// Steps of the search, in the order in which they ran.
    pub steps: Vec<TriedRate>,
}

/// Way in which a search for a rate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateSearchEnd {
    /// A rate held, and a slightly higher one broke a bound.
    Bracketed,
    /// A rate held, and higher ones could not be judged, for example because the generator was at
    /// its limit.
    NotJudgedAbove,
    /// Even the lowest rate that was tried broke a bound.
    NotMet,
    /// Even the highest rate that was tried held.
    NotBroken,
    /// The run ended before the search was complete.
    Unfinished,
    /// No rate could be judged, or the search ended in a way that this version does not know.
    #[serde(other)]
    NotJudged,
}

/// Step of a search for a rate, with its rate and the verdict on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriedRate {
    /// Index of the step in `steps` of the report.
    pub step: usize,
    /// Rate of the step, in arrivals per second.
    pub rate_per_s: f64,
    /// Verdict on the step.
    pub verdict: RateVerdict,
    /// Figure that broke a bound, or the reason for which the step could not be judged; absent if
    /// the step held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Verdict on a step at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateVerdict {
    /// The target served the rate and kept its bounds.
    Held,
    /// The target broke a bound, or did not serve the rate.
    Broken,
    /// The figures decide nothing: the generator may have distorted them, or there are too few
    /// requests. Also any verdict that this version does not know.
    #[serde(other)]
    Doubtful,
}

impl FoundRate {
    /// Returns true if the result of this search rests on the step `tried`: a step that held at
    /// the highest rate that held. If no rate held, the result rests on the steps at the lowest
    /// rate, which is the least likely to be overloaded.
    pub fn stands_for_result(&self, tried: &TriedRate) -> bool {
        match self.highest_held() {
            Some(held) => tried.is_at(held) && tried.verdict == RateVerdict::Held,
            None => self.lowest().is_some_and(|lowest| tried.is_at(lowest)),
        }
    }

    /// Returns the highest rate that held, in arrivals per second. If none held in as many steps
    /// as required, returns the highest rate with a step that held and no step that broke a bound;
    /// `None` if there is none.
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
