//! Counters of reads: how long one takes, what was found in memory, and whether pages had to make room.

use bench_report::names::postgres;

use super::super::wait_group::WaitGroup;
use super::counter_facts::CounterFacts;
use crate::figures::{bytes, duration_ns, percent, plain};
use crate::postgres::PAGE_BYTES;

/// Longest mean time of a read, in nanoseconds, that only the system's cache can explain.
const CACHED_NS: f64 = 1e5;
/// Smallest number of pages read that says whether others have to make room for them.
const LEAST_PAGES: f64 = 1_000.0;
/// Smallest ratio of pages pushed out ÷ pages read at which `shared_buffers` is full.
const FULL: f64 = 0.5;
/// Largest ratio of pages pushed out ÷ pages read at which hardly any has to make room.
const ROOM: f64 = 0.1;
/// Smallest ratio of others' reads ÷ those of the sessions at which they are told.
const OTHERS: f64 = 0.1;

/// Tells what the sessions read and where the pages were.
pub(super) fn reads(facts: &mut CounterFacts<'_, '_>, group: &WaitGroup) {
    let read = facts.timed_count(&[
        (postgres::IO_CLIENT_READS, postgres::IO_CLIENT_READ_NS),
        (
            postgres::DATABASE_BLOCKS_READ,
            postgres::DATABASE_BLOCK_READ_NS,
        ),
    ]);
    if let Some(read) = &read {
        // Version 18 reads ahead and waits for the rest only, so that a short wait proves nothing.
        let waits_for_each = group.has("io.datafileread")
            && !group
                .waits
                .iter()
                .any(|wait| wait.key.starts_with("io.aio"));
        let each = match read.each_ns() {
            Some(ns) if ns >= CACHED_NS => {
                format!(
                    ", {} each: longer than the system's cache takes",
                    duration_ns(ns)
                )
            }
            Some(ns) if waits_for_each => format!(
                ", {} each: so short that the system's cache had most of these pages",
                duration_ns(ns)
            ),
            Some(ns) => format!(", {} of waiting each", duration_ns(ns)),
            None => " (how long that takes was not measured: track_io_timing)".to_owned(),
        };
        let sentence = format!("Sessions read {} times{each}.", plain(read.count));
        facts.say(&sentence, &read.names);
    }
    if let Some(ratio) = facts.figure(postgres::DATABASE_CACHE_HIT_RATIO) {
        let sentence = format!(
            "Of all pages, {} were in shared_buffers already.",
            percent(ratio)
        );
        facts.say(&sentence, &[postgres::DATABASE_CACHE_HIT_RATIO]);
    }
    facts.cite(&[
        postgres::DATABASE_BLOCKS_READ,
        postgres::DATABASE_BLOCKS_HIT,
        postgres::STATEMENTS_READ_NS,
    ]);
    room(facts);
    others(facts);
}

/// Tells whether pages had to make room for those that were read (from version 16 on).
fn room(facts: &mut CounterFacts<'_, '_>) {
    let names = [
        postgres::IO_CLIENT_READ_BYTES,
        postgres::IO_CLIENT_EVICTIONS,
    ];
    let Some((read, out)) = facts.figure(names[0]).zip(facts.figure(names[1])) else {
        return;
    };
    let pages = read / PAGE_BYTES;
    if pages < LEAST_PAGES {
        return;
    }
    if out >= FULL * pages {
        let sentence = format!(
            "While they read {}, they pushed {} pages out of shared_buffers: it is full.",
            bytes(read),
            plain(out)
        );
        facts.say(&sentence, &names);
    } else if out <= ROOM * pages {
        let sentence = format!(
            "While they read {}, they pushed only {} pages out of shared_buffers: either it is not full yet, \
             or large tables are read whole, which uses a few buffers again and again.",
            bytes(read),
            plain(out)
        );
        facts.say(&sentence, &names);
        facts.actions.push(
            "warm up until the reads stop falling, and see which table is read whole".to_owned(),
        );
    }
}

/// Tells of reads by other processes of the server if they are many beside those of the sessions.
fn others(facts: &mut CounterFacts<'_, '_>) {
    let names = [postgres::IO_OTHER_READS, postgres::IO_CLIENT_READS];
    let Some((others, own)) = facts.positive(names[0]).zip(facts.figure(names[1])) else {
        return;
    };
    if others >= OTHERS * own {
        let sentence = format!(
            "Other processes of the server (autovacuum, parallel workers) read {} times besides.",
            plain(others)
        );
        facts.say(&sentence, &names);
    }
}
