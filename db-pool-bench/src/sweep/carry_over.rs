//! Recommendation for other conditions than the measured ones. By Little's law a pool needs as many
//! connections as requests are served at once: c = X · S. X is the highest throughput of the
//! server, S is the time for which a request holds its connection (Little, *A Proof for the Queuing
//! Formula L = λW*, Operations Research 9(3), 1961). Hold time and network delay make S longer.
//! They change X only if the largest pool has too few connections to reach it. The law is checked
//! against the measurements.

use std::time::Duration;

use bench_cli::table;
use bench_report::names::summaries;
use bench_report::{Recommendation, Summary};

use super::SettingGroup;
use crate::conditions::Conditions;
use crate::drivers::Driver;
use crate::queue::little_concurrency;
use bench_cli::settings::interval;

/// Prediction by Little's law for one driver under one set of conditions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prediction {
    driver: Driver,
    conditions: Conditions,
    /// Time for which a request holds its connection longer than under the conditions of the
    /// [`Base`], in nanoseconds; negative if shorter. Measured at the smallest number of
    /// connections.
    longer_ns: f64,
    /// Number of network round trips of a request while it holds its connection; `None` if the
    /// network delay is not larger than under the conditions of the [`Base`].
    round_trips: Option<f64>,
    /// Number of connections that the law requires for the highest throughput of the [`Base`]; not
    /// rounded.
    pub(super) connections: f64,
    /// Mean absolute difference between the measured throughputs and min(c ÷ S, X), as a share of
    /// the latter.
    pub(super) error_ratio: f64,
}

/// Measurements of one driver under the conditions from which predictions for other conditions
/// start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Base {
    conditions: Conditions,
    /// X: highest mean throughput of any number of connections, in requests per second.
    ceiling_per_s: f64,
    /// S: mean time for which a request holds its connection at the smallest number of connections,
    /// in nanoseconds.
    held_ns: f64,
}

/// Returns the time for which a request holds its connection, in nanoseconds: the mean service time
/// at the smallest number of connections, where requests do not compete. It includes hold time and
/// network. `None` if nothing was measured.
fn held_ns(group: &SettingGroup) -> Option<f64> {
    let fewest = group.results.iter().find(|r| !r.held.is_empty())?;
    statistics::mean(&fewest.phase_means(|o| o.service.as_ref()))
}

impl Base {
    /// Returns the measurements of `driver` under the conditions with the smallest sum of hold time
    /// and network delay; `None` if nothing was measured there.
    fn for_driver(groups: &[SettingGroup], driver: Driver) -> Option<Self> {
        let mine = groups.iter().filter(|g| g.driver == driver);
        let planned = |g: &&SettingGroup| g.conditions.hold.mean() + g.conditions.network_delay;
        let group = mine.min_by_key(planned)?;
        Some(Self {
            conditions: group.conditions,
            ceiling_per_s: group.best_throughput_per_s()?,
            held_ns: held_ns(group)?,
        })
    }

    /// Returns the prediction for the conditions of `group`, compared with the group's
    /// measurements; `None` if nothing was measured there.
    fn predict(&self, group: &SettingGroup) -> Option<Prediction> {
        let held = held_ns(group)?;
        let longer_ns = held - self.held_ns;
        let hold_ns = |c: Conditions| c.hold.mean().as_nanos() as f64;
        let round_trip_ns = |c: Conditions| 2.0 * c.network_delay.as_nanos() as f64;
        let further_ns = round_trip_ns(group.conditions) - round_trip_ns(self.conditions);
        let network_ns = longer_ns - (hold_ns(group.conditions) - hold_ns(self.conditions));
        let errors = group.results.iter().filter_map(|r| {
            let allowed = r.value as f64 / (held / 1e9);
            let predicted = allowed.min(self.ceiling_per_s);
            Some((r.throughput_per_s()? / predicted - 1.0).abs())
        });
        Some(Prediction {
            driver: group.driver,
            conditions: group.conditions,
            longer_ns,
            round_trips: (further_ns > 0.0).then(|| network_ns / further_ns),
            connections: little_concurrency(self.ceiling_per_s, held),
            error_ratio: statistics::mean(&errors.collect::<Vec<_>>())?,
        })
    }
}

/// Returns the base and the predictions of each pooled driver that was measured under several sets
/// of conditions. The predictions include that for the base's own conditions.
fn predictions(groups: &[SettingGroup]) -> Vec<(Base, Vec<Prediction>)> {
    let mut drivers: Vec<Driver> = groups.iter().map(|g| g.driver).collect();
    drivers.sort_unstable();
    drivers.dedup();
    let of = |driver: Driver| {
        let base = Base::for_driver(groups, driver)?;
        let mine = groups.iter().filter(|g| g.driver == driver);
        let found: Vec<Prediction> = mine.filter_map(|g| base.predict(g)).collect();
        (found.len() > 1).then_some((base, found))
    };
    let pooled = drivers.into_iter().filter(|driver| driver.is_pooled());
    pooled.filter_map(of).collect()
}

fn recommendation<'a>(
    summary: &'a Summary,
    groups: &[SettingGroup],
    driver: Driver,
    conditions: Conditions,
) -> Option<&'a Recommendation> {
    let group = groups
        .iter()
        .find(|g| g.driver == driver && g.conditions == conditions)?;
    let mut all = summary.recommendations.iter();
    all.find(|r| r.subject == group.subject)
}

/// Adds the predicted connections and the prediction errors to the figures of `summary`; none if
/// only one set of conditions was swept.
pub(super) fn figures(groups: &[SettingGroup], summary: &mut Summary) {
    for (_, found) in predictions(groups) {
        for prediction in found {
            let subject = format!("{}, {}", prediction.driver.name(), prediction.conditions);
            summary.member(
                summaries::PREDICTED_CONNECTIONS,
                &subject,
                prediction.connections,
            );
            summary.member(
                summaries::PREDICTION_ERROR_RATIO,
                &subject,
                prediction.error_ratio,
            );
        }
    }
}

/// Returns text about the hold times and network delays for which each recommendation holds, and
/// about how well Little's law describes the measurements, ending with a line break. Empty if only
/// one set of conditions was swept.
pub(super) fn text(groups: &[SettingGroup], summary: &Summary) -> String {
    let mut text = String::new();
    for (base, found) in predictions(groups) {
        let driver = found[0].driver;
        let Some(stands) = recommendation(summary, groups, driver, base.conditions) else {
            continue;
        };
        text.push_str(&table::paragraph(&range(&base, driver, stands), 0));
        for prediction in &found {
            let measured = recommendation(summary, groups, driver, prediction.conditions);
            let is_base = prediction.conditions == base.conditions;
            text.push_str(&table::paragraph(
                &verdict(prediction, measured, is_base),
                2,
            ));
        }
    }
    text
}

/// Returns a sentence with the longest time for which a request may hold its connection so that the
/// recommendation `stands`, made under the base's conditions, still has enough connections.
fn range(base: &Base, driver: Driver, stands: &Recommendation) -> String {
    let name = driver.name();
    let Some(value) = stands.value else {
        return format!("{name}: without a recommendation nothing carries over");
    };
    let most = stands.high.unwrap_or(value).max(value);
    let longest_ns = most / base.ceiling_per_s * 1e9;
    let spare = Duration::from_nanos((longest_ns - base.held_ns).max(0.0) as u64);
    format!(
        "{name}: connections needed = throughput × time held. With {} a request holds its \
         connection for {}; {} ({}) stands while it holds it for at most {}, which leaves {} for \
         hold and network together",
        base.conditions,
        table::duration_ns(base.held_ns as u64),
        value,
        interval(stands),
        table::duration_ns(longest_ns as u64),
        table::duration_ns(spare.as_nanos() as u64),
    )
}

fn verdict(prediction: &Prediction, measured: Option<&Recommendation>, is_base: bool) -> String {
    let mut said = format!("{}: ", prediction.conditions);
    if !is_base {
        let longer = table::duration_ns(prediction.longer_ns.max(0.0) as u64);
        said += &format!("held {longer} longer");
        if let Some(trips) = prediction.round_trips {
            said += &format!(" ({trips:.1} round trips each)");
        }
        said += "; ";
    }
    said += &format!("the law asks for {:.1}", prediction.connections);
    match measured.and_then(|r| r.value.map(|value| (r, value))) {
        Some((r, value)) => said += &format!(", measured {value} ({})", interval(r)),
        None => said += ", measured: no recommendation",
    }
    said += &format!(
        "; the throughputs measured lie {} from what it predicts, on average",
        table::ratio(prediction.error_ratio)
    );
    said
}
