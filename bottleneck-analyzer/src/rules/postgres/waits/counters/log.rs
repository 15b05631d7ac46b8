//! Counters of the write-ahead log: its flushes and writes, the rows that were changed, and full buffers.

use bench_report::names::postgres;

use super::counter_facts::CounterFacts;
use crate::figures::{duration_ns, plain};

/// Smallest ratio of full buffers ÷ commits at which larger buffers are advised.
const OFTEN_FULL: f64 = 0.01;

/// Tells how often the log was flushed and written, for how many commits and rows. The server
/// counts both in `pg_stat_wal` up to version 17, and in `pg_stat_io` from version 18 on.
pub(super) fn flushes(facts: &mut CounterFacts<'_, '_>) {
    let flushed = facts.timed_count(&[
        (postgres::WAL_SYNCS, postgres::WAL_SYNC_NS),
        (postgres::IO_WAL_FSYNCS, postgres::IO_WAL_FSYNC_NS),
    ]);
    let commits = facts.positive(postgres::DATABASE_COMMITS);
    if let Some(flushed) = &flushed {
        let each = match flushed.each_ns() {
            Some(ns) => format!(", {} each", duration_ns(ns)),
            None => " (how long that takes was not measured: track_wal_io_timing)".to_owned(),
        };
        let of = commits.map_or(String::new(), |n| format!(", for {} commits", plain(n)));
        let times = plain(flushed.count);
        let sentence = format!("The server flushed its log {times} times{each}{of}.");
        facts.say(&sentence, &flushed.names);
    }
    facts.cite(&[postgres::DATABASE_COMMITS]);
    delay(facts);
    writes(facts);
    rows(facts);
    full_buffers(facts);
}

/// Tells that the server delays each flush on purpose, if it does (`commit_delay`, in microseconds).
fn delay(facts: &mut CounterFacts<'_, '_>) {
    let delay = facts.server.setting("commit_delay");
    let Some(us) = delay.filter(|us| *us > 0.0) else {
        return;
    };
    let each = duration_ns(us * 1e3);
    facts.text += &format!(
        " By the setting commit_delay the session that flushes the log sleeps {each} before each flush."
    );
    let pointer = "/config/server_settings/commit_delay";
    let item = facts.server.source.evidence("commit_delay, in µs", pointer);
    facts.evidence.extend(item);
    facts.actions.push("set commit_delay to 0".to_owned());
    // The flushes sleep, so that a faster device does not shorten them.
    facts.acquitted.push("on a faster device");
}

fn writes(facts: &mut CounterFacts<'_, '_>) {
    let written = facts.timed_count(&[
        (postgres::WAL_WRITES, postgres::WAL_WRITE_NS),
        (postgres::IO_WAL_WRITES, postgres::IO_WAL_WRITE_NS),
    ]);
    let Some(written) = written else {
        return;
    };
    if let Some(ns) = written.each_ns() {
        let times = plain(written.count);
        let sentence = format!("It wrote it {times} times, {} each.", duration_ns(ns));
        facts.say(&sentence, &written.names);
    }
}

/// Tells how many rows were changed: with few for each commit, several can be committed together.
fn rows(facts: &mut CounterFacts<'_, '_>) {
    let names = [
        postgres::DATABASE_ROWS_INSERTED,
        postgres::DATABASE_ROWS_UPDATED,
        postgres::DATABASE_ROWS_DELETED,
    ];
    let [Some(inserted), Some(updated), Some(deleted)] = names.map(|name| facts.figure(name))
    else {
        return;
    };
    let sentence = format!(
        "Meanwhile {} rows were inserted, {} updated and {} deleted.",
        plain(inserted),
        plain(updated),
        plain(deleted)
    );
    facts.say(&sentence, &names);
}

/// Tells how often sessions had to write the log because its buffers were full.
pub(super) fn full_buffers(facts: &mut CounterFacts<'_, '_>) {
    let Some(full) = facts.positive(postgres::WAL_BUFFERS_FULL) else {
        return;
    };
    let sentence = format!(
        "The log's buffers were full {} times, and a session wrote them before it could go on.",
        plain(full)
    );
    facts.say(&sentence, &[postgres::WAL_BUFFERS_FULL]);
    let commits = facts.figure(postgres::DATABASE_COMMITS).unwrap_or(0.0);
    if full >= OFTEN_FULL * commits {
        facts.actions.push(
            "raise wal_buffers, so that the log fits in until it is flushed anyway".to_owned(),
        );
        // The catalogue's own advice for full buffers is the same.
        facts.acquitted.push("wal_buffers = ");
    }
}
