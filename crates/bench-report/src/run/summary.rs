//! Conclusions of a tool about its own data. Only the analyzer ranks across reports.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FoundRate, TriedRate};

/// A tool's own conclusions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The result in one sentence.
    pub headline: String,
    /// Named figures of the whole run, units in their names.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Settings to run with, one for each thing that was swept.
    #[serde(default)]
    pub recommendations: Vec<Recommendation>,
    /// Ratios of subjects to a baseline, where several were measured alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// End of a search for a limit, with its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Highest rates of arrivals that keep their bounds, one search for each setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found_rates: Vec<FoundRate>,
    /// Series that grew and should level off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growing>,
}

/// A series that grew significantly and by much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growing {
    /// The name of the series.
    pub series: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Verdict on its growth: it may yet level off, or is a leak.
    pub verdict: GrowthVerdict,
    /// Theil–Sen slope after the warm-up, in the series' unit per second.
    pub per_s: f64,
    /// Growth that the slope makes over the time after the warm-up, in the series' unit.
    pub grown: f64,
    /// Two-sided p-value of the Mann–Kendall test.
    pub p_value: f64,
}

/// Verdict on a series that should level off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthVerdict {
    /// It has grown, and may yet level off or has.
    Growing,
    /// It has grown for long and has not slowed down.
    Leak,
}

impl Summary {
    /// Adds a figure; one that is not finite was not measured and stays absent.
    pub fn figure(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.to_owned(), value);
        }
    }

    /// Returns the search that made step `index`, with its place among the searches and what it found in
    /// the step. `None` for a step of no search.
    pub fn search_of_step(&self, index: usize) -> Option<(usize, &FoundRate, &TriedRate)> {
        let mut searches = self.found_rates.iter().enumerate();
        searches.find_map(|(place, search)| {
            let tried = search.steps.iter().find(|tried| tried.step == index)?;
            Some((place, search, tried))
        })
    }

    /// Returns true if a search made step `index` on the way to its result. Such a step may have been
    /// overloaded on purpose.
    pub fn is_on_the_way(&self, index: usize) -> bool {
        self.search_of_step(index)
            .is_some_and(|(_, search, tried)| !search.stands_for_result(tried))
    }
}

/// A setting to run with, as an interval with a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Subject of the recommendation, as in `deadpool`; the value of the parameter that tells sweeps apart.
    pub subject: String,
    /// The swept parameter, as in `pool_size`.
    pub parameter: String,
    /// The setting to use; absent when the sweep does not allow one to be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Lowest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Mean throughput at `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_per_s: Option<f64>,
    /// Smallest relative difference in throughput that this sweep could have told from noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable_difference_ratio: Option<f64>,
    /// Reason for this value, or for none.
    pub reason: String,
    /// Indices into `steps` of the repeats at `value`.
    #[serde(default)]
    pub steps: Vec<usize>,
}

/// One figure of a subject ÷ the same of a baseline, both measured at one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The subject, as in `deadpool`.
    pub subject: String,
    /// The baseline, as in `wire`.
    pub baseline: String,
    /// The parameter that both share, as in `connections`.
    pub parameter: String,
    /// Its value.
    pub value: f64,
    /// The figure, as in `throughput_per_s`.
    pub figure: String,
    /// Subject ÷ baseline: the geometric mean over repeats of the same round.
    pub ratio: f64,
    /// Lower end of the ratio's 95 % interval; absent with a single repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_ratio: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_ratio: Option<f64>,
}

/// Owner of the limit that ended a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitOwner {
    /// The target refused, broke or slowed.
    Target,
    /// Ports, connection tracking, the path between.
    Network,
    /// The generator's own descriptors, memory or CPU.
    Generator,
    /// The bound that the user set; the true limit is higher.
    Bound,
    /// It could not be told.
    Unknown,
}

/// End of a search for a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// The searched parameter, as in `connections`.
    pub parameter: String,
    /// Highest setting that was held.
    pub value: f64,
    /// Owner of the limit.
    pub owner: LimitOwner,
    /// Observation that ended the search, with its figures.
    pub reason: String,
}
