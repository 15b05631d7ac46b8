//! Transfer of the recommendation to other conditions. Little's law gives the connections that a
//! pool needs: as many as requests are served at once, c = X · S, with X the highest throughput of
//! the server and S the time that a request holds its connection (Little, *A Proof for the Queuing
//! Formula L = λW*, Operations Research 9(3), 1961). Hold and network delay make S longer; they
//! change X only where too few connections are left to reach it. The law is checked against the
//! measurements.

use std::time::Duration;

use bench_cli::table;
use bench_report::{Recommendation, Summary};

use super::SettingGroup;
use crate::conditions::Conditions;
use crate::drivers::Driver;
use crate::queue::little_concurrency;
use crate::recommendation::interval;

/// Prediction of the law for one driver under one set of conditions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prediction {
    driver: Driver,
    conditions: Conditions,
    /// Additional time held against the base's conditions, in nanoseconds, measured at the fewest
    /// connections.
    longer_ns: f64,
    /// Round trips of a request while it holds its connection; `Some` where the network differs
    /// from the base's.
    round_trips: Option<f64>,
    /// Connections that the law requires.
    pub(super) connections: f64,
    /// Mean relative distance of the measured throughputs from min(c ÷ S, X).
    pub(super) error_ratio: f64,
}

/// Measurements of one driver from which its predictions start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Base {
    conditions: Conditions,
    /// X: highest throughput of any size, per second.
    ceiling_per_s: f64,
    /// S: time held at the fewest connections, in nanoseconds.
    held_ns: f64,
}

/// Returns the time that a request holds its connection at the fewest connections: the service time
/// without contention, with hold and network.
fn held_ns(group: &SettingGroup) -> Option<f64> {
    let fewest = group.results.iter().find(|r| !r.held.is_empty())?;
    statistics::mean(&fewest.phase_means(|o| o.service.as_ref()))
}

impl Base {
    /// Takes the group of `driver` with the shortest planned hold.
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

    /// Returns the prediction for `group`.
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

/// Returns the predictions for every pooled driver that was swept under several conditions, with
/// their base.
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

/// Writes the predictions into `summary`.
pub(super) fn figures(groups: &[SettingGroup], summary: &mut Summary) {
    for (_, found) in predictions(groups) {
        for prediction in found {
            let subject = format!("{}, {}", prediction.driver.name(), prediction.conditions);
            summary.figure(
                &format!("{subject}.predicted_connections"),
                prediction.connections,
            );
            summary.figure(
                &format!("{subject}.prediction_error_ratio"),
                prediction.error_ratio,
            );
        }
    }
}

/// Returns the range of hold and network within which each recommendation stands, and how well the
/// law describes the measurements; empty where only one set of conditions was swept.
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

/// Returns the longest hold for which the base's recommendation has enough connections.
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
