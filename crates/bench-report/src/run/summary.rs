//! Conclusions of a program about its own data. Only the analyzer compares several reports.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FoundRate, TriedRate};

/// Conclusions of a program.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Result in one sentence.
    pub headline: String,
    /// Figures of the whole run by name; names contain the units.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Recommended settings, one for each sweep.
    #[serde(default)]
    pub recommendations: Vec<Recommendation>,
    /// Ratios of figures to those of a baseline, where several subjects were measured alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// End of a search for a limit, and what set the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Highest rates of arrivals that keep their bounds, one search for each setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found_rates: Vec<FoundRate>,
    /// Series that grew although they should level off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growing>,
}

/// Series that grew significantly and by a large amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growing {
    /// Name of the series.
    pub series: String,
    /// Labels of the series.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Verdict on the growth.
    pub verdict: GrowthVerdict,
    /// Theil–Sen slope after the warm-up, in the series' unit per second.
    pub per_s: f64,
    /// Growth by that slope over the time after the warm-up, in the series' unit.
    pub grown: f64,
    /// Two-sided p-value of the Mann–Kendall test for a trend.
    pub p_value: f64,
}

/// Verdict on a series that should level off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthVerdict {
    /// The series has grown, and has levelled off or may still do so.
    Growing,
    /// The series has grown for a long time without slowing down.
    Leak,
}

impl Summary {
    /// Adds a figure. One that is not finite is left out.
    pub fn figure(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.to_owned(), value);
        }
    }

    /// Returns the search that made step `index`, with the position of the search in `found_rates`
    /// and its verdict on the step. `None` if no search made the step.
    pub fn search_of_step(&self, index: usize) -> Option<(usize, &FoundRate, &TriedRate)> {
        let mut searches = self.found_rates.iter().enumerate();
        searches.find_map(|(place, search)| {
            let tried = search.steps.iter().find(|tried| tried.step == index)?;
            Some((place, search, tried))
        })
    }

    /// Returns true if a search made step `index` on the way to its result, but the result does not
    /// rest on that step. The step may have been overloaded on purpose.
    pub fn is_on_the_way(&self, index: usize) -> bool {
        self.search_of_step(index)
            .is_some_and(|(_, search, tried)| !search.stands_for_result(tried))
    }
}

/// Recommended setting, as an interval with a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Subject of the recommendation, such as `deadpool`: the value of the parameter that
    /// distinguishes the sweeps.
    pub subject: String,
    /// Name of the swept parameter, such as `pool_size`.
    pub parameter: String,
    /// Recommended value; absent if the sweep does not support one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Lowest value that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest value that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Mean throughput at `value`, in operations per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_per_s: Option<f64>,
    /// Smallest relative difference in throughput that this sweep could have distinguished from
    /// noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable_difference_ratio: Option<f64>,
    /// Reason for the value, or for having none.
    pub reason: String,
    /// Positions in `steps` of the repeats at `value`.
    #[serde(default)]
    pub steps: Vec<usize>,
}

/// Figure of a subject divided by that of a baseline, both measured under the same setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Name of the subject, such as `deadpool`.
    pub subject: String,
    /// Name of the baseline, such as `wire`.
    pub baseline: String,
    /// Name of the parameter that both share, such as `connections`.
    pub parameter: String,
    /// Value of the parameter.
    pub value: f64,
    /// Name of the figure, such as `throughput_per_s`.
    pub figure: String,
    /// Subject ÷ baseline: the geometric mean over repeats of the same round.
    pub ratio: f64,
    /// Lower end of the ratio's 95 % interval; absent with a single repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_ratio: Option<f64>,
    /// Upper end of the ratio's 95 % interval; absent with a single repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_ratio: Option<f64>,
}

/// Part of the system that set the limit at which a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitOwner {
    /// The target refused, broke or became slow.
    Target,
    /// The network: ports, connection tracking, or the path between.
    Network,
    /// The generator: its file descriptors, memory or CPU.
    Generator,
    /// The bound that the user set; the true limit is higher.
    Bound,
    /// It could not be determined.
    Unknown,
}

/// End of a search for a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Name of the searched parameter, such as `connections`.
    pub parameter: String,
    /// Highest value that was held.
    pub value: f64,
    /// Part of the system that set the limit.
    pub owner: LimitOwner,
    /// Observation that ended the search, with its figures.
    pub reason: String,
}
