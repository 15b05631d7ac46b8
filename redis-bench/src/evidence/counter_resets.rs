//! Resets of the server's counters between two readings. `CONFIG RESETSTAT` clears the counters of
//! `INFO` and of `LATENCY HISTOGRAM` together. Of a counter that fell the growth is not known, and
//! neither is that of the others, which may have grown past their earlier values since the reset.

use std::collections::BTreeMap;

use bench_report::ServerEvidence;

use super::counters;
use super::histogram::Histograms;
use crate::server::info::{CommandUse, Info};

/// Parts of the statistics that a reset clears, by the names under which evidence lists them as
/// unavailable: three sections of `INFO`, and `LATENCY HISTOGRAM`.
const STATS: &str = "stats";
const COMMANDS: &str = "commandstats";
const ERRORS: &str = "errorstats";
const HISTOGRAM: &str = "latency_histogram";

/// Parts of the server's statistics that went back between two readings; at least one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CounterResets {
    /// Sentence about a counter that fell, by the part of the statistics that contains it.
    sections: BTreeMap<&'static str, String>,
}

impl CounterResets {
    /// Compares the counters of two readings of `INFO`, and of the histograms if both readings have
    /// them. `None` if no counter fell.
    pub(super) fn between(
        (before, after): (&Info, &Info),
        histograms: Option<(&Histograms, &Histograms)>,
    ) -> Option<Self> {
        let fallen = [
            (STATS, fallen_counter(before, after)),
            (COMMANDS, fallen_command(before, after)),
            (ERRORS, fallen_error(before, after)),
            (
                HISTOGRAM,
                histograms.and_then(|(before, after)| fallen_histogram(before, after)),
            ),
        ];
        let fallen = fallen.into_iter();
        let sections: BTreeMap<&str, String> = fallen
            .filter_map(|(section, sentence)| Some((section, sentence?)))
            .collect();
        (!sections.is_empty()).then_some(Self { sections })
    }

    /// Lists all parts of the statistics as unavailable in `evidence`, each with a counter of its
    /// own that fell, or else with one of another part. A part that could not be read anyway keeps
    /// its reason.
    pub(super) fn add_to(&self, evidence: &mut ServerEvidence) {
        for section in [STATS, COMMANDS, ERRORS, HISTOGRAM] {
            let own = self.sections.get(section);
            let Some(sentence) = own.or_else(|| self.sections.values().next_back()) else {
                continue;
            };
            let reason = evidence.unavailable.entry(section.to_owned());
            reason.or_insert_with(|| sentence.clone());
        }
    }
}

/// Returns a sentence about the counter `name` if it fell from `before` to `after`.
fn fallen(name: &str, before: f64, after: f64) -> Option<String> {
    (after < before).then(|| format!("was reset meanwhile ({name} {before} → {after})"))
}

fn fallen_counter(before: &Info, after: &Info) -> Option<String> {
    counters::CLEARED
        .iter()
        .find_map(|(field, _)| fallen(field, before.number(field)?, after.number(field)?))
}

/// Compares the counts of each command. The server leaves out commands without any call, so a
/// command that is missing in `after` was cleared. The commands of the reading before a step, which
/// nobody calls during the step, show in this way even a reset at the very beginning of it.
fn fallen_command(before: &Info, after: &Info) -> Option<String> {
    const GONE: CommandUse = CommandUse {
        calls: 0.0,
        usec: 0.0,
        rejected: Some(0.0),
        failed: Some(0.0),
    };
    let later = after.commands();
    before.commands().into_iter().find_map(|(name, was)| {
        let now = later.get(name).copied().unwrap_or(GONE);
        let counts = [
            ("calls", Some(was.calls), Some(now.calls)),
            ("usec", Some(was.usec), Some(now.usec)),
            ("rejected_calls", was.rejected, now.rejected),
            ("failed_calls", was.failed, now.failed),
        ];
        counts
            .into_iter()
            .find_map(|(count, was, now)| fallen(&format!("{name} {count}"), was?, now?))
    })
}

fn fallen_error(before: &Info, after: &Info) -> Option<String> {
    let later = after.errors();
    before.errors().into_iter().find_map(|(code, was)| {
        let now = later.get(code).copied().unwrap_or(0.0);
        fallen(&format!("{code} errors"), was, now)
    })
}

fn fallen_histogram(before: &Histograms, after: &Histograms) -> Option<String> {
    let calls = |bounds: &Vec<(f64, f64)>| bounds.last().map_or(0.0, |(_, calls)| *calls);
    before.iter().find_map(|(name, bounds)| {
        let now = after.get(name).map_or(0.0, calls);
        fallen(&format!("{name} histogram calls"), calls(bounds), now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the reasons in the evidence after a comparison of these answers to `INFO`; empty if
    /// no reset shows.
    fn reasons(before: &str, after: &str) -> BTreeMap<String, String> {
        let infos = (&Info::parse(before), &Info::parse(after));
        let mut evidence = ServerEvidence::default();
        if let Some(resets) = CounterResets::between(infos, None) {
            resets.add_to(&mut evidence);
        }
        evidence.unavailable
    }

    const BEFORE: &str = "keyspace_hits:20431\nkeyspace_misses:100\n\
                          total_connections_received:7\n\
                          cmdstat_get:calls=20531,usec=40000,rejected_calls=0,failed_calls=0\n\
                          cmdstat_config|get:calls=11,usec=90,rejected_calls=0,failed_calls=0\n\
                          errorstat_OOM:count=3\n";

    #[test]
    fn counters_that_only_grew_were_not_reset() {
        let after = "keyspace_hits:20431\nkeyspace_misses:101\ntotal_connections_received:9\n\
                     cmdstat_get:calls=20532,usec=40002,rejected_calls=0,failed_calls=0\n\
                     cmdstat_config|get:calls=11,usec=90,rejected_calls=0,failed_calls=0\n\
                     cmdstat_set:calls=1,usec=3,rejected_calls=0,failed_calls=0\n\
                     errorstat_OOM:count=3\nerrorstat_WRONGTYPE:count=1\n";
        assert_eq!(reasons(BEFORE, after), BTreeMap::new());
        assert_eq!(reasons(BEFORE, BEFORE), BTreeMap::new());
    }

    #[test]
    fn a_late_reset_shows_in_every_section_by_a_counter_of_its_own() {
        let after = "keyspace_hits:8\nkeyspace_misses:0\ntotal_connections_received:0\n\
                     cmdstat_get:calls=8,usec=16,rejected_calls=0,failed_calls=0\n";
        let reasons = reasons(BEFORE, after);
        assert_eq!(
            reasons["stats"],
            "was reset meanwhile (keyspace_hits 20431 → 8)"
        );
        assert_eq!(
            reasons["commandstats"],
            "was reset meanwhile (config|get calls 11 → 0)"
        );
        assert_eq!(
            reasons["errorstats"],
            "was reset meanwhile (OOM errors 3 → 0)"
        );
        assert!(reasons.contains_key("latency_histogram"));
    }

    /// The load's counters have all grown past their values before the reset; only the command of
    /// the reading before the step is missing.
    #[test]
    fn an_early_reset_shows_by_a_command_that_nobody_called_since() {
        let after = "keyspace_hits:90000\nkeyspace_misses:700\ntotal_connections_received:8\n\
                     cmdstat_get:calls=90700,usec=180000,rejected_calls=0,failed_calls=0\n\
                     errorstat_OOM:count=4\n";
        let reasons = reasons(BEFORE, after);
        assert_eq!(reasons.len(), 4);
        for reason in reasons.values() {
            assert_eq!(reason, "was reset meanwhile (config|get calls 11 → 0)");
        }
    }

    #[test]
    fn one_counter_that_fell_makes_those_that_grew_past_unknown() {
        let after = BEFORE
            .replace("keyspace_hits:20431", "keyspace_hits:90000")
            .replace("keyspace_misses:100", "keyspace_misses:99");
        let reasons = reasons(BEFORE, &after);
        let told = "was reset meanwhile (keyspace_misses 100 → 99)";
        assert_eq!(reasons.len(), 4);
        assert!(reasons.values().all(|reason| reason == told), "{reasons:?}");
    }

    #[test]
    fn a_command_whose_time_or_refusals_fell_was_reset_although_its_calls_rose() {
        let before = "cmdstat_get:calls=10,usec=9000,rejected_calls=5,failed_calls=0\n";
        let shows = |after: &str| reasons(before, after).remove("commandstats");
        assert_eq!(
            shows("cmdstat_get:calls=30,usec=60,rejected_calls=5,failed_calls=0\n").unwrap(),
            "was reset meanwhile (get usec 9000 → 60)"
        );
        assert_eq!(
            shows("cmdstat_get:calls=30,usec=9500,rejected_calls=1,failed_calls=0\n").unwrap(),
            "was reset meanwhile (get rejected_calls 5 → 1)"
        );
        let grown = "cmdstat_get:calls=30,usec=9500,rejected_calls=5,failed_calls=0\n";
        assert_eq!(shows(grown), None);
    }

    #[test]
    fn a_histogram_with_fewer_calls_was_reset_and_an_unread_one_keeps_its_reason() {
        let of = |calls: f64| Histograms::from([("get".to_owned(), vec![(2.0, calls)])]);
        let info = Info::parse(BEFORE);
        let resets = |before: f64, after: f64| {
            CounterResets::between((&info, &info), Some((&of(before), &of(after))))
        };
        assert_eq!(resets(20.0, 21.0), None);
        let resets = resets(20.0, 3.0).unwrap();
        let mut evidence = ServerEvidence::unavailable("latency_histogram", "NOPERM");
        resets.add_to(&mut evidence);
        assert_eq!(evidence.unavailable["latency_histogram"], "NOPERM");
        assert_eq!(
            evidence.unavailable["stats"],
            "was reset meanwhile (get histogram calls 20 → 3)"
        );
    }
}
