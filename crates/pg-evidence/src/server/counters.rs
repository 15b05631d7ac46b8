//! Cumulative counters of the server, read before a step's connections open and after they have
//! closed. A backend reports its counts at most once a second, and always when it exits.

use std::collections::BTreeMap;

use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;
use bench_report::names::{FigureName, postgres};

use crate::failure::from_postgres;
use crate::server::client::Client;
use crate::server::views::{Counter, StatisticsView, VIEWS};

/// Cumulative counters of the server at one instant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counters {
    at_ns: u64,
    /// Values by the counters' names in reports; a counter without a value is absent.
    values: BTreeMap<FigureName, f64>,
    /// Names of views and counters that cannot be read, each with the reason.
    unavailable: BTreeMap<&'static str, String>,
}

impl Counters {
    /// Reads every statistics view that a server of this `version` (a `server_version_num`) has.
    /// Never fails: a view that cannot be read is recorded with the reason.
    pub(crate) async fn read(client: &Client, version: i32) -> Self {
        let mut counters = Self {
            at_ns: 0,
            values: BTreeMap::new(),
            unavailable: BTreeMap::new(),
        };
        for view in &VIEWS {
            if view.versions.contains(&version) {
                if let Err(reason) = counters.add(client, view, version).await {
                    counters.unavailable.insert(view.name, reason);
                }
            } else if !VIEWS.iter().any(|other| other.tells_of(view, version)) {
                let reason = format!(
                    "a PostgreSQL of version {} has no such view",
                    version / 10_000
                );
                counters.unavailable.insert(view.name, reason);
            }
        }
        counters.at_ns = monotonic_ns();
        counters
    }

    async fn add(
        &mut self,
        client: &Client,
        view: &StatisticsView,
        version: i32,
    ) -> Result<(), String> {
        let counters: Vec<&Counter> = view.counters.iter().filter(|c| c.is_in(version)).collect();
        let columns: Vec<String> = counters.iter().map(|c| column(c)).collect();
        let query = format!(
            "SELECT /* plimsoll evidence */ {} FROM {}",
            columns.join(", "),
            view.source
        );
        let row = client
            .query_one(&query, &[])
            .await
            .map_err(|error| from_postgres(&error).to_string())?;
        for (i, counter) in counters.into_iter().enumerate() {
            let value: Option<f64> = row.try_get(i).map_err(|error| error.to_string())?;
            if let Some(value) = value {
                self.values.insert(counter.name, value);
            } else {
                let off = |needs| format!("{needs} is off");
                let reason = counter
                    .needs
                    .map_or("the server has no value".to_owned(), off);
                self.unavailable.insert(counter.name.as_str(), reason);
            }
        }
        Ok(())
    }

    /// Writes the growth of the counters since `before` into `evidence`; those that were reset are
    /// recorded as unavailable. `deltas.span_s` is the time between the two readings in seconds:
    /// the whole step, including its warm-up.
    pub(crate) fn report_since(&self, before: &Self, evidence: &mut ServerEvidence) {
        evidence.figure(
            postgres::DELTAS_SPAN_S,
            self.at_ns.saturating_sub(before.at_ns) as f64 / 1e9,
        );
        for (name, reason) in self.unavailable.iter().chain(&before.unavailable) {
            evidence
                .unavailable
                .insert(name.to_string(), reason.clone());
        }
        for (name, now) in &self.values {
            match before.values.get(name) {
                Some(then) if now >= then => evidence.figure(*name, now - then),
                Some(_) => {
                    let reason = "the counters were reset during the step".to_owned();
                    evidence.unavailable.insert(name.to_string(), reason);
                }
                None => {}
            }
        }
        let (hit, read) = (
            evidence.value(postgres::DATABASE_BLOCKS_HIT),
            evidence.value(postgres::DATABASE_BLOCKS_READ),
        );
        if let (Some(hit), Some(read)) = (hit, read) {
            // If no block was requested, this is not finite and is left out.
            evidence.figure(postgres::DATABASE_CACHE_HIT_RATIO, hit / (hit + read));
        }
    }
}

/// Returns the SQL expression of a counter's value, which is NULL if the server does not measure
/// it.
fn column(counter: &Counter) -> String {
    let Counter { sql, needs, .. } = counter;
    match needs {
        None => format!("({sql})::float8"),
        Some(needs) => {
            format!("CASE WHEN current_setting('{needs}')::bool THEN ({sql})::float8 END")
        }
    }
}

impl StatisticsView {
    /// Returns true if a server of `version` reports in this view the counters of the view
    /// `missing`, which it does not have.
    fn tells_of(&self, missing: &StatisticsView, version: i32) -> bool {
        let about = |c: &Counter| c.is_in(version) && c.name.as_str().starts_with(missing.name);
        self.name != missing.name
            && self.versions.contains(&version)
            && self.counters.iter().any(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_ns: u64, commits: f64, missing: Option<(&'static str, &str)>) -> Counters {
        Counters {
            at_ns,
            values: BTreeMap::from([
                (postgres::DATABASE_COMMITS, commits),
                (postgres::DATABASE_BLOCKS_HIT, 30.0 * commits),
                (postgres::DATABASE_BLOCKS_READ, 10.0 * commits),
            ]),
            unavailable: missing
                .into_iter()
                .map(|(what, why)| (what, why.to_owned()))
                .collect(),
        }
    }

    #[test]
    fn deltas_are_what_was_counted_between() {
        let mut evidence = ServerEvidence::default();
        at(3_000_000_000, 110.0, None).report_since(&at(1_000_000_000, 10.0, None), &mut evidence);
        assert_eq!(evidence.figures["database.commits"], 100.0);
        assert_eq!(evidence.figures["database.cache_hit_ratio"], 0.75);
        assert_eq!(evidence.figures["deltas.span_s"], 2.0);
        assert!(evidence.unavailable.is_empty());
    }

    #[test]
    fn counters_that_were_reset_or_do_not_exist_are_absent_with_their_reason() {
        let mut evidence = ServerEvidence::default();
        at(3, 1.0, Some(("wal", "none here"))).report_since(&at(1, 10.0, None), &mut evidence);
        assert!(!evidence.figures.contains_key("database.commits"));
        assert!(evidence.unavailable["database.commits"].contains("reset"));
        assert_eq!(evidence.unavailable["wal"], "none here");
    }

    #[test]
    fn no_counter_has_two_names_in_one_version_and_none_lacks_a_view_in_all() {
        for version in [130_000, 140_000, 150_000, 160_000, 170_000, 180_000] {
            let mut names: Vec<FigureName> = VIEWS
                .iter()
                .filter(|view| view.versions.contains(&version))
                .flat_map(|view| view.counters.iter().filter(|c| c.is_in(version)))
                .map(|counter| counter.name)
                .collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{version}");
            assert!(
                names.contains(&postgres::CHECKPOINTER_REQUESTED),
                "{version}"
            );
        }
    }
}
