//! Settings of the Redis server that affect the cost of a step.

use std::collections::BTreeMap;

use bench_report::EvidenceRow;
use bench_report::names::redis::settings;
use redis::{Connection, RedisResult};

use super::latency_events;

/// Names of the settings that are read. None of them can contain a secret.
const NAMES: [&str; 12] = [
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "save",
    "maxmemory-policy",
    "slowlog-log-slower-than",
    latency_events::THRESHOLD,
    "io-threads",
    "hz",
    "active-expire-effort",
    "activedefrag",
    "notify-keyspace-events",
    "lazyfree-lazy-eviction",
];

/// Reads the settings in [`NAMES`], with their values as text. Settings that the server does not
/// know are left out.
///
/// # Errors
/// Fails with the error of the server. Many hosted servers refuse `CONFIG`.
pub(super) fn read(connection: &mut Connection) -> RedisResult<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for name in NAMES {
        let pairs: Vec<(String, String)> = redis::cmd("CONFIG")
            .arg("GET")
            .arg(name)
            .query(connection)?;
        settings.extend(pairs);
    }
    Ok(settings)
}

pub(super) fn rows(settings: &BTreeMap<String, String>) -> Vec<EvidenceRow> {
    let row = |(name, value): (&String, &String)| {
        EvidenceRow::new(
            [
                (settings::SETTING, name.clone()),
                (settings::VALUE, value.clone()),
            ],
            [],
        )
    };
    settings.iter().map(row).collect()
}
