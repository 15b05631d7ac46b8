//! Flag `--find-rate`, which makes a bench search for the highest rate that keeps given bounds.

use std::collections::BTreeMap;

use bench_report::Pacing;
use clap::Args;
use serde_json::{Value, json};

use crate::objective::Objective;

/// Flag of the search for the highest rate that keeps given bounds.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct FindRateFlags {
    /// Find the highest rate of arrivals that keeps a bound, as in p99<50ms or errors<1%: up by
    /// doubling, then by bisecting (repeat it for several bounds, all of which must be kept)
    #[arg(long, value_name = "OBJECTIVE", value_parser = str::parse::<Objective>)]
    pub find_rate: Vec<Objective>,
}

impl FindRateFlags {
    /// Returns true if `--find-rate` is given, so that a rate is to be searched for.
    pub fn is_given(&self) -> bool {
        !self.find_rate.is_empty()
    }

    /// Adds the bounds of the search, as the entry `find_rate`, to the report's configuration, and
    /// shows that the load is an open loop with the distribution `pacing` of arrivals.
    pub fn add_to(&self, config: &mut BTreeMap<String, Value>, pacing: Pacing) {
        let objectives: Vec<String> = self.find_rate.iter().map(ToString::to_string).collect();
        config.insert("find_rate".to_owned(), json!(objectives));
        tell_open_loop(config, pacing);
    }
}

/// Adds the distribution of arrivals, as the entry `pacing`, to the report's configuration, and
/// removes the entries of the think time, which an open loop does not have.
pub(crate) fn tell_open_loop(config: &mut BTreeMap<String, Value>, pacing: Pacing) {
    let pacing = serde_json::to_value(pacing).unwrap_or_default();
    config.insert("pacing".to_owned(), pacing);
    config.remove("think_time_ns");
    config.remove("think_time");
}
