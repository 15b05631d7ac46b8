//! Does the recommendation carry over? Little's law for a pool says how many connections it takes:
//! as many as requests are served at once, c = X · S, with X the throughput that the server can
//! give and S how long a request holds its connection (Little, *A Proof for the Queuing Formula
//! L = λW*, Operations Research 9(3), 1961). Hold and network make S longer; they change X only
//! where too few connections are left to reach it. The law is checked against what was measured.

use std::time::Duration;

use bench_cli::table;
use bench_report::{Recommendation, Summary};

use super::SettingGroup;
use crate::conditions::Conditions;
use crate::drivers::Driver;
use crate::recommendation::interval;

/// What the law says of one driver under one set of conditions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prediction {
    driver: Driver,
    conditions: Conditions,
    /// Longer than under the base's conditions, in nanoseconds, as measured at the fewest
    /// connections.
    longer_ns: f64,
    /// Round trips that a request spends with its connection; where the conditions differ from
    /// the base's in their network.
    round_trips: Option<f64>,
    /// Connections that the law asks for.
    pub(super) connections: f64,
    /// Mean distance of throughputs from min(c ÷ S, X), over all sizes measured.
    pub(super) error_ratio: f64,
}

/// What holds for one driver under the conditions that its predictions start from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Base {
    conditions: Conditions,
    /// X, the highest throughput of a size, per second.
    ceiling_per_s: f64,
    /// S at the fewest connections, in nanoseconds.
    held_ns: f64,
}

/// Time that a request holds its connection where the fewest are at work: what the server takes
/// when it does nothing else, with hold and network.
fn held_ns(group: &SettingGroup) -> Option<f64> {
    let fewest = group.results.iter().find(|r| !r.held.is_empty())?;
    statistics::mean(&fewest.phase_means(|o| o.service.as_ref()))
}

impl Base {
    /// The group of `driver` whose connections are held shortest by plan.
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

    /// Returns what the law says of `group`.
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
            connections: statistics::queue::little_concurrency(self.ceiling_per_s, held),
            error_ratio: statistics::mean(&errors.collect::<Vec<_>>())?,
        })
    }
}

/// Predictions for every pooled driver that was swept under several conditions, with their base.
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

/// Writes what the law says into `summary`.
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

/// For which range of hold and network each recommendation stands, and how well the law that says
/// so describes what was measured; empty where only one set of conditions was swept.
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

/// Up to which longer hold the base's recommendation has connections enough.
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
