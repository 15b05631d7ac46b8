//! Events of the server's latency monitor within a step, from `LATENCY HISTORY`. The monitor keeps the
//! longest event of each kind for each second in which there was one, so events are counted by seconds. Nothing is reset.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::redis::latency_events;
use redis::{Connection, RedisResult};

use crate::server::failure;

/// Setting with the length from which on an event is recorded, in milliseconds; 0 turns the monitor off.
pub(super) const THRESHOLD: &str = "latency-monitor-threshold";

/// State of the latency monitor before a step.
#[derive(Debug, Clone)]
pub(super) struct LatencyMonitor {
    /// Time of the server's clock, in whole seconds.
    now_s: u64,
    /// Kinds of events that it has recorded.
    events: Vec<String>,
}

/// Kind of event in a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LatencyEvent {
    name: String,
    seconds: u64,
    longest_ms: f64,
}

/// Reads the state of the monitor before a step. `settings` are those of the server, if they were read.
///
/// # Errors
/// Fails with a sentence: the monitor is off, or the error of the server.
pub(super) fn before(
    connection: &mut Connection,
    settings: Option<&BTreeMap<String, String>>,
) -> Result<LatencyMonitor, String> {
    let threshold = settings.and_then(|settings| settings.get(THRESHOLD));
    if threshold.is_some_and(|threshold| threshold == "0") {
        return Err(format!("the latency monitor is off ({THRESHOLD} 0)"));
    }
    let monitor = state(connection);
    let monitor = monitor.map_err(|error| failure::from_redis(&error).to_string())?;
    if threshold.is_none() && monitor.events.is_empty() {
        return Err(format!(
            "whether the latency monitor is on is not known ({THRESHOLD} was not read)"
        ));
    }
    Ok(monitor)
}

fn state(connection: &mut Connection) -> RedisResult<LatencyMonitor> {
    let (now_s, _): (u64, u64) = redis::cmd("TIME").query(connection)?;
    Ok(LatencyMonitor {
        now_s,
        events: latest(connection)?,
    })
}

fn latest(connection: &mut Connection) -> RedisResult<Vec<String>> {
    // Versions from 8.2 on append fields to each entry.
    let latest: Vec<Vec<redis::Value>> = redis::cmd("LATENCY").arg("LATEST").query(connection)?;
    let names = latest
        .into_iter()
        .filter_map(|entry| entry.into_iter().next());
    Ok(names
        .filter_map(|name| redis::from_redis_value(name).ok())
        .collect())
}

/// Reads the events of the seconds that began after the reading `began`.
///
/// # Errors
/// Fails with a sentence: the error of the server, or that somebody reset the monitor meanwhile.
pub(super) fn since(
    connection: &mut Connection,
    began: &LatencyMonitor,
) -> Result<Vec<LatencyEvent>, String> {
    let read = read_since(connection, began);
    read.map_err(|error| failure::from_redis(&error).to_string())?
}

fn read_since(
    connection: &mut Connection,
    began: &LatencyMonitor,
) -> RedisResult<Result<Vec<LatencyEvent>, String>> {
    let events = latest(connection)?;
    if let Some(gone) = began.events.iter().find(|known| !events.contains(known)) {
        return Ok(Err(format!("was reset meanwhile (event {gone} is gone)")));
    }
    let mut found = Vec::new();
    for name in events {
        let history: Vec<(u64, f64)> = redis::cmd("LATENCY")
            .arg("HISTORY")
            .arg(&name)
            .query(connection)?;
        found.extend(within(name, &history, began.now_s));
    }
    Ok(Ok(found))
}

/// Returns the event `name` if it happened after the second `began_s`. `history` has the second and the
/// milliseconds of each record.
fn within(name: String, history: &[(u64, f64)], began_s: u64) -> Option<LatencyEvent> {
    let records = history.iter().filter(|(at_s, _)| *at_s > began_s);
    let seconds = records.clone().count() as u64;
    let longest_ms = records.map(|(_, ms)| *ms).reduce(f64::max)?;
    Some(LatencyEvent {
        name,
        seconds,
        longest_ms,
    })
}

/// Returns a row for each event, longest first.
pub(super) fn rows(events: &[LatencyEvent]) -> Vec<EvidenceRow> {
    let mut events: Vec<&LatencyEvent> = events.iter().collect();
    events.sort_by(|a, b| b.longest_ms.total_cmp(&a.longest_ms));
    let row = |event: &LatencyEvent| {
        EvidenceRow::new(
            [(latency_events::EVENT, event.name.clone())],
            [
                (latency_events::SECONDS, event.seconds as f64),
                (latency_events::LONGEST_US, 1e3 * event.longest_ms),
            ],
        )
    };
    events.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_count_from_the_second_after_the_beginning_on() {
        let history = [(98, 900.0), (100, 700.0), (101, 30.0), (103, 50.0)];
        let event = within("command".to_owned(), &history, 100).unwrap();
        assert_eq!((event.seconds, event.longest_ms), (2, 50.0));
        assert_eq!(within("command".to_owned(), &history[..2], 100), None);
    }
}
