//! Conclusions of a program about its own data, as they are in its report. Only the analyzer
//! compares several reports.

use std::collections::BTreeMap;
use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{FigureFamily, FigureName};
use crate::{FoundRate, TriedRate};

/// Conclusions of a program about the data of its own run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Result of the run in one sentence.
    pub headline: String,
    /// Figures of the whole run by name; each name contains the unit.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Recommended settings, one for each sweep or each search for a rate.
    #[serde(default)]
    pub recommendations: Vec<Recommendation>,
    /// Ratios of figures to those of a baseline, where several subjects were measured in the same
    /// way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// Result of a search for a limit, and what set the limit; absent if there was no such search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Results of searches for the highest rate of arrivals that keeps its bounds, one for each
    /// setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found_rates: Vec<FoundRate>,
    /// Series, such as memory, that grew although they should level off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<Growing>,
}

/// Series that should level off, but grew significantly and by a large amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growing {
    /// Name of the metric of the series.
    pub series: String,
    /// Labels of the series, which distinguish it from others of the same metric.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Verdict on the growth.
    pub verdict: GrowthVerdict,
    /// Slope of the series after the warm-up, as Theil–Sen estimate, in the series' unit per
    /// second.
    pub per_s: f64,
    /// Slope × length of the time after the warm-up: the growth in that time, in the series' unit.
    pub grown: f64,
    /// Two-sided p-value of the Mann–Kendall test for a trend after the warm-up, from 0 to 1.
    pub p_value: f64,
}

/// Verdict on a series that should level off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthVerdict {
    /// The series has grown for a long time, never fell back, and the growth has not slowed down.
    Leak,
    /// The series has grown significantly and by a large amount. It may have levelled off, or may
    /// still do so. Also any verdict that this version does not know.
    #[serde(other)]
    Growing,
}

impl Summary {
    /// Adds a figure, or replaces the one with this name. One that is not finite is left out.
    pub fn figure(&mut self, name: FigureName, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.to_string(), value);
        }
    }

    /// Adds the figure of `member` of a family, or replaces it. One that is not finite is left out.
    pub fn member(&mut self, family: FigureFamily, member: impl Display, value: f64) {
        if value.is_finite() {
            self.figures.insert(family.of(member), value);
        }
    }

    /// Returns the search for a rate that made the step at `index` of the report, with the index
    /// of the search in `found_rates` and its verdict on the step. `None` if no search made the
    /// step.
    pub fn search_of_step(&self, index: usize) -> Option<(usize, &FoundRate, &TriedRate)> {
        let mut searches = self.found_rates.iter().enumerate();
        searches.find_map(|(place, search)| {
            let tried = search.steps.iter().find(|tried| tried.step == index)?;
            Some((place, search, tried))
        })
    }

    /// Returns true if a search for a rate made the step at `index` of the report on the way to
    /// its result, but the result does not rest on that step. The step may have been overloaded on
    /// purpose.
    pub fn is_on_the_way(&self, index: usize) -> bool {
        self.search_of_step(index)
            .is_some_and(|(_, search, tried)| !search.stands_for_result(tried))
    }
}

/// Recommended value of a setting, as an interval with a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Subject of the recommendation, which distinguishes it from those of other sweeps, such as
    /// the driver `deadpool`.
    pub subject: String,
    /// Name of the swept parameter, such as `pool_size`.
    pub parameter: String,
    /// Recommended value of the parameter; absent if the measurements do not support one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Lowest value that the measurements do not rule out; absent if there is no recommended
    /// value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest value that the measurements do not rule out; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Mean throughput of the steps at `value`, in operations per second; absent if there are
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_per_s: Option<f64>,
    /// Smallest difference in throughput that this sweep could have distinguished from noise, as a
    /// share of the throughput; absent if it was not calculated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable_difference_ratio: Option<f64>,
    /// Reason for the recommended value, or for having none.
    pub reason: String,
    /// Indices in the report's `steps` of the repeats at `value`.
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
    /// Value of the parameter, at which both were measured.
    pub value: f64,
    /// Name of the compared figure, such as `throughput_per_s`.
    pub figure: String,
    /// Figure of the subject ÷ figure of the baseline: the geometric mean over pairs of repeats of
    /// the same round.
    pub ratio: f64,
    /// Lower end of the 95 % confidence interval of `ratio`; absent with a single repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_ratio: Option<f64>,
    /// Upper end of the 95 % confidence interval of `ratio`; absent with a single repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_ratio: Option<f64>,
}

/// Part of the system that set the limit at which a search for a limit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitOwner {
    /// The target: it refused, broke or became slow.
    Target,
    /// The network: ports, connection tracking, or the path to the target.
    Network,
    /// The load generator: its file descriptors, memory or CPU.
    Generator,
    /// The largest value that the user allowed; the true limit is higher.
    Bound,
    /// The part could not be determined, or this version does not know it.
    #[serde(other)]
    Unknown,
}

/// Result of a search for a limit: the highest value that held, and what set the limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Name of the searched parameter, such as `connections`.
    pub parameter: String,
    /// Highest value of the parameter at which the target still met all conditions; 0 if there is
    /// none.
    pub value: f64,
    /// Part of the system that set the limit.
    pub owner: LimitOwner,
    /// Observation that ended the search, with its figures.
    pub reason: String,
}
